"""GitHub's commit statuses: one for each job and platform, and one for the whole commit.

A status is a state and no event: each report only says that a commit's builds have moved on, and what is then told is
how they stand at that moment. So late, doubled and swapped facts all lead to the same statuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.fingerprints import BAD
from hubwright.domain.results import Result
from hubwright.domain.wording import make_visible
from hubwright.errors import GitHubRefusedError
from hubwright.github.client import GitHubClient
from hubwright.github.requests import (
    MAX_DESCRIPTION,
    CommitStatus,
    Request,
    StatusState,
    cut_text,
    form_path,
    form_status,
)
from hubwright.reports import Report
from hubwright.reports.sayings import Saying, find_guilt, find_sayings
from hubwright.store.database import Database
from hubwright.store.reports import load_commit_builds
from hubwright.store.views_bisections import CulpritView, load_culprit_commits, load_culprits_by_run
from hubwright.store.views_failures import load_failures_of_runs
from hubwright.store.views_values import BuildView

MOST = 500
"""Writes for one commit in one go; a commit has no more platforms and jobs."""

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
        for _ in range(MOST):
            if not self._post_next(partial(self._find_news, repository, sha, said), said):
                return

    def recall(self, target: str, said: dict[str, Any]) -> None:
        """Remember what GitHub has of ours; nothing where it does not show that. Raises GitHubError."""
        repository, _, sha = target.rpartition("@")
        path = form_path("repos", *repository.split("/", 1), "commits", sha, "statuses")
        try:
            answer = self._client.get(f"{path}?per_page=100", owner=repository.partition("/")[0], remember=False)
        except GitHubRefusedError:
            return  # what is told next tells why
        listed = answer.json if isinstance(answer.json, list) else []
        for one in reversed([one for one in listed if isinstance(one, dict)]):  # the newest come first
            if str(one.get("target_url")).startswith(f"{self._public_url}/"):
                said[str(one.get("context"))] = [one.get("state"), one.get("description"), one.get("target_url")]

    def _post_next(self, find_news: Callable[[], CommitStatus | None], said: dict[str, Any]) -> bool:
        """Post the first news as it stands when the turn has come, not as it stood before; False: there is none."""
        status = find_news()
        if status is None:
            return False

        def form() -> Request | None:
            nonlocal status
            status = find_news()
            return None if status is None else form_status(status)

        if self._client.send_newest(form_status(status), form) is not None:
            said[status.context] = _words(status)
        return True

    def _find_news(self, repository: str, sha: str, said: Mapping[str, Any]) -> CommitStatus | None:
        sayings = load_sayings(self._database, repository, sha)
        statuses = (_status(one, repository, sha, self._public_url) for one in sayings)
        return next((status for status in statuses if said.get(status.context) != _words(status)), None)


def load_sayings(database: Database, repository: str, sha: str) -> list[Saying]:
    """All that is to say of a commit at this moment, in its order."""
    with database.reading() as connection:
        builds = load_commit_builds(connection, repository, sha)
        broken_by = load_culprits_by_run(connection, repository, sha)
        guilt = load_culprit_commits(connection, repository, sha)
        failed = [run.id for build in builds for run in build.runs if run.result in BAD]
        known = load_failures_of_runs(connection, failed)
    return [*find_guilt(guilt), *find_sayings(builds, broken_by, known)]


def form_statuses(
    builds: Sequence[BuildView], public_url: str, broken_by: Mapping[int, Sequence[CulpritView]] | None = None
) -> list[CommitStatus]:
    """How a commit stands by its builds, newest first, in the order in which it is told; see `find_sayings`."""
    if not builds:
        return []
    repository, sha = builds[0].repository, builds[0].sha
    return [_status(saying, repository, sha, public_url) for saying in find_sayings(builds, broken_by)]


def _words(status: CommitStatus) -> list[str | None]:
    return [status.state.value, status.description, status.target_url]


def _status(saying: Saying, repository: str, sha: str, public_url: str) -> CommitStatus:
    owner, _, name = repository.partition("/")
    return CommitStatus(
        owner=owner,
        repository=name,
        sha=sha,
        state=StatusState.PENDING if saying.result is None else _STATES[saying.result],
        context=saying.name,
        description=cut_text(make_visible(saying.words), MAX_DESCRIPTION),
        target_url=f"{public_url}{saying.path}",
    )
