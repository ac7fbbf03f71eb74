"""Channels on IRC hear what concerns them: in order, once, in few lines, also after the bot was away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from build_lives import Clock, Lives
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.irc_news import make_rules
from hubwright.domain.irc_text import Text, paint
from hubwright.domain.preferences import Preference, Way
from hubwright.domain.repos import Commit, Push, Repository
from hubwright.domain.streaks import Turn
from hubwright.errors import OutletError
from hubwright.hub.news import tell_push
from hubwright.reports.irc import IrcReporter
from hubwright.reports.relay import Relay
from hubwright.store import irc, irc_accounts, known_failures, schema
from hubwright.store.builders import AWAY, CONNECTED
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.facts import keep_facts
from hubwright.store.preferences import keep_preference
from hubwright.store.versions import Change

START = 1_800_000_000.0
URL = "https://ci.example.org"


class Network:
    """A voice, and what was heard: channel and line. `bears` lines are heard, then it is away; None: all."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.bears: int | None = None

    def tell(self, target: str, text: Text, *, more: str = "") -> None:  # noqa: ARG002  the voice's call
        if self.bears == 0:
            raise OutletError("The server is away.")
        self.bears = None if self.bears is None else self.bears - 1
        self.heard.append((target, paint(text, colours=True)))

    def take(self) -> list[tuple[str, str]]:
        """What was heard since the last time."""
        taken, self.heard = self.heard, []
        return [(target, line.replace("\x02", "").replace("\u200b", "")) for target, line in taken]


class Town:
    """A database with a job, and the relay that tells channels."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.lives = Lives(database, Clock(START))
        self.network = Network()
        self.relay: Relay | None = None
        known = {"id": 7, "name": "hello", "full_name": "octo/hello", "owner_login": "octo", "private": False}
        self.keep(Connection.execute, insert(schema.gh_repository).values(**known, default_branch="main"))

    def keep(self, function: Callable[..., Any], *given: Any) -> None:
        self.database.write(lambda connection: function(connection, *given))

    def open(self, *rules: str, channels: Sequence[str] = ("#builds",), nicks: dict[str, str] | None = None) -> None:
        reporter = IrcReporter(
            self.database, self.network, make_rules(channels, rules), URL, self.lives.clock,
            nicks_of=lambda _channel: nicks or {}, logins={"Bob": "bob-at-github"},
        )  # fmt: skip
        self.relay = Relay(self.database, [reporter], "hub", self.lives.clock, lambda _queue: None)
        self.relay.enroll()

    def drain(self) -> list[tuple[str, str]]:
        """What the channels hear now."""
        assert self.relay is not None
        self.relay.drain_facts()
        self.relay.drain_reports()
        return self.network.take()

    def push(self, *messages: str, after: str = "c", **more: Any) -> None:
        repository = Repository(id=7, owner="octo", name=more.pop("name", "hello"), private=more.pop("private", False))
        commits = tuple(
            Commit(sha=f"{n:x}" * 40, message=text, author_name="Ann") for n, text in enumerate(messages, 1)
        )
        known = {"ref": "refs/heads/main", "before": "b" * 40, "pusher": "ann", **more}
        push = Push(repository=repository, after=after * 40, commits=commits, **known)
        self.happen(FactKind.PUSH_RECEIVED, **tell_push(push))

    def happen(self, kind: FactKind, **data: object) -> None:
        self.keep(keep_facts, [Fact(kind=kind, at=self.lives.clock(), data=data)])

    def build(self, sha: str, *exits: int, author: str = "ann", recipe: str | None = None, **more: Any) -> int:
        number = self.lives.build(sha * 40, **({"recipe": recipe} if recipe else {}), **more)
        values = update(schema.build).where(schema.build.c.id == number).values(author_login=author, message="Fix it\n")
        self.keep(Connection.execute, values)
        for run in self.lives.runs(number) if exits else ():
            self.end(run, *exits)
        return number

    def end(self, run: int, *exits: int) -> None:
        self.lives.start(run)
        self.lives.end(run, *exits, failed=1 if any(exits) else 0, passed=1)

    def builder(self, name: str, state: str) -> None:
        row = {
            "name": name,
            "platform": "linux",
            "labels": [],
            "slots": 1,
            "state": state,
            "version": "1",
            "executor": "process",
            "instance": name,
        }
        self.keep(Connection.execute, schema.builder.delete().where(schema.builder.c.name == name))
        self.keep(Connection.execute, insert(schema.builder).values(row))

    def close(self) -> None:
        if self.relay is not None:
            self.relay.close()


@pytest.fixture
def town(database: Database) -> Iterator[Town]:
    made = Town(database)
    yield made
    made.close()


TWO = "platforms: [linux, freebsd]\nstages:\n  - build: make\n  - test: make check\n"


def test_a_failure_that_was_seen_before_is_said_to_be_known(town: Town) -> None:
    """And where: nobody looks anew for what has an issue. What came with this very build is not known."""
    town.open("#builds event=broken event=still-failing")
    town.build("a", 0, 0)
    town.build("b", 0, 2)
    town.lives.clock.now += 120
    ((_, broken),) = town.drain()
    assert "known failure" not in broken
    town.keep(known_failures.link_issue, 1, "octo/hello#7", "ann", START)
    town.build("c", 0, 2)
    town.lives.clock.now += 120
    ((_, still),) = town.drain()
    assert "known failure: seen 2 times since 2027-01-15, linked to octo/hello#7" in still


def test_commits_of_a_watched_repository_are_announced(town: Town) -> None:
    """Also where the hub builds nothing of it; the same push is told once, however often GitHub tells of it."""
    town.open()
    town.push("Fix the ring\n\nIt leaked.", "Document it")
    town.push("Fix the ring\n\nIt leaked.", "Document it")
    town.push(after="0", before="c" * 40, deleted=True)
    assert town.drain() == [
        ("#builds", "octo/hello main 1111111 Ann [+0 ±0 -0]: Fix the ring [2 more lines]"),
        ("#builds", "octo/hello main 2222222 Ann [+0 ±0 -0]: Document it"),
        ("#builds", "octo/hello main: branch deleted by ann"),
    ]
    town.push("Fix the ring\n\nIt leaked.", "Document it")
    assert len(town.drain()) == 2, "it was pushed again after it was deleted"


def test_channels_hear_what_they_want(town: Town) -> None:
    """By the settings' rules, and by what people have said there."""
    town.open("#team repo=octo/hello event=commits", "#other repo=octo/other", channels=("#team", "#other", "#all"))
    town.push("One")
    assert sorted(channel for channel, _ in town.drain()) == ["#all", "#team"]
    town.keep(irc.keep_repository, "#Other", "Octo/Hello", "ann", START)
    town.keep(irc.keep_repository, "#all", "octo/secret", "ann", START)
    town.keep(irc.keep_notify, "#team", {"commits": False}, "ann", START)
    town.push("Two", after="d")
    assert [channel for channel, _ in town.drain()] == ["#other"]
    town.push("Three", name="secret", private=True)
    assert [channel for channel, _ in town.drain()] == ["#all"]


