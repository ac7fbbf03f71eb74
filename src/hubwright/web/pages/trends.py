"""The pages of trends: how the builds of a job go over time, or all builds; each chart with its numbers in a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.domain.trends import DAY, HOUR, Point, Trend
from hubwright.domain.wording import word_duration, word_size
from hubwright.store.views_jobs import load_job
from hubwright.store.views_trends import load_job_trend, load_slots, load_whole_trend
from hubwright.store.views_values import JobView
from hubwright.web.askers import folders_of
from hubwright.web.pages.frame import Frame

_MAX_BRANCH = 300
Pick = Callable[[Point], float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: its name and its value at each point, as a number and as words."""

    name: str
    values: tuple[float | None, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: `unit` is seconds, share, bytes or count; `note` says what its newest point tells."""

    key: str
    title: str
    unit: str
    lines: tuple[Line, ...]

    @property
    def note(self) -> str:
        """The newest value of each line, in words."""
        return ", ".join(f"{line.name} {line.words[-1]}" for line in self.lines if line.words)


class TrendPages:
    """`/trends` and `/trends/{path}`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/trends", self._frame.guard(self.whole)),
            Route("/trends/{path:path}", self._frame.guard(self.job)),
        ]

    async def whole(self, request: Request) -> Response:
        """`GET /trends`: all builds."""
        folders = folders_of(request)

        def load(connection: Connection) -> tuple[Trend, int]:
            return load_whole_trend(connection, folders), load_slots(connection)

        trend, slots = await self._frame.site.database.read(load)
        more = (_chart("busy", "Runs at once", "count", trend, {"on average": lambda point: point.busy}),)
        return self._show(request, trend, more, slots=slots)

    async def job(self, request: Request) -> Response:
        """`GET /trends/PATH?branch=`: a job or copy."""
        path = request.path_params["path"].strip("/")
        branch = request.query_params.get("branch", "").replace("\0", "").strip()[:_MAX_BRANCH]

        def load(connection: Connection) -> tuple[Trend, JobView]:
            return load_job_trend(connection, path, branch or None), load_job(connection, path)

        trend, job = await self._frame.site.database.read(load)
        more = (
            _chart("tests", "Tests of a build", "count", trend, {"median": lambda point: point.tests}),
            _chart("logs", "Log of a build", "bytes", trend, {"median": lambda point: point.log_size}),
        )
        return self._show(request, trend, more, job=job, branch=branch)

    def _show(
        self,
        request: Request,
        trend: Trend,
        more: tuple[Chart, ...],
        *,
        job: JobView | None = None,
        branch: str = "",
        slots: int = 0,
    ) -> Response:
        charts = tuple(chart for chart in (*_draw(trend), *more) if chart.lines)
        times = [(point.at, _word_moment(point.at, trend.step)) for point in trend.points]
        return self._frame.show(
            request,
            "trend.html",
            charts=charts,
            times=times,
            trend=trend,
            every=_word_step(trend.step),
            job=job,
            branch=branch,
            slots=slots,
        )


def _draw(trend: Trend) -> tuple[Chart, ...]:
    """The charts that all trends have."""
    took: dict[str, Pick] = {"p50": lambda point: point.took_p50, "p95": lambda point: point.took_p95}
    waited: dict[str, Pick] = {"p50": lambda point: point.waited_p50, "p95": lambda point: point.waited_p95}
    return (
        _chart("took", "Build duration", "seconds", trend, took),
        _chart("waited", "Time in the queue", "seconds", trend, waited),
        _chart("passed", "Success rate", "share", trend, {"passed": lambda point: point.rate}),
        _chart("builds", "Builds", "count", trend, {"ended": lambda point: point.builds}),
    )


def _chart(key: str, title: str, unit: str, trend: Trend, picks: dict[str, Pick]) -> Chart:
    """Lines without any value are left out."""
    found = {name: tuple(pick(point) for point in trend.points) for name, pick in picks.items()}
    lines = (
        Line(name, values, tuple(_word(unit, value) for value in values))
        for name, values in found.items()
        if any(value is not None for value in values)
    )
    return Chart(key, title, unit, tuple(lines))


def _word(unit: str, value: float | None) -> str:
    if value is None:
        return "—"
    if unit == "seconds":
        return word_duration(value)
    if unit == "share":
        return f"{value * 100:.0f} %"
    if unit == "bytes":
        return word_size(int(value))
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _word_step(step: int) -> str:
    """`hour`, `6 hours`, `day`, `7 days`."""
    for size, unit in ((DAY, "day"), (HOUR, "hour"), (60, "minute")):
        if step >= size:
            return unit if step == size else f"{step // size} {unit}s"
    return f"{step} seconds"


def _word_moment(at: float, step: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d" if step >= DAY else "%Y-%m-%d %H:%M")
