"""Facts in the order in which they became true.

On PostgreSQL they are numbered under a lock that all processes share, until the commit. So a group of writes gathers
what its writes tell, and adds it last, at once: others wait for no more than that, and nobody holds the lock who waits
for anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, insert, text

from hubwright.domain.facts import Fact, FactKind
from hubwright.store.schema import fact

_ADD = insert(fact)
_IN_ORDER = text("SELECT pg_advisory_xact_lock(:lock)")
_GATHERED = "gathered_facts"
"""Where a connection has those of its transaction."""

_ORDER_LOCK = 0x48554257
"""An advisory lock on PostgreSQL: facts are numbered in the order of their commits, so no cursor can pass one by."""


@contextmanager
def gathering_facts(connection: Connection) -> Iterator[None]:
    """What is kept in the block is added when it ends, and not at all when it fails."""
    gathered: list[Fact] = []
    info = connection.info  # of a connection that breaks meanwhile it can't be had any more
    info[_GATHERED] = gathered
    try:
        yield
    finally:
        info.pop(_GATHERED, None)
    _add(connection, gathered)


def keep_facts(connection: Connection, facts: Sequence[Fact]) -> None:
    """Add facts, in order, at the end of a transaction; in one that gathers them, nobody reads them before it ends."""
    gathered: list[Fact] | None = connection.info.get(_GATHERED)
    if gathered is None:
        _add(connection, facts)
    else:
        gathered += facts


def find_gathered(connection: Connection, kind: FactKind, build_id: int) -> Fact | None:
    """The newest such fact of a build among those that are gathered."""
    gathered: list[Fact] = connection.info.get(_GATHERED, [])
    return next((fact for fact in reversed(gathered) if fact.build_id == build_id and fact.kind is kind), None)


def _add(connection: Connection, facts: Sequence[Fact]) -> None:
    if not facts:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_IN_ORDER, {"lock": _ORDER_LOCK})
    connection.execute(
        _ADD,
        [
            {
                "kind": item.kind.value,
                "at": item.at,
                "job_id": item.job_id,
                "build_id": item.build_id,
                "run_id": item.run_id,
                "data": item.data,
            }
            for item in facts
        ],
    )
