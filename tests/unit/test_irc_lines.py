"""The bot's lines, orders and session: nothing from outside breaks the protocol, and a nick proves nothing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from irctokens.line import Line, tokenise

from hubwright.domain.irc_text import Colour, Piece, paint
from hubwright.irc.entry import IrcError, Login
from hubwright.irc.events import Event, Kicked, Kind, Person, Quit, Renamed, Said
from hubwright.irc.lines import MAX_LINE, UNKNOWN_PREFIX, cut, is_target, read_line, write_line, write_said
from hubwright.irc.orders import Order, read_order
from hubwright.irc.session import Session
from hubwright.irc.speech import Outcome

LOGIN = Login(nick="hub", password="secret", channels=("#builds",))


def talk(session: Session, *lines: str, now: float = 0.0) -> tuple[list[str], list[Event]]:
    """What the session answers to these lines, and what it heard."""
    said, heard = [], []
    for line in lines:
        answers, event = session.hear(tokenise(line), now)
        said += [answer.decode().rstrip() for answer in answers]
        heard += [event] if event else []
    return said, heard


def hear(session: Session, *lines: str) -> list[Said]:
    """What was said to us."""
    return [event for event in talk(session, *lines)[1] if isinstance(event, Said) and not event.own]


def tick(session: Session, now: float) -> list[str]:
    return [line.decode().rstrip() for line in session.tick(now)]


def welcomed(capabilities: str = "account-tag batch", login: Login = LOGIN, session: Session | None = None) -> Session:
    """Let in, and in its channel with alice and bob."""
    session = session or Session(login)
    talk(session, f":s CAP * LS :sasl {capabilities}", f":s CAP * ACK :{capabilities} sasl", ":s 903 hub :ok")
    talk(session, ":s 001 hub :Welcome", ":s 005 hub CASEMAPPING=ascii WHOX CHANTYPES=# :are", ":s 376 hub :end")
    talk(session, ":hub!u@h JOIN #builds", ":s 353 hub = #builds :@hub alice +bob")
    return session


@given(st.text(), st.text(), st.integers(0, 600))
def test_what_we_say_is_one_line_that_fits_whatever_it_is_made_of(target: str, text: str, most: int) -> None:
    """S15: commit messages and job names end no line, bring no second command and no colours."""
    for line in (write_line("PRIVMSG", target, text), write_said("#builds", text, prefix=100)):
        assert len(line) <= MAX_LINE
        assert line.endswith(b"\r\n")
        assert not {*line[:-2]} & {0, 2, 3, 10, 13, 15, 22, 29, 31}
        line.decode()
    assert len(cut(text, most).encode()) <= most


@given(st.lists(st.tuples(st.text(), st.sampled_from([None, *Colour]), st.booleans()), max_size=5))
def test_a_look_is_ours_alone_and_costs_no_word(parts: list[tuple[str, Colour | None, bool]]) -> None:
    """What comes from outside brings no colour; without colours, nothing but the looks is missing."""
    pieces = [Piece(*part) for part in parts]
    plain = paint(pieces, colours=False)
    assert plain.isprintable() or set(plain) & {"\u200b", "\u200c", "\u200d"}
    painted = paint(pieces, colours=True)
    for piece in pieces:
        assert paint(piece.text, colours=True) in painted
    line = write_said("#builds", pieces, colours=True)
    assert len(line) <= MAX_LINE - UNKNOWN_PREFIX
    assert not {*line[:-2]} & {0, 10, 13}


def test_a_colour_does_not_swallow_the_digits_behind_it() -> None:
    painted = paint([Piece("3 of 6", Colour.RED), " ", Piece(",1", Colour.GREEN, bold=True)], colours=True)
    assert painted == "\x0304\x02\x023 of 6\x0f \x0303\x02\x02\x02,1\x0f"


@pytest.mark.parametrize(
    "name", ["", "#a,#b", "a b", ":a", "#a\r\nQUIT", "*", "#" + "ä" * 150, "nick!user@host", "$*", "@#a"]
)
def test_what_is_no_one_target_is_not_spoken_to(name: str) -> None:
    assert not is_target(name)
    assert welcomed().find_obstacle(name) is Outcome.REFUSED


def test_nothing_is_said_where_we_are_not() -> None:
    """To a channel that is wanted later, to another never; to a nick always."""
    session = welcomed(login=Login(nick="hub", channels=("#builds", "#later secret")))
    assert session.find_obstacle("#builds") is None
    assert session.find_obstacle("#later") is Outcome.LOST
    assert session.find_obstacle("#other") is Outcome.REFUSED
    assert session.find_obstacle("alice") is None
    assert not session.may_speak(9.0)
    assert session.may_speak(11.0)


@given(st.binary())
def test_whatever_a_server_sends_is_a_line_or_none(data: bytes) -> None:
    line = read_line(data)
    if line is not None:
        assert line.command
        with suppress(IrcError):
            welcomed().hear(line, 0.0)


@given(st.sampled_from(["PRIVMSG", "JOIN", "PART", "KICK", "NICK", "QUIT", "353", "352", "354", "324", "MODE", "BATCH",
                        "ACCOUNT", "CHGHOST", "TOPIC", "CAP", "005", "001", "433", "474"]),
       st.lists(st.sampled_from(["hub", "#builds", "alice", "x", "+c", "", "*", "="]), max_size=7))  # fmt: skip
def test_no_order_of_words_confuses_it(command: str, words: list[str]) -> None:
    """A server may leave out what it likes."""
    session = welcomed()
    with suppress(IrcError):
        session.hear(Line({}, "alice!a@h", command, words), 1.0)
    session.tick(100.0)
    assert all(isinstance(person, Person) for person in session.rooms.members_of("#builds"))


def test_it_logs_in_before_it_enters() -> None:
    """SASL PLAIN, and only what the server offers is asked for."""
    session = Session(LOGIN)
    assert [line.decode().split()[0] for line in session.begin()] == ["CAP", "NICK", "USER"]
    said, _ = talk(session, ":s CAP * LS * :account-tag echo-message away-notify", ":s CAP * LS :sasl=PLAIN")
    assert said == ["CAP REQ :account-tag echo-message sasl"]
    assert talk(session, ":s CAP hub ACK :account-tag sasl")[0] == ["AUTHENTICATE :PLAIN"]
    assert talk(session, "AUTHENTICATE +")[0] == ["AUTHENTICATE :AGh1YgBzZWNyZXQ="]
    assert talk(session, ":s 903 hub :ok", "PING :x")[0] == ["CAP :END", "PONG :x"]
    assert talk(session, ":s 433 * hub :taken", ":s 001 hub_ :Welcome")[0] == ["NICK :hub_"]
    assert talk(session, ":s 376 hub_ :end")[0] == ["MODE hub_ :+B", "JOIN :#builds"]
    assert (session.nick, session.ready) == ("hub_", True)


def test_a_certificate_goes_before_the_password() -> None:
    """SASL EXTERNAL where the server knows it; when it does not know the certificate, the password is tried."""
    login = Login(nick="hub", password="secret", has_certificate=True)
    session = Session(login)
    talk(session, ":s CAP * LS :sasl=PLAIN,EXTERNAL")
    assert talk(session, ":s CAP * ACK :sasl", "AUTHENTICATE +")[0] == ["AUTHENTICATE :EXTERNAL", "AUTHENTICATE :+"]
    said = talk(session, ":s 908 hub PLAIN,EXTERNAL :are known", ":s 904 hub :unknown", "AUTHENTICATE +")[0]
    assert said == ["AUTHENTICATE :PLAIN", "AUTHENTICATE :AGh1YgBzZWNyZXQ="]
    with pytest.raises(IrcError, match="IRC__PASSWORD"):
        talk(session, ":s 904 hub :wrong")
    session = Session(login)
    talk(session, ":s CAP * LS :sasl=PLAIN")
    assert talk(session, ":s CAP * ACK :sasl")[0] == ["AUTHENTICATE :PLAIN"]


@pytest.mark.parametrize(
    "line",
    [":s 904 hub :wrong", "ERROR :Closing link", ":s CAP * LS :account-tag", ":s CAP * LS :sasl=SCRAM-SHA-256"],
    ids=["refused", "ended", "no sasl", "no way"],
)
def test_what_keeps_it_out_is_told(line: str) -> None:
    with pytest.raises(IrcError):
        talk(Session(LOGIN), line)


def test_only_an_account_that_the_server_vouches_for_counts() -> None:
    """Not the nick, and no tag of a server that was not asked for accounts; nor what was said before we came."""
    line = "@account=alice :nick!u@h PRIVMSG #builds :!build app"
    assert hear(welcomed(), line)[0].who.account == "alice"
    assert hear(welcomed("batch"), line)[0].who.account is None
    assert hear(welcomed(), ":alice!u@h PRIVMSG #builds :!build app")[0].who.account is None
    replayed = ":s BATCH +1 chathistory #builds"
    assert hear(welcomed(), replayed, "@account=alice;batch=1 :nick!u@h PRIVMSG #builds :!build app") == []
    assert hear(welcomed(), ":hub!u@h PRIVMSG #builds :me", ":a!u@h PRIVMSG hub :\x01VERSION\x01") == []
    assert hear(welcomed(), ":s PRIVMSG hub :from a server", ":a!u@h PRIVMSG #elsewhere :hello") == []


def test_without_account_tag_logins_are_followed() -> None:
    """`extended-join`, `account-notify` and WHOX tell of everybody who is in a channel with us."""
    session = welcomed("account-notify extended-join")
    talk(session, ":s 354 hub 715 u h alice alice", ":carol!u@h JOIN #builds carol :Carol", ":bob!u@h ACCOUNT bob")

    def account_of(nick: str) -> str | None:
        return hear(session, f":{nick}!u@h PRIVMSG #builds :hi")[0].who.account

    assert [account_of(nick) for nick in ("alice", "bob", "carol")] == ["alice", "bob", "carol"]
    talk(session, ":alice!u@h ACCOUNT *", ":bob!u@h NICK bobby", ":carol!u@h QUIT :bye", ":carol!u@h JOIN #builds * :x")
    assert [account_of(nick) for nick in ("alice", "bobby", "carol", "bob")] == [None, "bob", None, None]


def test_an_answer_goes_where_the_question_came_from() -> None:
    (channel, query) = hear(welcomed(), ":a!u@h PRIVMSG #builds :hi", ":a!u@h PRIVMSG HUB :\x01ACTION waves\x01")
    assert (channel.target, channel.channel, channel.kind) == ("#builds", "#builds", Kind.MESSAGE)
    assert (query.target, query.channel, query.kind, query.text) == ("a", None, Kind.ACTION, "waves")


def test_the_time_is_the_servers() -> None:
    line = "@time=2026-11-23T06:00:00.500Z :a!u@h PRIVMSG #builds :hi"
    assert hear(welcomed("server-time"), line)[0].at == 1795413600.5
    assert hear(welcomed(), "@time=yesterday :a!u@h PRIVMSG #builds :hi")[0].at == 0.0


def test_who_was_kicked_comes_back_once() -> None:
    """And after a second kick only when an hour has gone by."""
    session = welcomed()
    said, events = talk(session, ":op!o@h KICK #builds hub :no", now=100.0)
    assert (said, tick(session, 104.0), tick(session, 105.0)) == ([], [], ["JOIN :#builds"])
    assert isinstance(events[0], Kicked)
    assert (events[0].own, events[0].by.nick) == (True, "op")
    talk(session, ":hub!u@h JOIN #builds", ":op!o@h KICK #builds hub :no!", now=110.0)
    assert tick(session, 3709.0) == []
    assert tick(session, 3710.0) == ["JOIN :#builds"]
    talk(session, ":hub!u@h NICK other")
    assert session.nick == "other"
    assert session.hear(Line(None, "s", "NOSUCH", []), 0.0)[0] == []


def test_a_channel_that_lets_nobody_in_is_asked_ever_more_rarely() -> None:
    session = welcomed(login=Login(nick="hub", channels=("#shut key",)))
    asked = [now for now in range(0, 7200, 10) if tick(session, float(now)) == ["JOIN #shut :key"]]
    assert asked == [60, 180, 420, 900, 1860, 3660, 5460]


def test_its_own_name_is_taken_back_when_it_is_free() -> None:
    """Asked for each minute, and at once when who has it goes."""
    session = welcomed()
    talk(session, ":hub!u@h NICK hub_", ":hub!x@h JOIN #builds")
    assert (tick(session, 1.0), tick(session, 2.0), tick(session, 61.0)) == (["NICK :hub"], [], ["NICK :hub"])
    said, events = talk(session, ":hub!x@h QUIT :irc.a.test irc.b.test")
    assert said == ["NICK :hub"]
    assert isinstance(events[0], Quit)
    assert (events[0].split, list(events[0].channels)) == (True, ["#builds"])
    events = talk(session, ":hub_!u@h NICK hub")[1]
    assert isinstance(events[0], Renamed)
    assert (session.nick, tick(session, 300.0)) == ("hub", [])


def test_the_services_are_asked_once_to_end_our_ghost() -> None:
    """Two bots of one account would take the name from each other for ever; and who has lost nothing has no ghost."""
    session = welcomed(session=Session(LOGIN, has_ghost=True))
    talk(session, ":hub!u@h NICK hub_")
    assert tick(session, 1.0) == ["PRIVMSG NickServ :REGAIN hub", "NICK :hub"]
    assert tick(session, 61.0) == ["NICK :hub"]
    with pytest.raises(IrcError):
        talk(session, "ERROR :Killed (REGAIN command used by hub_)")
    assert session.is_ended


def test_it_knows_who_is_there() -> None:
    """Joins, parts, kicks and other names; whom we see nowhere any more we forget."""
    session = welcomed()

    def names() -> list[str]:
        return [person.nick for person in session.rooms.members_of("#BUILDS")]

    assert names() == ["alice", "bob", "hub"]
    talk(session, ":Carol!c@h JOIN #builds", ":alice!a@h NICK Dave", ":hub!u@h KICK #builds bob :out")
    assert names() == ["Carol", "Dave", "hub"]
    talk(session, ":s 324 hub #builds +ntc", ":carol!c@h PART #builds", ":dave!a@h QUIT :Quit: a.b c.d e")
    assert (names(), session.rooms.find("carol"), session.takes_colours("#builds")) == (["hub"], None, False)
    talk(session, ":op!o@h MODE #builds -c+o hub")
    assert session.takes_colours("#builds")
    talk(session, ":hub!u@h PART #builds")
    assert (names(), session.rooms.channels_of("hub")) == ([], [])


@pytest.mark.parametrize(
    ("text", "in_query", "order"),
    [
        ("!build app main", False, Order("build", "app main")),
        ("hub: build app", False, Order("build", "app")),
        ("hub,", False, Order("help")),
        ("we build app", False, None),
        ("Build app", True, Order("build", "app")),
        ("!", False, None),
        ("   ", True, None),
    ],
)
def test_orders_are_what_is_said_to_it(text: str, in_query: bool, order: Order | None) -> None:
    assert read_order(text, "hub", in_query=in_query) == order
