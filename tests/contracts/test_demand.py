"""How many builders of a kind are wanted, and which one-shot builders are still known; on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, create_engine, select, text, update
from sqlalchemy.pool import NullPool

from hub_parts import make_hello
from hubwright.domain.builds import Wanted
from hubwright.domain.planning import PlannedRun
from hubwright.domain.scheduling import BuilderKind
from hubwright.store import builders
from hubwright.store.builds import NewRun, keep_build, keep_runs
from hubwright.store.database import Database
from hubwright.store.pauses import HUB, PLATFORM, drop_pause, keep_pause
from hubwright.store.schema import builder, run
from hubwright.store.upgrade import alembic_settings, upgrade
from hubwright.store.views_demand import OwnBuilder, load_demand
from hubwright.wire import Hello
from limited_jobs import NOW, define

LINUX = BuilderKind(platform="linux-x86_64", labels=("gpu",))


def send(connection: Connection, *wants: tuple[str, tuple[str, ...]]) -> list[int]:
    """Runs that want these platforms and labels."""
    job = define(connection, "app").id
    wanted = Wanted(sha="a" * 40, ref="refs/heads/main", event="push", trigger="1")
    build = keep_build(connection, job, 1, "octo/hello", wanted, NOW)
    planned = [PlannedRun(platform=platform, labels=labels) for platform, labels in wants]
    return keep_runs(connection, [NewRun(build_id=build, planned=one, assignment={}) for one in planned], NOW)


def give(connection: Connection, number: int, name: str) -> None:
    connection.execute(update(run).where(run.c.id == number).values(state="running", builder=name))


def come(connection: Connection, name: str, token: int | None = 7, **said: object) -> Hello:
    hello = make_hello(name, platform="linux-x86_64", **said)
    builders.keep_connected(connection, [(hello, token)], NOW)
    return hello


def leave(connection: Connection, hello: Hello) -> None:
    """As a one-shot builder does when its run has ended."""
    builders.keep_away(connection, hello.name, NOW, drained=True, on_demand=True)
    builders.forget_spent(connection, hello)


def known(connection: Connection) -> dict[str, str]:
    return {row.name: row.state for row in connection.execute(select(builder.c.name, builder.c.state))}


def test_what_a_builder_of_the_kind_may_take_is_counted_by_platform_glob_and_labels(database: Database) -> None:
    """What a scaler is to start builders for: a run for another platform or with a label more is not among it."""

    def play(connection: Connection) -> None:
        wants = [("linux-x86_64", ()), ("linux-*", ("gpu",)), ("any", ()), ("mac-1", ()), ("linux-x86_64", ("big",))]
        first, *_ = send(connection, *wants)
        assert load_demand(connection, LINUX, None).waiting == 3
        assert load_demand(connection, BuilderKind(platform="mac-1"), None).waiting == 2
        give(connection, first, "oak")
        demand = load_demand(connection, LINUX, None)
        assert (demand.waiting, demand.running, demand.oldest, demand.builders) == (2, 1, NOW, ())
        nothing = load_demand(connection, BuilderKind(platform="bsd"), {})
        assert (nothing.waiting, nothing.running) == (1, 0)

    database.write(play)


def test_nothing_is_wanted_that_a_pause_or_a_limit_keeps_from_starting(database: Database) -> None:
    """Builders that get nothing would end and be started again without end."""

    def play(connection: Connection) -> None:
        first, *_ = send(connection, *[("linux-x86_64", ())] * 4)
        come(connection, "oak")
        give(connection, first, "oak")
        assert load_demand(connection, LINUX, {"linux-*": 3}).waiting == 2
        assert load_demand(connection, LINUX, {"linux-*": 1}).waiting == 0
        for kind, name in ((HUB, ""), (PLATFORM, "linux-*")):
            keep_pause(connection, kind, name, "ann", NOW)
            paused = load_demand(connection, LINUX, None)
            assert (paused.waiting, paused.oldest) == (0, None)
            drop_pause(connection, kind, name)
        assert load_demand(connection, LINUX, None).waiting == 3

    database.write(play)


def test_who_asks_with_a_builders_token_is_told_of_the_builders_that_came_with_it(database: Database) -> None:
    def play(connection: Connection) -> None:
        first, _ = send(connection, ("linux-x86_64", ()), ("linux-x86_64", ()))
        mine, gone = come(connection, "slurm-1"), come(connection, "slurm-2")
        come(connection, "slurm-3")
        come(connection, "other", 8)
        builders.keep_away(connection, gone.name, NOW)
        give(connection, first, mine.name)
        builders.keep_seen(connection, [builders.Mark(mine.name, builders.DRAINING, None, None)], NOW)
        assert load_demand(connection, LINUX, None, 7).builders == (
            OwnBuilder("slurm-1", 1, leaving=True),
            OwnBuilder("slurm-3", 0, leaving=False),
        )
        assert load_demand(connection, LINUX, None, 9).builders == ()

    database.write(play)


def test_of_one_shot_builders_that_have_ended_one_of_a_kind_is_left(database: Database) -> None:
    """Thousands come and go; the hub still knows that their platform can be built. What holds a run, is connected, is
    of another kind or comes again is not forgotten."""

    def play(connection: Connection) -> None:
        (number,) = send(connection, ("linux-x86_64", ()))
        lost, lasting = come(connection, "lost", once=True), come(connection, "lasting")
        other = come(connection, "other", once=True, labels=("gpu",))
        come(connection, "here", once=True)
        for hello in (lost, lasting, other):
            builders.keep_away(connection, hello.name, NOW)
        give(connection, number, "lost")
        for count in range(3):
            leave(connection, come(connection, f"pod-{count}", once=True))
        assert known(connection) == {
            "lost": "away", "lasting": "away", "other": "away", "here": "connected", "pod-2": "on_demand",
        }  # fmt: skip
        connection.execute(update(run).values(state="queued"))
        leave(connection, come(connection, "pod-3", once=True))
        assert set(known(connection)) == {"lasting", "other", "here", "pod-3"}

    database.write(play)


@pytest.fixture(params=["new_sqlite_url", "new_postgres_url"])
def before(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database of the release before, with a builder in it."""
    made = create_engine(request.getfixturevalue(request.param), poolclass=NullPool)
    with made.begin() as connection:
        command.upgrade(alembic_settings(connection), "0014")
        add_old_builder(connection, "oak")
    return made


def add_old_builder(connection: Connection, name: str) -> None:
    connection.execute(
        text(
            "INSERT INTO builder (name, platform, labels, slots, version, executor, instance, state)"
            " VALUES (:name, 'linux-x86_64', '[]', 1, '1', 'process', 'i', 'away')"
        ),
        {"name": name},
    )


def test_builders_of_the_release_before_are_no_one_shot_ones(before: Engine) -> None:
    """Those that were there, and those that a hub of that release adds afterwards (expand, then use)."""
    upgrade(before.url.render_as_string(hide_password=False))
    with before.begin() as connection:
        add_old_builder(connection, "elm")
        leave(connection, come(connection, "pod-1", None, once=True))
        assert set(known(connection)) == {"oak", "elm", "pod-1"}
