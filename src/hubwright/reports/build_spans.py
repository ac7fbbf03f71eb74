"""Builds as spans: build, runs, stages, with the names of OpenTelemetry's conventions for CI/CD.

https://opentelemetry.io/docs/specs/semconv/cicd/cicd-spans/
https://opentelemetry.io/docs/specs/semconv/resource/cicd/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hubwright.domain.results import Result
from hubwright.domain.traces import Attributes, Span, TraceIds, split_rounds
from hubwright.store.views_values import BuildView, RunView, StageView

TASK_TYPES = frozenset({"build", "test", "deploy"})
"""Kinds of stages that the conventions know; a stage without a kind may have its name for one."""

MOST = 1000
"""Characters of an attribute or of what went wrong."""

_BAD = frozenset({Result.FAILURE.value, Result.ERROR.value, Result.TIMEOUT.value})
_NEAR = 0.001
"""Seconds: moments are kept by databases in microseconds."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of a build that is told of: when (Unix seconds), and how."""

    at: float
    result: str


class SpanWriter:
    """Writes the spans of builds. Addresses of builds begin with `public_url`, which also makes the numbers its own.

    Those of repositories begin with `clone_base`.
    """

    def __init__(self, public_url: str, clone_base: str = "https://github.com") -> None:
        self._clone_base = clone_base.rstrip("/")
        self._public_url = public_url.rstrip("/")
        self.ids = TraceIds(public_url)

    def find_round(self, build: BuildView, end: End) -> list[RunView]:
        """The runs of the round that ended so; none when it ended before it had one."""
        ended = [
            runs
            for runs in split_rounds((*build.runs, *build.earlier))
            if all(run.finished_at is not None and run.finished_at <= end.at + _NEAR for run in runs)
        ]
        return sorted(ended[-1], key=lambda run: run.id) if ended else []

    def describe_build(self, build: BuildView, *, on_github: bool) -> Attributes:
        """What all spans and log lines of the build share: its pipeline, itself, and its commit."""
        owner, _, name = build.repository.partition("/")
        known: dict[str, str | int | None] = {
            "cicd.pipeline.name": build.job,
            "cicd.pipeline.run.id": str(build.id),
            "cicd.pipeline.run.url.full": self._find_page(build),
            "vcs.repository.name": name or owner,
            "vcs.ref.head.name": build.branch or _short(build.ref),
            "vcs.ref.head.revision": build.sha,
            "vcs.ref.head.type": "tag" if build.ref.startswith("refs/tags/") else "branch",
        }
        if on_github:
            known |= {"vcs.provider.name": "github", "vcs.owner.name": owner}
            known["vcs.repository.url.full"] = f"{self._clone_base}/{build.repository}"
        if build.pull_request is not None:
            known |= {"vcs.change.id": str(build.pull_request), "vcs.change.title": build.message.partition("\n")[0]}
        return _known(known)

    def write_spans(self, build: BuildView, end: End) -> Iterator[Span]:
        """The round of a build that ended so: the build, the runs of this round, and their stages."""
        runs = self.find_round(build, end)
        root = self._write_build(build, end, runs)
        yield root
        for run in runs:
            yield from self._write_run(build, run, root)

    def _write_build(self, build: BuildView, end: End, runs: Sequence[RunView]) -> Span:
        again = any(run.id < runs[0].id for run in (*build.runs, *build.earlier)) if runs else False
        start = min(run.queued_at for run in runs) if again else build.queued_at
        more = {
            "cicd.pipeline.name": build.job,
            "cicd.pipeline.action.name": "BUILD",
            "cicd.pipeline.result": end.result,
            "error.type": end.result if end.result in _BAD else None,
            "hubwright.build.number": build.number,
            "hubwright.build.event": build.event,
            "hubwright.build.trust": build.trust,
        }
        return Span(
            trace=self.ids.of_build(build.id),
            id=self.ids.of_round(build.id, runs[0].id if runs else 0),
            parent=None,
            name=f"BUILD {build.job}",
            start=min(start, end.at),
            end=end.at,
            attributes=_known(more),
            served=True,
            error=_tell(end.result, build.problem),
        )

    def _write_run(self, build: BuildView, run: RunView, root: Span) -> Iterator[Span]:
        finish = root.end if run.finished_at is None else run.finished_at
        start = min(run.queued_at if run.started_at is None else run.started_at, finish)
        where = ", ".join(f"{axis}={value}" for axis, value in sorted(run.matrix.items()))
        name = f"{run.platform} ({where})" if where else run.platform
        page = f"{self._find_page(build)}/runs/{run.id}"
        more = {
            **self._describe_task(name, str(run.id), page, run.result),
            "cicd.worker.id": run.builder,
            "cicd.worker.name": run.builder,
            "hubwright.run.attempt": run.attempt,
            "hubwright.run.wait": round(start - run.queued_at, 3),
            "hubwright.tests.total": run.tests.total if run.tests else None,
            "hubwright.tests.failed": run.tests.failed if run.tests else None,
        }
        span = Span(
            trace=root.trace,
            id=self.ids.of_run(run.id),
            parent=root.id,
            name=name,
            start=start,
            end=finish,
            attributes=_known(more),
            error=_tell(run.result, run.detail),
        )
        yield span
        for stage in run.stages:
            if stage.started_at is not None or stage.result == Result.SKIP:  # else its turn never came
                yield self._write_stage(stage, run, span, f"{page}#stage-{stage.position}")

    def _write_stage(self, stage: StageView, run: RunView, around: Span, page: str) -> Span:
        """Its times are by the builder's clock: they are kept within the run's."""
        finish = _within(stage.finished_at, around, around.end)
        start = min(_within(stage.started_at, around, finish), finish)
        result = stage.result or run.result
        more = {
            **self._describe_task(stage.name, f"{run.id}-{stage.position}", page, result),
            "cicd.pipeline.task.type": kind if (kind := stage.kind or stage.name) in TASK_TYPES else None,
            "process.exit.code": stage.exit_code,
            "hubwright.stage.attempt": stage.attempt,
        }
        return Span(
            trace=around.trace,
            id=self.ids.of_stage(run.id, stage.position),
            parent=around.id,
            name=stage.name,
            start=start,
            end=finish,
            attributes=_known(more),
            error=_tell(result, stage.detail),
        )

    def _describe_task(self, name: str, number: str, page: str, result: str | None) -> dict[str, str | None]:
        return {
            "cicd.pipeline.task.name": name,
            "cicd.pipeline.task.run.id": number,
            "cicd.pipeline.task.run.url.full": page,
            "cicd.pipeline.task.run.result": result or Result.ERROR.value,
            "error.type": result if result in _BAD else None,
        }

    def _find_page(self, build: BuildView) -> str:
        return f"{self._public_url}/builds/{build.id}"


def _within(moment: float | None, around: Span, otherwise: float) -> float:
    return otherwise if moment is None else min(max(moment, around.start), around.end)


def _tell(result: str | None, why: str | None) -> str | None:
    """What went wrong, None when nothing did: a build that was cancelled or skipped is no error."""
    return (why or result or "")[:MOST] if result in _BAD else None


def _known(values: dict[str, str | int | None] | dict[str, str | int | float | None]) -> Attributes:
    return {
        key: value[:MOST] if isinstance(value, str) else value for key, value in values.items() if value is not None
    }


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
