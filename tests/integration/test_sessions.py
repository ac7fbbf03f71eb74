"""Builders that are connected: who is let in, what is believed, and when it is acknowledged."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from build_lives import Clock, Lives
from builder_process import scenario
from hub_parts import Floor, held, make_hello, open_floor, rows
from hubwright.domain.jobs import JobSettings
from hubwright.domain.traces import TraceIds
from hubwright.errors import ForbiddenError, GitHubUnavailableError, WireError
from hubwright.hub import session as session_module
from hubwright.hub.sealing import Keys
from hubwright.hub.secrets import Vault
from hubwright.hub.session import check_hello
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.wire import WIRE_VERSION, Ack, Do, Event, Job, LatestCommit, Leaving, Output, Ping, Pong, Scrub, Welcome
from hubwright.wire import Result as ResultMessage
from tables import with_tables


def begin(floor: Floor, builder: str = "anvil") -> int:
    """A run that is leased to the builder and has not been sent yet."""
    lives = Lives(floor.database, floor.clock)
    build = lives.build(f"{next(NUMBERS):040x}")
    (run,) = lives.runs(build)
    lives.start(run, builder)
    return run


NUMBERS = iter(range(1, 10**6))


def ended(run: int, seq: int, lease: int = 1, **more: Any) -> ResultMessage:
    return ResultMessage(run=run, lease=lease, seq=seq, at=1.0, result="success", **more)


def event(run: int, seq: int, lease: int = 1) -> Event:
    return Event(run=run, lease=lease, seq=seq, at=1.0, event="warning")


@scenario
async def test_another_builder_under_the_name_waits_until_the_first_is_silent(
    database: Database, tmp_path: Path
) -> None:
    """Two machines with one name would take each other's runs; the same one that comes back takes over at once."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock, heartbeat=10.0) as floor:
        first = await floor.connect(instance="one")
        with pytest.raises(WireError, match="choose another --name"):
            await floor.connect(instance="two")
        again = await floor.connect(instance="one")
        assert "replaced" in await first.until_closed()
        clock.now += 21
        await floor.connect(instance="two")
        assert "replaced" in await again.until_closed()
        assert floor.sessions.names() == {"anvil"}


@scenario
async def test_of_two_that_come_at_once_one_is_let_in(database: Database, tmp_path: Path) -> None:
    async with open_floor(database, tmp_path, Clock()) as floor:
        answers = await asyncio.gather(
            *(floor.connect(instance=f"of {number}") for number in range(5)), return_exceptions=True
        )
        assert sum(isinstance(answer, WireError) for answer in answers) == 4
        assert floor.sessions.names() == {"anvil"}


def keep_token(database: Database, number: int) -> int:
    row = {"id": number, "name": f"t{number}", "role": "builder", "hash": str(number), "created_at": 1.0}
    database.write(lambda connection: connection.execute(insert(schema.token).values(row)))
    return number


@scenario
async def test_a_name_belongs_to_the_token_it_first_came_with(database: Database, tmp_path: Path) -> None:
    """S22: another builder's token can't take it, an admin takes nothing, and a revoked token frees it."""
    mine, theirs = keep_token(database, 1), keep_token(database, 2)
    async with open_floor(database, tmp_path, Clock()) as floor:
        await (await floor.connect(token_id=mine)).leave()
        with pytest.raises(ForbiddenError, match="another builder's token"):
            await floor.connect(token_id=theirs)
        await (await floor.connect(token_id=None)).leave()
        with pytest.raises(ForbiddenError):
            await floor.connect(token_id=theirs)
        revoke = update(schema.token).where(schema.token.c.id == mine).values(revoked_at=2.0)
        database.write(lambda connection: connection.execute(revoke))
        await floor.connect(token_id=theirs)
        assert rows(database, schema.builder)[0].token_id == theirs


