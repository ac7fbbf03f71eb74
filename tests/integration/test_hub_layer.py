"""What the hub's settings say of all jobs: shown as what holds, and told from what jobs and folders say themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hubwright.config import load_settings
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.folders import keep_folder
from hubwright.store.jobs import HUB, load_effective
from hubwright.store.old_builds import load_days_of_files
from hubwright.store.schema import metadata
from hubwright.store.versions import Change
from hubwright.wiring.job_defaults import make_hub_layer
from served import NOW, Rows

ANN = Change("ann", NOW)


@pytest.fixture
def database(sqlite_url: str, tmp_path: Path) -> Iterator[Database]:
    """A database of a hub that keeps logs for 33 days."""
    given = {"HUBWRIGHT_DATA_DIR": str(tmp_path), "HUBWRIGHT_RETENTION__LOGS": "33"}
    layer = make_hub_layer(load_settings({}, None, given))
    with closing(Database(sqlite_url, given={HUB: layer})) as opened:
        opened.write(metadata.create_all)
        yield opened


def holding(database: Database, path: str) -> dict[str, tuple[Any, str]]:
    """What holds of retention at a job, and whose it is."""
    with database.reading() as connection:
        effective = load_effective(connection, path)
    assert effective is not None
    return {
        place[1]: (said.value, str(said.origin)) for place, said in effective.said.items() if place[0] == "retention"
    }


def test_how_long_things_are_kept_says_the_hub_unless_a_job_or_folder_does(database: Database) -> None:
    """Files of jobs that say nothing themselves have no end of their own: they follow the hub's settings."""
    database.write(lambda it: keep_folder(it, "team", {"retention": {"artifacts": 5}}, ANN))
    for path, said in (("team/app", {"keep": 3}), ("plain", {})):
        document = {"repository": "octo/app", "retention": said}
        database.write(lambda it, path=path, document=document: keep_document(it, path, document, ANN))
    assert holding(database, "team/app") == {
        "builds": (730, "settings of the hub"),
        "logs": (33, "settings of the hub"),
        "artifacts": (5, "folder team"),
        "keep": (3, "job team/app"),
        "archive": (7, "default"),
    }
    assert holding(database, "plain")["artifacts"] == (90, "settings of the hub")
    keep = Rows(database)
    for number in (1, 2):
        keep.keep_build(number, job_id=number, family=number)
    with database.reading() as connection:
        assert [load_days_of_files(connection, build) for build in (1, 2, 3)] == [5, None, None]
