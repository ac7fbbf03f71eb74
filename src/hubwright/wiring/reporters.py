"""Who tells GitHub what, by the settings."""

from __future__ import annotations

from hubwright.config import Settings
from hubwright.github.client import GitHubClient
from hubwright.reports import Reporter
from hubwright.reports.checks import CheckReporter
from hubwright.reports.comments import CommentReporter
from hubwright.reports.issues import IssueReporter
from hubwright.reports.statuses import StatusReporter
from hubwright.store.database import Database

OFF, ALL = "off", "all"


def make_reporters(settings: Settings, database: Database, client: GitHubClient) -> list[Reporter]:
    """The reporters of a hub that has a token or an App."""
    github, url = settings.github, settings.public_url
    app_id = github.app_id if github.app_private_key else None
    made: list[Reporter] = []
    if app_id and github.checks:
        made.append(CheckReporter(database, client, url, app_id))
    else:
        made.append(StatusReporter(database, client, url))
    if github.comment != OFF:
        made.append(CommentReporter(database, client, url, app_id, otherwise=github.comment == ALL))
    if github.issue != OFF:
        made.append(IssueReporter(database, client, url, app_id, otherwise=github.issue == ALL))
    return made