def test_who_may_have_broken_it_is_named_once_and_not_called(town: Town) -> None:
    """Broken and fixed are told; what failed before and fails again is not."""
    town.open()
    town.build("a", 0, 0)
    broken = town.build("b", 0, 2, author="eve")
    line = (
        '[octo/hello] main \x0304✕ BROKEN\x0f at bbbbbbb by eve "Fix it" — '
        f"test on linux: 1 test now fails (c: f0) — {URL}/builds/{broken}"
    )
    assert town.drain() == [("#builds", line)]
    town.build("c", 0, 2)
    assert town.drain() == []
    town.lives.clock.now += 3600
    fixed = town.build("d", 0, 0)
    line = (
        '[octo/hello] main \x0303✓ FIXED\x0f at ddddddd by ann after 1 h 00 min (2 builds) "Fix it" '
        f"— {URL}/builds/{fixed}"
    )
    assert town.drain() == [("#builds", line)]
    assert town.drain() == []


def test_a_name_calls_nobody(town: Town) -> None:
    """Clients call their users when their nick is said."""
    town.open()
    town.build("a", 0, 0)
    town.build("b", 0, 2, author="eve")
    assert town.relay is not None
    town.relay.drain_facts()
    town.relay.drain_reports()
    ((_, line),) = town.network.heard
    assert "e\u200bve" in line
    assert "eve" not in line


def test_who_asked_is_called_when_the_default_branch_breaks(town: Town) -> None:
    """By the nick of today, if they are there at all."""
    town.open("#builds branch=*", nicks={"ann": "ann-at-home", "bob": "bob"})
    town.keep(irc.keep_ping, "Ann", "ann", START)
    town.keep(irc.keep_ping, "carol", "carol", START)
    town.build("a", 0, 0)
    town.build("b", 0, 2)
    (_, line) = town.drain()[0]
    assert line.startswith("ann-at-home: [octo/hello] main")
    town.build("e", 0, 0, ref="refs/heads/topic")
    town.build("f", 0, 2, ref="refs/heads/topic")
    assert [line[:12] for _, line in town.drain()] == ["[octo/hello]"]


