"""Facts in the order in which they became true."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, text

from hubwright.domain.facts import Fact
from hubwright.store.schema import fact

_ADD = insert(fact)
_IN_ORDER = text("SELECT pg_advisory_xact_lock(:lock)")
_ORDER_LOCK = 0x48554257
"""An advisory lock on PostgreSQL: facts are numbered in the order of their commits, so no cursor can pass one by."""


def keep_facts(connection: Connection, facts: Sequence[Fact]) -> None:
    """Add facts, in order, at the end of a transaction."""
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
