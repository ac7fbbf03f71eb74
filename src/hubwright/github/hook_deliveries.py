"""What GitHub tells of its own deliveries: the list of a hook, and one of them with its body. Pure.

https://docs.github.com/en/rest/repos/webhooks#list-deliveries-for-a-repository-webhook
https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from hubwright.domain.sent_deliveries import Sent

KEPT_FOR = 3 * 86_400.0
"""Seconds for which GitHub sends a delivery again."""

APP_DELIVERIES = "/app/hook/deliveries"

_DOORS = re.compile(r"/(hooks/github|build|replication(/.*)?)/?\Z")
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


def read_request(document: Any) -> tuple[str, bytes] | None:
    """The event's name and the body of one delivery that was asked for; None when GitHub does not tell them."""
    request = document.get("request") if isinstance(document, dict) else None
    payload = request.get("payload") if isinstance(request, dict) else None
    event = document.get("event") if isinstance(document, dict) else None
    if not isinstance(payload, dict) or not isinstance(event, str) or not _EVENT.match(event):
        return None
    return event, orjson.dumps(payload)


def find_ours(hooks: Any, public_url: str) -> list[int]:
    """The numbers of the hooks, of a list of them, that lead to a hub at `public_url`."""
    found = []
    for hook in hooks if isinstance(hooks, list) else []:
        config = hook.get("config") if isinstance(hook, dict) else None
        url = config.get("url") if isinstance(config, dict) else None
        if isinstance(url, str) and type(hook.get("id")) is int and is_door(url, public_url):
            found.append(hook["id"])
    return found


def is_door(url: str, public_url: str) -> bool:
    """Whether an address is one of the doors for webhooks of a hub at `public_url`."""
    try:
        asked, own = urlsplit(url), urlsplit(public_url.rstrip("/"))
        same = (asked.hostname, asked.port or _PORTS.get(asked.scheme)) == (
            own.hostname, own.port or _PORTS.get(own.scheme)
        )  # fmt: skip
    except ValueError:
        return False
    return same and asked.path.startswith(own.path) and bool(_DOORS.match(asked.path[len(own.path) :]))


_PORTS = {"http": 80, "https": 443}
