"""The logs of IRC channels: a page for each day with an anchor for each line, its twins for programs, and a search."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from urllib.parse import quote, urlencode

import orjson
from markupsafe import Markup
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from hubwright.domain.channel_logs import (
    SAID,
    ChannelLine,
    bounds_of,
    clock_of,
    day_of,
    name_of,
    read_clock,
    read_day,
    write_line,
)
from hubwright.domain.channel_text import colour_of, paint_said
from hubwright.domain.irc_names import fold_name
from hubwright.errors import NotFoundError
from hubwright.store.channel_logs import load_channels, load_finds, load_lines, load_neighbours, load_newest
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

AT_ONCE = 1_000
"""Lines that a page shows; those of a busy day go on at a link."""

FINDS = 100
BEFORE = 300.0
"""Seconds before what was found that its link shows too."""

_MAX_QUERY = 200
_ENDINGS = (".html", ".json", ".logs")
_PLAIN = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache, private"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A line as the page shows it. `anchor` is its clock, with a number behind it when others have the same."""

    line: ChannelLine
    anchor: str
    clock: str
    day: date
    href: str
    html: Markup
    said: bool
    colour: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """What a page of a day is about; the days before and after are those on which something happened.

    `whole`: the page begins with the day. `next` is where it goes on.
    """

    channel: str
    day: date
    lines: tuple[ChannelLine, ...]
    before: date | None
    after: date | None
    whole: bool
    next: int | str | None = None


class ChannelPages:
    """`/irclogs`; channels stand in addresses without their first `#`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._database = frame.site.database

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/irclogs", self._frame.guard(self.list)),
            Route("/irclogs/{path:path}", self._frame.guard(self.show)),
        ]

    async def list(self, request: Request) -> Response:
        """`GET /irclogs`."""
        channels = await self._database.read(load_channels)
        return self._frame.show(request, "channels.html", channels=[(*one, name_of(one[0])) for one in channels])

    async def show(self, request: Request) -> Response:
        """`GET /irclogs/CHANNEL[?q=][?day=]` and `/irclogs/CHANNEL/2026-11-23[.html|.json|.logs][?from=][?after=]`.

        Without a day it is today's. 23-11-2026 is a day too: `/irclogs/23-11-2026.html` is where system 1 had those of
        its one channel.
        """
        name, _, last = request.path_params["path"].rpartition("/")
        day, ending = _split(last)
        channel = await self._find(name if day is not None else request.path_params["path"])
        if day is not None and not name:
            return RedirectResponse(f"/irclogs/{_quote(channel)}/{last}", 308)
        if day is None:
            return await self._show_channel(request, channel)
        if ending == ".logs":
            return StreamingResponse(self._write_lines(channel, day), headers=_PLAIN, media_type="text/plain")
        if ending == ".json":
            body = self._write_document(channel, day)
            return StreamingResponse(body, headers=_PLAIN, media_type="application/json")
        return await self._show_day(request, channel, day)

    async def _show_channel(self, request: Request, channel: str) -> Response:
        chosen, words = (request.query_params.get(name, "").replace("\0", "").strip() for name in ("day", "q"))
        if (day := read_day(chosen)) is not None:
            return RedirectResponse(f"/irclogs/{_quote(channel)}/{day}", 303)
        if words:
            return await self._search(request, channel, words[:_MAX_QUERY])
        return await self._show_today(request, channel)

    async def _find(self, name: str) -> str:
        """The channel of this name in an address, without a name the first one. Raises NotFoundError."""
        channels = [channel for channel, _ in await self._database.read(load_channels)]
        wanted = fold_name(name)
        found = [one for one in channels if not name or wanted in {fold_name(name_of(one)), fold_name(one)}]
        if not found:
            raise NotFoundError(f"There is no log of {name[:100]!r}.")
        return found[0]

    async def _show_today(self, request: Request, channel: str) -> Response:
        """The newest lines of today; those before them are on the day's own page."""
        day = day_of(self._frame.site.clock())
        bounds, address = bounds_of(day), f"/irclogs/{_quote(channel)}"

        def load(connection: Connection) -> Day:
            lines = load_newest(connection, channel, bounds[0], AT_ONCE + 1)
            return _make_day(connection, channel, day, lines[-AT_ONCE:], whole=len(lines) <= AT_ONCE)

        shown = await self._database.read(load)
        rows = _make_rows(shown.lines, f"{address}/{day}", shows_before=not shown.whole)
        return self._show(request, shown, rows)

    async def _show_day(self, request: Request, channel: str, day: date) -> Response:
        start, end = bounds_of(day)
        clock = read_clock(request.query_params.get("from", "")) or 0.0
        after = read_number(request, "after")

        def load(connection: Connection) -> Day:
            page = load_lines(connection, channel, (start + clock, end), AT_ONCE, after)
            whole = not clock and after is None
            return replace(_make_day(connection, channel, day, page.items, whole=whole), next=page.next)

        shown = await self._database.read(load)
        return self._show(request, shown, _make_rows(shown.lines, ""))

    def _show(self, request: Request, shown: Day, rows: Iterable[Row]) -> Response:
        today = shown.day == day_of(self._frame.site.clock())
        return self._frame.show(
            request,
            "channel.html",
            shown=shown,
            address=f"/irclogs/{_quote(shown.channel)}",
            rows=list(rows),
            today=today,
            stream="/fragments/stream?every=5" if today else None,
        )

    async def _search(self, request: Request, channel: str, words: str) -> Response:
        before = read_number(request, "before")
        page = await self._database.read(lambda connection: load_finds(connection, channel, words, FINDS, before))
        address = f"/irclogs/{_quote(channel)}"
        older = urlencode({"q": words, "before": page.next}) if page.next is not None else None
        return self._frame.show(
            request,
            "channel_finds.html",
            channel=channel,
            words=words,
            address=address,
            rows=[_make_find(line, address) for line in page.items],
            older=older,
        )

    async def _read(self, channel: str, day: date) -> AsyncIterator[tuple[ChannelLine, ...]]:
        after: int | None = None
        while True:
            load = partial(load_lines, channel=channel, bounds=bounds_of(day), limit=AT_ONCE, after=after)
            page = await self._database.read(load)
            yield page.items
            if not isinstance(page.next, int):
                return
            after = page.next

    async def _write_lines(self, channel: str, day: date) -> AsyncIterator[bytes]:
        """First the moment at which the day begins, as system 1 has it, then a line of JSON for each event."""
        yield b"%.1f\n" % bounds_of(day)[0]
        async for lines in self._read(channel, day):
            yield b"".join(orjson.dumps(write_line(line)) + b"\n" for line in lines)

    async def _write_document(self, channel: str, day: date) -> AsyncIterator[bytes]:
        yield b'{"channel":' + orjson.dumps(channel) + b',"day":"' + str(day).encode() + b'","items":['
        between = b""
        async for lines in self._read(channel, day):
            if lines:
                yield between + b",".join(orjson.dumps(write_line(line)) for line in lines)
                between = b","
        yield b'],"next":null}'


