"""R12: one damaged row stops nobody else: JSON that can't be read, as a bad disk or a bad hand leaves it (SQLite)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from build_lives import RECIPE, Clock, Lives
from builder_process import scenario
from hub_parts import open_floor, rows
from hubwright.domain.facts import FactKind
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.report_leases import Lease, hold_targets
from hubwright.store.reports import keep_cursor, keep_reports, load_facts
from hubwright.wire import Do


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url)
    yield opened
    opened.close()


def damage(database: Database, table: str, column: str, number: int) -> None:
    statement = text(f"UPDATE {table} SET {column} = '{{not JSON' WHERE id = {number}")
    database.write(lambda connection: connection.execute(statement))


@scenario
async def test_an_assignment_that_is_no_json_ends_its_run_and_no_other(database: Database, tmp_path: Path) -> None:
    """All that is leased is read together, so it would keep every builder from every run."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        lives = Lives(database, floor.clock)
        bad, good = (lives.runs(lives.build(f"{number:040x}", recipe=RECIPE))[0] for number in (1, 2))
        damage(database, "run", "assignment", bad)
        channel = await floor.connect(slots=2)
        await floor.step()
        assert [order.run for order in channel.heard(Do, order="build")] == [good]
        row = floor.row(bad)
        assert (row.state, row.result) == ("finished", "error")
        assert "assignment can't be read" in row.detail


def test_facts_behind_a_damaged_one_are_told(database: Database) -> None:
    """Reporters read facts in batches."""
    lives = Lives(database, Clock())
    lives.build("1" * 40)
    lives.build("2" * 40)
    first = rows(database, schema.fact)[0]
    damage(database, "fact", "data", first.id)
    with database.reading() as connection:
        facts = load_facts(connection, 0, 10)
    assert len(facts) == 2
    told = [fact for _, fact in facts if fact is not None]
    assert [(fact.kind, fact.data.get("sha")) for fact in told] == [
        (FactKind.BUILD_QUEUED, None),
        (FactKind.BUILD_QUEUED, "2" * 40),
    ]


def test_a_damaged_report_is_held_like_any_other(database: Database) -> None:
    """Its reporter stumbles over it and gives it up; raising here would begin it again for ever, before all others."""
    Lives(database, Clock()).build("1" * 40)

    def keep(connection: Connection) -> None:
        keep_cursor(connection, "status", 0)
        keep_reports(connection, "status", 0, 1, [("here", 1, {"state": "success"})])

    database.write(keep)
    damage(database, "report", "body", rows(database, schema.report)[0].id)
    lease = Lease("me", 2.0, 9.0)
    held = database.write(lambda connection: hold_targets(connection, "status", ["here"], lease, limit=5))
    assert [one.bodies for one in held] == [({},)]


def test_a_job_whose_settings_are_damaged_builds_with_the_defaults(database: Database) -> None:
    """And the other jobs as they were told."""
    lives = Lives(database, Clock())
    job = lives.job()
    damage(database, "job", "settings", job.id)
    build = lives.build("3" * 40)
    assert lives.runs(build)
