"""The bot's connection on a real network: InspIRCd with Atheme's services, and a second server linked to it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cut_wire import CutWire
from hubwright.domain.irc_text import Colour, Piece
from hubwright.errors import OutletRefusedError
from hubwright.irc import attendance, connection, session, speech
from hubwright.irc.events import Connected, Disconnected, Identified, Joined, Kicked, Quit, Renamed, Said
from hubwright.irc.voice import Voice
from irc_client import CHANNEL, IrcAddress, IrcUser
from irc_server import PASSWORDS, OwnIrc, make_certificate
from living_bot import LivingBot, login_of

BURST = 26
"""Commands at once that end a connection to this server."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnIrc]:
    own = OwnIrc(tmp_path_factory.mktemp("irc"), BURST)
    try:
        yield own
    finally:
        own.send(signal.SIGCONT)
        own.kill()


@pytest.fixture(scope="module")
def address(server: OwnIrc) -> IrcAddress:
    return server.start()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds takes tenths of them."""
    monkeypatch.setattr(connection, "TICK", 0.1)
    monkeypatch.setattr(connection, "PARTING", 0.3)
    monkeypatch.setattr(attendance, "AFTER_KICK", 0.3)
    monkeypatch.setattr(attendance, "AFTER_SECOND_KICK", 1.0)
    monkeypatch.setattr(attendance, "FIRST_RETRY", 0.5)
    monkeypatch.setattr(session, "REGAIN_EVERY", 1.0)


def enter(bot: LivingBot) -> Joined:
    return bot.until(Joined, lambda event: event.own)


def test_it_knows_who_is_there_and_by_which_account(address: IrcAddress) -> None:
    """Who was there before, who comes, logs in, gets another name and goes; and everybody sees that it is a bot."""
    with (
        IrcUser(address, "alices-phone", "alice", PASSWORDS["alice"]) as alice,
        LivingBot(address, login_of("hub")) as it,
    ):
        enter(it)
        it.voice.tell(CHANNEL, "hello", timeout=10)
        assert {person.nick: person.account for person in it.bot.members_of(CHANNEL)} == {
            "alices-phone": "alice",
            "hub": None,
        }
        alice.say("hub", "are you there?")
        assert it.until(Said, lambda event: not event.own).who.account == "alice"
        with IrcUser(address, "[guest]") as guest:
            assert it.until(Joined, lambda event: event.who.nick == "[guest]").who.account is None
            guest.send("NICK `guest^|")
            assert (it.until(Renamed).nick, it.bot.channels_of("`guest^|")) == ("`guest^|", [CHANNEL])
            guest.say("NickServ", f"IDENTIFY bob {PASSWORDS['bob']}")
            assert it.until(Identified).who.account == "bob"
            person = it.bot.find_person("`guest^|")
            assert person is not None
            assert (person.account, person.host) == ("bob", "127.0.0.1")
            guest.send("QUIT :bye")
            gone = it.until(Quit)
            assert (gone.who.account, list(gone.channels), gone.split) == ("bob", [CHANNEL], False)
        alice.send("WHOIS hub")
        assert "bot" in alice.until(lambda line: line.command == "335").text
        assert it.bot.find_person("`guest^|") is None


def test_what_it_says_is_confirmed_and_colours_stay_out_of_channels_that_refuse_them(address: IrcAddress) -> None:
    """`tell` returns when the server has read it, and says so when nobody may speak there."""
    text = [
        Piece("BROKEN", Colour.RED, bold=True),
        " \x0304\r\nQUIT :evil\x00\x01 ",
        Piece("ünï\u202ecode", Colour.GREY),
    ]
    with IrcUser(address, "op-of-channel") as op, LivingBot(address, login_of("hub")) as it:
        enter(it)
        it.voice.tell(CHANNEL, text, timeout=10)
        assert op.hears("hub", "BROKEN").text == (
            "\x0304\x02\x02\x02BROKEN\x0f  04  QUIT :evil   \x0314\x02\x02ünï code\x0f"
        )
        assert it.until(Said, lambda event: event.own).channel == CHANNEL
        op.send(f"MODE {CHANNEL} +c")
        op.until(lambda line: line.command == "MODE")
        op.say(CHANNEL, "now it knows")
        it.until(Said, lambda event: not event.own)
        it.voice.tell(CHANNEL, text, timeout=10)
        assert op.hears("hub", "BROKEN").text == "BROKEN  04  QUIT :evil   ünï code"
        op.send(f"MODE {CHANNEL} -c+m")
        op.until(lambda line: line.command == "MODE")
        for target in (CHANNEL, "#elsewhere", "nobody-of-that-name"):
            with pytest.raises(OutletRefusedError):
                it.voice.tell(target, "hello", timeout=10)


def test_a_name_that_is_taken_comes_back(address: IrcAddress) -> None:
    """As soon as who has it goes."""
    with IrcUser(address, "hub") as stranger, LivingBot(address, login_of("hub")) as it:
        enter(it)
        assert it.bot.nick == "hub_"
        stranger.send("QUIT :bye")
        assert it.until(Renamed, lambda event: event.own).nick == "hub"


def test_a_line_that_was_cut_without_a_word_leaves_no_ghost(address: IrcAddress) -> None:
    """What does not come is noticed; the server still believes in the old connection, until the services end it."""
    with CutWire(address.port) as wire:
        login = login_of("hubwright", PASSWORDS["hubwright"])
        with LivingBot(address._replace(port=wire.port), login, silence=1.0) as it:
            enter(it)
            wire.hush()
            assert "not answered" in it.until(Disconnected).reason
            assert it.until(Connected).nick == "hubwright_"
            it.until(Renamed, lambda event: event.own and event.nick == "hubwright")


def test_its_certificate_is_its_password(address: IrcAddress, tmp_path: Path) -> None:
    """SASL EXTERNAL: the services know whose certificate that is, and no word of it passes the line."""
    certificate = tmp_path / "bot.pem"
    fingerprint = make_certificate("hubwright", certificate)
    with IrcUser(address, "helper", "hubwright", PASSWORDS["hubwright"], channel=None) as helper:
        helper.say("NickServ", f"CERT ADD {fingerprint}")
        helper.hears("NickServ", "fingerprint")
    login = login_of("hubwright", has_certificate=True)
    with LivingBot(address, login, certificate=str(certificate)) as it:
        assert enter(it).who.account == "hubwright"


def test_who_puts_it_out_has_peace(address: IrcAddress) -> None:
    """It comes back after a kick; after another one much later; while it is banned it asks now and then."""
    with (
        IrcUser(address, "op-of-room", channel="#room") as op,
        LivingBot(address, login_of("hub", None, ["#room"])) as it,
    ):
        enter(it)
        op.send("KICK #room hub :be quiet")
        kicked = it.until(Kicked)
        assert (kicked.own, kicked.by.nick, kicked.reason) == (True, "op-of-room", "be quiet")
        enter(it)
        op.send("MODE #room +b hub!*@*")
        op.send("KICK #room hub :and stay away")
        it.until(Kicked)
        assert it.bot.members_of("#room") == []
        op.until(lambda line: line.command == "KICK")
        op.send("MODE #room -b hub!*@*")
        enter(it)


def test_a_netsplit_is_known_as_one(server: OwnIrc, address: IrcAddress) -> None:
    """Who is beyond it is gone, and is there again when the servers have found each other; nobody else is touched."""
    far = server.start_far()
    with LivingBot(address, login_of("hub")) as it:
        enter(it)
        with IrcUser(far, "distant") as distant:
            it.until(Joined, lambda event: event.who.nick == "distant", 30)
            distant.say(CHANNEL, "from far away")
            assert it.until(Said).text == "from far away"
            server.kill_far()
            gone = it.until(Quit)
            assert (gone.who.nick, gone.split, gone.reason) == ("distant", True, "irc.test far.test")
        assert [person.nick for person in it.bot.members_of(CHANNEL)] == ["hub"]


def test_much_to_say_ends_no_connection(address: IrcAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that throws out who says too much never does; a channel is not told everything, but how much more."""

    monkeypatch.setattr(speech, "MOST_WAITING", 3)

    with IrcUser(address, "reader") as reader, LivingBot(address, login_of("hub"), voice=Voice(2.0)) as it:
        enter(it)
        for number in range(30):
            it.voice.say(CHANNEL, f"line {number} {'x' * 600}", more="https://hub.test/builds")
        more = reader.hears("hub", "more: ", 30).text
        said = [line.text for line in reader.lines if line.command == "NOTICE" and line.sender == "hub"]
        assert [text.split()[:2] for text in said[:-1]] == [["line", str(number)] for number in range(len(said) - 1)]
        assert more == f"+{31 - len(said)} more: https://hub.test/builds"
        assert len(said) <= 6
        assert all(len(line.raw.partition(" ")[2].encode()) <= 510 for line in reader.lines if line.sender == "hub")
        assert not [event for event in it.events if isinstance(event, Disconnected)]


def test_a_server_that_is_silent_is_left(server: OwnIrc, address: IrcAddress) -> None:
    """One that hangs, and then goes on: the bot is back by then."""
    with LivingBot(address, login_of("hub"), silence=1.0) as it:
        enter(it)
        assert it.bot.lag is None or it.bot.lag < 10.0
        server.send(signal.SIGSTOP)
        try:
            assert "not answered" in it.until(Disconnected).reason
        finally:
            server.send(signal.SIGCONT)
        enter(it)


def test_a_server_that_is_started_again_is_found_again(server: OwnIrc, address: IrcAddress) -> None:
    """And what was to be said meanwhile is said then: who told it has waited."""
    with LivingBot(address, login_of("hubwright", PASSWORDS["hubwright"])) as it:
        enter(it)
        server.kill()
        it.until(Disconnected)
        telling = threading.Thread(target=it.voice.tell, args=(CHANNEL, "while you were away"), kwargs={"timeout": 40})
        telling.start()
        server.start()
        with IrcUser(address, "reader") as reader:
            assert reader.hears("hubwright", "while you were away", 30)
            telling.join(20)
            assert not telling.is_alive()
            assert it.until(Connected).nick == "hubwright"
