"""What belonged to a repository that GitHub has deleted: all of it is gone with it, whatever else comes late.

A row that is gone so has a mark in its `versions`, by which merging knows it (`domain.replica_merge`); what was gone
before keeps its own time. The numbers of a repository are given once: another of the same name is not meant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    DateTime,
    Table,
    Text,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from hubwright.domain.replica_merge import ORPHANED
from hubwright.store.moments import Moment, write_moment
from hubwright.store.schema import gh_repository, metadata

PLACE = "repository_id"
"""The column that tells the repository which a row belongs to."""

_PREFIX = "gh_"
_ELSEWHERE = {"gh_hook_delivery"}
"""Tables that name a repository and are not of it: an organization's hook goes on to tell what it has sent."""


@cache
def list_kinds() -> frozenset[str]:
    """The kinds of records that belong to a repository."""
    names = {name for name, table in metadata.tables.items() if PLACE in table.c}
    return frozenset(name.removeprefix(_PREFIX) for name in names - _ELSEWHERE if name.startswith(_PREFIX))


def load_gone(connection: Connection, repositories: Collection[int]) -> dict[int, float]:
    """Which of these repositories GitHub has deleted, and when (Unix time). No news of that can come meanwhile."""
    if not repositories:
        return {}
    columns = (gh_repository.c.id, gh_repository.c.versions)
    wanted = gh_repository.c.id.in_(sorted(repositories))
    rows = connection.execute(select(*columns).where(wanted).order_by(gh_repository.c.id).with_for_update(read=True))
    return {row.id: row.versions["gone"] for row in rows if row.versions and "gone" in row.versions}


def bury_orphans(connection: Connection, gone: Mapping[int, float], kinds: Iterable[str]) -> int:
    """Tombstones for all rows of these kinds that belong to deleted repositories; how many are new."""
    if not gone:
        return 0
    on_postgres = connection.dialect.name == "postgresql"
    marks = [{"of": number, "at": at, "mark": write_moment(at)} for number, at in sorted(gone.items())]
    chosen = [_bury(metadata.tables[_PREFIX + kind], on_postgres=on_postgres) for kind in sorted(kinds)]
    return sum(connection.execute(statement, mark).rowcount for statement in chosen for mark in marks)


@cache
def _bury(table: Table, *, on_postgres: bool) -> Any:
    """What lives ends, and what ended by another mark; that comes when the same deletion is told twice."""
    mark: BindParameter[str] = bindparam("mark", type_=Text())
    at: BindParameter[float] = bindparam("at", type_=Moment())
    versions: Any = table.c.versions
    if on_postgres:
        known = versions[ORPHANED].as_string()
        marked = func.jsonb_set(versions, cast([ORPHANED], ARRAY(Text)), func.to_jsonb(cast(mark, Text)), True)
        ended_by: Any = cast(known, DateTime(timezone=True))
    else:
        known = ended_by = func.json_extract(versions, f"$.{ORPHANED}")
        marked = func.json_set(versions, f"$.{ORPHANED}", mark)
    ends = case((or_(table.c.deleted_at.is_(None), table.c.deleted_at == ended_by), at), else_=table.c.deleted_at)
    of = (table.c.repository_id == bindparam("of"), versions.is_not(None), known.is_distinct_from(mark))
    return update(table).where(*of).values(versions=marked, deleted_at=ends)