def _split(name: str) -> tuple[date | None, str]:
    """The day that an address names, and the ending behind it; nothing of both where none is."""
    ending = next((one for one in _ENDINGS if name.endswith(one)), "")
    day = read_day(name.removesuffix(ending))
    return day, ending if day is not None else ""


def _quote(channel: str) -> str:
    return quote(name_of(channel))


def _make_day(connection: Connection, channel: str, day: date, lines: tuple[ChannelLine, ...], *, whole: bool) -> Day:
    around = load_neighbours(connection, channel, bounds_of(day))
    before, after = (None if at is None else day_of(at) for at in around)
    return Day(channel=channel, day=day, lines=lines, before=before, after=after, whole=whole)


def _make_rows(lines: Iterable[ChannelLine], address: str, *, shows_before: bool = False) -> Iterator[Row]:
    """Rows whose anchors lead to the page at `address`, or stay on this one.

    `shows_before`: that page is to begin shortly before the line.
    """
    seen: Counter[str] = Counter()
    for line in lines:
        clock = clock_of(line.at)
        seen[clock] += 1
        anchor = clock if seen[clock] == 1 else f"{clock}.{seen[clock]}"
        query = _query_before(line) if shows_before else ""
        yield _make_row(line, anchor, f"{address}{query}#{anchor}")


def _make_find(line: ChannelLine, address: str) -> Row:
    clock = clock_of(line.at)
    return _make_row(line, clock, f"{address}/{day_of(line.at)}{_query_before(line)}#{clock}")


def _query_before(line: ChannelLine) -> str:
    """Has a day's page begin shortly before this line, however long the day was."""
    start = max(line.at - BEFORE, bounds_of(day_of(line.at))[0])
    return f"?from={clock_of(start)}"


def _make_row(line: ChannelLine, anchor: str, href: str) -> Row:
    return Row(
        line=line,
        anchor=anchor,
        clock=clock_of(line.at),
        day=day_of(line.at),
        href=href,
        html=Markup(paint_said(line.text)),  # noqa: S704  written by domain.ansi, which escapes all that was said
        said=line.kind in SAID,
        colour=colour_of(line.nick),
    )
