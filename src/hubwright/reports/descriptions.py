"""How a build or run stands, in one short line for people who see nothing else of it. Pure.

What the recipe and the builder said is in it as it came: hidden characters are the caller's to show.
"""

from __future__ import annotations

from collections.abc import Sequence

from hubwright.domain.results import Result, State
from hubwright.domain.test_difference import Change
from hubwright.domain.wording import word_count, word_duration
from hubwright.store.views_values import BuildView, RunView, StageView, Totals

_VERBS = {
    Result.FAILURE: "failed",
    Result.TIMEOUT: "timed out",
    Result.ERROR: "broke down",
    Result.CANCELLATION: "cancelled",
}
_NOTHING = "nothing to do"
_HELD = "waits for approval"


def describe_run(run: RunView) -> str:
    """Such as `passed in 42 s: 25 tests` or `stage test failed: exit code 2 (3 of 25 tests failed)`."""
    if run.state != State.FINISHED:
        return _unfinished_run(run)
    match read_result(run.result):
        case Result.SUCCESS:
            return _passed(run.started_at, run.finished_at, run.tests)
        case Result.SKIP:
            return _NOTHING
        case Result.CANCELLATION:
            return _with_reason("cancelled", run.cancel or run.detail)
        case result:
            return _broken(run, result)


def describe_build(build: BuildView) -> str:
    """The same for a build as a whole; what made it end as it did comes first."""
    if build.state != State.FINISHED:
        return _unfinished(build)
    result = read_result(build.result)
    if result is Result.SUCCESS:
        return _passed(build.started_at, build.finished_at, build.tests)
    guilty = [run for run in build.runs if run.result == result]
    if not guilty:
        return _NOTHING if result is Result.SKIP else _first_line(build.problem) or _VERBS[result]
    if len(build.runs) == 1 or result is Result.SKIP:
        return describe_run(guilty[0])
    if len(guilty) == 1:
        return f"{name_place(guilty[0])}: {describe_run(guilty[0])}"
    return f"{len(guilty)} of {len(build.runs)} runs {_VERBS[result]}: {', '.join(map(name_place, guilty))}"


def describe_builds(builds: Sequence[BuildView], result: Result) -> str:
    """The same for finished builds of several jobs, whose verdict is `result`."""
    if len(builds) == 1:
        return describe_build(builds[0])
    guilty = [build for build in builds if build.result == result]
    if result is Result.SKIP:
        return _NOTHING
    if result is Result.SUCCESS:
        return f"{word_count(len(guilty), 'job')} passed"
    if len(guilty) == 1:
        return f"{guilty[0].job}: {describe_build(guilty[0])}"
    return f"{len(guilty)} of {len(builds)} jobs {_VERBS[result]}: {', '.join(build.job for build in guilty)}"


def name_place(run: RunView) -> str:
    """Platform and matrix point of a run: `debian-13, python=3.11`."""
    return ", ".join([run.platform, *(f"{key}={value}" for key, value in run.matrix.items())])


def read_result(result: str | None) -> Result:
    """A stored result; nothing where something should be is our error."""
    return Result(result) if result else Result.ERROR


def _unfinished_run(run: RunView) -> str:
    if run.state == State.HELD and not run.limited:
        return _HELD
    if run.state == State.RUNNING:
        return _with_reason("running", f"on builder {run.builder}" if run.builder else None, " ")
    return "queued" if run.attempt == 1 else f"queued again (attempt {run.attempt})"


def _unfinished(build: BuildView) -> str:
    if build.state == State.RUNNING:
        return "running"
    if any(run.state == State.HELD and not run.limited for run in build.runs):
        return _HELD
    return _with_reason("waiting", _first_line(build.problem)) if build.problem else "queued"


def _passed(started: float | None, finished: float | None, tests: Totals | None) -> str:
    words = "passed"
    if started is not None and finished is not None:
        words += f" in {word_duration(finished - started)}"
    if tests is None or not tests.total:
        return words
    skipped = f", {tests.skipped} skipped" if tests.skipped else ""
    return f"{words}: {word_count(tests.total, 'test')}{skipped}"


def _broken(run: RunView, result: Result) -> str:
    stage = next((stage for stage in run.stages if _is_guilty(stage)), None)
    if stage is None:
        words = _with_reason(_VERBS[result], run.detail)
    else:
        words = _with_reason(f"stage {stage.name} {_VERBS[read_result(stage.result)]}", _reason(stage))
    if run.tests is None or not run.tests.failed:
        return words
    fresh = (run.tests_difference or {}).get(Change.NOW_FAILING.value)
    only_now = f", {fresh:,} now failing" if fresh and run.tests_previous is not None else ""
    return f"{words} ({run.tests.failed:,} of {word_count(run.tests.total, 'test')} failed{only_now})"


def _is_guilty(stage: StageView) -> bool:
    return not stage.allow_failure and stage.result in {Result.FAILURE, Result.TIMEOUT, Result.ERROR}


def _reason(stage: StageView) -> str | None:
    """A plain exit code, else what the builder said: it knows of signals, folders and time."""
    if stage.exit_code is not None and 0 < stage.exit_code < 128 and stage.result == Result.FAILURE:
        return f"exit code {stage.exit_code}"
    return stage.detail


def _with_reason(words: str, reason: str | None, joint: str = ": ") -> str:
    shown = _first_line(reason).rstrip(".")
    return f"{words}{joint}{shown}" if shown else words


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0].strip()
