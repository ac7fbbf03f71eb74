"""What there is to say of a commit, each under a name of its own, in the order in which it is said. Pure.

How it is said (as statuses, as check runs) is the reporters' concern.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hubwright.domain.known_failures import KnownFailure, word_before
from hubwright.domain.results import Result, State, verdict
from hubwright.domain.sights import word_targets
from hubwright.domain.wording import make_visible
from hubwright.github.requests import MAX_CONTEXT, cut_text
from hubwright.reports.descriptions import describe_build, describe_builds, describe_run, name_place, read_result
from hubwright.store.views_bisections import CulpritView
from hubwright.store.views_values import BuildView, RunView

ROLL_UP = "hubwright"
"""The name of the whole commit, made to be required by a branch protection: it stays when platforms change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Saying:
    """How something stands. `result` is None until it has ended, `path` leads to its page at this hub.

    `about` is the same as long as the same thing is spoken of: another attempt of a run is another thing. `builds` are
    those that it is about, `run` is set when it is about one of their runs.
    """

    name: str
    about: str
    words: str
    path: str
    result: Result | None = None
    running: bool = False
    builds: tuple[BuildView, ...] = ()
    run: RunView | None = None


def find_sayings(
    builds: Sequence[BuildView],
    broken_by: Mapping[int, Sequence[CulpritView]] | None = None,
    known: Mapping[int, Sequence[KnownFailure]] | None = None,
) -> list[Saying]:
    """How a commit stands by its builds, newest first: of each run the newest build's, then the roll-up.

    A roll-up that is open goes out first, another one last, so that a commit never looks ready before it is. Of a
    run in `broken_by` it is said who broke it, of one in `known` since when its failure is known.
    """
    if not builds:
        return []
    found: dict[str, Saying] = {}
    for build in reversed(builds):
        for run in build.runs:
            saying = _of_run(build, run, (broken_by or {}).get(run.id, ()), (known or {}).get(run.id, ()))
            found[saying.name] = saying
    roll_up = _roll_up(builds)
    pending = [saying for saying in found.values() if saying.result is None]
    ended = [saying for saying in found.values() if saying.result is not None]
    return [roll_up, *pending, *ended] if roll_up.result is None else [*ended, roll_up]


def find_guilt(guilt: Sequence[tuple[str, CulpritView]]) -> list[Saying]:
    """What the commit broke, under a name of its own for each job: `breaks test_x since here`."""
    by_job: dict[str, list[CulpritView]] = {}
    for job, one in guilt:
        by_job.setdefault(job, []).append(one)
    return [_of_guilt(job, found) for job, found in by_job.items()]


def newest_of_each_job(builds: Sequence[BuildView]) -> list[BuildView]:
    """A build that had nothing to do (a tag, say) does not hide what an earlier one has found."""
    newest: dict[int, BuildView] = {}
    for build in builds:
        known = newest.get(build.job_id)
        if known is None or (known.result == Result.SKIP and build.result != Result.SKIP):
            newest[build.job_id] = build
    return list(newest.values())


def fit_context(text: str) -> str:
    """The name in GitHub's 255 characters; one that is cut stays different from others that begin alike."""
    text = make_visible(text)
    if len(text) <= MAX_CONTEXT:
        return cut_text(text, MAX_CONTEXT)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{cut_text(text, MAX_CONTEXT - 9)} {digest}"


def _of_guilt(job: str, found: Sequence[CulpritView]) -> Saying:
    targets = list(dict.fromkeys(each for one in found for each in one.targets))
    return Saying(
        name=fit_context(f"{ROLL_UP} / {job} (bisect)"),
        about=f"bisection-{found[0].bisection}",
        words=f"breaks {word_targets(targets)} since here",
        path=f"/bisections/{found[0].bisection}",
        result=Result.FAILURE,
    )


def _of_run(build: BuildView, run: RunView, culprits: Sequence[CulpritView], known: Sequence[KnownFailure]) -> Saying:
    blame = f"broken by {'; '.join(one.words for one in culprits)}; " if culprits else ""
    before = word_before(known, build.queued_at)
    blame += f"{before}; " if before else ""
    return Saying(
        name=fit_context(f"{ROLL_UP} / {build.job} ({name_place(run)})"),
        about=f"run-{run.id}",
        words=blame + describe_run(run),
        path=f"/builds/{build.id}",
        result=read_result(run.result) if run.state == State.FINISHED else None,
        running=run.state == State.RUNNING,
        builds=(build,),
        run=run,
    )


def _roll_up(builds: Sequence[BuildView]) -> Saying:
    """Open while any build is open, then the verdict over the newest build of each job."""
    newest = newest_of_each_job(builds)
    unfinished = next((build for build in builds if build.state != State.FINISHED), None)
    if unfinished is not None:
        running, words = unfinished.state == State.RUNNING, describe_build(unfinished)
        return _of_all(newest, unfinished, None, words, running=running)
    result = verdict(read_result(build.result) for build in newest)
    shown = next(build for build in newest if read_result(build.result) is result)
    return _of_all(newest, shown, result, describe_builds(newest, result))


def _of_all(
    builds: Sequence[BuildView], shown: BuildView, result: Result | None, words: str, *, running: bool = False
) -> Saying:
    return Saying(
        name=ROLL_UP, about="commit", words=words, path=f"/builds/{shown.id}",
        result=result, running=running, builds=tuple(builds),
    )  # fmt: skip
