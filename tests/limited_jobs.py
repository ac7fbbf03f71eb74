"""Jobs within limits in a database, their builds planned, leased and ended by the hub's own moves."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from hubwright.domain.builds import BuildPlan, Wanted
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.planning import plan_runs
from hubwright.domain.recipe import read_recipe
from hubwright.git.mirrors import Origin
from hubwright.hub import moves
from hubwright.hub.admission import settle
from hubwright.hub.plan_rows import keep_plans
from hubwright.hub.plans import Ground
from hubwright.store.definitions import keep_document
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import load_job
from hubwright.store.runs import load_runs
from hubwright.store.schema import build, fact, run
from hubwright.store.versions import Change

NOW = 1_700_000_000.0
ORIGIN = Origin(repository="octo/hello", clone_url="https://github.invalid/octo/hello.git")
GROUND = Ground(public_url="https://ci.example.org", version="1", default_platform="linux", log_limit=1000)


def define(connection: Connection, path: str, **said: Any) -> DefinedJob:
    """The job at a path, defined so."""
    keep_document(connection, path, {"repository": "octo/hello", **said}, Change("ann", NOW, ""))
    return load(connection, path)


def load(connection: Connection, path: str) -> DefinedJob:
    """The job at a path."""
    found = load_job(connection, path)
    assert found is not None
    return found


def lease(connection: Connection, build_id: int, builder: str = "anvil") -> list[int]:
    """Give the queued runs of a build to a builder; which."""
    query = select(run.c.id).where(run.c.build_id == build_id, run.c.state == "queued").order_by(run.c.id)
    ids = list(connection.execute(query.with_for_update(skip_locked=True)).scalars())
    return [row.id for row in moves.lease(connection, [(number, builder) for number in ids], NOW)] if ids else []


def end(connection: Connection, build_id: int, result: str = "success") -> None:
    """End the running runs of a build."""
    query = select(run.c.id).where(run.c.build_id == build_id, run.c.state == "running").order_by(run.c.id)
    for row in load_runs(connection, list(connection.execute(query).scalars())):
        keep_facts(connection, moves.end_run(connection, row, moves.read_result(result), NOW, ""))


def admit(connection: Connection, now: float = NOW) -> bool:
    """As the drain of admission does."""
    return settle(connection, now)


@dataclass
class Builds:
    """Makes builds, each of a commit of its own."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def push(
        self, connection: Connection, job: DefinedJob, branch: str = "main", platforms: str = "linux", **more: Any
    ) -> int:
        """A build of a new commit on a branch; its number of ours."""
        sha = f"{next(self.numbers):040x}"
        ref = f"refs/heads/{branch}"
        values = {"sha": sha, "ref": ref, "event": "push", "trigger": f"{ref}@{sha}", "branch": branch, **more}
        wanted = Wanted(**values)
        recipe = read_recipe(f"platforms: [{platforms}]\nstages:\n  - build: make\n")
        plan = BuildPlan(
            wanted=wanted, runs=tuple(plan_runs(recipe, wanted.circumstances(), (), "linux")), recipe="file"
        )
        (made,) = keep_plans(connection, job, ORIGIN, [plan], GROUND, NOW)
        return made


def see(connection: Connection, *build_ids: int) -> list[str]:
    """How each build stands: `queued`, `running` and so on, with `waits` or `partly` where it is blocked."""
    rows = {row.id: row for row in connection.execute(select(build).where(build.c.id.in_(build_ids)))}
    return [_word(rows[number]) for number in build_ids]


def _word(row: Row[Any]) -> str:
    return row.blocked or row.result or str(row.state)


def see_runs(connection: Connection, build_id: int) -> list[str]:
    """The states of a build's newest runs."""
    query = select(run.c.state).where(run.c.build_id == build_id, run.c.latest).order_by(run.c.id)
    return list(connection.execute(query).scalars())


def see_facts(connection: Connection, build_id: int) -> list[str]:
    """The kinds of what happened to a build."""
    return list(
        connection.execute(select(fact.c.kind).where(fact.c.build_id == build_id).order_by(fact.c.id)).scalars()
    )
