"""What every page has: templates, headers, who asks, and the words for times and names."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hubwright.domain import wording
from hubwright.domain.waiting import Waiting
from hubwright.store.moments import write_moment
from hubwright.web.assets import Assets
from hubwright.web.gate import Asker, Gate
from hubwright.web.pages.navigation import group_places
from hubwright.web.pages.places import find_section
from hubwright.web.shapes import SHAPES
from hubwright.web.site import Site
from hubwright.web.template_code import KeptCode, find_folder

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache, private",
}
"""For every page and part of a page: nothing inline, nothing from elsewhere, no frames."""

_TEMPLATES = Path(__file__).parent.parent / "templates"
_THEMES = {"light", "dark"}
_MAX_NAME = 300


class Frame:
    """Shows templates in the look of the site."""

    def __init__(self, site: Site, gate: Gate, assets: Assets) -> None:
        self.site = site
        self._gate = gate
        self.templates = make_templates(find_folder())
        self.templates.globals.update(
            asset=assets.address,
            shapes=SHAPES,
            look=wording.look_of,
            look_of=_look_of,
            kind_of=wording.kind_of,
            version=site.version,
            public_url=site.public_url,
        )

    def guard(self, show: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The page for those who may read; others do not even learn whether there is one."""

        @wraps(show)
        async def show_guarded(request: Request) -> Response:
            request.state.asker = await self.require(request, "read")
            return await show(request)

        return show_guarded

    def show(self, request: Request, template: str, /, *, status: int = 200, **context: Any) -> Response:
        """The template as a page."""
        now = self.site.clock()
        theme = request.cookies.get("theme", "")
        given = {"now": now, "path": request.url.path, "theme": theme if theme in _THEMES else "", "stream": None}
        given["asker"] = asker = getattr(request.state, "asker", None)
        given |= {"navigation": group_places(asker), "section": find_section(request.url.path)}
        html = self.templates.get_template(template).render(given | context)
        return HTMLResponse(html, status, HEADERS)

    async def require(self, request: Request, role: str) -> Asker:
        """Who asks, when they may. Raises UnauthenticatedError or ForbiddenError."""
        return await self._gate.require(request, role)

    async def check_reader(self, request: Request) -> None:
        """Whether who was let in may still read. Raises as `require` does."""
        await self._gate.check_reader(request)


def make_templates(kept: Path) -> Environment:
    """All of them, with our filters; what they are compiled to is kept in a folder."""
    templates = Environment(
        loader=DictLoader(_read_templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=KeptCode(kept),
    )
    templates.filters.update(_FILTERS)
    return templates


def compile_templates() -> None:
    """Have all of them compiled and kept, where a hub itself may not write later."""
    templates = make_templates(find_folder())
    for name in templates.list_templates():
        templates.get_template(name)


def _read_templates() -> dict[str, str]:
    """All sources by name, so that an upgrade of the files beneath a hub changes no page of it.

    Each is compiled when it is first shown, if it was not yet: all of them at the start would cost a second.
    """
    files = (path for path in sorted(_TEMPLATES.rglob("*")) if path.is_file())
    return {path.relative_to(_TEMPLATES).as_posix(): path.read_text("utf-8") for path in files}


def _named(name: object) -> Markup:
    """A name from outside: nothing hidden in it, its writing direction kept to itself."""
    text = wording.make_visible(str(name))
    shown = escape(text if len(text) <= _MAX_NAME else text[:_MAX_NAME] + "…")
    return Markup(f"<bdi>{shown}</bdi>")  # noqa: S704  escaped; a page has hundreds, and `format` is slow


def _told(sentence: str) -> Markup:
    """A sentence of ours that may name things from outside; what stands between backticks is code."""
    pieces = [_named(piece) if place % 2 == 0 else Markup("<code>{}</code>").format(wording.make_visible(piece))
              for place, piece in enumerate(sentence.split("`"))]  # fmt: skip
    return Markup("").join(pieces)


def explained(waiting: Waiting) -> Markup:
    """Why a run waits; the builders that are named are links."""
    sentence = waiting.sentence
    names = {str(one["name"]) for reason in waiting.reasons for one in reason.more.get("builders", ())}
    names = {name for name in names if name in sentence}
    if not names:
        return _told(sentence)
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pieces = re.split(rf"(?<![\w.-])({longest_first})(?![\w-])", sentence)
    link = Markup('<a href="/builders/{}">{}</a>')
    shown = [
        link.format(quote(piece, safe=""), _named(piece)) if place % 2 else _told(piece)
        for place, piece in enumerate(pieces)
        if piece
    ]
    return Markup("").join(shown)


def _look_of(thing: Any) -> wording.Look:
    return wording.look_of("queued" if getattr(thing, "limited", False) else thing.state, thing.result)


def _subject(message: str) -> str:
    return message.strip().partition("\n")[0] or "(no message)"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _age(seconds: float, now: float) -> Markup:
    """How long ago, as an element that goes on by itself and tells the moment."""
    whole = write_moment(seconds)
    day, clock = whole[:10], whole[11:19]
    told = f'datetime="{day}T{clock}Z" title="{day} {clock} UTC" data-age="{seconds:.0f}"'
    return Markup(f"<time {told}>{wording.word_age(now - seconds)}</time>")  # noqa: S704  nothing from outside


def _took(thing: Any, now: float) -> Markup:
    """How long a build, run or stage took, or goes on already."""
    if thing.started_at is None:
        return Markup("")
    if thing.finished_at is not None:
        return escape(wording.word_duration(thing.finished_at - thing.started_at))
    return Markup('<span data-since="{:.0f}">{}</span>').format(
        thing.started_at, wording.word_duration(now - thing.started_at)
    )


_FILTERS = {
    "named": _named,
    "told": _told,
    "explained": explained,
    "visible": wording.make_visible,
    "subject": _subject,
    "moment": _moment,
    "age": _age,
    "took": _took,
    "duration": wording.word_duration,
    "against": wording.word_against,
    "size": wording.word_size,
    "start": wording.word_start,
    "count_of": wording.word_count,
}
