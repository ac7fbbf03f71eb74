"""What a migration says to PostgreSQL, and which of it a hub of the release before would stumble over."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from types import ModuleType

from alembic.migration import MigrationContext
from alembic.operations import Operations

_WORDS = r'"?([a-z_0-9]+)"?'
_CREATE = re.compile(rf"CREATE TABLE {_WORDS} \(")
_ADD = re.compile(rf"ALTER TABLE {_WORDS} ADD COLUMN {_WORDS} (.*)")
_INDEX = re.compile(rf"CREATE (UNIQUE )?INDEX \w+ ON {_WORDS} (?:USING \w+ )?\((.*?)\)(?: WHERE .*)?$")
_DROP_INDEX = re.compile(r"DROP INDEX \w+")


def say(migration: ModuleType) -> list[str]:
    """The statements of a migration, one line each; it is carried out nowhere."""
    said = io.StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": said})
    with Operations.context(context):
        migration.upgrade()
    return [line for one in said.getvalue().split(";\n") if (line := " ".join(one.split()))]


def find_breaks(statements: Iterable[str]) -> Iterator[str]:
    """Those that do more than add: rows that the release before writes might be refused, what it reads be gone.

    New tables, columns that may be left out, indexes, and rules over what is new are additions.
    """
    new: set[str] = set()
    empty: set[tuple[str, str]] = set()  # columns that the release before leaves NULL, where no rule looks
    for one in statements:
        if created := _CREATE.match(one):
            new.add(created[1])
        elif added := _ADD.fullmatch(one):
            table, column, kind = added.groups()
            if " DEFAULT " not in kind:
                empty.add((table, column))
            if " NOT NULL" in kind and " DEFAULT " not in kind:
                yield one
        elif index := _INDEX.fullmatch(one):
            unique, table, columns = index.groups()
            named = {(table, column) for column in re.findall(r"[a-z_0-9]+", columns)}
            if unique and table not in new and not named & empty:
                yield one
        elif not _DROP_INDEX.fullmatch(one):
            yield one
