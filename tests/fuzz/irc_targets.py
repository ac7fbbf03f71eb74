"""What an IRC server, and people there, send to the bot."""

from __future__ import annotations

from contextlib import suppress

from fuzz.choices import Choices
from fuzz.finding import expect
from hubwright.domain.irc_text import clean
from hubwright.errors import UnprocessableError
from hubwright.irc.answers.channels import read_duration
from hubwright.irc.answers.orders import read_build_order
from hubwright.irc.channel_log import write_lines
from hubwright.irc.entry import IrcError, Login
from hubwright.irc.events import Said
from hubwright.irc.lines import MAX_LINE, is_target, read_line, write_line, write_said
from hubwright.irc.orders import MAX_WORDS, read_order
from hubwright.irc.session import Session
from hubwright.irc.subjects import read_meant

LOGIN = Login(nick="hub", password="secret", channels=("#builds", "#two key"))
WELCOME = (
    b":s CAP * LS :sasl account-tag batch message-tags echo-message", b":s CAP * ACK :account-tag batch sasl",
    b":s 903 hub :ok", b":s 001 hub :Welcome", b":s 005 hub CASEMAPPING=ascii WHOX CHANTYPES=# :are",
    b":s 376 hub :end",
    b":hub!u@h JOIN #builds", b":s 353 hub = #builds :@hub alice +bob",
)  # fmt: skip


def hear_server(data: bytes) -> bool:
    """Lines of a server, before or after it has let us in: what we answer is whole lines."""
    choices = Choices(data)
    session = Session(LOGIN)
    sent = list(session.begin())
    lines = [*(WELCOME if choices.number(2) else ()), *choices.rest().split(b"\n")]
    heard = 0
    for number, line in enumerate(lines):
        read = read_line(line.rstrip(b"\r"))
        if read is None or not read.command:
            continue
        try:
            answers, event = session.hear(read, float(number))
        except IrcError:
            break
        sent += answers + session.tick(float(number))
        heard += event is not None
        if event is not None:
            list(write_lines(event))
        if isinstance(event, Said):
            _obey(event.text, in_query=event.channel is None)
    _check(sent)
    return heard > 0


def hear_person(data: bytes) -> bool:
    """What somebody says to the bot, as an order; and all of it said back."""
    text = data.decode("utf-8", "replace")
    _check([write_line("PRIVMSG", text, text), write_said("#builds", text), write_said("#builds", text, colours=True)])
    expect(not is_target(text) or b" " not in text.encode(), "a target with a blank")
    return _obey(clean(text), in_query=True)


def _obey(text: str, *, in_query: bool) -> bool:
    order = read_order(text, "hub", in_query=in_query)
    if order is None:
        return False
    expect(len(order.words) <= MAX_WORDS, "more words than are taken")
    read_meant(order.words)
    for read in (read_build_order, lambda words: read_duration(" ".join(words))):
        with suppress(UnprocessableError):
            read(order.words)
    return True


def _check(lines: list[bytes]) -> None:
    for line in lines:
        expect(len(line) <= MAX_LINE and line.endswith(b"\r\n"), "a line that is too long or has no end")
        expect(not {0, 10, 13} & {*line[:-2]}, "two lines in one")
        line.decode()
