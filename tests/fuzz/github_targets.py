"""What comes from GitHub, or from somebody who says so: webhooks, payloads, answers of the API."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import orjson
from sqlalchemy import JSON

from fuzz.choices import Choices, spoil
from fuzz.finding import expect
from hubwright.domain.replica import LIVE
from hubwright.domain.replica_merge import Row, merge, read_row, write_versions
from hubwright.domain.repos import Push
from hubwright.errors import BadSignatureError, GitHubError, MalformedError
from hubwright.github.answers import read_answer
from hubwright.github.payloads import read_event, read_legacy_push
from hubwright.github.records import read_delivery as read_records
from hubwright.github.webhook import LEGACY_PUSH, read_delivery, verify_signature
from hubwright.store.schema import metadata
from odd_payloads import odd_deliveries
from payload_corpus import all_payloads, other_payloads

SECRET = "a secret of fuzzing"
CAME = 1_800_000_000.0
PAYLOADS = [(event, payload) for event, payload in (*all_payloads(), *other_payloads()) if len(str(payload)) < 60_000]
PAYLOADS += [(one.event, one.payload) for one in odd_deliveries() if len(str(one.payload)) < 20_000]

_KINDS = ("application/json", "application/x-www-form-urlencoded", "text/plain; charset=x", "")


def read_webhook(data: bytes) -> bool:
    """A request: one byte of flags, headers by the line, an empty line, the body. A signature counts or it does not."""
    choices = Choices(data)
    flags = choices.number(256)
    head, _, body = choices.rest().partition(b"\n\n")
    names = ("x-github-event", "x-github-delivery", "x-github-hook-id", "user-agent")
    headers = dict(zip(names, head.decode("latin-1").split("\n"), strict=False))
    headers["content-type"] = _KINDS[flags % 4]
    good = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    try:
        verify_signature([SECRET], body + b"x", good)
    except BadSignatureError:
        pass
    else:
        raise AssertionError("a signature of another body was taken")
    if flags & 4:
        headers["x-hub-signature-256"] = good
    secrets = [SECRET, "another"] if flags & 8 else []
    try:
        delivery = read_delivery(headers, body, secrets)
    except BadSignatureError:
        expect(bool(secrets) and not flags & 4, "a good signature was refused")
        return False
    except MalformedError:
        return False
    expect(delivery.signed == bool(secrets), "signed is told wrongly")
    expect(len(delivery.guid) <= 200 and delivery.guid.isascii(), "a guid out of bounds")
    expect(all(text.isprintable() and len(text) <= 300 for text in delivery.headers.values()), "a header out of bounds")
    _understand(delivery.event, delivery.payload)
    return True


def read_payload(data: bytes) -> bool:
    """A real payload with some of its places spoiled, as a start of builds and as rows of the copy."""
    choices = Choices(data)
    event, payload = choices.one(PAYLOADS)
    try:
        told = orjson.loads(json.dumps(spoil(payload, choices)))  # as the door and the client read it
    except orjson.JSONDecodeError:
        return False
    return isinstance(told, dict) and _understand(event, told)


def read_api_answer(data: bytes) -> bool:
    """An answer of the API: its status, headers by the line, an empty line, its body."""
    choices = Choices(data)
    status = 100 + choices.number(500)
    limited = choices.number(256)
    head, _, body = choices.rest().partition(b"\n\n")
    pairs = (line.partition(": ") for line in head.decode("latin-1").split("\n"))
    headers = {name.lower(): value for name, _, value in pairs if name}
    try:
        answer = read_answer(status, headers, body, now=CAME, limited_before=limited, url="https://api.github.com/x")
    except GitHubError as error:
        expect(len(str(error)) < 2_000, "an error as long as the body")
        return False
    _ = answer.next_url, answer.last_page, answer.cursor
    return True


def _understand(event: str, payload: dict[str, Any]) -> bool:
    _keep(event, payload)
    try:
        found = read_legacy_push(payload) if event == LEGACY_PUSH else read_event(event, payload)
    except MalformedError:
        return False
    if isinstance(found, Push):
        expect("\0" not in found.ref and "\n" not in found.ref, "a ref with a control character")
    return True


def _keep(event: str, payload: dict[str, Any]) -> None:
    """Rows of the copy: values that a database takes; in any order, and written and read again, they are the same."""
    records = read_records(event, payload, CAME).records
    rows: dict[Any, list[Any]] = {}
    for record in records:
        columns = metadata.tables[f"gh_{record.kind}"].c
        plain = [
            value for name, value in record.values.items() if name == LIVE or not isinstance(columns[name].type, JSON)
        ]
        for value in (*plain, *record.key):
            if isinstance(value, str):
                expect("\0" not in value, f"{record.kind}: a NUL in a text")
                value.encode()
            elif isinstance(value, int):
                expect(abs(value) < 2**63, f"{record.kind}: a number beyond 64 bits")
        rows.setdefault((record.kind, record.key), []).append(record)
    for (kind, _), told in rows.items():
        forward, backward = Row(kind), Row(kind)
        for record in told:
            merge(forward, record)
        for record in reversed(told):
            merge(backward, record)
        expect(forward.values == backward.values, f"{kind}: the order of the news counts")
        again = read_row(kind, forward.values, forward.deleted_at, write_versions(forward))
        expect(again.values == forward.values, f"{kind}: a row that is written and read is another")
