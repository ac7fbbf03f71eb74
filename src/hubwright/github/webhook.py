"""One webhook request in, one verified delivery out. Pure; the request is refused before anything of it is read.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from hubwright.errors import BadSignatureError, MalformedError

MAX_BODY = 25 * 1024 * 1024
"""GitHub delivers nothing larger, in bytes. https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap"""

LEGACY_PUSH = "legacy_push"
"""The event's name for the push document of 2008, which came without a header to name it (`POST /build`)."""

KEPT_HEADERS = {
    name.lower(): name
    for name in (
        "X-GitHub-Event", "X-GitHub-Delivery", "X-GitHub-Hook-ID", "X-GitHub-Hook-Installation-Target-Type",
        "X-GitHub-Hook-Installation-Target-ID", "User-Agent", "Content-Type",
    )
}  # fmt: skip
"""What tells of a delivery and where it came from. Signatures are not among them: they would help to guess a secret.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
"""

MAX_HEADER = 300

_EVENT = re.compile(r"[a-z0-9_]{1,100}\Z")
_GUID = re.compile(r"[\x21-\x7e]{1,200}\Z")
_HOOK_ID = re.compile(r"[0-9]{1,18}\Z")
_ESCAPE = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)
_FORM = "application/x-www-form-urlencoded"
_FORM_FIELD = b"payload="


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A webhook as it is kept.

    `guid` is GitHub's delivery id, shared by all hooks of one event and unchanged when it is sent again, or made from
    the body when none came. `body` are JSON bytes also where a form came in; `payload` is the same, read. `signed`
    says whether a secret vouched for it. `headers` are those of `KEPT_HEADERS` that came.
    """

    guid: str
    event: str
    body: bytes
    payload: dict[str, Any] = field(repr=False)
    hook_id: int | None = None
    signed: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def action(self) -> str | None:
        """The event's action (`opened`), None for events that have none."""
        action = self.payload.get("action")
        return action if isinstance(action, str) else None


def read_delivery(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, event: str | None = None
) -> Delivery:
    """Verify and read one request. `headers` must answer to lower-case names; `event` is what the route knows it to be.

    Without secrets nothing is verified, and `signed` is False: whether that is allowed is the caller's decision.
    Raises BadSignatureError or MalformedError.
    """
    if secrets:
        verify_signature(secrets, body, headers.get("x-hub-signature-256"))
    document = _read_form(body) if _FORM in headers.get("content-type", "").lower() else body
    document, payload = _read_object(document)
    return Delivery(
        guid=_read_guid(headers.get("x-github-delivery"), body),
        event=event or _read_event_name(headers.get("x-github-event")),
        body=document,
        payload=payload,
        hook_id=_read_hook_id(headers.get("x-github-hook-id")),
        signed=bool(secrets),
        headers=read_headers(headers),
    )


def read_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What is kept of a request's headers, by the names that GitHub writes; `headers` has lower-case names."""
    found = {name: headers[key] for key, name in KEPT_HEADERS.items() if key in headers}
    return {name: text[:MAX_HEADER] if text.isprintable() else ascii(text)[:MAX_HEADER] for name, text in found.items()}


def verify_signature(secrets: Sequence[str], body: bytes, signature: str | None) -> None:
    """Check `signature` (`sha256=…`) over the raw `body` with each secret, in constant time. Raises BadSignatureError.

    SHA-1 alone is refused: GitHub has sent SHA-256 since 2020.
    """
    if not signature:
        raise BadSignatureError(
            "The header X-Hub-Signature-256 is missing: set the secret in the settings of GitHub's webhook."
        )
    sent = signature.encode(errors="replace")
    # Each secret is tried, so that the time taken does not tell which one fits.
    fitting = [hmac.compare_digest(sent, _sign(secret, body)) for secret in secrets]
    if not any(fitting):
        raise BadSignatureError(
            "The header X-Hub-Signature-256 does not fit: "
            "the secret of GitHub's webhook is none of those in GITHUB__WEBHOOK_SECRETS."
        )


def _sign(secret: str, body: bytes) -> bytes:
    return b"sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex().encode()


def _read_form(body: bytes) -> bytes:
    """Take the JSON out of a form. A body that is JSON already is kept: `curl -d` calls everything a form."""
    if body.lstrip()[:1] == b"{":
        return body
    for pair in body.split(b"&"):
        if pair.startswith(_FORM_FIELD):
            return unquote_to_bytes(pair.removeprefix(_FORM_FIELD).replace(b"+", b" "))
    raise MalformedError("The form has no field `payload`: set the webhook's content type to application/json.")


def _read_object(document: bytes) -> tuple[bytes, dict[str, Any]]:
    """The document as all who come later can read it, and what is in it."""
    try:
        payload = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        mended = _ESCAPE.sub(_mend, document)
        if mended == document:
            raise MalformedError(f"The body is not JSON: {error}.") from None
        return _read_object(mended)
    if not isinstance(payload, dict):
        raise MalformedError("The body is JSON but not an object.")
    return document, payload


def _mend(escape: re.Match[bytes]) -> bytes:
    """Half a character, as JSON may have it (RFC 8259, section 8.2) but no database: a sign that one is missing."""
    return b"\\ufffd" if escape["half"] else escape[0]


def _read_event_name(event: str | None) -> str:
    if not event:
        raise MalformedError("The header X-GitHub-Event is missing: send the event's name, such as `push`.")
    if not _EVENT.match(event):
        raise MalformedError(
            "The header X-GitHub-Event is not an event's name: lower-case letters, digits and _ are expected."
        )
    return event


def _read_guid(guid: str | None, body: bytes) -> str:
    """Return the delivery id, or one made from the body, so that a request sent twice by hand is found to be one."""
    if not guid:
        return f"sha256:{hashlib.sha256(body).hexdigest()}"
    if not _GUID.match(guid):
        raise MalformedError(
            "The header X-GitHub-Delivery is not a delivery id: at most 200 printable characters are expected."
        )
    return guid


def _read_hook_id(hook_id: str | None) -> int | None:
    return int(hook_id) if hook_id and _HOOK_ID.match(hook_id) else None
