"""The rows of the release before come along into folders: nothing that was said of a job is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from hubwright.domain.jobs import Approval, Commits, JobSettings
from hubwright.store.database import Database
from hubwright.store.engines import write_document
from hubwright.store.folders import load_subfolders
from hubwright.store.jobs import load_jobs_at
from hubwright.store.upgrade import alembic_settings, upgrade
from hubwright.store.versions import Kind, load_versions
from hubwright.store.views_jobs import load_job

WHEN = "2026-11-01T00:00:00.000000Z"

BEFORE: dict[str, dict[str, Any]] = {
    "ann/compiler": {},
    "team/sub/app": {"recipe": "stages: []", "env": {"A": "1"}, "commits": "head", "platforms": ["linux", "mac*"]},
    "team/path": {"recipe_path": "ci/build.yml", "approval": "never", "timeout": 60, "checkout": False},
    "top": {"env": {}, "comment": True, "recipe": None},
}
"""Jobs of the release before, by path: their settings as it wrote them."""


@pytest.fixture(params=["new_sqlite_url", "new_postgres_url"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database of the release before, with rows in it."""
    made = create_engine(request.getfixturevalue(request.param), poolclass=NullPool)
    with made.begin() as connection:
        command.upgrade(alembic_settings(connection), "0003")
        fill(connection)
    return made


def fill(connection: Connection) -> None:
    """Jobs, and a build with a run of the second."""
    add = text(
        "INSERT INTO job (id, path, repository, clone_url, settings, enabled, created_at)"
        " VALUES (:id, :path, :repository, :clone_url, :settings, :enabled, :at)"
    )
    for number, (path, settings) in enumerate(BEFORE.items(), 1):
        address = "https://git.example/top" if path == "top" else None
        values = {"id": number, "path": path, "repository": "ann/compiler", "clone_url": address, "at": WHEN}
        connection.execute(add, {**values, "settings": write_document(settings), "enabled": path != "top"})
    connection.execute(
        text(
            "INSERT INTO build (id, job_id, number, trigger, repository, sha, ref, event, queued_at)"
            " VALUES (5, 2, 1, 't', 'ann/compiler', 'abc', 'refs/heads/x', 'push', :at)"
        ),
        {"at": WHEN},
    )
    connection.execute(
        text(
            "INSERT INTO run (id, build_id, platform, matrix, assignment, queued_at)"
            " VALUES (6, 5, 'linux', '{}', '{}', :at)"
        ),
        {"at": WHEN},
    )


def test_every_setting_holds_as_before_and_has_a_first_version(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    upgrade(url)
    database = Database(url)
    try:
        with database.reading() as connection:
            check_jobs(connection)
            check_rest(connection)
    finally:
        database.close()


def check_jobs(connection: Connection) -> None:
    """As said before, in today's form."""
    found = load_jobs_at(connection, list(BEFORE))
    assert {path: as_before(one.settings) for path, one in found.items()} == {
        "ann/compiler": JobSettings(),
        "team/sub/app": JobSettings(
            recipe="stages: []", env={"A": "1"}, commits=Commits.HEAD, platforms=("linux", "mac*")
        ),
        "team/path": JobSettings(recipe_path="ci/build.yml", approval=Approval.NEVER, timeout=60, checkout=False),
        "top": JobSettings(comment=True),
    }
    assert {one.version for one in found.values()} == {1}
    assert load_job(connection, "team/sub/app").settings == BEFORE["team/sub/app"]
    (version,) = load_versions(connection, Kind.JOB, found["top"].id).items
    assert version.document == {
        "comment": True,
        "repository": "ann/compiler",
        "clone_url": "https://git.example/top",
        "enabled": False,
    }


def check_rest(connection: Connection) -> None:
    """Folders, and what builds and runs have of their jobs."""
    assert [one.path for one in load_subfolders(connection, "").items] == ["ann", "team"]
    assert [one.path for one in load_subfolders(connection, "team").items] == ["team/sub"]
    rows = connection.execute(text("SELECT path, folder FROM job ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [(path, path.rpartition("/")[0]) for path in BEFORE]
    assert connection.execute(text("SELECT family FROM build")).scalar_one() == 2
    assert connection.execute(text("SELECT family FROM run")).scalar_one() == 2


def as_before(settings: JobSettings) -> JobSettings:
    """What the release before knew of."""
    return JobSettings(**{name: getattr(settings, name) for name in JobSettings.__slots__})