def test_who_may_have_broken_a_branch_is_called_if_they_asked(town: Town) -> None:
    """By their account, which their login at GitHub belongs to; nobody else is."""
    town.open("#builds branch=*", nicks={"ann": "ann", "bob": "bob-at-home", "eve": "eve"})
    for account in ("ann", "bob"):
        town.keep(irc.keep_ping, account, account, START)
    town.keep(irc_accounts.keep_link, "eve", "eve", START)
    town.build("e", 0, 0, ref="refs/heads/topic")
    town.build("f", 0, 2, ref="refs/heads/topic", author="Bob-at-GitHub")
    town.build("1", 0, 0, ref="refs/heads/other")
    town.build("2", 0, 2, ref="refs/heads/other", author="eve")
    assert [line.partition("[")[0] for _, line in town.drain()] == ["bob-at-home: ", ""]


def test_people_are_told_in_a_query(town: Town) -> None:
    """What they asked the bot for, and what they said that they want on IRC; who is not there is told nothing."""
    town.open(channels=("#quiet",), nicks={"ann": "ann", "bob": "bob-at-home"})
    town.keep(irc.keep_notify, "#quiet", {"broken": False}, "ann", START)
    town.keep(irc.keep_notify, "Ann", {"broken": True}, "ann", START)
    town.keep(irc.keep_notify, "carol", {"broken": True}, "carol", START)
    wish = Preference(events=(Turn.BROKEN,), ways=(Way.IRC,))
    town.keep(keep_preference, "bob-at-github", wish, "bob", START)
    town.build("a", 0, 0)
    town.build("b", 0, 2, author="eve")
    assert [target for target, _ in town.drain()] == ["ann"]
    town.build("c", 0, 0)
    town.build("d", 0, 2, author="bob-at-github")
    town.lives.clock.now += 5
    told = town.drain()
    assert sorted(target for target, line in told if "BROKEN" in line) == ["ann", "bob-at-home"]


def test_a_revision_is_one_line_however_many_jobs_build_it(town: Town) -> None:
    """What is still built of the commit is waited for, at most a minute."""
    town.open()
    other = town.lives.job(path="octo/docs")
    for sha in "ab":
        town.build(sha, 0, 0) if sha == "a" else town.build(sha, 0, 2)
        number = town.build(sha, job=other)
        if sha == "b":
            assert town.drain() == []
        town.end(town.lives.runs(number)[0], 0, 2 if sha == "b" else 0)
    town.lives.clock.now += 5
    ((_, line),) = town.drain()
    assert line.startswith("[octo/hello] main")
    assert "octo/hello: test on linux: 1 test now fails (c: f0); octo/docs: test on linux: 1 test now fails" in line


def test_a_slow_platform_does_not_keep_a_failure_secret(town: Town) -> None:
    """A minute after the first failure it is told; the end of the rest says nothing more."""
    town.open()
    town.build("a", 0, 0, recipe=TWO)
    town.drain()
    number = town.build("b", recipe=TWO)
    first, second = town.lives.runs(number)
    town.end(first, 0, 2)
    assert town.drain() == []
    town.lives.clock.now += 61
    ((_, line),) = town.drain()
    assert "BROKEN\x0f at bbbbbbb" in line
    assert "1 still to end" in line
    town.end(second, 0, 2)
    assert town.drain() == []


def test_what_broke_down_is_nobodys_fault(town: Town) -> None:
    town.open()
    town.build("a", 0, 0)
    number = town.build("b")
    (run,) = town.lives.runs(number)
    town.lives.start(run)
    town.lives.end(run, detail="The disk is full.")
    ((_, line),) = town.drain()
    assert line == (
        '[octo/hello] main \x0307! BROKE DOWN\x0f at bbbbbbb "Fix it" — broke down on linux. The disk is full '
        f"— {URL}/builds/{number}"
    )


def test_a_muted_channel_hears_nothing_also_not_later(town: Town) -> None:
    town.open()
    town.keep(irc.keep_mute, "#Builds", START + 7200, "ann")
    town.push("One")
    assert town.drain() == []
    town.lives.clock.now += 8000
    town.push("Two", after="d")
    assert [line.rpartition(": ")[2] for _, line in town.drain()] == ["Two"]


def test_a_job_names_channels(town: Town) -> None:
    """Only those in which the bot is; then it is told there whatever the rules say."""
    town.open("#team event=success", channels=("#team",))
    document = {"repository": "octo/hello", "notifications": {"irc": ["#Team", "#elsewhere"], "events": ["broken"]}}
    town.keep(keep_document, "octo/hello", document, Change("ann", START))
    town.build("a", 0, 0, ref="refs/heads/topic")
    town.build("b", 0, 2, ref="refs/heads/topic")
    assert [(channel, "BROKEN" in line) for channel, line in town.drain()] == [("#team", True)]


def test_the_rest_is_told_after_the_trouble_and_nothing_twice(town: Town) -> None:
    """Of five lines two were heard when the server went away."""
    town.open()
    town.push("One", "Two", "Three", "Four", "Five")
    town.network.bears = 2
    assert len(town.drain()) == 2
    town.network.bears = None
    town.lives.clock.now += 30
    assert [line.rpartition(": ")[2] for _, line in town.drain()] == ["Three", "Four", "1 more"]


