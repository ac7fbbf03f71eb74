"""One issue for each job that is broken on the default branch, closed when it is fixed; never a second one.

Faults of ours and cancelled builds neither open nor close one. Who closes it by hand is not told again until the
branch was good in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.results import Result
from hubwright.errors import GitHubRefusedError
from hubwright.github.client import GitHubClient
from hubwright.github.requests import Request, form_path
from hubwright.github.talk import form_issue, form_issue_end, form_issues
from hubwright.reports import Report
from hubwright.reports.finding import Finder
from hubwright.reports.talk_texts import MAX_TESTS, write_end, write_issue, write_title
from hubwright.store.database import Database
from hubwright.store.told import load_settings_of, load_verdict
from hubwright.store.views_results import load_failed_tests
from hubwright.store.views_values import BuildView

_BROKEN = frozenset({Result.FAILURE, Result.TIMEOUT})


class IssueReporter:
    """Writes for jobs whose setting `issue` says so; where that says nothing, `otherwise` counts."""

    name = "issues"

    def __init__(
        self, database: Database, client: GitHubClient, public_url: str, app_id: str | None, *, otherwise: bool
    ) -> None:
        self._database = database
        self._client = client
        self._public_url = public_url.rstrip("/")
        self._finder = Finder(client, app_id)
        self._otherwise = otherwise

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """The job of which a build of a branch has ended; whether that is the default branch is seen later."""
        job = fact.data.get("job")
        if fact.kind is not FactKind.BUILD_FINISHED or not isinstance(job, str) or not fact.data.get("branch"):
            return ()
        return (Report(target=job),)

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:  # noqa: ARG002
        """Open or close the job's issue, as its newest build stands. Raises GitHubError."""
        with self._database.reading() as connection:
            settings = load_settings_of(connection, [target]).get(target)
            build = load_verdict(connection, target) if settings is not None else None
        if build is None or settings is None or not (self._otherwise if settings.issue is None else settings.issue):
            return
        broken = build.result in _BROKEN
        if not (broken or build.result == Result.SUCCESS) or said.get("broken") is broken:
            return
        owner, _, name = build.repository.partition("/")
        mark = form_mark(target)
        number = said.get("number") or self._find_open(owner, name, mark)
        if broken and number is None:
            number = self._client.send(form_issue(owner, name, write_title(build), self._write(build, mark))).json[
                "number"
            ]
        elif not broken and number is not None:
            self._close(owner, name, number, build)
            number = None
        said |= {"broken": broken, "number": number}

    def _find_open(self, owner: str, name: str, mark: str) -> int | None:
        """An issue that was opened and not noted, by a process that was killed, or that was forgotten since."""
        found = self._finder.find(form_issues(owner, name), mark)
        return None if found is None else int(found["number"])

    def _write(self, build: BuildView, mark: str) -> str:
        with self._database.reading() as connection:
            tests = load_failed_tests(connection, [run.id for run in build.runs], MAX_TESTS) if build.runs else {}
        return f"{mark}\n{write_issue(build, self._public_url, tests)}"

    def _close(self, owner: str, name: str, number: int, build: BuildView) -> None:
        """One that people have deleted is closed for good."""
        path = form_path("repos", owner, name, "issues", number)
        try:
            known = self._client.send(Request(method="GET", path=path, owner=owner, remember=False)).json
            body = str(known.get("body") or "") if isinstance(known, dict) else ""
            self._client.send(form_issue_end(owner, name, number, f"{body}\n\n{write_end(build, self._public_url)}"))
        except GitHubRefusedError as error:
            if error.status not in {404, 410}:
                raise


def form_mark(job: str) -> str:
    """What stands in the body of a job's issue for programs; a job's path may hold anything."""
    return f"<!-- hubwright:issue {hashlib.sha256(job.encode()).hexdigest()[:16]} -->"
