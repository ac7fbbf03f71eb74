# ruff: noqa: E501
"""What strangers may write into every text that pages show, put into every text of a database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, String, Table, select, update

from hubwright.store.schema import metadata

MARK = "pwned"
"""The element, attribute and function that are in the corpus and nowhere else."""


def spell(field: str) -> str:
    """What a stranger writes into a field; its name is in it, to tell where it is seen."""
    return (
        f""" '"></title></textarea></script><{MARK}><script>{MARK}()</script><img src=x onerror={MARK}()>"""
        f"""<a href="javascript:{MARK}()">&lt;{MARK}&gt; onmouseover={MARK}() style=x {field} \u202e\x1b[31m"""
    )


HOSTILE_LOG = (
    f"plain <{MARK}> &lt; \x1b]8;;javascript:{MARK}()\x07a link\x1b]8;;\x07 \x1b]8;;https://example.org/'\"><{MARK}>\x07two\x1b]8;;\x07\n"
    f"\x1b[31;1m'\"><img src=x onerror={MARK}()>\x1b[0m \x1b]0;title\x07 \x1b[2J \u202e {spell('log')}\n"
    f"::error file=<{MARK}>,line=1::<{MARK}>\n::group::<{MARK}>\n##[group]<{MARK}>\n--- <{MARK}>\n"
).encode() + b"\xff\xfe\x00 bytes that are no text\n"
"""A log with escapes that titles, screens and links are made with, and with markers of groups."""

OURS = frozenset({
    # words of our own: states, kinds, keys
    "alembic_version", "approval.why", "bisection.state", "build.event", "build.trust", "build.state", "build.result", "build.blocked",
    "builder.state", "builder.wish", "builder.executor", "definition.kind", "delivery.state", "delivery.event", "fact.kind", "pause.kind",
    "link.kind", "missed_delivery.state", "report.state", "reporter.name", "run.state", "run.result", "stage.state", "stage.result", "stage.kind",
    "task.state", "task.queue", "test_case.result", "test_case.change", "problem.severity", "token.role", "audit.role", "audit.by", "audit.method",
    "watch.state", "watch.what", "channel_line.kind", "recording.cause", "secret.key_id", "github_token.key_id", "github_credential.key_id", "dependency.result",
    "gh_pull_request.state", "job.copy_key", "schedule.cron", "schedule.zone", "token.hash", "flaky_test.sha",
    "known_failure.kind", "known_failure.fingerprint",
    # names of GitHub's, which are letters and digits wherever they are taken in; other columns have hostile ones all the same
    "build.repository", "gh_repository.name", "gh_repository.full_name", "gh_repository.owner_login", "gh_organization.login", "gh_user.login",
    "gh_pull_request.head_repository", "gh_pull_request.user_login",
    # what is a commit's name, checked before it is kept
    "build.sha", "bisection.bad", "bisection.before", "culprit.sha", "artifact.sha", "artifact.sha256", "gh_commit.sha", "gh_branch.sha",
    "gh_pull_request.head_sha", "approval.sha", "build.base_sha", "artifact.key",
})  # fmt: skip
"""Columns that nobody from outside writes to; every other text is hostile."""

DOCUMENTS = frozenset(
    {"run.matrix", "run.tests_difference", "culprit.targets", "link.globs", "delivery.headers", "gh_repository.topics"}
)
"""Documents whose texts are from outside and mean nothing to us."""


def make_hostile(connection: Connection, texts: dict[str, str]) -> dict[str, str]:
    """Let every text from outside end with what `spell` says; the texts that stand in addresses, as they are now."""
    for table in metadata.sorted_tables:
        for column in table.c:
            name = f"{table.name}.{column.name}"
            if isinstance(column.type, String) and name not in OURS:
                hostile = update(table).values({column.name: column.concat(spell(name))})
                connection.execute(hostile.where(column.is_not(None)))
            elif name in DOCUMENTS:
                _spoil_documents(connection, table, column)
    of = {
        "path": "job.path",
        "matrix": "job.path",
        "folder": "folder.path",
        "builder": "builder.name",
        "platform": "run.platform",
        "channel": "channel_line.channel",
    }
    return {name: text + spell(of[name]) if name in of else text for name, text in texts.items()}


def _spoil_documents(connection: Connection, table: Table, column: Column[Any]) -> None:
    key = next(iter(table.primary_key))
    for row in connection.execute(select(key, column).where(column.is_not(None))).all():
        connection.execute(
            update(table).where(key == row[0]).values({column.name: _spoil(row[1], f"{table.name}.{column.name}")})
        )


def _spoil(value: Any, field: str) -> Any:
    """The document with hostile texts."""
    if isinstance(value, dict):
        return {key: _spoil(one, field) for key, one in value.items()}
    if isinstance(value, list):
        return [_spoil(one, field) for one in value]
    return value + spell(field) if isinstance(value, str) else value