def test_what_happened_while_the_bot_was_away_is_summed_up(town: Town) -> None:
    """Nobody wants to read yesterday's lines; how things stand is said."""
    town.open("#builds event=broken event=fixed event=commits")
    town.build("a", 0, 0)
    town.drain()
    town.network.bears = 0
    for sha in "345":
        town.push("One", "Two", after=sha, before=str(int(sha) - 1) * 40)
    town.build("b", 0, 2)
    town.build("c", 0, 0)
    town.build("d", 0, 2)
    assert town.drain() == []
    town.network.bears = None
    town.lives.clock.now += 3600
    turn, pushes = sorted(town.drain(), key=lambda line: line[1].startswith("octo"))
    assert pushes[1] == "octo/hello main: 3 pushes, 6 new commits, now at 5555555"
    assert "BROKEN\x0f at ddddddd" in turn[1]


def test_a_flood_of_pushes_is_a_line_a_branch(town: Town) -> None:
    """A mirror that pushes all its branches says no more than where they stand."""
    town.open()
    for number in range(12):
        town.push("One", "Two", ref=f"refs/heads/b{number % 6}", after=f"{number:x}", before="e" if number > 5 else "f")
    told = [line for _, line in town.drain()]
    assert told == [f"octo/hello b{n}: 2 pushes, 4 new commits, now at {f'{n + 6:x}' * 7}" for n in range(6)]


def test_builders_that_stay_away_are_missed(town: Town) -> None:
    """A short absence is none; who is back is told of once it was missed."""
    town.open()
    town.builder("anvil", AWAY)
    town.happen(FactKind.BUILDER_AWAY, builder="anvil", platform="linux")
    assert town.drain() == []
    town.builder("anvil", CONNECTED)
    town.happen(FactKind.BUILDER_CONNECTED, builder="anvil", platform="linux")
    town.lives.clock.now += 400
    assert town.drain() == []
    town.builder("anvil", AWAY)
    town.happen(FactKind.BUILDER_AWAY, builder="anvil", platform="linux")
    waits = town.lives.build("a" * 40)
    assert town.drain() == []
    town.lives.clock.now += 301
    assert town.drain() == [("#builds", "[builders] anvil offline for 5 min 02 s, 1 run waiting")]
    town.lives.clock.now += 60
    town.happen(FactKind.BUILDER_CONNECTED, builder="anvil", platform="linux")
    assert town.drain() == [("#builds", "[builders] anvil back after 6 min 02 s")]
    assert waits


def test_a_builder_that_was_lost_with_its_runs_is_told_at_once(town: Town) -> None:
    town.open(nicks={"ann": "ann"})
    town.keep(irc.keep_ping, "ann", "ann", START)
    town.builder("anvil", AWAY)
    town.happen(FactKind.BUILDER_AWAY, builder="anvil", platform="linux")
    town.happen(FactKind.BUILDER_LOST, builder="anvil", platform="linux")
    assert town.drain() == [("#builds", "ann: [builders] anvil (linux) lost")]
    town.lives.clock.now += 60
    town.happen(FactKind.BUILDER_CONNECTED, builder="anvil", platform="linux")
    assert town.drain() == [("#builds", "[builders] anvil back after 1 min 00 s")]


def test_what_was_seen_before_is_said(town: Town) -> None:
    """A failure that came and went, by its fingerprint."""
    town.open()
    for sha, code in zip("abc", (0, 2, 0), strict=True):
        town.build(sha, 0, code)
    town.drain()
    town.lives.clock.now += 5
    town.build("d", 0, 2)
    ((_, line),) = town.drain()
    assert "(c: f0). known failure: seen 2 times since 2027-01-15 — https" in line


def test_what_the_hub_could_not_do_is_an_error(town: Town) -> None:
    """Its operators hear of it, once; several are one line."""
    town.open("#ops event=error", channels=("#ops", "#else"))
    town.keep(irc.keep_notify, "#else", {"error": False}, "ann", START)
    for number in range(3):
        town.happen(FactKind.DELIVERY_FAILED, delivery=f"{number}\r\nQUIT", reason="it has no head")
        town.lives.clock.now += 1
    line = "[hub] Delivery 2␍ QUIT could not be understood: it has no head. (2 more)"
    assert town.drain() == [("#ops", line)]
    assert town.drain() == []


def test_every_fact_is_borne(town: Town) -> None:
    """Of kinds that are no news, and of builds that are gone."""
    town.open("#builds event=always")
    for kind in FactKind:
        town.keep(keep_facts, [Fact(kind=kind, at=town.lives.clock(), data={"result": "failure"}, build_id=99)])
    assert sorted(line[:6] for _, line in town.drain()) == ["[build", "[hub] "]
