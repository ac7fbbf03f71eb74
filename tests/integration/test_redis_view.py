"""Jobs and builds in Redis: the keys of systems 1 and 2 as a plain client reads them from a real Valkey."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import delete, insert, select, update

import servers
from build_lives import Clock, Lives
from hubwright.domain.job_copies import CopyKey, CopyKind
from hubwright.domain.repos import Repository
from hubwright.hub.bell import LoudBell
from hubwright.hub.logs import Logs
from hubwright.reports.redis_builds import Terms
from hubwright.reports.redis_keys import Keys
from hubwright.reports.redis_output import BEHIND, CHUNK, LogFiles, RedisOutput
from hubwright.reports.redis_view import SHARE, RedisView
from hubwright.reports.redis_writer import LostLeaseError, Writer
from hubwright.store import schema
from hubwright.store.copies import find_or_make_copy
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.jobs import load_job
from hubwright.store.links import drop_link, keep_link
from hubwright.store.retention import delete_builds
from hubwright.store.versions import Change

COOL = "games/cool/project"
RECIPE = "stages:\n  - build: make\n  - test: make check\n  - docs: {kind: docs, run: make docs}\n"
OCTO = Repository(id=None, owner="octo", name="cool_app")


@pytest.fixture
def own() -> Keys:
    """Channels that no other test hears: they are one for all databases of a server."""
    return Keys(f"t{servers.next_number('prefix')}:")


class World:
    """A database whose jobs and builds move on, and the view that follows it."""

    def __init__(self, database: Database, client: redis.Redis, url: str) -> None:
        self.database = database
        self.client = client
        self.url = url
        self.clock = Clock()
        self.lives = Lives(database, self.clock, "octo/cool_app")

    def view(self, owner: str = "a hub", client: redis.Redis | None = None, **terms: Any) -> RedisView:
        made = Terms(**{"public_url": "https://ci.example.org", **terms})
        return RedisView(client or self.client, self.database, owner, self.clock, made)

    def write(self, work: Callable[[Any], Any]) -> Any:
        self.clock.now += 1
        return self.database.write(work)

    def define(self, path: str, **said: Any) -> Any:
        document = {"repository": "octo/cool_app", **said}
        self.write(lambda connection: keep_document(connection, path, document, Change("ann", self.clock())))
        return self.job(path)

    def job(self, path: str) -> Any:
        with self.database.reading() as connection:
            return load_job(connection, path)

    def copy(self, parent: str, number: int) -> Any:
        key = CopyKey(CopyKind.PULL_REQUEST, str(number))
        found = self.job(parent)
        return self.write(lambda connection: find_or_make_copy(connection, found, key, self.clock()).job)

    def later(self, view: RedisView) -> None:
        """Look at all that is new."""
        self.clock.now += SHARE + 1
        view.drain()

    def dump(self, prefix: str = "") -> dict[str, Any]:
        """Everything of the read model, lists of folders sorted: their order says nothing."""
        found: dict[str, Any] = {}
        for key in sorted(self.client.scan_iter(f"{prefix}*")):
            name = key.decode()
            if "hubwright:" in name:
                continue
            kind = self.client.type(key)
            if kind == b"list":
                items = [one.decode() for one in self.client.lrange(key, 0, -1)]
                placed = name.startswith((f"{prefix}jobs", f"{prefix}folder_"))
                found[name] = sorted(items) if placed else items
            elif kind == b"hash":
                found[name] = {k.decode(): v.decode() for k, v in self.client.hgetall(key).items()}
            else:
                found[name] = self.client.get(key).decode()
        return found

    def text(self, key: str) -> str:
        return self.client.get(key).decode()

    def items(self, key: str) -> list[str]:
        return [one.decode() for one in self.client.lrange(key, 0, -1)]


@pytest.fixture
def world(sqlite_url: str, valkey_url: str) -> Iterator[World]:
    database = Database(sqlite_url)
    with closing(redis.Redis.from_url(valkey_url)) as client:
        yield World(database, client, valkey_url)
    database.close()


def listen(ear: Any) -> Iterator[dict[str, Any]]:
    """All that has been published by now."""
    while (message := ear.get_message(ignore_subscribe_messages=False, timeout=0.3)) is not None:
        if message["type"].endswith("message"):
            yield message


def ended_builds(world: World) -> list[int]:
    with world.database.reading() as connection:
        return list(connection.execute(select(schema.build.c.id).where(schema.build.c.state == "finished")).scalars())


def drop_two(world: World, chance: random.Random) -> None:
    """As retention drops builds."""
    ended = ended_builds(world)
    gone = chance.sample(ended, min(2, len(ended)))
    world.write(lambda c: delete_builds(c, gone))


def sha(number: int) -> str:
    return f"{number:040x}"


def test_system_2_finds_its_keys(world: World) -> None:
    """The table of its design page: which keys there are, of which type, and what each leads to."""
    world.define(COOL, title="Cool", parameters=[{"name": "LEVEL", "default": "1"}])
    world.define("top")
    copy = world.copy(COOL, 25)
    for kind in (CopyKind.PULL_REQUEST, CopyKind.BRANCH):
        world.write(lambda c, kind=kind: keep_link(c, OCTO, kind, world.job(COOL).id, ("**",), world.clock()))
    first, second = (world.lives.build(sha(n), recipe=RECIPE, job=copy) for n in (1, 2))
    world.lives.live(first, 0, 0, 0)
    world.view().drain()

    assert set(world.items("jobs")) == {"folder_games", "job_top"}
    assert world.items("folder_games") == ["folder_games/cool"]
    assert set(world.items("folder_games/cool")) == {f"job_{COOL}", f"job_{COOL}_pr25"}
    definition = json.loads(world.text(f"job_{COOL}"))
    assert (definition["title"], definition["parameters"][0]["name"]) == ("Cool", "LEVEL")
    copied = json.loads(world.text(f"job_{COOL}_pr25"))
    assert (copied["copy_of"], copied["parameters"]) == (COOL, definition["parameters"])
    assert world.items(f"job_{COOL}_pr25_recent") == ["2", "1"]
    done = json.loads(world.text(f"job_{COOL}_pr25_1"))
    assert (done["build"], done["status"]["status"], done["status"]["worker"]) == (1, "done", "anvil")
    assert [one["stage"] for one in done["status"]["stages"]] == ["build", "test", "docs"]
    assert (done["id"], done["result"], done["runs"][0]["stages"][0]["exit_code"]) == (first, "success", 0)
    assert json.loads(world.text(f"job_{COOL}_pr25_2"))["status"]["status"] == "queued"
    for kind in ("pullrequest", "branch"):
        assert world.text(f"github_octo_cool_app_{kind}") == f"job_{COOL}"
    assert second


def test_system_1_finds_its_keys(world: World) -> None:
    """Its page reads commits with LRANGE, and fails on any field that it does not know."""
    builds = [world.lives.build(sha(n), recipe=RECIPE) for n in (1, 2, 3)]
    world.lives.live(builds[0], 0, 0, 0)
    (run,) = world.lives.runs(builds[1])
    world.lives.start(run)
    world.lives.end(run, 0, 2, passed=3, failed=1)
    (broken,) = world.lives.runs(builds[2])
    world.lives.start(broken)
    world.lives.end(broken, 2)
    world.lives.build(sha(1), ref="refs/heads/again")
    world.view().drain()

    assert world.items("commits") == [sha(3), sha(2), sha(1)]
    commit = {key.decode(): value.decode() for key, value in world.client.hgetall(sha(2)).items()}
    assert set(commit) == {"commitMsg", "date", "username", "branch"}
    assert (commit["branch"], abs(int(commit["date"]) - world.clock()) < 60) == ("main", True)
    assert world.items(f"{sha(2)}:platforms") == ["linux"]
    told = {key.decode(): value.decode() for key, value in world.client.hgetall(f"linux:{sha(2)}").items()}
    assert {name: told[name] for name in ("buildResult", "testResult", "csources", "docs")} == {
        "buildResult": "2", "testResult": "1", "csources": "f", "docs": "f",
    }  # fmt: skip
    assert [told[name] for name in ("total", "passed", "skipped", "failed")] == ["4", "3", "0", "1"]
    known = {"buildResult", "testResult", "failReason", "total", "passed", "skipped", "failed", "csources", "docs"}
    assert set(told) <= known | {"timeBuild", "timeTest"}
    assert world.client.hget(f"linux:{sha(3)}", "buildResult") == b"1"
    assert world.client.hget(f"linux:{sha(3)}", "testResult") == b"1"
    assert world.client.hget(f"linux:{sha(3)}", "failReason")


def test_names_that_would_be_others_keys_are_told_apart(world: World) -> None:
    """Job `app_1` is not build 1 of `app`, and `app_recent` not its list; a prefix keeps hubs apart."""
    for path in ("app", "app_1", "app_recent", "app_1_2"):
        world.define(path)
    world.lives.build(sha(1), job=world.job("app"))
    world.lives.build(sha(2), job=world.job("app_1"))
    world.view(keys=Keys("ci:")).drain()

    assert set(world.items("ci:jobs")) == {"ci:job_app", "ci:job_app%5F1", "ci:job_app%5Frecent", "ci:job_app_1%5F2"}
    assert json.loads(world.text("ci:job_app_1"))["build"] == 1
    assert json.loads(world.text("ci:job_app%5F1"))["path"] == "app_1"
    assert world.items("ci:job_app_recent") == ["1"]
    assert world.items("ci:job_app%5F1_recent") == ["1"]
    assert all(key.startswith(b"ci:") for key in world.client.scan_iter())


def test_what_goes_from_the_database_goes_from_redis(world: World) -> None:
    """Archived copies, removed jobs and links, builds beyond the bounds: nothing grows, nothing stale is read."""
    world.define(COOL)
    copy = world.copy(COOL, 25)
    world.define("gone/job")
    world.write(lambda c: keep_link(c, OCTO, CopyKind.BRANCH, world.job(COOL).id, ("**",), world.clock()))
    for number in range(1, 6):
        world.lives.live(world.lives.build(sha(number), job=world.job(COOL)), 0, 0)
    world.lives.build(sha(9), job=copy)
    view = world.view(recent=2, commits=3)
    world.later(view)

    assert world.items(f"job_{COOL}_recent") == ["5", "4"]
    assert not world.client.exists(f"job_{COOL}_3", sha(2), f"linux:{sha(2)}", f"{sha(2)}:platforms")
    assert world.items("commits") == [sha(9), sha(5), sha(4)]
    assert world.client.ttl(f"job_{COOL}_5") > 0
    world.write(lambda c: delete_builds(c, ended_builds(world)[-1:]))  # as a shorter retention of its job does
    world.later(view)
    assert world.items(f"job_{COOL}_recent") == ["4", "3"]
    assert world.items("commits") == [sha(9), sha(4), sha(3)]
    assert not world.client.exists(f"job_{COOL}_5", sha(5), f"linux:{sha(5)}", f"{sha(5)}:platforms")
    world.write(lambda c: c.execute(update(schema.job).where(schema.job.c.id == copy.id).values(archived_at=1.0)))
    world.write(lambda c: drop_link(c, OCTO, CopyKind.BRANCH))
    world.write(lambda c: c.execute(delete(schema.job).where(schema.job.c.path == "gone/job")))
    world.write(lambda c: c.execute(delete(schema.folder).where(schema.folder.c.path == "gone")))
    world.later(view)

    left = set(world.dump())
    assert not {f"job_{COOL}_pr25", f"job_{COOL}_pr25_recent", f"job_{COOL}_pr25_1", "job_gone/job"} & left
    assert not any(key.startswith("github_") for key in left)
    assert world.items("jobs") == ["folder_games"]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_up_is_what_would_be_built_anew(world: World, seed: int) -> None:
    """However the database changes and however often it is looked at: following it ends where a rebuild ends."""
    chance = random.Random(seed)
    view = world.view(recent=3, commits=6)
    world.define("a/b")
    builds: list[int] = []

    def act() -> None:
        path = chance.choice(["a/b", "a/b_2", "c", "a/d/e"])
        match chance.randrange(8):
            case 0:
                world.define(path, title=str(chance.random()))
            case 1:
                made = world.copy("a/b", chance.randrange(3))
                builds.append(world.lives.build(sha(chance.randrange(9)), job=made))
            case 2 | 3 if world.job(path) is not None:
                builds.append(world.lives.build(sha(chance.randrange(9)), job=world.job(path)))
            case 4 if builds:
                world.lives.live(builds.pop(chance.randrange(len(builds))), *chance.choice([(0, 0), (0, 1), (2,)]))
            case 5 if builds:
                world.lives.cancel(builds.pop(), "enough")
            case 6:
                world.write(lambda c: keep_link(c, OCTO, CopyKind.BRANCH, world.job("a/b").id, ("**",), 1.0))
                drop_two(world, chance)
            case _:
                archived = update(schema.job).where(schema.job.c.copy_of.is_not(None)).values(archived_at=1.0)
                world.write(lambda c: c.execute(archived))

    for _ in range(40):
        act()
        if chance.random() < 0.3:
            world.later(view)
    world.later(view)
    kept = world.dump()
    assert view.rebuild() == 0
    assert kept == world.dump()
    assert len(kept) > 5


def test_an_emptied_redis_is_filled_again(world: World) -> None:
    """Redis may be emptied at any time, or have an old copy of itself, or that of another database."""
    world.define("app")
    world.lives.live(world.lives.build(sha(1), job=world.job("app")), 0, 0)
    world.view().drain()
    whole = world.dump()
    for harm in (
        world.client.flushdb,
        lambda: world.client.set("hubwright:mark", '{"form": 1, "fact": 3, "at": 12.5}'),
        lambda: world.client.set("hubwright:mark", "damaged"),
        lambda: world.client.set("hubwright:mark", '{"form": 1, "fact": 99999, "at": 1.0}'),
        lambda: world.client.mset({"job_app_7": "{}", "job_other": "{}", "folder_x": "y", "hubwright:mark": "{}"}),
    ):
        harm()
        world.later(world.view("another hub"))
        assert world.dump() == whole


def test_an_outage_is_caught_up_and_delays_nobody(world: World, free_port: int) -> None:
    """What happens while Redis is away is told when it is back, without a restart and without a rebuild."""
    world.define("app")
    view = world.view()
    view.drain()
    nobody = redis.Redis(port=free_port, retry=Retry(NoBackoff(), 0))
    away = world.view(client=nobody)
    world.lives.live(world.lives.build(sha(1), job=world.job("app")), 0, 0)
    assert world.clock() < away.drain() <= world.clock() + 16

    view.drain()
    assert json.loads(world.text("job_app_1"))["result"] == "success"
    nobody.close()


def test_one_writes_at_a_time(world: World) -> None:
    """Two hubs, one Redis: who has lost the lease writes nothing, not even the rest of a step that has begun."""
    world.define("app")
    first, second = (Writer(world.client, Keys(), name) for name in ("one", "two"))
    assert first.take()
    assert not second.take()
    assert world.view("two").drain() == world.clock() + 1.0
    assert not world.client.exists("jobs")
    world.client.set("hubwright:writer", "two")  # its time ran out while it wrote
    with pytest.raises(LostLeaseError):
        first.write([("SET", "job_app", "old")])
    assert not world.client.exists("job_app")
    second.give_back()
    assert world.view("three").rebuild() == 0
    assert world.items("jobs") == ["job_app"]


def test_facts_go_out_on_channels(world: World, own: Keys) -> None:
    """Whoever listens hears each fact once, on the channel of all and on that of its build."""
    world.define("app")
    view = world.view(keys=own)
    view.drain()
    with closing(world.client.pubsub()) as ear:
        ear.psubscribe(own.facts, own.build("app", 1))
        world.lives.live(world.lives.build(sha(1), job=world.job("app")), 0, 0)
        view.drain()
        view.drain()
        heard = [(one["channel"].decode(), json.loads(one["data"])["kind"]) for one in listen(ear)]

    of_build = [kind for channel, kind in heard if channel == own.build("app", 1)]
    assert of_build[0] == "BuildQueued"
    assert of_build[-1] == "BuildFinished"
    assert of_build == [kind for channel, kind in heard if channel == own.facts]


def test_postgresql_gives_the_same(database: Database, valkey_url: str) -> None:
    """The queries are the same on both databases, with what follows a rebuild."""
    with closing(redis.Redis.from_url(valkey_url)) as client:
        world = World(database, client, valkey_url)
        world.define(COOL)
        world.write(lambda c: keep_link(c, OCTO, CopyKind.BRANCH, world.job(COOL).id, ("**",), world.clock()))
        view = world.view(recent=2, commits=2)
        view.drain()
        for number in (1, 2, 3):
            world.lives.live(world.lives.build(sha(number), job=world.job(COOL)), 0, 0)
        world.write(lambda c: c.execute(insert(schema.folder).values(path="e", parent="", settings={}, created_at=1.0)))
        world.later(view)
        kept = world.dump()

        assert view.rebuild() == 0
        assert world.dump() == kept
        assert kept["commits"] == [sha(3), sha(2)]


def test_output_goes_out_while_it_is_written(world: World, tmp_path: Path, own: Keys) -> None:
    """On the channels of the build and of its builder, which is also heard when it has nothing to do (system 2)."""
    world.define("app")
    build = world.lives.build(sha(1), job=world.job("app"))
    (run,) = world.lives.runs(build)
    world.lives.start(run)
    values = {"platform": "linux", "labels": [], "slots": 1, "version": "1", "executor": "process", "instance": "i"}
    for name, state in (("anvil", "connected"), ("gone", "away")):
        world.write(lambda c, n=name, s=state: c.execute(insert(schema.builder).values(name=n, state=s, **values)))
    bell = LoudBell()
    logs = Logs(tmp_path / "logs", bell)
    files = LogFiles(logs.read, logs.size)
    output = RedisOutput(world.client, world.database, own, files, world.clock)
    bell.listener = output.note
    with closing(world.client.pubsub()) as ear, closing(logs):
        ear.subscribe(own.build("app", 1), own.node("anvil"), own.node("gone"), own.facts)
        logs.append(run, 0, b"one\n")
        output.publish()
        logs.append(run, 4, "zwö".encode()[:-1])
        output.publish()
        heard = [(one["channel"].decode(), json.loads(one["data"])) for one in listen(ear)]

    beats = [(channel, one["state"]) for channel, one in heard if one["type"] == "heartbeat"]
    assert beats == [(own.node("anvil"), "busy"), (own.facts, "building")]
    for name in (own.build("app", 1), own.node("anvil")):
        told = [one for channel, one in heard if channel == name and one["type"] == "log"]
        assert [(one["start"], one["end"], one.get("text")) for one in told] == [(0, 4, "one\n"), (4, 7, None)]
        assert (told[0]["run"], told[0]["builder"]) == (run, "anvil")


def test_output_of_an_outage_comes_later_and_in_bounds(world: World, free_port: int, own: Keys) -> None:
    """What was written meanwhile is published from its file; far too much is only in the log."""
    world.define("app")
    (run,) = world.lives.runs(world.lives.build(sha(1), job=world.job("app")))
    world.lives.start(run)
    data = {"size": 10}
    nobody = redis.Redis(port=free_port, retry=Retry(NoBackoff(), 0))
    files = LogFiles(
        lambda _run, start, most: b"x" * max(0, min(most, data["size"] - start)), lambda _run: data["size"]
    )
    output = RedisOutput(nobody, world.database, own, files, world.clock)
    output.note(f"log:{run}")
    with pytest.raises(redis.ConnectionError):
        output.publish()
    data["size"] = 30
    output._client = world.client
    with closing(world.client.pubsub()) as ear:
        ear.subscribe(own.build("app", 1))
        output.note(f"log:{run}")
        output.publish()
        data["size"] += BEHIND + 1
        output.note(f"log:{run}")
        output.publish()
        told = [json.loads(one["data"]) for one in listen(ear)]
    nobody.close()
    assert [(one["start"], one["end"]) for one in told] == [(0, 30), (data["size"] - CHUNK, data["size"])]
