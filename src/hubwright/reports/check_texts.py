"""What a check run shows beside its state: title, summary, failed tests, problems as annotations, buttons. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from hubwright.domain.known_failures import KnownFailure, split_issue, word_seen
from hubwright.domain.results import Result, State
from hubwright.domain.wording import make_visible, word_count, word_duration
from hubwright.github.check_runs import MAX_TITLE, Action, Annotation, CheckRun, Conclusion, Level, Status
from hubwright.github.requests import cut_text
from hubwright.reports.descriptions import describe_run, name_place
from hubwright.reports.markdown import write_block, write_cell, write_code, write_link
from hubwright.reports.sayings import Saying
from hubwright.store.views_results import ProblemView
from hubwright.store.views_values import BuildView, CaseView, RunView

MAX_ANNOTATIONS = 500
MAX_TESTS = 20
MAX_ROWS = 100

RERUN_FAILED, CANCEL = "rerun_failed", "cancel"
"""What GitHub tells us when somebody presses a button."""

_BUTTONS = {
    RERUN_FAILED: Action(label="Rerun failed", about="Begin again what did not succeed", identifier=RERUN_FAILED),
    CANCEL: Action(label="Cancel", about="Cancel what has not finished", identifier=CANCEL),
}
_CONCLUSIONS = {
    Result.SUCCESS: Conclusion.SUCCESS,
    Result.SKIP: Conclusion.SKIPPED,
    Result.FAILURE: Conclusion.FAILURE,
    Result.TIMEOUT: Conclusion.TIMED_OUT,
    Result.CANCELLATION: Conclusion.CANCELLED,
    Result.ERROR: Conclusion.FAILURE,  # ours, and the title says so: GitHub has no word that holds back a merge
}
_LEVELS = {"error": Level.FAILURE, "warning": Level.WARNING, "notice": Level.NOTICE}


@dataclass(frozen=True, slots=True)
class Details:
    """What an ended run has left: problems that name a file (`more` are not told), its first failed tests, and what is
    known of its failures.
    """

    problems: tuple[ProblemView, ...] = ()
    more: int = 0
    tests: tuple[CaseView, ...] = ()
    known: tuple[KnownFailure, ...] = ()


def form_check(saying: Saying, sha: str, public_url: str, details: Details | None = None) -> CheckRun:
    """The check run that says it; `details` of its run, when that has ended."""
    details = details or Details()
    url = f"{public_url}{saying.path}"
    return CheckRun(
        name=saying.name,
        sha=sha,
        title=cut_text(make_visible(saying.words), MAX_TITLE),
        summary=_summarise(saying, url, public_url),
        text=_write_text(details, saying.builds, public_url),
        status=_status(saying),
        conclusion=None if saying.result is None else _CONCLUSIONS[saying.result],
        details_url=url,
        external_id=saying.about,
        started_at=_start(saying),
        completed_at=_end(saying),
        annotations=find_annotations(details.problems),
        actions=_find_actions(saying),
    )


def find_annotations(problems: Sequence[ProblemView]) -> tuple[Annotation, ...]:
    """The problems that lie in a file of the repository, as GitHub shows them beside the lines."""
    placed = ((_place(one.file), one) for one in problems)
    return tuple(
        Annotation(
            path=path,
            message=make_visible(one.message),
            level=_LEVELS.get(one.severity, Level.NOTICE),
            line=one.line or 1,
            column=one.col,
            title=make_visible(one.code or one.matcher),
        )
        for path, one in placed
        if path is not None
    )


def _place(file: str | None) -> str | None:
    """The path as git has it; None for what lies outside of the repository."""
    path = posixpath.normpath((file or "").replace("\\", "/"))
    outside = path in {".", ".."} or path.startswith(("/", "../", ".git/")) or path[1:2] == ":" or "\x00" in path
    return None if outside else path


def _status(saying: Saying) -> Status:
    if saying.result is not None:
        return Status.COMPLETED
    return Status.IN_PROGRESS if saying.running else Status.QUEUED


def _find_actions(saying: Saying) -> tuple[Action, ...]:
    if not saying.builds or saying.result in {Result.SUCCESS, Result.SKIP}:
        return ()
    return (_BUTTONS[CANCEL],) if saying.result is None else (_BUTTONS[RERUN_FAILED],)


def _start(saying: Saying) -> float | None:
    if saying.run is not None:
        return saying.run.started_at
    return min((build.started_at for build in saying.builds if build.started_at is not None), default=None)


def _end(saying: Saying) -> float | None:
    if saying.result is None:
        return None
    if saying.run is not None:
        return saying.run.finished_at
    return max((build.finished_at for build in saying.builds if build.finished_at is not None), default=None)


def _summarise(saying: Saying, url: str, public_url: str) -> str:
    if saying.run is not None:
        return _summarise_run(saying.builds[0], saying.run, url)
    if not saying.builds:
        return f"{write_code(saying.words)}\n\n{write_link('The search', url)}"
    rows = [(build, run) for build in saying.builds for run in build.runs]
    lines = [f"| {_name(build, run)} | {write_cell(describe_run(run))} |" for build, run in rows[:MAX_ROWS]]
    table = ["| run | how it stands |", "|---|---|", *lines] if lines else []
    more = [f"\nand {word_count(len(rows) - MAX_ROWS, 'run')} more"] if len(rows) > MAX_ROWS else []
    problems = [write_block(build.problem) for build in saying.builds if build.problem and not build.runs]
    links = [write_link(f"Build #{build.number}", f"{public_url}/builds/{build.id}") for build in saying.builds]
    return "\n".join([*problems, *table, *more, "", " · ".join(links)])


def _name(build: BuildView, run: RunView) -> str:
    return write_cell(f"{build.job} ({name_place(run)})")


def _summarise_run(build: BuildView, run: RunView, url: str) -> str:
    lines = [f"{write_link(f'Build #{build.number}', url)} on {write_code(name_place(run))}"]
    if run.builder and run.state != State.QUEUED:
        lines[0] += f", builder {write_code(run.builder)}"
    if run.stages:
        lines += ["", "| stage | result | time |", "|---|---|---|"]
        for stage in run.stages[:MAX_ROWS]:
            took = (
                None if stage.started_at is None or stage.finished_at is None else stage.finished_at - stage.started_at
            )
            lines.append(f"| {write_cell(stage.name)} | {stage.result or stage.state} | {word_duration(took)} |")
    if run.tests is not None and run.tests.total:
        tests = run.tests
        lines += ["", f"{word_count(tests.total, 'test')}: {tests.failed:,} failed, {tests.skipped:,} skipped"]
    return "\n".join(lines)


def _write_text(details: Details, builds: Sequence[BuildView], public_url: str) -> str:
    parts = []
    if details.known:
        platforms = {run.platform for build in builds for run in build.runs}
        began = min((build.queued_at for build in builds), default=0.0)
        lines = (_write_known(one, word_seen(one, platforms, began), public_url) for one in details.known)
        parts += ["### What is known of the failures", "\n".join(lines)]
    if details.tests:
        parts.append("### Failed tests")
        parts += [_write_test(case) for case in details.tests[:MAX_TESTS]]
    elsewhere = [one for one in details.problems if _place(one.file) is None]
    if elsewhere:
        parts.append("### Problems outside of the repository")
        parts += [f"- {write_code(f'{one.file}:{one.line or 1}: {one.message}')}" for one in elsewhere[:MAX_TESTS]]
    if details.more:
        parts.append(f"{word_count(details.more, 'problem')} more in the build's page.")
    return "\n\n".join(parts)


def _write_known(one: KnownFailure, words: str, public_url: str) -> str:
    """An issue of GitHub's is in no code, so that GitHub makes a link of it."""
    issue = f", linked to {one.issue if split_issue(one.issue) else write_code(one.issue)}" if one.issue else ""
    link = write_link("failure", f"{public_url}/failures/{one.id}")
    return f"- {write_code(one.title)}: {link} {write_code(words)}{issue}"


def _write_test(case: CaseView) -> str:
    name = write_code(".".join(part for part in (case.classname, case.name) if part))
    return f"{name}\n\n{write_block(case.message)}" if case.message else name
