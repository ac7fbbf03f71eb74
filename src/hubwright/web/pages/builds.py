"""The page of a build: what went wrong first, then its runs and stages, tests, files, and the log of one run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.causes import explain_build
from hubwright.domain.estimates import time_left
from hubwright.domain.reproduction import write_commands
from hubwright.domain.traces import TraceIds
from hubwright.domain.waiting import hide_others
from hubwright.domain.wording import Look, look_of
from hubwright.hub.differences import Difference
from hubwright.store.views_values import BuildView, CaseView, RunView
from hubwright.web.askers import folders_of
from hubwright.web.pages.build_rows import Rows, load_rows, went_wrong
from hubwright.web.pages.findings import COUNTED, find_lines, make_room
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number
from hubwright.web.pages.log_lines import LogLines, RunLog, StageLog
from hubwright.web.pages.logs import LogPages
from hubwright.web.pages.recorder import LAST_WORDS, BlackBox, open_box
from hubwright.web.pages.timeline import draw_timeline

_PROBLEMS = 6
_BEFORE, _SHOWN = 4, 14
_CROWDED = 3  # problems, after which each shows half as many lines


@dataclass(frozen=True, slots=True)
class Problem:
    """A run that did not end well: the stage, the lines around what went wrong, the failed tests."""

    run: RunView
    look: Look
    part: StageLog | None
    excerpt: str
    cases: tuple[CaseView, ...]


class BuildPages:
    """`/builds/{id}` and its runs, and lines of its logs."""

    def __init__(self, frame: Frame, logs: LogLines) -> None:
        self._frame = frame
        self._logs = logs
        self._log_pages = LogPages(frame, logs)

    async def show(self, request: Request) -> Response:
        """`GET /builds/{id}` and `GET /builds/{id}/runs/{run}`."""
        wanted = request.path_params.get("run")
        now = self._frame.site.clock()
        rows = await self._frame.site.database.read(
            lambda connection: load_rows(connection, request.path_params["id"], wanted, now, self._frame.site)
        )
        if folders_of(request) is not None:
            rows = replace(rows, waits={run: hide_others(waiting) for run, waiting in rows.waits.items()})
        build = rows.build
        run = rows.chosen
        shown = [one for one in build.runs if went_wrong(one)][:_PROBLEMS]
        for one in {each.id for each in (*shown, *([] if run is None else [run]))}:
            await self._frame.site.copies.bring(one)
        log, problems = await asyncio.to_thread(self._read_logs, rows, run, read_number(request, "line"))
        findings = await asyncio.to_thread(find_lines, rows.found, self._logs, build.runs)
        groups = {} if run is None else {run.id: await asyncio.to_thread(self._logs.time_groups, run)}
        box = await asyncio.to_thread(self._open_box, rows, run) if run is not None else None
        held = build.state == "queued" and any(each.state == "held" and not each.limited for each in build.runs)
        live = build.state != "finished"
        part = next((problem.part for problem in problems if run is not None and problem.run.id == run.id), None)
        again = rows.reproduce(part.name if part is not None and part.stage is not None else None)
        return self._frame.show(
            request,
            "build.html",
            rows=rows,
            build=build,
            look=look_of("held" if held else build.state, build.result),
            held=held,
            difference=await self._compare(build) if held else None,
            log=log,
            line=read_number(request, "line"),
            found=await self._log_pages.find(request, run),
            problems=problems,
            unshown=[each for each in build.runs if went_wrong(each)][_PROBLEMS:],
            findings=findings,
            counted=COUNTED,
            room=make_room(len(problems), len(build.runs)),
            box=box,
            timeline=draw_timeline(build, now, groups),
            trace=self._find_trace(build),
            left=None if build.started_at is None else time_left(rows.usual, now - build.started_at),
            because=explain_build(
                build.event, build.branch or build.ref, build.pull_request, build.author_name or build.author_login
            ),
            again=None if again is None else write_commands(again),
            scrolls=wanted is not None and request.query_params.get("line") is None,
            stream=f"/fragments/stream?build={build.id}" + (f"&run={run.id}" if run else "") if live else None,
        )

    def _find_trace(self, build: BuildView) -> str | None:
        """Where a backend of OpenTelemetry shows the build, when one was named and has been told of it."""
        site = self._frame.site
        if site.trace_url is None or build.state != "finished":
            return None
        return site.trace_url.replace("{trace}", TraceIds(site.public_url).of_build(build.id))

    async def _compare(self, build: BuildView) -> Difference | None:
        """What who approves has to look at."""
        return await asyncio.to_thread(self._frame.site.difference_of, build.id)

    def _read_logs(self, rows: Rows, run: RunView | None, line: int | None) -> tuple[RunLog | None, list[Problem]]:
        bad = [each for each in rows.build.runs if went_wrong(each)]
        lines = _SHOWN if len(bad) <= _CROWDED else _SHOWN // 2
        problems = [self._read_problem(each, rows.found.cases.get(each.id, ()), lines) for each in bad[:_PROBLEMS]]
        return (self._logs.open(run, line) if run else None), problems

    def _open_box(self, rows: Rows, run: RunView) -> BlackBox | None:
        def read_words() -> str:
            lines = self._logs.count(run.id)
            links = f"/builds/{run.build_id}/runs/{run.id}"
            return self._logs.paint(run.id, max(lines - LAST_WORDS + 1, 1), LAST_WORDS, links) if lines else ""

        return open_box(rows.recording, self._frame.site.flight_of(run.id), read_words)

    def _read_problem(self, run: RunView, cases: tuple[CaseView, ...], lines: int) -> Problem:
        part = next((stage for stage in self._logs.stages(run) if stage.failed and not _forgiven(stage)), None)
        excerpt = ""
        if part is not None and part.error is not None:
            first = max(part.first, part.error - min(_BEFORE, lines // 2))
            links = f"/builds/{run.build_id}/runs/{run.id}"
            excerpt = self._logs.paint(run.id, first, min(lines, part.last - first + 1), links)
        return Problem(run, look_of(run.state, run.result), part, excerpt, cases)


def _forgiven(part: StageLog) -> bool:
    return part.stage is not None and part.stage.allow_failure
