"""Whom the bot saw, and words that wait for somebody: a listener of all that happens on IRC.

What people say is never kept. Somebody's sights are written at most once a minute, so that talk costs next to nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from hubwright.domain.irc_names import fold_name
from hubwright.domain.wording import word_age
from hubwright.irc.events import Event, Joined, Kicked, Left, Person, Quit, Renamed, Said
from hubwright.store.database import Database
from hubwright.store.irc_people import Seen, keep_seen, load_addressees, opts_out, take_tells

WRITTEN_EVERY = 60.0
"""Seconds between two writings of the same kind of sight of one nick."""

MAX_KNOWN = 5_000
"""Nicks whose last writing is remembered."""


class Memory:
    """`say` says a line to a nick. The listener may be told the same twice."""

    def __init__(self, database: Database, say: Callable[[str, str], None], clock: Callable[[], float]) -> None:
        self._database = database
        self._say = say
        self._clock = clock
        self._written: OrderedDict[tuple[str, str, str | None], float] = OrderedDict()

    def listen(self, events: Sequence[Event]) -> None:
        """Remember whom these are about, and hand over what waits for those who are here now."""
        sights = {fold_name(seen.name): seen for event in events for seen in see(event)}
        fresh = [seen for seen in sights.values() if self._is_due(seen)]
        if fresh:
            self._database.write(partial(_keep_all, sights=fresh))
            self._note(fresh)
        here = [event.who for event in events if isinstance(event, Said | Joined) and not event.own]
        self._hand_over({fold_name(who.nick): who for who in here})

    def _is_due(self, seen: Seen) -> bool:
        last = self._written.get(_key(seen))
        return last is None or seen.at - last >= WRITTEN_EVERY or seen.kind in {"quit", "renamed"}

    def _note(self, sights: Sequence[Seen]) -> None:
        for seen in sights:
            for kind in ("said", "joined", "left", "kicked"):  # what was written is no longer the newest
                self._written.pop((fold_name(seen.name), kind, seen.channel), None)
            self._written[_key(seen)] = seen.at
        while len(self._written) > MAX_KNOWN:
            self._written.popitem(last=False)

    def _hand_over(self, here: Mapping[str, Person]) -> None:
        """Words that wait for those who came or spoke, to each alone."""
        with self._database.reading() as connection:
            awaited = load_addressees(connection, list(here))
        for who in (here[nick] for nick in awaited):
            for words in self._database.write(partial(take_tells, nick=who.nick, account=who.account)):
                age = word_age(max(0.0, self._clock() - words.at))
                self._say(who.nick, f"{words.sender} left this for you {age}: {words.text}")


def see(event: Event) -> list[Seen]:
    """What an event tells of whom. Pure."""
    if isinstance(event, Said | Joined | Left | Quit | Kicked | Renamed):
        if getattr(event, "own", False) or (isinstance(event, Said) and event.channel is None):
            return []
        who = event.who
        kind = type(event).__name__.lower()
        channel = getattr(event, "channel", None)
        renamed = event.nick if isinstance(event, Renamed) else None
        seen = [Seen(who.nick, who.account, kind, channel, renamed, event.at)]
        if isinstance(event, Renamed):
            seen.append(Seen(event.nick, who.account, "joined", None, None, event.at))
        return seen
    return []


def _key(seen: Seen) -> tuple[str, str, str | None]:
    return fold_name(seen.name), seen.kind, seen.channel


def _keep_all(connection: Connection, sights: Sequence[Seen]) -> None:
    for seen in sights:
        if not opts_out(connection, seen.name, seen.account):
            keep_seen(connection, seen)
