"""What GitHub tells of its own deliveries: the list of a hook, and one of them with its body. Pure.

https://docs.github.com/en/rest/repos/webhooks#list-deliveries-for-a-repository-webhook
https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from hubwright.domain.sent_deliveries import Sent
from hubwright.github.webhook import read_headers

KEPT_FOR = 3 * 86_400.0
"""Seconds for which GitHub sends a delivery again."""

APP_DELIVERIES = "/app/hook/deliveries"

_EVENT = re.compile(r"[a-z0-9_]{1,100}\Z")
_GUID = re.compile(r"[\x21-\x7e]{1,200}\Z")
_MAX_ID = 2**63 - 1


def read_sent(item: Any) -> Sent | None:
    """An item of the list; None when it can't be read."""
    if not isinstance(item, dict):
        return None
    number, guid, event, at = (item.get(name) for name in ("id", "guid", "event", "delivered_at"))
    if type(number) is not int or not 0 < number <= _MAX_ID or not isinstance(guid, str) or not _GUID.match(guid):
        return None
    code = item.get("status_code")
    try:
        delivered_at = datetime.fromisoformat(str(at)).timestamp()
    except ValueError:
        return None
    code = code if type(code) is int and 0 <= code < 1000 else 0
    named = event if isinstance(event, str) and _EVENT.match(event) else "unknown"
    return Sent(
        id=number, guid=guid, event=named, status_code=code, arrived=200 <= code < 300, delivered_at=delivered_at
    )


def join_tries(sent: Iterable[Sent]) -> list[Sent]:
    """One for each event: its latest try, since when it was first sent."""
    joined: dict[str, Sent] = {}
    for one in sent:
        known = joined.get(one.guid)
        if known is None:
            joined[one.guid] = one
            continue
        last = max(one, known, key=lambda each: each.id)
        joined[one.guid] = Sent(
            id=last.id, guid=last.guid, event=last.event, status_code=last.status_code,
            arrived=one.arrived or known.arrived, delivered_at=min(one.delivered_at, known.delivered_at),
        )  # fmt: skip
    return list(joined.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What GitHub has kept of a delivery: the event's name, its payload, and the headers that matter."""

    event: str
    payload: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def body(self) -> bytes:
        """The payload as a webhook brings it."""
        return orjson.dumps(self.payload)


def read_request(document: Any) -> Recorded | None:
    """One delivery that was asked for; None when GitHub does not tell what it sent."""
    request = document.get("request") if isinstance(document, dict) else None
    payload = request.get("payload") if isinstance(request, dict) else None
    event = document.get("event") if isinstance(document, dict) else None
    if not isinstance(payload, dict) or not isinstance(event, str) or not _EVENT.match(event):
        return None
    told = request.get("headers") if isinstance(request, dict) else None
    named = {key.lower(): text for key, text in told.items() if isinstance(text, str)} if isinstance(told, dict) else {}
    return Recorded(event=event, payload=payload, headers=read_headers(named))
