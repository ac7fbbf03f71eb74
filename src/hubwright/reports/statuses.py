"""GitHub's commit statuses: one for each job and platform, and one for the whole commit.

A status is a state and no event: each report only says that a commit's builds have moved on, and what is then told is
how they stand at that moment. So late, doubled and swapped facts all lead to the same statuses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.results import Result, State, verdict
from hubwright.domain.sights import word_targets
from hubwright.domain.wording import make_visible
from hubwright.github.client import GitHubClient
from hubwright.github.requests import MAX_CONTEXT, MAX_DESCRIPTION, CommitStatus, StatusState, cut_text
from hubwright.reports import Report
from hubwright.reports.descriptions import describe_build, describe_builds, describe_run, name_place, read_result
from hubwright.store.database import Database
from hubwright.store.reports import load_commit_builds
from hubwright.store.views_bisections import CulpritView, load_culprit_commits, load_culprits_by_run
from hubwright.store.views_values import BuildView

ROLL_UP = "hubwright"
"""The context of the whole commit, made to be required by a branch protection: it stays when platforms change."""

_KINDS = frozenset(
    {
        FactKind.BUILD_QUEUED,
        FactKind.BUILD_STARTED,
        FactKind.BUILD_FINISHED,
        FactKind.BUILD_HELD,
        FactKind.BUILD_APPROVED,
        FactKind.APPROVAL_REARMED,
        FactKind.RUN_QUEUED,
        FactKind.RUN_STARTED,
        FactKind.RUN_FINISHED,
        FactKind.BISECTION_ENDED,
        FactKind.CULPRIT_FOUND,
    }
)
_STATES = {
    Result.SUCCESS: StatusState.SUCCESS,
    Result.SKIP: StatusState.SUCCESS,  # nothing to do is no reason to hold back a merge
    Result.FAILURE: StatusState.FAILURE,
    Result.ERROR: StatusState.ERROR,
    Result.TIMEOUT: StatusState.ERROR,  # as in exit codes: whether code or machine was too slow, nobody knows
    Result.CANCELLATION: StatusState.ERROR,
}


class StatusReporter:
    """Posts statuses through `client`; `public_url` is where people reach our pages. Safe from many threads."""

    name = "statuses"

    def __init__(self, database: Database, client: GitHubClient, public_url: str) -> None:
        self._database = database
        self._client = client
        self._public_url = public_url.rstrip("/")

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """The commit whose builds have moved on."""
        repository, sha = fact.data.get("repository"), fact.data.get("sha")
        if fact.kind not in _KINDS or not isinstance(repository, str) or "/" not in repository or not sha:
            return ()
        return (Report(target=f"{repository}@{sha}"),)

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:  # noqa: ARG002
        """Post what has changed since `said`, context by context; the bodies are empty. Raises GitHubError."""
        repository, _, sha = target.rpartition("@")
        with self._database.reading() as connection:
            builds = load_commit_builds(connection, repository, sha)
            broken_by = load_culprits_by_run(connection, repository, sha)
            guilt = load_culprit_commits(connection, repository, sha)
        guilty = form_guilt(repository, sha, guilt, self._public_url)
        for status in [*guilty, *form_statuses(builds, self._public_url, broken_by)]:
            words = [status.state.value, status.description, status.target_url]
            if said.get(status.context) == words:
                continue
            self._client.post_status(
                status.owner, status.repository, status.sha, status.state, status.context,
                status.description, status.target_url,
            )  # fmt: skip
            said[status.context] = words


def form_guilt(
    repository: str, sha: str, guilt: Sequence[tuple[str, CulpritView]], public_url: str
) -> list[CommitStatus]:
    """What the commit broke, in a context of its own for each job: `breaks test_x since here`."""
    owner, _, name = repository.partition("/")
    by_job: dict[str, list[CulpritView]] = {}
    for job, one in guilt:
        by_job.setdefault(job, []).append(one)
    return [
        CommitStatus(
            owner=owner,
            repository=name,
            sha=sha,
            state=StatusState.FAILURE,
            context=fit_context(f"{ROLL_UP} / {job} (bisect)"),
            description=_fit(
                f"breaks {word_targets(list(dict.fromkeys(each for one in found for each in one.targets)))} since here"
            ),
            target_url=f"{public_url}/bisections/{found[0].bisection}",
        )
        for job, found in by_job.items()
    ]


def form_statuses(
    builds: Sequence[BuildView], public_url: str, broken_by: Mapping[int, Sequence[CulpritView]] | None = None
) -> list[CommitStatus]:
    """How a commit stands by its builds, newest first: of each run the newest build's, then the roll-up.

    A roll-up that is pending goes out first, another one last, so that a commit never looks ready before it is. Of a
    run in `broken_by` it is said who broke it.
    """
    if not builds:
        return []
    found: dict[str, CommitStatus] = {}
    for build in reversed(builds):
        for run in build.runs:
            context = fit_context(f"{ROLL_UP} / {build.job} ({name_place(run)})")
            state = _state(run.state, run.result)
            culprits = (broken_by or {}).get(run.id, ())
            blame = f"broken by {'; '.join(one.words for one in culprits)}; " if culprits else ""
            found[context] = _status(build, state, context, blame + describe_run(run), public_url)
    roll_up = _roll_up(builds, public_url)
    pending = [status for status in found.values() if status.state is StatusState.PENDING]
    ended = [status for status in found.values() if status.state is not StatusState.PENDING]
    return [roll_up, *pending, *ended] if roll_up.state is StatusState.PENDING else [*ended, roll_up]


def _roll_up(builds: Sequence[BuildView], public_url: str) -> CommitStatus:
    """Pending while any build is open, then the verdict over the newest build of each job."""
    unfinished = next((build for build in builds if build.state != State.FINISHED), None)
    if unfinished is not None:
        return _status(unfinished, StatusState.PENDING, ROLL_UP, describe_build(unfinished), public_url)
    newest = _newest_of_each_job(builds)
    result = verdict(read_result(build.result) for build in newest)
    shown = next(build for build in newest if read_result(build.result) is result)
    return _status(shown, _STATES[result], ROLL_UP, describe_builds(newest, result), public_url)


def _newest_of_each_job(builds: Sequence[BuildView]) -> list[BuildView]:
    """A build that had nothing to do (a tag, say) does not hide what an earlier one has found."""
    newest: dict[int, BuildView] = {}
    for build in builds:
        known = newest.get(build.job_id)
        if known is None or (known.result == Result.SKIP and build.result != Result.SKIP):
            newest[build.job_id] = build
    return list(newest.values())


def _state(state: str, result: str | None) -> StatusState:
    return _STATES[read_result(result)] if state == State.FINISHED else StatusState.PENDING


def _status(build: BuildView, state: StatusState, context: str, description: str, public_url: str) -> CommitStatus:
    owner, _, name = build.repository.partition("/")
    return CommitStatus(
        owner=owner,
        repository=name,
        sha=build.sha,
        state=state,
        context=context,
        description=_fit(description),
        target_url=f"{public_url}/builds/{build.id}",
    )


def _fit(description: str) -> str:
    return cut_text(make_visible(description), MAX_DESCRIPTION)


def fit_context(text: str) -> str:
    """The context in GitHub's 255 characters; one that is cut stays different from others that begin alike."""
    text = make_visible(text)
    if len(text) <= MAX_CONTEXT:
        return cut_text(text, MAX_CONTEXT)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{cut_text(text, MAX_CONTEXT - 9)} {digest}"
