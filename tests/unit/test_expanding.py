"""Migrations only add, so that a hub of the release before works on (docs/upgrading.md): expand, migrate, contract."""

from __future__ import annotations

import pytest
from alembic.script import Script, ScriptDirectory

from hubwright.store.upgrade import MIGRATIONS
from migration_words import find_breaks, say

FIRST = "0004"
"""The last migration from before the first release; a hub that knows less was never run by anybody."""

CONTRACTED: dict[str, dict[str, str]] = {}
"""Migration -> statement that takes something away -> the first release whose program does without.

That must be a release before the one that brings the migration: then nobody who may still run misses anything.
"""

BREAKS = [
    "DROP TABLE one",
    "ALTER TABLE one DROP COLUMN note",
    "ALTER TABLE one RENAME COLUMN note TO remark",
    "ALTER TABLE one RENAME TO two",
    "ALTER TABLE one ADD COLUMN kind VARCHAR(5) NOT NULL",
    "ALTER TABLE one ALTER COLUMN note SET NOT NULL",
    "ALTER TABLE one ALTER COLUMN note DROP DEFAULT",
    "ALTER TABLE one ALTER COLUMN note TYPE VARCHAR(10)",
    "ALTER TABLE one ADD CONSTRAINT ck_one CHECK (size > 0)",
    "ALTER TABLE one ADD CONSTRAINT fk_one FOREIGN KEY(other) REFERENCES other (id)",
    "CREATE UNIQUE INDEX ix_one_name ON one (name)",
    "UPDATE one SET note = ''",
    "DELETE FROM one",
]

ADDITIONS = [
    "CREATE TABLE two ( id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (id) )",
    "CREATE UNIQUE INDEX ix_two_name ON two (name)",
    "ALTER TABLE one ADD COLUMN kind VARCHAR(5) DEFAULT '' NOT NULL",
    'ALTER TABLE one ADD COLUMN "group" TEXT',
    'CREATE UNIQUE INDEX ix_one_group ON one ("group", name) WHERE "group" IS NOT NULL',
    "CREATE INDEX ix_one_name ON one (name DESC)",
    "DROP INDEX ix_one_note",
]


def migrations() -> list[Script]:
    """Those that somebody's hub of the release before has to live with, oldest first."""
    return [one for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions(FIRST, "head") if one.revision != FIRST][
        ::-1
    ]


@pytest.mark.parametrize("migration", migrations(), ids=lambda one: str(one.revision))
def test_a_migration_only_adds(migration: Script) -> None:
    """Who must take something away says in `CONTRACTED` since which release no program uses it."""
    statements = say(migration.module)
    assert statements
    assert list(find_breaks(statements)) == list(CONTRACTED.get(migration.revision, {}))


@pytest.mark.parametrize("statement", BREAKS)
def test_what_a_running_hub_would_stumble_over_is_found(statement: str) -> None:
    """Each alone, and among additions."""
    assert list(find_breaks([statement])) == [statement]
    assert list(find_breaks([*ADDITIONS, statement])) == [statement]


def test_what_only_adds_is_let_through() -> None:
    """New tables with any rules, columns that may be left out, rules that rows of before can't break."""
    assert list(find_breaks(ADDITIONS)) == []
    assert list(find_breaks([ADDITIONS[2], "CREATE UNIQUE INDEX ix_one_kind ON one (kind)"])) != []  # all would be ''
