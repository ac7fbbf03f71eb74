"""Small talk: `!ping`, `!lag`, `!seen`, `!tell`, `!private`, `!version`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hubwright import __version__
from hubwright.domain.irc_names import fold_name
from hubwright.domain.irc_text import Text
from hubwright.domain.wording import word_age
from hubwright.errors import ConflictError, UnprocessableError
from hubwright.irc.answers.texts import shorten
from hubwright.irc.commands import Request
from hubwright.store.database import Database
from hubwright.store.irc_people import Seen, drop_opt_out, keep_opt_out, keep_tell, load_seen
from hubwright.store.moments import write_moment

MAX_WORDS = 300
"""Characters of what is left for somebody."""

_DID = {
    "said": "saying something",
    "joined": "joining",
    "left": "leaving",
    "quit": "quitting",
    "kicked": "being kicked",
}


class Talk:
    """Its methods block: they ask the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ping(self, _request: Request) -> Sequence[Text]:
        """Whether the bot lives."""
        return ["pong"]

    def lag(self, request: Request) -> Sequence[Text]:
        """How long the server takes to answer."""
        lag = request.presence.lag
        return ["Unknown." if lag is None else f"{lag * 1000:.0f}ms between me and the server."]

    def version(self, _request: Request) -> Sequence[Text]:
        """Which Hubwright this is."""
        return [f"Hubwright {__version__}"]

    def seen(self, request: Request) -> Sequence[Text]:
        """`NICK`: when somebody was here last, and what they did; not what they said."""
        name = _first(request, "Syntax: !seen NICK")
        if fold_name(name) == fold_name(request.presence.nick):
            return ["Yes, I see myself."]
        here = request.presence.find_person(name)
        if here is not None and fold_name(request.channel or "") in _channels(request, name):
            return [f"{shorten(here.nick, 60)} is here."]
        with self._database.reading() as connection:
            seen = load_seen(connection, name)
        if seen is None:
            return [f"I have not seen {shorten(name, 60)}."]
        return [_word_sight(seen, request)]

    def tell(self, request: Request) -> Sequence[Text]:
        """`NICK WORDS`: says it in a query when they come or speak; by then, whoever has the account they had."""
        name = _first(request, "Syntax: !tell NICK WORDS")
        text = shorten(request.text.partition(name)[2], MAX_WORDS)
        if not text:
            raise UnprocessableError("Syntax: !tell NICK WORDS")
        if fold_name(name) == fold_name(request.presence.nick):
            return ["I hear you."]
        here = request.presence.find_person(name)
        with self._database.reading() as connection:
            seen = load_seen(connection, name)
        account = here.account if here is not None else seen.account if seen is not None else None
        words = {
            "account": None if account is None else fold_name(account), "sender": request.who.nick[:100],
            "target": request.channel or request.who.nick, "text": text, "at": request.at,
        }  # fmt: skip
        if not self._database.write(partial(keep_tell, nick=name, words=words)):
            raise ConflictError(f"Too much waits for {shorten(name, 60)} already.")
        return [f"I'll tell {shorten(name, 60)} when they come or speak."]

    def private(self, request: Request) -> Sequence[Text]:
        """`on|off`: whether you are left out of `!seen` and of the channel logs."""
        verb = _first(request, "Syntax: !private on|off").lower()
        who = request.who
        if verb == "on":
            self._database.write(partial(keep_opt_out, nick=who.nick, account=who.account, now=request.at))
            return ["I remember and log nothing of you from now on."]
        if verb != "off":
            raise UnprocessableError("Syntax: !private on|off")
        self._database.write(partial(drop_opt_out, nick=who.nick, account=who.account))
        return ["You are remembered and logged as everybody is."]


def _first(request: Request, otherwise: str) -> str:
    if not request.words:
        raise UnprocessableError(otherwise)
    return request.words[0][:100]


def _channels(request: Request, nick: str) -> set[str]:
    return {fold_name(one) for one in request.presence.channels_of(nick)}


def _word_sight(seen: Seen, request: Request) -> str:
    """Where somebody was is told to those who are there too."""
    when = write_moment(seen.at)[:16].replace("T", " ")
    where = ""
    if seen.channel is not None and fold_name(seen.channel) in _channels(request, request.who.nick):
        where = f" in {shorten(seen.channel, 60)}"
    did = f"changing nick to {shorten(seen.renamed or '?', 60)}" if seen.kind == "renamed" else _DID[seen.kind]
    age = word_age(max(0.0, request.at - seen.at))
    return f"{shorten(seen.name, 60)} was last seen on {when} UTC ({age}){where} {did}."