@pytest.mark.parametrize(("skew", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_versions_of_the_wire_may_differ_by_one(skew: int, fits: bool) -> None:
    """R18: a rolling upgrade."""
    hello = make_hello(wire=WIRE_VERSION + skew)
    if fits:
        check_hello(hello)
    else:
        with pytest.raises(WireError, match="update it"):
            check_hello(hello)


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": "a\nb"}, {"name": "a" * 101}, {"platform": "\x00"}, {"slots": 0}, {"slots": 10**9},
     {"labels": ("x",) * 65}, {"labels": ("x" * 101,)}, {"instance": "i" * 65}, {"executor": "e" * 21}],
)  # fmt: skip
def test_what_a_builder_says_of_itself_is_bounded(wrong: dict[str, Any]) -> None:
    """S23: it goes into the database and on pages."""
    with pytest.raises(WireError):
        check_hello(make_hello(**wrong))


@scenario
async def test_a_returning_builder_goes_on_where_the_hub_stands(database: Database, tmp_path: Path) -> None:
    """What is durable is not sent again, what is not is asked for; a stale lease is told so."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        run, other = begin(floor), begin(floor)
        channel = await floor.connect(runs=(held(run), held(other)))
        channel.say(Output(run, 1, 0, b"hello\n"), Job(run=run, lease=1, seq=1, at=1.0, stage=0))
        await channel.until(Ack, run=run, seq=1, log=6)
        await channel.leave()
        back = await floor.connect(runs=(held(run, seq=5, log=9), held(other, lease=7), held(10**9)))
        known = {one.run: one for one in back.heard(Welcome)[0].runs}
        assert (known[run].held, known[run].seq, known[run].log) == (True, 1, 6)
        assert not known[other].held
        assert not known[10**9].held
        assert floor.row(other).state == "queued"


@scenario
async def test_nothing_is_acknowledged_before_it_is_durable(database: Database, tmp_path: Path) -> None:
    """A builder forgets what is acknowledged."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        run = begin(floor)
        channel = await floor.connect(runs=(held(run),))
        release = threading.Event()
        slow = database.write_soon(lambda _connection: release.wait(20))
        channel.say(event(run, 1), Output(run, 1, 0, b"x"))
        ack = await channel.until(Ack, run=run, log=1)
        assert ack.seq == 0
        release.set()
        await slow
        assert (await channel.until(Ack, run=run, seq=1)).log == 1


