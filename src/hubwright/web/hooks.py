"""GitHub's deliveries: bound, verify, keep, answer 202. A plain ASGI app, because this is the hub's hottest door.

https://docs.github.com/en/webhooks/using-webhooks/handling-webhook-deliveries
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hubwright.domain.figures import WEBHOOKS
from hubwright.errors import BadSignatureError, MalformedError, RefusedError, TooLargeError
from hubwright.github.payloads import name_repository
from hubwright.github.webhook import LEGACY_PUSH, Delivery, read_delivery
from hubwright.hub.github_credentials import STALE_AFTER
from hubwright.store.deliveries import Incoming, Kept, keep_deliveries
from hubwright.store.writers import is_outage
from hubwright.web.problems import answer_outage, answer_refusal, make_problem
from hubwright.web.site import Site

logger = structlog.get_logger()

SECRET_NEEDED = (
    "No webhook secret is set, so nobody can be believed: set HUBWRIGHT_GITHUB__WEBHOOK_SECRETS "  # noqa: S105  a text
    "and the same secret in GitHub's webhook."
)

SPOOL = "spool"
"""The queue of what waits on the hub's disk."""

PATIENCE = 3.0
"""Seconds that the database has for a webhook; GitHub gives the whole answer ten."""

AGAIN_AFTER = 1.0
"""Seconds between two looks for a secret that fits; wrong signatures must not cost a query each."""


class Hooks:
    """The doors `/hooks/github`, `/replication` and, with the document of 2008, `/build`."""

    def __init__(self, site: Site, on_traffic: Callable[[int], None] = lambda _count: None) -> None:
        self._site = site
        self._on_traffic = on_traffic
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request in."""
        self._count(1)
        outcome = "failed"
        try:
            answer, outcome = await self._answer(scope, receive)
        finally:
            self._count(-1)
            self._site.tally.count(WEBHOOKS, outcome)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
        else:
            await _send_accepted(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Response | bytes, str]:
        """The body of a 202, or another response; and the word of `domain.figures.WEBHOOKS` for it."""
        if scope["method"] != "POST":
            problem = make_problem(405, "Method not allowed", "Webhooks are POSTed.", headers={"Allow": "POST"})
            return problem, "refused"
        try:
            delivery, source = await self._read(scope, receive)
            kept = await self._keep(_form_incoming(delivery, source, self._site.clock()))
        except RefusedError as error:
            outcome = "unsigned" if isinstance(error, BadSignatureError) else "refused"
            return answer_refusal(Request(scope), error), outcome
        except Exception as error:
            if is_outage(error):
                return answer_outage(Request(scope), error), "unavailable"
            raise
        if kept is None:
            logger.info("delivery_spooled", delivery=delivery.guid, about=delivery.event)
            return _accepted(delivery, None), "spooled"
        logger.info("delivery_kept", delivery=delivery.guid, about=delivery.event, repeated=kept.duplicate)
        self._site.wake("deliveries")
        return _accepted(delivery, kept), "repeated" if kept.duplicate else "kept"

    async def _keep(self, item: Incoming) -> Kept | None:
        """In the database or, while that can't take it, in the spool: None. Raises what `is_outage` knows."""
        spool = self._site.spool
        if spool is None:
            return await self._write(item)
        if not spool.holds:
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self._write(item)
            except Exception as error:
                if not (isinstance(error, TimeoutError) or is_outage(error)):
                    raise
        waited = spool.holds
        await asyncio.to_thread(spool.keep, item)
        if not waited:
            self._site.wake(SPOOL)
        return None

    async def _read(self, scope: Scope, receive: Receive) -> tuple[Delivery, str]:
        """Nothing is written before all of this has held."""
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        await self._learn_in_time()
        secrets = self._secrets()
        if not secrets and not self._site.unsigned_webhooks:
            raise BadSignatureError(SECRET_NEEDED)
        body = await read_body(headers.get("content-length"), receive, self._site.max_body)
        legacy = scope["path"] == "/build"
        event = LEGACY_PUSH if legacy else None
        try:
            delivery = read_delivery(headers, body, secrets, event=event)
        except BadSignatureError:
            if not await self._learn(AGAIN_AFTER):  # another process may have made a secret this moment
                raise
            delivery = read_delivery(headers, body, self._secrets(), event=event)
        return delivery, "legacy" if legacy else "github"

    def _secrets(self) -> tuple[str, ...]:
        """The settings' and those that are kept in the database, as they are known."""
        kept = self._site.credentials
        return self._site.webhook_secrets if kept is None else (*self._site.webhook_secrets, *kept.webhook_secrets)

    async def _write(self, item: Incoming) -> Kept:
        kept: Kept = await self._site.database.write_at_door(keep_deliveries, item)
        return kept

    async def _learn_in_time(self) -> None:
        """Look for new secrets; while the database is away, those that are known must do."""
        kept = self._site.credentials
        if kept is None or not kept.is_stale(STALE_AFTER):  # nearly always; a timeout costs a webhook one per cent
            return
        if self._site.spool is not None and self._site.spool.holds and self._secrets():
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._learn(STALE_AFTER)
        except Exception as error:
            if not self._secrets() or not (isinstance(error, TimeoutError) or is_outage(error)):
                raise

    async def _learn(self, after: float) -> bool:
        """Look for new secrets when the last look is older; whether any credential is different now."""
        kept = self._site.credentials
        return kept is not None and kept.is_stale(after) and await asyncio.to_thread(kept.refresh, after)

    def _count(self, change: int) -> None:
        self._inside += change
        self._on_traffic(self._inside)


async def read_body(length: str | None, receive: Receive, bound: int) -> bytes:
    """The whole body, refused as soon as it is known to be larger than `bound` bytes. Raises TooLargeError."""
    if length is not None and length.isdigit() and int(length) > bound:
        raise TooLargeError(f"The body is larger than {bound} bytes.")
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return _bounded(body, bound)
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedError("The connection ended within the body.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > bound:
            raise TooLargeError(f"The body is larger than {bound} bytes.")
    return b"".join(parts)


def _bounded(body: bytes, bound: int) -> bytes:
    if len(body) > bound:
        raise TooLargeError(f"The body is larger than {bound} bytes.")
    return body


def _form_incoming(delivery: Delivery, source: str, now: float) -> Incoming:
    repository = name_repository(delivery.event, delivery.payload)
    return Incoming(delivery.guid, delivery.event, source, delivery.body, now, delivery.headers, repository)


def _accepted(delivery: Delivery, kept: Kept | None) -> bytes:
    """In the spool it has no number yet, and whether it is known already is seen later."""
    answer: dict[str, object] = {
        "delivery": delivery.guid,
        "id": None if kept is None else kept.id,
        "duplicate": kept is not None and kept.duplicate,
    }
    if delivery.event == "ping":
        answer["pong"] = True
    return orjson.dumps(answer)


async def _send_accepted(send: Send, body: bytes) -> None:
    """Without a Response object: it would cost as much as the rest of the answer."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": body})
