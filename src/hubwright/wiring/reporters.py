"""Who tells GitHub what, by the settings and by who the hub is to GitHub at the moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from hubwright.config import Settings
from hubwright.domain.facts import Fact
from hubwright.reports import Recalling, Report, Reporter
from hubwright.reports.checks import CheckReporter
from hubwright.reports.comments import CommentReporter
from hubwright.reports.issues import IssueReporter
from hubwright.reports.statuses import StatusReporter
from hubwright.store.database import Database
from hubwright.wiring.github import GitHubAccess

OFF, ALL = "off", "all"


class Changing:
    """A reporter that is another one as soon as the hub is another App or asks with another token; its name stays.

    `make` is told the App's number, None where there is no App.
    """

    def __init__(self, make: Callable[[str | None], Reporter], who_of: Callable[[], tuple[str | None, str]]) -> None:
        self._make = make
        self._who_of = who_of
        self._lock = threading.Lock()
        self._who = who_of()
        self._now = make(self._who[0])
        self.name = self._now.name

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """As the reporter of this moment."""
        return self._find().read_reports(fact)

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:
        """As the reporter of this moment. Raises GitHubError."""
        self._find().send(target, bodies, said)

    def recall(self, target: str, said: dict[str, Any]) -> None:
        """As the reporter of this moment, if it can. Raises GitHubError."""
        reporter = self._find()
        if isinstance(reporter, Recalling):
            reporter.recall(target, said)

    def _find(self) -> Reporter:
        with self._lock:
            if (who := self._who_of()) != self._who:
                self._now, self._who = self._make(who[0]), who
            return self._now


def make_reporters(settings: Settings, database: Database, access: GitHubAccess) -> list[Reporter]:
    """The reporters of a hub that has, or may come to have, a token or an App."""
    github, url, client = settings.github, settings.public_url, access.client

    def make_commits(app_id: str | None) -> Reporter:
        if app_id and github.checks:
            return CheckReporter(database, client, url, app_id)
        return StatusReporter(database, client, url)

    def make_comments(app_id: str | None) -> Reporter:
        return CommentReporter(database, client, url, app_id, otherwise=github.comment == ALL)

    def make_issues(app_id: str | None) -> Reporter:
        return IssueReporter(database, client, url, app_id, otherwise=github.issue == ALL)

    makers = [make_commits]
    if github.comment != OFF:
        makers.append(make_comments)
    if github.issue != OFF:
        makers.append(make_issues)
    return [Changing(make, lambda: access.identity.who) for make in makers]