@scenario
async def test_a_builder_waits_when_too_much_of_it_is_not_yet_durable(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk must not become a full memory."""
    waiting = asyncio.Semaphore(4)
    monkeypatch.setattr(session_module.asyncio, "Semaphore", lambda _count: waiting)
    async with open_floor(database, tmp_path, Clock()) as floor:
        run = begin(floor)
        channel = await floor.connect(runs=(held(run),))
        release = threading.Event()
        slow = database.write_soon(lambda _connection: release.wait(20))
        channel.say(*(event(run, seq) for seq in range(1, 50)))
        async with asyncio.timeout(20):
            while not waiting.locked():  # noqa: ASYNC110  a semaphore tells nobody
                await asyncio.sleep(0.002)
        assert channel._frames.qsize() >= 40
        release.set()
        await slow
        await channel.until(Ack, run=run, seq=49)


@scenario
async def test_the_end_of_a_run_frees_the_builder_and_is_acknowledged(database: Database, tmp_path: Path) -> None:
    async with open_floor(database, tmp_path, Clock()) as floor:
        run = begin(floor)
        channel = await floor.connect(runs=(held(run),), slots=2)
        assert [one.slots for one in floor.sessions.free()] == [1]
        channel.say(Output(run, 1, 0, b"out"), ended(run, 1, log=3))
        assert (await channel.until(Ack, run=run, seq=1)).log == 3
        assert [one.slots for one in floor.sessions.free()] == [2]
        channel.say(ended(run, 1, log=3))
        assert (await channel.until(Do, order="drop", run=run)).lease == 1
        assert floor.row(run).log_size == 3


@scenario
async def test_output_of_a_run_that_is_not_held_is_dropped(database: Database, tmp_path: Path) -> None:
    """A zombie's bytes reach no log (R4)."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        run = begin(floor)
        channel = await floor.connect(runs=(held(run),))
        channel.say(Output(run, 2, 0, b"future"), Output(10**9, 1, 0, b"nobody's"))
        await channel.until(Do, order="drop", run=run, lease=2)
        await channel.until(Do, order="drop", run=10**9)
        assert floor.logs.size(run) == 0
        assert not floor.logs.path(10**9).exists()


@scenario
async def test_a_message_under_an_old_lease_does_not_harm_the_new_one(database: Database, tmp_path: Path) -> None:
    """The builder was given the run anew: what it still says of the first time must not free it of the second."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        run = begin(floor)
        channel = await floor.connect()  # it does not have the run: back to the queue
        assert floor.row(run).state == "queued"
        await floor.step()
        assert (await channel.until(Do, order="build", run=run)).lease == 2
        channel.say(event(run, 1, lease=1))
        await channel.until(Do, order="drop", run=run, lease=1)
        channel.say(Output(run, 2, 0, b"new"), ended(run, 1, lease=2, log=3))
        await channel.until(Ack, run=run, lease=2, seq=1)
        assert (floor.row(run).result, floor.logs.read(run, 0, 9)) == ("success", b"new")


@scenario
async def test_a_run_given_again_begins_with_an_empty_log(database: Database, tmp_path: Path) -> None:
    async with open_floor(database, tmp_path, Clock()) as floor:
        run = begin(floor)
        channel = await floor.connect(runs=(held(run),))
        channel.say(Output(run, 1, 0, b"of the first time"))
        await channel.until(Ack, run=run)
        await channel.leave()
        back = await floor.connect(runs=(held(run, lease=9),))  # it has it, but under a lease that never was
        await floor.step()
        await back.until(Do, order="build", run=run)
        assert floor.logs.size(run) == 0


@scenario
async def test_when_output_came_is_noted_once(database: Database, tmp_path: Path) -> None:
    """What a builder sends again, because it did not hear that it had arrived, keeps the moment that it had."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock) as floor:
        run = begin(floor)
        first = clock()
        channel = await floor.connect(runs=(held(run),))
        channel.say(Output(run, 1, 0, b"first\n"))
        await channel.until(Ack, run=run, log=6)
        clock.now += 60
        channel.say(Output(run, 1, 0, b"first\nsecond\n"))
        await channel.until(Ack, run=run, log=13)
        times = floor.logs.load_times(run, 0, 13)
        assert [times.at(0), times.at(5), times.at(6)] == [int(first * 1000), int(first * 1000), int(clock() * 1000)]


@scenario
async def test_messages_that_are_missing_are_asked_for_by_a_new_connection(database: Database, tmp_path: Path) -> None:
    async with open_floor(database, tmp_path, Clock()) as floor:
        run = begin(floor)
        channel = await floor.connect(runs=(held(run),))
        channel.say(event(run, 2))
        assert "missing" in await channel.until_closed()
        assert floor.row(run).seq == 0


@pytest.mark.parametrize(
    "rubbish",
    [
        "",
        "{}",
        "[1]",
        '{"job": 1}',
        '{"hello": {}}',
        '{"do": {"order": "drop"}}',
        b"",
        b"\x09" * 40,
        "\x00",
        "{" * 9000,
    ],
)
def test_rubbish_ends_only_the_session_that_sent_it(tmp_path: Path, rubbish: str | bytes) -> None:
    """S23: and nobody else's."""

    async def check() -> None:
        database = Database(with_tables(f"sqlite:///{tmp_path}/hubwright.db"))
        async with open_floor(database, tmp_path, Clock()) as floor:
            good, bad = await floor.connect("good"), await floor.connect("bad")
            bad.say(rubbish)
            assert bad.task is not None
            with pytest.raises(WireError):
                await bad.task
            assert floor.sessions.names() == {"good"}
            good.say(Ping(at=5.0))
            assert (await good.until(Pong)).at == 5.0
        database.close()

    asyncio.run(check())


@scenario
async def test_a_message_that_can_not_be_kept_ends_its_session_only(database: Database, tmp_path: Path) -> None:
    async with open_floor(database, tmp_path, Clock()) as floor:
        mine, theirs = begin(floor, "good"), begin(floor, "bad")
        good = await floor.connect("good", runs=(held(mine),))
        bad = await floor.connect("bad", runs=(held(theirs),))
        wrong = ResultMessage(run=theirs, lease=1, seq=1, at=1.0, result="splendid")
        for seq in range(1, 6):
            good.say(event(mine, seq))
        bad.say(wrong)
        assert "could not be kept" in await bad.until_closed()
        await good.until(Ack, run=mine, seq=5)
        assert floor.row(theirs).seq == 0


@scenario
async def test_a_leaving_builder_gets_nothing_more(database: Database, tmp_path: Path) -> None:
    """R28."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        channel = await floor.connect(slots=4)
        channel.say(LatestCommit(), Leaving(), Ping(at=1.0))
        await channel.until(Pong)
        assert floor.sessions.free() == []


@scenario
async def test_a_silent_builder_is_let_go(database: Database, tmp_path: Path) -> None:
    clock = Clock()
    async with open_floor(database, tmp_path, clock, heartbeat=0.02) as floor:
        channel = await floor.connect()
        await channel.until(Ping)
        clock.now += 1
        assert "three heartbeats" in await channel.until_closed()


@scenario
async def test_a_run_goes_without_a_token_when_github_gives_none(database: Database, tmp_path: Path) -> None:
    """Secrets and tokens are added when the order is sent and stored nowhere; GitHub's trouble keeps no run."""
    asked: list[str] = []

    def token_of(owner: str) -> str | None:
        asked.append(owner)
        if len(asked) > 1:
            raise GitHubUnavailableError("GitHub is down.")
        return "the-token"

    settings = {"token_of": token_of, "uploads": "http://hub"}
    async with open_floor(database, tmp_path, Clock(), **settings) as floor:
        lives = Lives(database, floor.clock)
        first = lives.runs(lives.build("a" * 40))[0]
        channel = await floor.connect(slots=2)
        await floor.step()
        second = lives.runs(lives.build("b" * 40))[0]
        await floor.step()
        orders = [await channel.until(Do, order="build", run=run) for run in (first, second)]
        assert [order.payload.source.token for order in orders] == ["the-token", None]
        assert orders[0].payload.uploads == f"http://hub/api/v1/runs/{first}/artifacts"
        assert orders[0].payload.secrets == {}
        assert "the-token" not in str(floor.row(first).assignment)


@scenario
async def test_no_token_is_asked_for_where_nothing_is_fetched_with_one(database: Database, tmp_path: Path) -> None:
    """Asking takes a thread, perhaps GitHub, and what a builder has no use for it is not given."""
    asked: list[str] = []
    async with open_floor(database, tmp_path, Clock(), token_of=asked.append) as floor:
        lives = Lives(database, floor.clock, settings=JobSettings(checkout=False))
        (run,) = lives.runs(lives.build("a" * 40, recipe="stages: [build: make]"))
        channel = await floor.connect()
        await floor.step()
        order = await channel.until(Do, order="build", run=run)
        assert (order.payload.source.token, asked) == (None, [])


@scenario
async def test_each_stage_is_told_which_span_it_is_unless_it_names_a_parent_itself(
    database: Database, tmp_path: Path
) -> None:
    """Also after a restart of the hub the same one: it is made from the rows, and stored nowhere."""
    async with open_floor(database, tmp_path, Clock(), uploads="http://hub") as floor:
        lives = Lives(database, floor.clock)
        own = "stages:\n- build: make\n- test: {run: make check, env: {TRACEPARENT: own, A: b}}\n"
        build = lives.build("a" * 40, recipe=own)
        (run,) = lives.runs(build)
        channel = await floor.connect()
        await floor.step()
        order = await channel.until(Do, order="build", run=run)
        given = [stage["env"] for stage in order.payload.stages]
        ids = TraceIds("http://hub")
        assert given == [{"TRACEPARENT": ids.write_traceparent(build, run, 0)}, {"TRACEPARENT": "own", "A": "b"}]
        assert "env" not in floor.row(run).assignment["stages"][0]


@scenario
async def test_only_the_secrets_of_the_recipe_are_sent(database: Database, tmp_path: Path) -> None:
    """S25: for the names that the assignment has; one that is not set is a warning, not silence."""
    vault = Vault(lambda: Keys(()), {"TOKEN": "hush", "OTHER": "never"})
    async with open_floor(database, tmp_path, Clock(), vault=vault) as floor:
        lives = Lives(database, floor.clock)
        (run,) = lives.runs(lives.build("a" * 40))
        assignment = {**floor.row(run).assignment, "secrets": {"TOKEN": "", "UNKNOWN": ""}}
        changed = update(schema.run).where(schema.run.c.id == run).values(assignment=assignment)

        def change(connection: Connection) -> None:
            connection.execute(changed)

        database.write(change)
        channel = await floor.connect()
        await floor.step()
        order = await channel.until(Do, order="build", run=run)
        assert order.payload.secrets == {"TOKEN": "hush"}
        assert any("no secret UNKNOWN" in warning for warning in order.payload.warnings)


@scenario
async def test_a_builder_may_cover_parts_of_its_own_log_only(database: Database, tmp_path: Path) -> None:
    """S19, S22: lines and offsets stay; another's log, and one under an old lease, are left alone."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock) as floor:
        run, other = begin(floor), begin(floor, "brazen")
        floor.logs.append(other, 0, b"of another\n")
        channel = await floor.connect(runs=(held(run),))
        parts = ((2, 10), (90, 5))
        channel.say(Output(run, 1, 0, b"a secret\nin two\nlines"), Scrub(run=run, lease=1, seq=1, spans=parts))
        await channel.until(Ack, run=run, seq=1)
        channel.say(Scrub(run=other, lease=1, seq=1, spans=((0, 5),)), Scrub(run=run, lease=9, seq=2, spans=((0, 5),)))
        await channel.until(Do, order="drop", run=other)
        channel.say(Output(run, 1, 21, b" more"), event(run, 2))
        await channel.until(Ack, run=run, seq=2)
        assert floor.logs.read(run, 0, 99) == b"a ******\n***two\nlines more"
        assert floor.logs.read(other, 0, 99) == b"of another\n"
        channel.say(Scrub(run=run, lease=1, seq=3, spans=((0, 2**40),)))
        assert channel.task is not None
        with pytest.raises(WireError, match="more is to be scrubbed"):
            await channel.task


@scenario
async def test_a_build_that_searches_look_at_wakes_them_when_it_ends(database: Database, tmp_path: Path) -> None:
    """A break, and a build that a search has asked for: neither waits for the next round. Others wake nothing."""
    woken: list[str] = []
    async with open_floor(database, tmp_path, Clock(), on_search=lambda: woken.append("bisections")) as floor:
        for event, result, expected in (
            ("push", "success", 0),
            ("manual", "failure", 0),
            ("push", "error", 0),
            ("push", "failure", 1),
            ("bisect", "success", 2),
            ("bisect", "error", 3),
        ):
            run = begin(floor)
            build = floor.row(run).build_id
            renamed = update(schema.build).where(schema.build.c.id == build).values(event=event)
            database.write(lambda connection, renamed=renamed: connection.execute(renamed))
            anvil = await floor.connect(runs=(held(run),))
            anvil.say(ResultMessage(run=run, lease=1, seq=1, at=1.0, result=result))
            await anvil.until(Ack, run=run, seq=1)
            assert len(woken) == expected, (event, result)
