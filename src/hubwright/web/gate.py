"""The gate: who asks, and whether they may. Doors call `require`; nothing else decides about access."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from starlette.requests import HTTPConnection

from hubwright.errors import ForbiddenError, UnauthenticatedError
from hubwright.store.tokens import (
    BUILDER,
    SQL,
    Token,
    find_token,
    hash_token,
    keep_login,
    keep_session,
    revoke_token,
    use_login,
)
from hubwright.web.site import Site

COOKIE = "hubwright_session"
SESSION_SECONDS = 14 * 86_400
LOGIN_SECONDS = 600
REMEMBERED = 30.0
"""Seconds for which a found token is not looked up again: a revoked one may live that much longer elsewhere."""

MAX_REMEMBERED = 1024
_MAX_TOKEN = 512
_RANKS = {"read": 1, "write": 2, "admin": 3}
_APART = frozenset({BUILDER, SQL})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: `role` is read, write, admin, builder, sql, or "" for nobody; `by` is token, cookie or anonymous."""

    role: str
    name: str
    by: str
    token_id: int | None = None

    def may(self, role: str) -> bool:
        """Whether the asker has the role, or one that includes it; `builder` and `sql` are for that alone."""
        if role == SQL and self.role == "admin":
            return True
        if {role, self.role} & _APART:
            return self.role == role
        return _RANKS.get(self.role, 0) >= _RANKS[role]


class Gate:
    """Knows tokens, sessions and the admin token. Its answers on tokens are remembered for `REMEMBERED` seconds."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: OrderedDict[str, tuple[Token, float]] = OrderedDict()
        public = urlsplit(site.public_url)
        self.secure = public.scheme == "https"
        # a hub that only this machine reaches is guarded against DNS rebinding by the names it goes by
        self._hosts = _LOOPBACK | {public.hostname} if public.hostname in _LOOPBACK else None

    async def require(self, request: HTTPConnection, role: str) -> Asker:
        """Who asks, when they may act as `role`. Raises UnauthenticatedError or ForbiddenError.

        `request` may be a WebSocket: then cookies count only from our own pages, as with every change.
        """
        asker = await self.identify(request)
        if asker.may(role):
            if asker.by == "cookie" and request.scope.get("method") not in _SAFE:
                check_origin(request)
            return asker
        if asker.by == "anonymous":
            raise UnauthenticatedError("This needs a token: make one with `hubwright token new`, or log in.")
        raise ForbiddenError(f"This needs the role {role}; {asker.name} has the role {asker.role}.")

    async def identify(self, request: HTTPConnection) -> Asker:
        """Who asks. Raises UnauthenticatedError for a bad token, ForbiddenError for a foreign host name."""
        self.check_host(request)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if bearer and scheme.lower() == "bearer":
            return await self.judge(bearer.strip())
        if cookie := request.cookies.get(COOKIE):
            found = await self._find(cookie)
            if found is not None and found.kind == "session":
                return Asker(found.role, found.user_login or "session", "cookie", found.id)
        return Asker("read" if self._site.anonymous_read else "", "anonymous", "anonymous")

    async def judge(self, plaintext: str) -> Asker:
        """Whose token this is. Raises UnauthenticatedError."""
        if self._site.admin_token and _same(plaintext, self._site.admin_token):
            return Asker("admin", "admin token", "token")
        found = await self._find(plaintext)
        if found is None or found.kind != "token":
            raise UnauthenticatedError("The token is unknown, revoked or expired: make one with `hubwright token new`.")
        return Asker(found.role, found.name, "token", found.id)

    def check_host(self, request: HTTPConnection) -> None:
        """Refuse a name that only a page which rebinds DNS would use. Raises ForbiddenError."""
        if self._hosts is None:
            return
        if _split(f"//{request.headers.get('host', '')}").hostname not in self._hosts:
            raise ForbiddenError("This hub listens on loopback only and goes by another name: set PUBLIC_URL.")

    async def make_login_link(self, role: str = "admin") -> str:
        """A link that logs one browser in, once, within ten minutes."""
        now = self._site.clock()
        secret = secrets.token_urlsafe(32)
        text = await self._site.database.write_soon(
            lambda connection: keep_login(connection, secret, role=role, now=now, expires=now + LOGIN_SECONDS)
        )
        return f"{self._site.public_url}/login?token={text}"

    async def use_login_link(self, text: str) -> str:
        """The text of a new session for the login link's token. Raises UnauthenticatedError."""
        now = self._site.clock()
        login = await self._site.database.write_soon(lambda connection: use_login(connection, text, now))
        if login is None:
            raise UnauthenticatedError(
                "This login link was used already or is older than ten minutes: ask for a new one."
            )
        return await self.start_session(login.role)

    async def start_session(
        self, role: str, *, user: tuple[int, str] | None = None, seconds: float = SESSION_SECONDS
    ) -> str:
        """The text of a new session, for the cookie; `user` is the number and name of who logged in with GitHub."""
        now = self._site.clock()
        secret = secrets.token_urlsafe(32)
        text: str = await self._site.database.write_soon(
            lambda connection: keep_session(connection, secret, role=role, now=now, expires=now + seconds, user=user)
        )
        return text

    async def end_session(self, request: HTTPConnection) -> None:
        """Forget the browser's session, here and in the database."""
        found = await self._find(request.cookies.get(COOKIE, ""))
        self._known.clear()
        if found is not None and found.kind == "session":
            now = self._site.clock()
            await self._site.database.write_soon(lambda connection: revoke_token(connection, found.id, now))

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


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
