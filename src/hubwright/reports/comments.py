"""One comment at each open pull request, edited in place: how its head stands, and which tests fail.

It is written when there is something to read, the first time that a head has ended or waits for people. Then it is
changed, which notifies nobody. Who deletes it does not want it: it is not written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.results import Result
from hubwright.errors import GitHubRefusedError
from hubwright.github.client import GitHubClient
from hubwright.github.talk import form_comment, form_comment_change, form_comments
from hubwright.reports import Report
from hubwright.reports.finding import Finder
from hubwright.reports.sayings import Saying, find_sayings
from hubwright.reports.talk_texts import MAX_TESTS, write_comment
from hubwright.store.database import Database
from hubwright.store.reports import load_commit_builds
from hubwright.store.told import Pull, load_open_pulls, load_settings_of
from hubwright.store.views_results import load_failed_tests

MARK = "<!-- hubwright:comment -->"

_KINDS = frozenset({FactKind.BUILD_QUEUED, FactKind.BUILD_HELD, FactKind.BUILD_FINISHED, FactKind.PULL_REQUEST_CHANGED})
_HELD = "waits for approval"


class CommentReporter:
    """Writes for jobs whose setting `comment` says so; where that says nothing, `otherwise` counts."""

    name = "comments"

    def __init__(
        self, database: Database, client: GitHubClient, public_url: str, app_id: str | None, *, otherwise: bool
    ) -> None:
        self._database = database
        self._client = client
        self._public_url = public_url.rstrip("/")
        self._finder = Finder(client, app_id)
        self._otherwise = otherwise

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """The branch whose builds have moved on: all pull requests of it are told one after the other."""
        repository, branch = fact.data.get("repository"), fact.data.get("branch")
        if fact.kind not in _KINDS or not isinstance(repository, str) or "/" not in repository or not branch:
            return ()
        return (Report(target=f"{repository} {branch}"),)

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:  # noqa: ARG002
        """Write and change the comments of the branch's pull requests. Raises GitHubError."""
        repository, _, branch = target.partition(" ")
        with self._database.reading() as connection:
            pulls = load_open_pulls(connection, repository, branch)
        for closed in said.keys() - {str(pull.number) for pull in pulls}:
            del said[closed]
        refused: list[GitHubRefusedError] = []
        for pull in pulls:
            try:
                self._tell(repository, pull, said.setdefault(str(pull.number), {}))
            except GitHubRefusedError as error:  # one that is locked must not keep the others from theirs
                refused.append(error)
        if refused:
            raise refused[0]

    def _tell(self, repository: str, pull: Pull, said: dict[str, Any]) -> None:
        text = self._form(repository, pull, said)
        digest = hashlib.sha256((text or "").encode()).hexdigest()[:16]
        if text is None or said.get("gone") or said.get("text") == digest:
            return
        owner, _, name = repository.partition("/")
        if "id" not in said:
            found = self._finder.find(form_comments(owner, name, pull.number), MARK)
            if found is not None:
                said["id"] = found["id"]
        if "id" not in said:
            said["id"] = self._client.send(form_comment(owner, name, pull.number, text)).json["id"]
        else:
            try:
                self._client.send(form_comment_change(owner, name, said["id"], text))
            except GitHubRefusedError as error:
                if error.status not in {404, 410}:
                    raise
                said["gone"] = True
        said["text"] = digest

    def _form(self, repository: str, pull: Pull, said: dict[str, Any]) -> str | None:
        """What the comment shall say; None while there is nothing to read yet."""
        with self._database.reading() as connection:
            builds = load_commit_builds(connection, repository, pull.sha)
            settings = load_settings_of(connection, [build.job for build in builds])
            wanted = [one for one in builds if one.job in settings and self._wants(settings[one.job].comment)]
            sayings = find_sayings(wanted)
            runs = [saying.run.id for saying in sayings if saying.run is not None and saying.result is not None]
            tests = load_failed_tests(connection, runs, MAX_TESTS) if runs else {}
        if not sayings or not (said.get("id") or _is_worth_it(sayings)):
            return None
        return f"{MARK}\n{write_comment(sayings, pull.sha, self._public_url, tests)}"

    def _wants(self, chosen: bool | None) -> bool:  # noqa: FBT001  a setting
        return self._otherwise if chosen is None else chosen


def _is_worth_it(sayings: Sequence[Saying]) -> bool:
    roll_up = next(saying for saying in sayings if saying.about == "commit")
    return roll_up.words == _HELD or roll_up.result not in {None, Result.SKIP}
