"""POSTs with an `Idempotency-Key` are done once: who asks again is given the first answer again.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/

An answer may hold a new token. It is sealed with what only the asker has, so who has the database has no answers.
"""

from __future__ import annotations

import os
from functools import partial
from hashlib import sha256

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.exc import IntegrityError
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubwright.errors import RefusedError, TooLargeError
from hubwright.store.repetitions import Claim, claim_key, drop_key, keep_answer
from hubwright.store.tokens import BUILDER
from hubwright.web.api.bodies import read_bytes
from hubwright.web.gate import Gate
from hubwright.web.problems import answer_refusal, make_problem
from hubwright.web.site import Site

MAX_KEY = 200
"""Characters of a key."""

MAX_KEPT = 256 * 1024
"""Bytes of an answer that is kept; the key of a longer one is forgotten."""

AGAIN = 2
"""Seconds after which to ask again for what is being done."""

_NONCE = 12


class Repetitions:
    """Around the doors; what has no key passes."""

    def __init__(self, site: Site, gate: Gate, app: ASGIApp) -> None:
        self._site = site
        self._gate = gate
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        request = HTTPConnection(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        key = None if request is None else request.headers.get("idempotency-key")
        if request is None or key is None or not await self._is_known(request):
            await self._app(scope, receive, send)
            return
        if not 0 < len(key) <= MAX_KEY or not key.isprintable():
            problem = make_problem(422, "Unprocessable request", f"An Idempotency-Key has 1 to {MAX_KEY} characters.")
            await problem(scope, receive, send)
            return
        try:
            body = await read_bytes(Request(scope, receive))
        except TooLargeError as error:
            await answer_refusal(Request(scope, receive), error)(scope, receive, send)
            return
        who = self._gate.read_proof(request)
        await _Once(self._site, self._app, (who, request.url.path, request.url.query, key), body).serve(
            scope, receive, send
        )

    async def _is_known(self, request: HTTPConnection) -> bool:
        """Whether somebody asks whom we know; the doors refuse the others in their own words."""
        try:
            asker = await self._gate.identify(request)
        except RefusedError:
            return False
        return asker.by != "anonymous" and asker.role != BUILDER


class _Once:
    """One request with a key; `names` are the asker's token, the address, its query, and the key."""

    def __init__(self, site: Site, app: ASGIApp, names: tuple[str, str, str, str], body: bytes) -> None:
        self._site = site
        self._app = app
        self._body = body
        self._owner, self._key = _hash("owner", names[0]), _hash("key", *names)
        self._sent = sha256(body).hexdigest()
        self._seal = AESGCM(bytes.fromhex(_hash("answer", *names)))
        self._start: Message = {}
        self._parts: list[bytes] | None = []

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do it, or give the answer again."""
        claim = await self._claim()
        if not claim.is_new:
            await self._answer_again(claim)(scope, receive, send)
            return
        given = False

        async def receive_again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": self._body, "more_body": False}

        try:
            await self._app(scope, receive_again, partial(self._send, send))
        except Exception:
            await self._forget()
            raise

    async def _claim(self) -> Claim:
        now = self._site.clock()
        try:
            return await self._site.database.write_soon(
                lambda connection: claim_key(connection, self._key, self._owner, self._sent, now)
            )
        except IntegrityError:
            return Claim(is_new=False)

    def _answer_again(self, claim: Claim) -> Response:
        if not claim.fits:
            return make_problem(
                422, "Idempotency-Key is used", "This Idempotency-Key came with another body before: use a new one."
            )
        told = None if claim.answer is None else self._open(claim.answer)
        if told is None:
            headers = {"Retry-After": str(AGAIN)}
            return make_problem(409, "Conflict", "The first request with this key is being done.", headers=headers)
        status, headers, body = told
        return Response(body, status, {**headers, "Idempotency-Replayed": "true"})

    async def _send(self, send: Send, message: Message) -> None:
        """Hold the answer back until it is kept; one that is too long for that goes out as it comes."""
        if self._parts is None:
            await send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            whole = not message.get("more_body", False)
            if not whole and sum(map(len, self._parts)) <= MAX_KEPT:
                return
            body, self._parts = b"".join(self._parts), None
            if whole and 200 <= self._start["status"] < 300 and len(body) <= MAX_KEPT:
                answer = self._close(self._start, body)
                await self._site.database.write_soon(lambda connection: keep_answer(connection, self._key, answer))
            else:
                await self._forget()
            await send(self._start)
            await send({"type": "http.response.body", "body": body, "more_body": not whole})
        else:
            await send(message)

    async def _forget(self) -> None:
        await self._site.database.write_soon(lambda connection: drop_key(connection, self._key))

    def _close(self, start: Message, body: bytes) -> bytes:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        headers.pop("content-length", None)
        told = orjson.dumps([start["status"], headers, body.decode("latin-1")])
        nonce = os.urandom(_NONCE)
        return nonce + self._seal.encrypt(nonce, told, self._key.encode())

    def _open(self, sealed: bytes) -> tuple[int, dict[str, str], bytes] | None:
        try:
            told = orjson.loads(self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._key.encode()))
        except (InvalidTag, ValueError):
            return None
        return told[0], told[1], told[2].encode("latin-1")


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
