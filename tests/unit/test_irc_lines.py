"""The bot's lines, orders and session: nothing from outside breaks the protocol, and a nick proves nothing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from irctokens.line import Line, tokenise

from hubwright.irc.lines import MAX_LINE, cut, read_line, write_line, write_notice
from hubwright.irc.orders import BuildOrder, Order, read_build_order, read_order
from hubwright.irc.session import Heard, IrcError, Login, Session

LOGIN = Login(nick="hub", password="secret", channels=("#builds",))


def talk(session: Session, *lines: str) -> tuple[list[str], list[Heard]]:
    """What the session answers to these lines, and what it heard."""
    said, heard = [], []
    for line in lines:
        answers, message = session.hear(tokenise(line))
        said += [answer.decode().rstrip() for answer in answers]
        heard += [message] if message else []
    return said, heard


def welcomed(capabilities: str = "account-tag batch") -> Session:
    session = Session(LOGIN)
    talk(session, f":s CAP * LS :sasl {capabilities}", f":s CAP * ACK :{capabilities} sasl", ":s 001 hub :Welcome")
    return session


@given(st.text(), st.text(), st.integers(0, 600))
def test_what_we_say_is_one_line_that_fits_whatever_it_is_made_of(target: str, text: str, most: int) -> None:
    """Commit messages and job names end no line, bring no second command and no colours."""
    for line in (write_line("PRIVMSG", target, text), write_notice(target[:100], text)):
        assert len(line) <= MAX_LINE
        assert line.endswith(b"\r\n")
        assert not {*line[:-2]} & {0, 2, 3, 10, 13, 15, 22, 29, 31}
        line.decode()
    assert len(cut(text, most).encode()) <= most


@given(st.binary())
def test_whatever_a_server_sends_is_a_line_or_none(data: bytes) -> None:
    line = read_line(data)
    if line is not None:
        assert line.command
        with suppress(IrcError):
            Session(LOGIN).hear(line)


def test_it_logs_in_before_it_enters() -> None:
    """SASL PLAIN, and only what the server offers is asked for."""
    session = Session(LOGIN)
    assert [line.decode().split()[0] for line in session.begin()] == ["CAP", "NICK", "USER"]
    said, _ = talk(session, ":s CAP * LS * :account-tag echo-message", ":s CAP * LS :sasl=PLAIN")
    assert said == ["CAP REQ :account-tag sasl"]
    assert talk(session, ":s CAP hub ACK :account-tag sasl")[0] == ["AUTHENTICATE :PLAIN"]
    assert talk(session, "AUTHENTICATE +")[0] == ["AUTHENTICATE :AGh1YgBzZWNyZXQ="]
    assert talk(session, ":s 903 hub :ok", "PING :x")[0] == ["CAP :END", "PONG :x"]
    assert talk(session, ":s 433 * hub :taken", ":s 001 hub_ :Welcome")[0] == ["NICK :hub_", "JOIN :#builds"]
    assert (session.nick, session.ready) == ("hub_", True)


@pytest.mark.parametrize(
    "line",
    [":s 904 hub :wrong", "ERROR :Closing link", ":s CAP * LS :account-tag"],
    ids=["refused", "ended", "no sasl"],
)
def test_what_keeps_it_out_is_told(line: str) -> None:
    with pytest.raises(IrcError):
        talk(Session(LOGIN), line)


def test_only_an_account_that_the_server_vouches_for_counts() -> None:
    """Not the nick, and no tag of a server that was not asked for accounts; nor what was said before we came."""
    line = "@account=alice :nick!u@h PRIVMSG #builds :!build app"
    assert talk(welcomed(), line)[1][0].account == "alice"
    assert talk(welcomed("batch"), line)[1][0].account is None
    assert talk(welcomed(), ":alice!u@h PRIVMSG #builds :!build app")[1][0].account is None
    assert talk(welcomed(), "@account=alice;batch=1 :nick!u@h PRIVMSG #builds :!build app")[1] == []
    assert talk(welcomed(), ":hub!u@h PRIVMSG #builds :me", ":a!u@h PRIVMSG hub :\x01VERSION\x01")[1] == []


def test_an_answer_goes_where_the_question_came_from() -> None:
    (channel, query) = talk(welcomed(), ":a!u@h PRIVMSG #builds :hi", ":a!u@h PRIVMSG HUB :hi")[1]
    assert (channel.target, channel.in_query, query.target, query.in_query) == ("#builds", False, "a", True)


def test_who_was_kicked_comes_back_once() -> None:
    session = welcomed()
    assert talk(session, ":op KICK #builds hub :no", ":op KICK #builds hub :no!")[0] == ["JOIN :#builds"]
    talk(session, ":hub!u@h NICK :other")
    assert session.nick == "other"
    assert session.hear(Line(None, "s", "NOSUCH", []))[0] == []


@pytest.mark.parametrize(
    ("text", "in_query", "order"),
    [
        ("!build app main", False, Order("build", ("app", "main"))),
        ("hub: build app", False, Order("build", ("app",))),
        ("hub,", False, Order("help")),
        ("we build app", False, None),
        ("Build app", True, Order("build", ("app",))),
        ("!", False, None),
        ("   ", True, None),
    ],
)
def test_orders_are_what_is_said_to_it(text: str, in_query: bool, order: Order | None) -> None:
    assert read_order(text, "hub", in_query=in_query) == order


def test_a_build_is_ordered_with_its_branch_and_parameters() -> None:
    found = read_build_order(("team/app", "release/1", "FLAVOUR=hot=er", "JOBS=4"))
    assert found == BuildOrder(job="team/app", ref="release/1", parameters={"FLAVOUR": "hot=er", "JOBS": "4"})
    for wrong in ((), ("a", "b", "c"), ("A=1", "app"), ("app", "=1"), ("app", "A=1", "A=2"), ("app", "A=1", "main")):
        assert isinstance(read_build_order(wrong), str)
