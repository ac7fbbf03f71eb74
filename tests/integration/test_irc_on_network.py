"""Every command over a real IRC server with real accounts: who speaks is what the server says."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest
from sqlalchemy import select

from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from hubwright.irc.answers.watches import Watches
from hubwright.irc.memory import Memory
from hubwright.irc.table import list_commands
from hubwright.irc.voice import Voice
from hubwright.store.database import Database
from hubwright.store.irc import load_notify
from hubwright.store.schema import run
from irc_asking import LOG, URL, make_answers, seed_builds
from irc_client import IrcAddress, IrcUser
from irc_server import PASSWORDS, OwnIrc
from limited_jobs import end, lease
from living_bot import LivingBot, login_of
from tables import with_tables
from waiting import until

BOT, CHANNEL = "answerer", "#answers"


class World(NamedTuple):
    """The bot in its channel, and who is there: alice, who may write and is trusted, bob, and a stranger."""

    database: Database
    numbers: dict[str, int]
    watches: Watches
    alice: IrcUser
    bob: IrcUser
    stranger: IrcUser

    def ask(self, user: IrcUser, text: str) -> str:
        """The first line of the answer in the channel, without the nick before it."""
        user.say(CHANNEL, f"!{text}")
        return _plain(user.hears(BOT, f"{user.nick}: ").text).removeprefix(f"{user.nick}: ")

    def ask_alone(self, user: IrcUser, text: str) -> str:
        """The same in a query."""
        user.say(BOT, text)
        said = user.until(lambda line: (line.command, line.sender, line.target) == ("NOTICE", BOT, user.nick))
        return _plain(said.text)


def _plain(text: str) -> str:
    """Without colours."""
    return re.sub("\x03[0-9]{2}|[\x02\x0f]", "", text)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IrcAddress]:
    """A server of this file's own, that lets anybody say as much as they like, and so does the bot."""
    server = OwnIrc(tmp_path_factory.mktemp("irc"), burst=10_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hubwright.irc.answering.PER_MINUTE", 1000)
        yield server.start()
    server.kill()


@pytest.fixture(scope="module")
def world(address: IrcAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The bot without a hub: what it does is in the rows of the database."""
    folder = tmp_path_factory.mktemp("network")
    with closing(Database(with_tables(f"sqlite:///{folder}/hubwright.db"))) as database:
        numbers = database.write(seed_builds)
        logs = Logs(folder / "logs", Bell())
        with database.reading() as connection:
            failed = connection.execute(select(run.c.id).where(run.c.build_id == numbers["broken"])).scalar_one()
        logs.append(failed, 0, LOG)
        voice = Voice(0.001)
        watches = Watches(database, voice.tell, time.time, URL)
        commands = list_commands(make_answers(database, logs, watches, [], trusted=["alice"]))
        memory = Memory(database, voice.say, time.time)
        login = login_of(BOT, None, [CHANNEL])
        with (
            LivingBot(address, login, voice=voice, commands=commands, listeners=[memory.listen]) as bot,
            IrcUser(address, "alice-there", "alice", PASSWORDS["alice"], CHANNEL) as alice,
            IrcUser(address, "bob-there", "bob", PASSWORDS["bob"], CHANNEL) as bob,
            IrcUser(address, "alice", channel=CHANNEL) as stranger,
        ):
            until(lambda: len(bot.bot.members_of(CHANNEL)) == 4)
            yield World(database, numbers, watches, alice, bob, stranger)


def test_how_things_stand_is_told_to_all(world: World) -> None:
    broken, stranger = world.numbers["broken"], world.stranger
    told = {
        "status app#12": "team/app PR#12 #3 ✓ passed",
        "last app": "team/app PR#12 #3 ✓ passed",
        "who app main": "team/app main is ✕ failed since",
        "flaky app": "team/app: no test is known to be flaky",
        f"log {broken}": "ring.c:88:23: error: no member named 'tail'",
        "queue": "0 runs at work, 1 waiting for builders",
        "builders": "1 of 2 builders",
        "trusted": "I trust a\u200blice.",
        "nicks": "Nobody wants to be called.",
        "repos": "No repository was added",
        "ping": "pong",
        "version": "Hubwright ",
        "seen nobody": "I have not seen nobody.",
        f"seen {BOT}": "Yes, I see myself.",
        "seen bob-there": "bob-there is here.",
        "whoami": "Nobody: you are not logged in",
        "help rerun": "!rerun [BUILD",
    }
    wrong = {text: said for text, part in told.items() if part not in (said := world.ask(stranger, text))}
    assert wrong == {}
    assert "✕ failed" in world.ask_alone(stranger, f"status {broken}")


def test_what_changes_anything_is_for_accounts_that_may(world: World) -> None:
    """The stranger is called alice and is nobody; bob may not write; alice goes by another nick."""
    broken = world.numbers["broken"]
    for text in (f"rerun {broken}", "take app main", "drop app main", f"cancel {broken}", "build app"):
        assert world.ask(world.stranger, text).startswith("Log in to the network's services")
    for text in (f"rerun {broken}", "take app main", "drop app main", f"cancel {broken}", "build app"):
        assert world.ask(world.bob, text).startswith("You may not change ")
    assert world.ask(world.alice, "take app main").startswith("team/app main is yours: ")
    assert "a\u200bda-at-github is mending it" in world.ask(world.bob, "who app main")
    assert world.ask(world.alice, "drop app main").startswith("Nobody is mending team/app main")
    assert world.ask(world.alice, f"rerun {world.numbers['pull']}").startswith("team/app #3: 1 run begun again")
    assert world.ask(world.alice, f"stop build {world.numbers['pull']}").startswith("team/app #3: 1 run cancelled")


def test_lists_are_kept_by_those_who_are_trusted(world: World) -> None:
    for text in ("addrepo octo/more", "addtrust bob", "mute 1h", "notify on success"):
        assert world.ask(world.stranger, text).startswith("Log in")
        assert world.ask(world.bob, text).startswith("Access denied")
    assert world.ask(world.alice, "addrepo octo/more") == "Done."
    assert world.ask(world.bob, "repos") == "octo/more"
    assert world.ask(world.alice, "remrepo octo/more") == "Done."
    assert world.ask(world.alice, "addtrust bob-there") == "Done.", "the account of somebody here"
    assert world.ask(world.bob, "notify on success") == "Done."
    assert world.ask(world.bob, "mute 1h") == f"I say nothing unasked in {CHANNEL} for 1 h 00 min."
    assert world.ask(world.bob, "mute off") == "Done."
    assert world.ask(world.alice, "remtrust bob") == "Done."
    assert world.ask(world.bob, "mute 1h").startswith("Access denied")
    assert world.ask_alone(world.bob, "notify off fixed") == "Done."
    with world.database.reading() as connection:
        assert load_notify(connection) == {CHANNEL: {"success": True}, "bob": {"fixed": False}}
    assert world.ask(world.bob, "addnick") == "Done."
    assert world.ask(world.stranger, "nicks") == "b\u200bob-there"
    assert world.ask(world.bob, "remnick") == "Done."
    assert "/irc/link?code=" in world.ask_alone(world.bob, "link")
    assert world.ask(world.bob, "unlink").startswith("The account bob was not linked")


def test_people_are_remembered_told_and_left_alone(world: World, address: IrcAddress) -> None:
    """Words left for an account reach nobody else under its nick; who wants to be forgotten is."""
    with IrcUser(address, "guest-a", channel=CHANNEL) as guest:
        guest.say(CHANNEL, "good morning")
        until(lambda: "guest-a is here." in world.ask(world.alice, "seen guest-a"))
    world.alice.until(lambda line: line.command == "QUIT" and line.sender == "guest-a")
    until(lambda: "quitting" in world.ask(world.alice, "seen guest-a"))
    assert world.ask(world.alice, "tell guest-a come back  soon") == "I'll tell guest-a when they come or speak."
    with IrcUser(address, "guest-a", channel=CHANNEL) as guest:
        said = guest.hears(BOT, "left this for you")
        assert (said.target, said.text.partition(": ")[2]) == ("guest-a", "come back soon")
        assert world.ask(guest, "private on").startswith("I remember and log nothing of you")
    world.alice.until(lambda line: line.command == "QUIT" and line.sender == "guest-a")
    assert world.ask(world.alice, "seen guest-a") == "I have not seen guest-a."


def test_who_watches_is_told_when_it_has_ended(world: World) -> None:
    going = world.numbers["going"]
    assert world.ask(world.bob, "watch app main") == "I'll tell you when team/app main #4 has ended."
    world.database.write(lambda connection: (lease(connection, going), end(connection, going, "success")))
    world.watches.drain()
    assert world.bob.hears(BOT, "bob-there: team/app main #4 ").target == CHANNEL
    assert "ms between me and the server." in world.ask(world.bob, "lag"), "what must be heard is confirmed"
    assert world.ask(world.bob, "watch off") == "0 watches ended."
