"""Who looks at a page: by their login at GitHub, else by a name that only their browser keeps."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hubwright.store.views_values import BuildView
from hubwright.web.askers import visit_of

COOKIE = "me"
MAX_NAME = 100
"""Characters of a name."""

_YEAR = 365 * 86_400


class Me(NamedTuple):
    """Somebody; `certain`: they logged in with GitHub, and `name` is their login there."""

    name: str
    certain: bool

    def wrote(self, build: BuildView) -> bool:
        """Whether a build is of their commit."""
        if (build.author_login or "").lower() == self.name.lower():
            return True
        return not self.certain and build.author_name == self.name


def read_me(request: Request) -> Me | None:
    """Who looks, after the gate has let them in; None when nobody has said."""
    asker = visit_of(request).asker
    if asker is not None and asker.login:
        return Me(asker.login, certain=True)
    name = _clean(unquote(request.cookies.get(COOKIE, "")))
    return Me(name, certain=False) if name else None


def keep_me(request: Request, text: str) -> Response:
    """Back to the page, with the name in a cookie; the empty one is forgotten. It says what is shown, no right."""
    response = RedirectResponse(request.url.path, 303)
    if name := _clean(text):
        response.set_cookie(COOKIE, quote(name), max_age=_YEAR, httponly=True, samesite="lax")
    else:
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


def _clean(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()[:MAX_NAME]
