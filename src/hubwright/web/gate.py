"""The gate: who asks, and whether they may. Doors call `require`; nothing else decides about access."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from starlette.requests import HTTPConnection

from hubwright.errors import ForbiddenError, UnauthenticatedError
from hubwright.store.tokens import (
    BUILDER,
    USED_EVERY,
    Token,
    find_token,
    hash_token,
    keep_login,
    keep_session,
    note_uses,
    revoke_token,
    use_login,
)
from hubwright.store.writers import DatabaseBusyError
from hubwright.web.askers import Asker, folders_of, visit_of
from hubwright.web.rates import Rates
from hubwright.web.reach import Reach
from hubwright.web.site import Site
from hubwright.web.topics import Topic

__all__ = ["Asker", "Gate", "check_origin"]

COOKIE = "hubwright_session"
SESSION_SECONDS = 14 * 86_400
LOGIN_SECONDS = 600
REMEMBERED = 30.0
"""Seconds for which a found token is not looked up again: a revoked one may live that much longer elsewhere."""

MAX_REMEMBERED = 1024
_MAX_TOKEN = 512
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Gate:
    """Knows tokens, sessions and the admin token. Its answers on tokens are remembered for `REMEMBERED` seconds."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: OrderedDict[str, tuple[Token, float]] = OrderedDict()
        self._used: OrderedDict[int, float] = OrderedDict()  # token -> when its use was noted last
        self._reach = Reach(site)
        self._rates = Rates(site.requests_per_minute)
        public = urlsplit(site.public_url)
        self.secure = public.scheme == "https"
        self.cookie = f"__Host-{COOKIE}" if self.secure else COOKIE  # then no other host's page can set it
        # a hub that only this machine reaches is guarded against DNS rebinding by the names it goes by
        self._hosts = _LOOPBACK | {public.hostname} if public.hostname in _LOOPBACK else None

    async def require(self, request: HTTPConnection, role: str) -> Asker:
        """Who asks, when they may act as `role`. Raises UnauthenticatedError, ForbiddenError, or NotFoundError.

        `request` may be a WebSocket: then cookies count only from our own pages, as with every change.
        """
        asker = await self.identify(request)
        await self._check(request, asker, role)
        if asker.by == "cookie" and request.scope.get("method") not in _SAFE:
            check_origin(request)
        return asker

    async def check_reader(self, request: HTTPConnection) -> None:
        """Whether who was let in may still read, for answers that last. Raises as `require` does."""
        await self._check(request, await self._look(request), "read")

    async def _check(self, request: HTTPConnection, asker: Asker, role: str) -> None:
        if asker.folders is not None:
            await self._reach.check(request, asker)
        if asker.may(role):
            return
        if asker.by == "anonymous":
            raise UnauthenticatedError("This needs a token: make one with `hubwright token new`, or log in.")
        raise ForbiddenError(f"This needs the role {role}; {asker.name} has the role {asker.role}.")

    async def identify(self, request: HTTPConnection) -> Asker:
        """Who asks; a request is counted once. Raises UnauthenticatedError for a bad token, ForbiddenError for a
        foreign host name, TooManyRequestsError.
        """
        visit = visit_of(request)
        if visit.asker is None or request.scope["type"] != "http":  # a WebSocket lasts longer than some tokens
            asker = await self._look(request)
            if asker.role != BUILDER:
                address = request.client.host if request.client is not None else ""
                self._rates.count(f"anonymous {address}" if asker.by == "anonymous" else f"{asker.token_id}")
            visit.asker = asker
        return visit.asker

    def read_proof(self, request: HTTPConnection) -> str:
        """The text of the token or session that a request came with; not looked at."""
        return _read_bearer(request) or request.cookies.get(self.cookie, "")

    async def _look(self, request: HTTPConnection) -> Asker:
        self.check_host(request)
        if bearer := _read_bearer(request):
            return await self.judge(bearer)
        if cookie := request.cookies.get(self.cookie):
            found = await self._find(cookie)
            if found is not None and found.kind == "session":
                return self._meet(found, "cookie")
        return Asker("read" if self._site.anonymous_read else "", "anonymous", "anonymous")

    async def judge(self, plaintext: str) -> Asker:
        """Whose token this is. Raises UnauthenticatedError."""
        if self._site.admin_token and _same(plaintext, self._site.admin_token):
            return Asker("admin", "admin token", "token")
        found = await self._find(plaintext)
        if found is None or found.kind != "token":
            raise UnauthenticatedError("The token is unknown, revoked or expired: make one with `hubwright token new`.")
        return self._meet(found, "token")

    def _meet(self, found: Token, by: str) -> Asker:
        """Who has this token or session; that it is used is written down seldom, and nobody waits for that."""
        now = self._site.clock()
        if now - max(self._used.get(found.id, 0.0), found.used_at or 0.0) >= USED_EVERY:
            self._used[found.id] = now
            while len(self._used) > MAX_REMEMBERED:
                self._used.popitem(last=False)
            with suppress(DatabaseBusyError):
                self._site.database.write_each(note_uses, (found.id, now)).add_done_callback(_forget_failure)
        name, login = found.user_login or found.name, found.user_login
        return Asker(found.role, name, by, found.id, found.folders, found.expires_at, login)

    def check_host(self, request: HTTPConnection) -> None:
        """Refuse a name that only a page which rebinds DNS would use. Raises ForbiddenError."""
        if self._hosts is None:
            return
        if _split(f"//{request.headers.get('host', '')}").hostname not in self._hosts:
            raise ForbiddenError("This hub listens on loopback only and goes by another name: set PUBLIC_URL.")

    async def check_topics(self, request: HTTPConnection, topics: Iterable[Topic]) -> None:
        """Raises NotFoundError for a topic that is not there for who asks."""
        await self._reach.check_topics(folders_of(request), topics)

    async def make_login_link(self, role: str = "admin") -> str:
        """A link that logs one browser in, once, within ten minutes."""
        now = self._site.clock()
        secret = secrets.token_urlsafe(32)
        text = await self._site.database.write_soon(
            lambda connection: keep_login(connection, secret, role=role, now=now, expires=now + LOGIN_SECONDS)
        )
        return f"{self._site.public_url}/login?token={text}"

    async def use_login_link(self, request: HTTPConnection, text: str) -> str:
        """The text of a new session for the login link's token. Raises UnauthenticatedError."""
        now = self._site.clock()
        login = await self._site.database.write_soon(lambda connection: use_login(connection, text, now))
        if login is None:
            raise UnauthenticatedError(
                "This login link was used already or is older than ten minutes: ask for a new one."
            )
        return await self.enter(request, Asker(login.role, "login link", "anonymous"))

    async def enter(
        self,
        request: HTTPConnection,
        asker: Asker,
        *,
        user: tuple[int, str] | None = None,
        seconds: float | None = None,
    ) -> str:
        """The text of a new session with the rights of `asker`, for the cookie; an older one of the browser ends."""
        await self.end_session(request)
        visit = visit_of(request)
        visit.asker, visit.changes = asker, True
        return await self.start_session(asker.role, user=user, seconds=seconds, of=asker)

    async def start_session(
        self,
        role: str,
        *,
        user: tuple[int, str] | None = None,
        seconds: float | None = None,
        of: Asker | None = None,
    ) -> str:
        """The text of a new session, for the cookie; `user` is the number and name of who logged in with GitHub.

        `of` is whose token opened it: the session sees no more than that, and does not outlive it.
        """
        now = self._site.clock()
        until = now + (SESSION_SECONDS if seconds is None else seconds)
        if of is not None and of.expires_at is not None:
            until = min(until, of.expires_at)
        parent = (of.token_id, of.folders) if of is not None and of.token_id is not None else None
        secret = secrets.token_urlsafe(32)
        text: str = await self._site.database.write_soon(
            lambda connection: keep_session(
                connection, secret, role=role, now=now, expires=until, user=user, parent=parent
            )
        )
        return text

    async def end_session(self, request: HTTPConnection) -> None:
        """Forget the browser's session, here and in the database."""
        found = await self._find(request.cookies.get(self.cookie, ""))
        if found is not None and found.kind == "session":
            now = self._site.clock()
            await self._site.database.write_soon(lambda connection: revoke_token(connection, found.id, now))
            self._known.clear()  # not before: a stream of it may look at any moment

    def forget(self) -> None:
        """Look every token up anew, because some were revoked."""
        self._known.clear()

    async def _find(self, plaintext: str) -> Token | None:
        if not plaintext or len(plaintext) > _MAX_TOKEN:
            return None
        key, now = hash_token(plaintext), self._site.clock()
        remembered = self._known.get(key)
        if remembered is not None and now < remembered[1]:
            return remembered[0]
        found = await self._site.database.read(lambda connection: find_token(connection, plaintext, now))
        if found is None:
            self._known.pop(key, None)
            return None
        until = now + REMEMBERED if found.expires_at is None else min(now + REMEMBERED, found.expires_at)
        self._known[key] = (found, until)
        while len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return found


def check_origin(request: HTTPConnection) -> None:
    """Refuse a change that another site's page asks for with our cookie. Raises ForbiddenError.

    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        allowed = site in {"same-origin", "none"}
    else:
        origin = _split(request.headers.get("origin", ""))
        allowed = bool(origin.netloc) and origin.netloc == request.headers.get("host")
    if not allowed:
        raise ForbiddenError("This change was asked for by a page of another site.")


def _read_bearer(request: HTTPConnection) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else ""


def _forget_failure(written: asyncio.Future[Any]) -> None:
    """When a token was used last is not worth an error."""
    if not written.cancelled():
        written.exception()


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
