"""What the facts of builds' ends say of their branches, on every database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from build_lives import Clock, Lives
from hubwright.domain.facts import FactKind
from hubwright.store import schema
from hubwright.store.database import Database


@pytest.fixture
def lives(database: Database) -> Lives:
    return Lives(database, Clock())


def turns(lives: Lives) -> list[tuple[int, str | None]]:
    """Each end of a build so far, in order: its build, and what it turned."""
    query = select(schema.fact.c.build_id, schema.fact.c.data).where(
        schema.fact.c.kind == FactKind.BUILD_FINISHED.value
    )
    with lives.database.reading() as connection:
        rows = connection.execute(query.order_by(schema.fact.c.id)).all()
    return [(row.build_id, (row.data.get("streak") or {}).get("turn")) for row in rows]


def newest(lives: Lives) -> dict[str, Any]:
    query = select(schema.fact.c.data).where(schema.fact.c.kind == FactKind.BUILD_FINISHED.value)
    with lives.database.reading() as connection:
        data = connection.execute(query.order_by(schema.fact.c.id.desc()).limit(1)).scalar_one()
    return dict(data["streak"])


def test_a_branch_breaks_and_is_fixed_by_builds_and_by_recipes(lives: Lives) -> None:
    """A recipe that can't be read breaks a branch as much as a test does; other branches have streaks of their own."""
    good = lives.build("a" * 40)
    lives.live(good, 0, 0)
    bad = lives.build("b" * 40)
    lives.live(bad, 2)
    elsewhere = lives.build("c" * 40, ref="refs/heads/topic")
    lives.live(elsewhere, 0, 0)
    worse = lives.build("d" * 40, problem="stages: is missing")
    assert newest(lives)["since"] == bad
    lives.clock.now += 60
    fixed = lives.build("e" * 40)
    lives.live(fixed, 0, 0)
    assert turns(lives) == [
        (good, "success"), (bad, "broken"), (elsewhere, "success"), (worse, "still-failing"), (fixed, "fixed")
    ]  # fmt: skip
    was = newest(lives)["was"]
    assert (was["since"], was["builds"], was["good"]) == (bad, 2, good)


def test_a_rerun_that_passes_has_fixed_its_own_branch(lives: Lives) -> None:
    good, bad = lives.build("a" * 40), lives.build("b" * 40)
    lives.live(good, 0, 0)
    lives.live(bad, 2)
    lives.rerun(bad)
    lives.live(bad, 2)
    lives.rerun(bad)
    lives.live(bad, 0, 0)
    assert turns(lives) == [(good, "success"), (bad, "broken"), (bad, "still-failing"), (bad, "fixed")]


def test_what_ends_late_turns_nothing(lives: Lives) -> None:
    """A slow build of an older commit, or its rerun, says nothing of the branch: a newer one has told."""
    older, newer = lives.build("a" * 40), lives.build("b" * 40)
    lives.live(newer, 0, 0)
    lives.live(older, 2)
    assert turns(lives) == [(newer, "success"), (older, None)]


def test_a_cancelled_build_stands_between_nothing(lives: Lives) -> None:
    first, cancelled, last = (lives.build(sha * 40) for sha in "abc")
    lives.live(first, 2)
    lives.cancel(cancelled, "not needed")
    lives.live(last, 2)
    assert turns(lives) == [(first, "broken"), (cancelled, None), (last, "still-failing")]
