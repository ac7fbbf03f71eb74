"""`python -m bench.seed URL [--builds N --jobs N --copies N --seed N --now SECONDS]`: a database after years of work.

By default 5,000 jobs in folders with 200,000 copies for pull requests and branches, and 1,000,000 builds of them with
runs, stages, tests, problems, artifacts and facts; every other table has rows too. The same numbers make the same rows.
`URL` is SQLAlchemy's, of an empty database.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.seed_builds import COLUMNS, Builds
from bench.seed_others import Others
from bench.seed_world import OPEN, REPOSITORY, Size, Subject, World
from bench.seed_writing import Loader, loading
from hubwright.store.moments import write_moment
from hubwright.store.schema import metadata

TABLES = metadata.tables
_JOB = (
    "id", "path", "repository_id", "repository", "settings", "enabled", "builds", "created_at", "folder", "version",
    "copy_of", "copy_key", "closed_at", "archived_at",
)  # fmt: skip


def seed(url: str, size: Size, number: int = 1, now: float | None = None, say: Callable[[str], None] = print) -> World:
    """Fill the empty database at `url`; the world that is in it then. `now`: Unix seconds, by default this midnight."""
    begun = time.perf_counter()
    world = World(size=size, seed=number, now=now if now is not None else time.time() // 86_400 * 86_400)
    with loading(url) as loader:
        _fill(loader, world, lambda what: say(f"{time.perf_counter() - begun:6.1f} s  {what}"))
    say(f"{time.perf_counter() - begun:6.1f} s  indexes and statistics")
    return world


def _fill(loader: Loader, world: World, say: Callable[[str], None]) -> None:
    folders = sorted({above for job in world.jobs for above in _ancestors(job.path)} | {""})
    created = write_moment(world.at(0))
    loader.load(
        TABLES["folder"],
        ("path", "parent", "settings", "created_at"),
        [(path, path.rpartition("/")[0] if path else None, "{}", created) for path in folders],
    )
    builds = Builds(world)
    for at, rows in enumerate(builds.portions(), 1):
        for name, columns in COLUMNS.items():
            loader.load(TABLES[name], columns, rows[name])
        if at % 10 == 0:
            say(f"{rows['build'][-1][0] if rows['build'] else world.size.builds:,} builds")
    loader.load(TABLES["job"], _JOB, _jobs(world))
    say(f"{len(world.jobs):,} jobs, {len(world.copies):,} copies")
    for table, columns, others in Others(world).tables():
        loader.load(table, columns, others)
    say("all else")


def _jobs(world: World) -> Iterator[tuple[Any, ...]]:
    """Their rows, once it is known how many builds each has."""
    for job in world.jobs:
        settings = json.dumps({"timeout": 1200, "environment": {"CC": "clang"}})
        yield _job(job, world.at(0), settings, None, (None, None))
    for at, copy in enumerate(world.copies):
        share = at / len(world.copies)
        gone = None if share > 1 - OPEN else write_moment(world.at(share) + 86_400)
        archived = gone if share < 1 - 2 * OPEN else None
        yield _job(copy, world.at(share), "{}", copy.family, (gone, archived))


def _job(of: Subject, created: float, settings: str, parent: int | None, gone: tuple[Any, Any]) -> tuple[Any, ...]:
    return (
        of.id, of.path, REPOSITORY + of.family, of.repository, settings, 1, of.builds, write_moment(created),
        of.path.rpartition("/")[0], int(parent is None or not of.id % 200), parent, str(of.key) if of.key else None,
        *gone,
    )  # fmt: skip


def _ancestors(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def main() -> None:
    """Fill a database."""
    parser = argparse.ArgumentParser(prog="python -m bench.seed", description="A database after years of work.")
    parser.add_argument("url")
    parser.add_argument("--jobs", type=int, default=Size.jobs)
    parser.add_argument("--copies", type=int, default=Size.copies)
    parser.add_argument("--builds", type=int, default=Size.builds)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--now", type=float, help="Unix seconds of the newest build (default: the last midnight, UTC)")
    options = parser.parse_args()
    size = Size(jobs=options.jobs, copies=options.copies, builds=options.builds)
    seed(options.url, size, options.seed, options.now)


if __name__ == "__main__":
    main()
