"""Check runs, for hubs that are a GitHub App: what statuses say, and beside it problems, tests and buttons.

As a status, a check run is told as the commit's builds stand at that moment. One that is completed can't be opened
again at GitHub, so what begins anew gets another check run of the same name; people see the newest one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from hubwright.domain.facts import Fact
from hubwright.errors import GitHubRefusedError, GitHubUnavailableError
from hubwright.github.check_runs import (
    AT_ONCE,
    CheckRun,
    Known,
    form_change,
    form_check_run,
    form_listing,
    form_look,
    is_of_app,
    read_check_run,
)
from hubwright.github.client import GitHubClient
from hubwright.github.requests import Request
from hubwright.reports import Report
from hubwright.reports.check_texts import MAX_ANNOTATIONS, MAX_TESTS, Details, form_check
from hubwright.reports.sayings import Saying
from hubwright.reports.statuses import MOST, StatusReporter, load_sayings
from hubwright.store.database import Database
from hubwright.store.told import load_placed_problems
from hubwright.store.views_failures import load_failures_of_runs
from hubwright.store.views_results import load_failed_tests

log = structlog.get_logger(__name__)

_OURS = "checks"
"""Where the memory of a commit has that of its check runs; all else in it is of statuses."""

_MAX_PAGES = 10


class CheckReporter:
    """Tells check runs as App `app_id`; safe from many threads.

    It has the name of the statuses' reporter, so it goes on where that one has stopped: a commit that began with
    statuses ends with them, and where the App may not write checks there are statuses too.
    """

    name = StatusReporter.name

    def __init__(self, database: Database, client: GitHubClient, public_url: str, app_id: str) -> None:
        self._database = database
        self._client = client
        self._public_url = public_url.rstrip("/")
        self._app_id = app_id
        self._statuses = StatusReporter(database, client, public_url)

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """The commit whose builds have moved on."""
        return self._statuses.read_reports(fact)

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:
        """Write what has changed since `said`, one after the other; the bodies are empty. Raises GitHubError."""
        repository, _, sha = target.rpartition("@")
        if any(name != _OURS for name in said):
            self._statuses.send(target, bodies, said)
            return
        commit = _Commit(self._client, repository, sha, self._app_id, said.setdefault(_OURS, {}))
        try:
            for _ in range(MOST):
                check = self._find_news(commit)
                if check is None:
                    return
                commit.write(check, lambda: self._find_news(commit))
        except GitHubRefusedError as error:
            if error.status != 403 or said[_OURS]:
                raise
            log.warning("statuses_instead_of_checks", repository=repository, reason=str(error))
            del said[_OURS]
            self._statuses.send(target, bodies, said)

    def recall(self, target: str, said: dict[str, Any]) -> None:
        """Remember what GitHub has, where the commit is told by statuses: writing a check run again changes nothing."""
        if any(name != _OURS for name in said):
            self._statuses.recall(target, said)

    def _find_news(self, commit: _Commit) -> CheckRun | None:
        """The next check run that does not stand at GitHub as it should, whole."""
        for saying in load_sayings(self._database, commit.repository, commit.sha):
            if commit.is_news(form_check(saying, commit.sha, self._public_url)):
                return form_check(saying, commit.sha, self._public_url, self._load_details(saying))
        return None

    def _load_details(self, saying: Saying) -> Details | None:
        if saying.run is None or saying.result is None:
            return None
        with self._database.reading() as connection:
            problems = load_placed_problems(connection, saying.run.id, MAX_ANNOTATIONS)
            tests = load_failed_tests(connection, [saying.run.id], MAX_TESTS).get(saying.run.id, ())
            known = load_failures_of_runs(connection, [saying.run.id]).get(saying.run.id, ())
        return Details(problems.items, problems.more, tests, known)


class _Commit:
    """A commit's check runs at GitHub. `known` is what is remembered of them by name, changed with each answer."""

    def __init__(
        self, client: GitHubClient, repository: str, sha: str, app_id: str, known: dict[str, dict[str, Any]]
    ) -> None:
        self.repository = repository
        self.sha = sha
        self._client = client
        self._owner, _, self._name = repository.partition("/")
        self._app_id = app_id
        self._known = known
        self._adopted = False
        self._sent: dict[str, int] = {}  # annotations, by check run

    def is_news(self, check: CheckRun) -> bool:
        """Whether GitHub does not say so yet; annotations that are missing count, others' contents do not."""
        known = self._known.get(check.name)
        return known is None or known["words"] != _words(check) or known["left"] > 0

    def write(self, check: CheckRun, find_news: Callable[[], CheckRun | None]) -> None:
        """One request that brings GitHub nearer to what `find_news` says when the turn has come. Raises GitHubError.

        Annotations that GitHub refuses must not keep the conclusion from people: it is told without them then.
        """
        try:
            self._write(check, find_news)
        except GitHubRefusedError as error:
            newest = find_news() if error.status == 422 else None
            if newest is None or not newest.annotations:
                raise
            log.warning("annotations_refused", repository=self.repository, check=newest.name, reason=str(error))
            plain = replace(newest, annotations=())
            self._write(plain, lambda: plain)

    def _write(self, check: CheckRun, find_news: Callable[[], CheckRun | None]) -> None:
        newest: CheckRun | None = check

        def form() -> Request | None:
            nonlocal newest
            newest = find_news()
            return None if newest is None else self._form(newest)

        like = self._form(check)  # what it has to ask GitHub for is asked before the turn, not in it
        answer = self._client.send_newest(like, form)
        if answer is None or newest is None:
            return
        told = read_check_run(answer.json)
        if told is None:
            raise GitHubUnavailableError("GitHub answered a check run without its number.")
        known = self._find(newest)
        sent = 0 if known is None else self._count_annotations(newest, known)
        self._sent[newest.name] = min(sent + AT_ONCE, len(newest.annotations))
        left = len(newest.annotations) - self._sent[newest.name]
        self._known[newest.name] = _remember(told, left=left, words=_words(newest))

    def _form(self, check: CheckRun) -> Request:
        """Change the check run that may become this one, or make it."""
        known = self._find(check)
        if known is None:
            return form_check_run(self._owner, self._name, check)
        return form_change(self._owner, self._name, known["id"], check, self._count_annotations(check, known))

    def _find(self, check: CheckRun) -> dict[str, Any] | None:
        """The check run that may become this one; None when another one must be made."""
        if check.name not in self._known and not self._adopted:
            self._adopt()
        known = self._known.get(check.name)
        if known is None or known["conclusion"] is None:
            return known
        return known if (known["conclusion"], known["about"]) == (check.conclusion, check.external_id) else None

    def _adopt(self) -> None:
        """Take over what was made already: by an attempt whose answer was lost, or that memory no longer has."""
        self._adopted = True
        request: Request | None = form_listing(self._owner, self._name, self.sha)
        for _ in range(_MAX_PAGES):
            if request is None:
                return
            answer = self._client.send(request)
            listed = answer.json.get("check_runs", []) if isinstance(answer.json, dict) else []
            for data in listed:
                found = read_check_run(data)
                if found is not None and is_of_app(data.get("app"), self._app_id):
                    self._known.setdefault(found.name, _remember(found, left=0, words=None))
            request = None if answer.next_url is None else replace(request, path=answer.next_url)

    def _count_annotations(self, check: CheckRun, known: dict[str, Any]) -> int:
        """How many GitHub has; it adds all that come, so that none may be sent twice, whoever was killed on the way."""
        if check.annotations and check.name not in self._sent:
            found = read_check_run(self._client.send(form_look(self._owner, self._name, known["id"])).json)
            self._sent[check.name] = min(found.annotations if found is not None else 0, len(check.annotations))
        return self._sent.get(check.name, 0) if check.annotations else 0


def _words(check: CheckRun) -> list[str | None]:
    return [check.status, check.conclusion, check.title, check.details_url, check.external_id]


def _remember(told: Known, *, left: int, words: list[str | None] | None) -> dict[str, Any]:
    return {"id": told.id, "about": told.external_id, "conclusion": told.conclusion, "left": left, "words": words}
