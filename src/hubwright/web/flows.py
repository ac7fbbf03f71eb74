"""Going to GitHub and coming back: that it is the same browser, and that it comes back once.

The browser keeps a secret in a cookie; what goes through GitHub as `state` is made from it, as is the proof of PKCE.
https://datatracker.ietf.org/doc/html/rfc9700
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections import OrderedDict
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from hubwright.errors import ForbiddenError
from hubwright.web.gate import Gate
from hubwright.web.site import Site

SECONDS = 600
"""How long one may be at GitHub."""

MAX_USED = 4096
MAX_PLACE = 500


class Flow:
    """One purpose, such as `login`. What was used this process remembers; GitHub's codes are good once anyway."""

    def __init__(self, site: Site, gate: Gate, purpose: str) -> None:
        self._site = site
        self._gate = gate
        self._purpose = purpose
        self._cookie = f"{'__Host-' if gate.secure else ''}hubwright_{purpose}"
        self._used: OrderedDict[str, None] = OrderedDict()

    def begin(self, place: str = "/") -> tuple[str, str, str]:
        """The cookie's text, the `state`, and the challenge of PKCE; `place` is where to go in the end."""
        secret, now = secrets.token_urlsafe(32), int(self._site.clock())
        kept = f"{secret}.{now}.{clean_place(place)}"
        challenge = _digest(self._prove(secret))
        return kept, self._form_state(kept), challenge

    def mark(self, response: Response, kept: str) -> None:
        """Give the browser its cookie. `Lax`: it comes with a link from GitHub back to us."""
        response.set_cookie(
            self._cookie, _pack(kept), max_age=SECONDS, httponly=True, samesite="lax", secure=self._gate.secure
        )

    def end(self, request: Request) -> tuple[str, str]:
        """The place to go, and the proof of PKCE. Raises ForbiddenError unless this browser began it, not long ago."""
        self._gate.check_host(request)
        kept = _unpack(request.cookies.get(self._cookie, ""))
        secret, _, rest = kept.partition(".")
        began, _, place = rest.partition(".")
        state, own = request.query_params.get("state", ""), self._form_state(kept)
        fresh = began.isdigit() and 0 <= self._site.clock() - int(began) <= SECONDS
        same = hmac.compare_digest(state.encode(), own.encode())
        if not (secret and fresh and same) or own in self._used:
            raise ForbiddenError(
                "This did not begin in this browser, or too long ago, or was done already: begin anew."
            )
        self._used[own] = None
        while len(self._used) > MAX_USED:
            self._used.popitem(last=False)
        return clean_place(place), self._prove(secret)

    def clear(self, response: Response) -> None:
        """Take the cookie away."""
        response.delete_cookie(self._cookie, httponly=True, samesite="lax", secure=self._gate.secure)

    def _form_state(self, kept: str) -> str:
        return _digest(f"state {self._purpose} {kept}")

    def _prove(self, secret: str) -> str:
        return _digest(f"proof {self._purpose} {secret}")


def clean_place(place: str) -> str:
    """A page of ours, `/` for all else: nobody is sent to another site."""
    bad = place.startswith("//") or any(ord(one) < 33 or ord(one) > 126 or one == "\\" for one in place)
    return place if place.startswith("/") and not bad and len(place) <= MAX_PLACE else "/"


def _digest(text: str) -> str:
    return urlsafe_b64encode(sha256(text.encode("utf-8", "surrogateescape")).digest()).decode().rstrip("=")


def _pack(kept: str) -> str:
    return kept.encode().hex()


def _unpack(text: str) -> str:
    try:
        return bytes.fromhex(text).decode()
    except ValueError:
        return ""
