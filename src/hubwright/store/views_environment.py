"""Where and in what a run ran: its builder as it is now, and the names of what it was given. Never a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from hubwright.store.schema import builder, run


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentView:
    """A run's surroundings. `variables` and `secrets` are names, each once and in order.

    What is told of the builder is what it said last; None for one that is gone, or before one has the run.
    """

    builder: str | None
    builder_platform: str | None
    builder_version: str | None
    executor: str | None
    labels: tuple[str, ...]
    variables: tuple[str, ...]
    secrets: tuple[str, ...]


def load_environment(connection: Connection, run_id: int) -> EnvironmentView | None:
    """The surroundings of a run; None when there is no such run."""
    row = connection.execute(
        select(run.c.builder, run.c.assignment, builder.c.platform, builder.c.version, builder.c.executor)
        .add_columns(builder.c.labels)
        .outerjoin(builder, builder.c.name == run.c.builder)
        .where(run.c.id == run_id)
    ).one_or_none()
    if row is None:
        return None
    given: dict[str, Any] = row.assignment or {}
    stages = [stage for stage in given.get("stages", ()) if isinstance(stage, dict)]
    return EnvironmentView(
        builder=row.builder,
        builder_platform=row.platform,
        builder_version=row.version,
        executor=row.executor,
        labels=tuple(row.labels or ()),
        variables=_in_order([*given.get("env", ()), *(name for stage in stages for name in stage.get("env") or ())]),
        secrets=_in_order(name for stage in stages for name in stage.get("secrets") or ()),
    )


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({str(name) for name in names}))
