"""The page of a build: what went wrong first, then its runs and stages, tests, files, and the log of one run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hubwright.domain.waiting import Waiting, hide_others
from hubwright.domain.wording import Look, look_of
from hubwright.errors import NotFoundError
from hubwright.hub.approvals import approve
from hubwright.hub.builds import cancel, rerun
from hubwright.hub.differences import Difference
from hubwright.store.approvals import Approver
from hubwright.store.recordings import Kept, load_causes, load_recording
from hubwright.store.report_troubles import Trouble, load_troubles_of
from hubwright.store.views import load_build
from hubwright.store.views_bisections import BisectionView, load_searches_of
from hubwright.store.views_history import Neighbours, load_neighbours, load_usual_duration
from hubwright.store.views_lists import load_artifacts
from hubwright.store.views_values import ArtifactView, BuildView, CaseView, RunView
from hubwright.store.views_waiting import load_waits
from hubwright.web.api.reports import tell_again
from hubwright.web.askers import folders_of
from hubwright.web.pages.charts import Span, draw_gantt
from hubwright.web.pages.findings import COUNTED, Findings, find_lines, load_findings
from hubwright.web.pages.frame import HEADERS, Frame
from hubwright.web.pages.jobs import read_number
from hubwright.web.pages.log_lines import LogLines, RunLog, StageLog
from hubwright.web.pages.recorder import LAST_WORDS, BlackBox, open_box
from hubwright.web.site import FACTS, Site

_PROBLEMS = 6
_BEFORE, _SHOWN = 4, 14


@dataclass(frozen=True, slots=True)
class Problem:
    """A run that did not end well: the stage, the lines around what went wrong, the failed tests."""

    run: RunView
    look: Look
    part: StageLog | None
    excerpt: str
    cases: tuple[CaseView, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """What the database knows of the build."""

    build: BuildView
    next_to: Neighbours
    usual: float | None
    artifacts: tuple[ArtifactView, ...]
    found: Findings
    waits: dict[int, Waiting]
    recording: Kept | None
    causes: dict[int, str]
    searches: list[tuple[BisectionView, int | None]]
    untold: tuple[Trouble, ...]


class BuildPages:
    """`/builds/{id}` and its runs, and what people may ask of a build."""

    def __init__(self, frame: Frame, logs: LogLines) -> None:
        self._frame = frame
        self._logs = logs

    async def show(self, request: Request) -> Response:
        """`GET /builds/{id}` and `GET /builds/{id}/runs/{run}`."""
        wanted = request.path_params.get("run")
        now = self._frame.site.clock()
        rows = await self._frame.site.database.read(
            lambda connection: _load_rows(connection, request.path_params["id"], wanted, now, self._frame.site)
        )
        if folders_of(request) is not None:
            rows = replace(rows, waits={run: hide_others(waiting) for run, waiting in rows.waits.items()})
        build = rows.build
        run = _choose_run(build, wanted)
        log, problems = await asyncio.to_thread(self._read_logs, rows, run, read_number(request, "line"))
        findings = await asyncio.to_thread(find_lines, rows.found, self._logs, build.runs)
        box = await asyncio.to_thread(self._open_box, rows, run) if run is not None else None
        held = build.state == "queued" and any(each.state == "held" and not each.limited for each in build.runs)
        live = build.state != "finished"
        end = build.finished_at or self._frame.site.clock()
        return self._frame.show(
            request,
            "build.html",
            rows=rows,
            build=build,
            look=look_of("held" if held else build.state, build.result),
            held=held,
            difference=await self._compare(build) if held else None,
            log=log,
            problems=problems,
            findings=findings,
            counted=COUNTED,
            box=box,
            spans=_draw_spans(build, end),
            scrolls=wanted is not None and request.query_params.get("line") is None,
            stream=f"/fragments/stream?build={build.id}" + (f"&run={run.id}" if run else "") if live else None,
        )

    async def fragment(self, request: Request) -> Response:
        """`GET /fragments/runs/{run}/log?from_line=&lines=`: a part of a log as HTML, at most 1,000 lines."""
        run: int = request.path_params["run"]
        first, count = read_number(request, "from_line") or 1, read_number(request, "lines")

        def read() -> tuple[str, int, int]:
            whole, lines = self._logs.whole_lines(run), self._logs.count(run)  # before reading: a promise kept
            return self._logs.paint(run, first, 1_000 if count is None else count), whole, lines

        html, whole, lines = await asyncio.to_thread(read)
        told = {"Log-Whole-Lines": str(whole), "Log-Lines": str(lines)}
        return Response(html, headers=HEADERS | told, media_type="text/html")

    async def rerun(self, request: Request) -> Response:
        """`POST /builds/{id}/rerun`, with `?failed` only what did not succeed."""
        await self._frame.require(request, "write")
        build_id: int = request.path_params["id"]
        now, failed_only = self._frame.site.clock(), "failed" in request.query_params
        await self._frame.site.database.write_soon(
            lambda connection: rerun(connection, build_id, now, failed_only=failed_only)
        )
        return self._changed(build_id)

    async def cancel(self, request: Request) -> Response:
        """`POST /builds/{id}/cancel`."""
        asker = await self._frame.require(request, "write")
        build_id: int = request.path_params["id"]
        now, reason = self._frame.site.clock(), f"Cancelled on the web page by {asker.name}."
        await self._frame.site.database.write_soon(lambda connection: cancel(connection, build_id, now, reason))
        return self._changed(build_id)

    async def tell(self, request: Request) -> Response:
        """`POST /builds/{id}/tell`: tell again what GitHub could not be told."""
        await self._frame.require(request, "write")
        build_id: int = request.path_params["id"]
        now = self._frame.site.clock()
        await self._frame.site.database.write_soon(lambda connection: tell_again(connection, build_id, now))
        self._frame.site.wake("reports")
        return RedirectResponse(f"/builds/{build_id}", 303)

    async def approve(self, request: Request) -> Response:
        """`POST /builds/{id}/approve?sha=&base=`: the commit that the page showed, and the branch that it is for."""
        asker = await self._frame.require(request, "write")
        build_id: int = request.path_params["id"]
        by = Approver(token_name=asker.name, token_id=asker.token_id)
        now, sha, base = self._frame.site.clock(), request.query_params.get("sha", ""), request.query_params.get("base")
        await self._frame.site.database.write_soon(lambda connection: approve(connection, build_id, sha, by, now, base))
        return self._changed(build_id)

    async def _compare(self, build: BuildView) -> Difference | None:
        """What who approves has to look at."""
        return await asyncio.to_thread(self._frame.site.difference_of, build.id)

    def _changed(self, build_id: int) -> Response:
        site = self._frame.site
        site.wake("runs")
        site.wake("facts")
        site.bell.ring(FACTS)
        return RedirectResponse(f"/builds/{build_id}", 303)

    def _read_logs(self, rows: Rows, run: RunView | None, line: int | None) -> tuple[RunLog | None, list[Problem]]:
        bad = [each for each in rows.build.runs if _went_wrong(each)]
        problems = [self._read_problem(each, rows.found.cases.get(each.id, ())) for each in bad[:_PROBLEMS]]
        return (self._logs.open(run, line) if run else None), problems

    def _open_box(self, rows: Rows, run: RunView) -> BlackBox | None:
        def read_words() -> str:
            lines = self._logs.count(run.id)
            links = f"/builds/{run.build_id}/runs/{run.id}"
            return self._logs.paint(run.id, max(lines - LAST_WORDS + 1, 1), LAST_WORDS, links) if lines else ""

        return open_box(rows.recording, self._frame.site.flight_of(run.id), read_words)

    def _read_problem(self, run: RunView, cases: tuple[CaseView, ...]) -> Problem:
        part = next((stage for stage in self._logs.stages(run) if stage.failed and not _forgiven(stage)), None)
        excerpt = ""
        if part is not None and part.error is not None:
            first = max(part.first, part.error - _BEFORE)
            links = f"/builds/{run.build_id}/runs/{run.id}"
            excerpt = self._logs.paint(run.id, first, min(_SHOWN, part.last - first + 1), links)
        return Problem(run, look_of(run.state, run.result), part, excerpt, cases)


def _load_rows(connection: Connection, build_id: int, wanted: int | None, now: float, site: Site) -> Rows:
    build = load_build(connection, build_id)
    chosen = _choose_run(build, wanted)
    runs = [run.id for run in build.runs]
    return Rows(
        build,
        load_neighbours(connection, build),
        load_usual_duration(connection, build.job_id),
        load_artifacts(connection, runs),
        load_findings(connection, build, site.clone_base),
        load_waits(connection, build, now, site.platform_limits) if build.state != "finished" else {},
        None if chosen is None else load_recording(connection, chosen.id),
        load_causes(connection, [run.id for run in build.earlier]),
        load_searches_of(connection, build_id),
        load_troubles_of(connection, build),
    )


def _choose_run(build: BuildView, wanted: int | None) -> RunView | None:
    """The run whose log is shown: the one asked for, else the first that went wrong, else one that runs."""
    if wanted is not None:
        for run in (*build.runs, *build.earlier):
            if run.id == wanted:
                return run
        raise NotFoundError(f"Build {build.id} has no run {wanted}.")
    order: Sequence[RunView] = sorted(build.runs, key=lambda run: (not _went_wrong(run), run.state != "running"))
    return order[0] if order else None


def _went_wrong(run: RunView) -> bool:
    return run.result in {"failure", "error", "timeout"} or any(
        stage.result in {"failure", "error", "timeout"} and not stage.allow_failure for stage in run.stages
    )


def _forgiven(part: StageLog) -> bool:
    return part.stage is not None and part.stage.allow_failure


def _draw_spans(build: BuildView, end: float) -> dict[int, list[Span]]:
    """All runs on one axis, from the moment the build was queued (or its newest attempt was)."""
    start = min((run.queued_at for run in build.runs), default=build.queued_at)
    return {run.id: draw_gantt(run, start, end) for run in build.runs}
