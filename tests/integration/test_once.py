"""Stages with `once: true` stay in exactly one run, whatever happens to that run."""

from __future__ import annotations

from build_lives import Clock, Lives
from hub_parts import rows
from hubwright.hub import moves
from hubwright.store import runs, schema
from hubwright.store.database import Database

NIM = """\
platforms: [linux, mac, windows]
stages:
- build: make
- csources: {run: make csources, kind: csources, once: true}
- docs: {run: make docs, kind: docs, once: true}
"""


def count(database: Database, build: int, stage: str) -> int:
    """In how many of the build's newest attempts the stage is."""
    newest = {row.id for row in rows(database, schema.run, build_id=build, latest=True)}
    return sum(row.run_id in newest for row in rows(database, schema.stage, name=stage))


def lose(database: Database, run: int) -> None:
    def work(connection: object) -> None:
        (row,) = runs.load_runs(connection, [run])  # type: ignore[arg-type]
        moves.lose_run(connection, row, 1.0, "lost")  # type: ignore[arg-type]

    database.write(work)


def test_once_stays_once_when_its_run_is_lost_retried_and_rerun(database: Database) -> None:
    """System 1 had this by configuring one builder; here the run that has them keeps them."""
    lives = Lives(database, Clock())
    build = lives.build("a" * 40, recipe=NIM)
    first, *others = lives.runs(build)
    for run in (first, *others):
        lives.start(run)
    assert (count(database, build, "build"), count(database, build, "docs")) == (3, 1)
    lose(database, first)
    (again,) = set(lives.runs(build)) - set(others)
    assert again != first
    assert count(database, build, "csources") == count(database, build, "docs") == 1
    lives.start(again)
    lives.end(again, 0, 0, 1)
    for run in others:
        lives.end(run, 0)
    lives.rerun(build)
    assert len(lives.runs(build)) == 3
    assert count(database, build, "csources") == count(database, build, "docs") == 1
