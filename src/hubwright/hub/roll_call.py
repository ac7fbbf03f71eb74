"""The roll of builders: that they live is noted, what people wish of them is done, and who is lost is found.

What is written in the database by another hub or a command holds here within `LOOK_AGAIN` of the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.facts import Fact, FactKind
from hubwright.hub import moves
from hubwright.hub.inquest import conclude
from hubwright.hub.sessions import Sessions
from hubwright.hub.silence import Noted, Silence
from hubwright.store import builders, runs
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts

SEEN_EVERY = 15.0
"""Seconds between the notes that connected builders live, unless a setting says otherwise."""

NOTES_MISSED = 3
"""Notes in a row that are missing before a builder counts as connected nowhere."""

SHUT_OUT = "its token was revoked"

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Roll:
    """What the database says of builders."""

    wishes: dict[str, str]
    shut_out: set[str]
    holders: list[str]
    noted: Mapping[str, Row[Any]]


class RollCall:
    """Called by the scheduler, one call at a time. `lost_after` and `seen_every` in seconds."""

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        clock: Callable[[], float],
        *,
        lost_after: float,
        seen_every: float = SEEN_EVERY,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._clock = clock
        self._seen_every = seen_every
        self._silence = Silence(lost_after, seen_every)
        self._noted_at = sessions.steady()

    async def note(self) -> bool:
        """Note that the connected builders live: all of them when it is time (then true), new ones at once."""
        steady, now = self._sessions.steady(), self._clock()
        due = steady - self._noted_at >= self._seen_every
        marks = self._sessions.marks(all_of_them=due)
        if due:
            self._noted_at = steady
        elif not marks:
            return False
        away_since = now - NOTES_MISSED * self._seen_every if due else None
        await self._database.write_soon(partial(_note, marks=marks, now=now, away_since=away_since))
        return due

    async def obey(self) -> Sequence[str]:
        """Do what is wished of connected builders, shut out those whose token is revoked; who has lost its runs."""
        here = self._sessions.names()
        roll = await self._database.read(partial(_load_roll, here=here, now=self._clock()))
        for name in here & roll.shut_out:
            await self._sessions.shut_out(name, SHUT_OUT)
        await self._sessions.wish(roll.wishes)
        here = self._sessions.names()
        away = {name: _noted(roll.noted.get(name)) for name in roll.holders if name not in here}
        lost = self._silence.find_lost(away, self._sessions.last_heard, self._sessions.steady())
        shut_out = roll.shut_out.intersection(roll.holders)
        if lost or shut_out:
            await self._database.write_soon(partial(_lose, lost=set(lost) - shut_out, out=shut_out, now=self._clock()))
        return sorted(shut_out.union(lost))


def _note(connection: Connection, marks: Sequence[builders.Mark], now: float, away_since: float | None) -> None:
    builders.keep_seen(connection, marks, now)
    if away_since is not None:
        gone = builders.keep_unseen(connection, away_since)
        facts = [
            Fact(kind=FactKind.BUILDER_AWAY, at=now, data={"builder": row.name, "platform": row.platform})
            for row in gone
        ]
        keep_facts(connection, facts)


def _load_roll(connection: Connection, here: set[str], now: float) -> _Roll:
    rows = builders.load_wishes(connection, now)
    holders = runs.load_holders(connection)
    away = [name for name in holders if name not in here]
    return _Roll(
        wishes={row.name: row.wish for row in rows if row.wish is not None},
        shut_out={row.name for row in rows if row.shut_out},
        holders=holders,
        noted=builders.load_noted(connection, away) if away else {},
    )


def _noted(row: Row[Any] | None) -> Noted | None:
    return None if row is None else Noted(row.state, row.seen_at)


def _lose(connection: Connection, lost: set[str], out: set[str], now: float) -> None:
    """The runs of these builders end as errors; a first attempt is begun again."""
    facts: list[Fact] = []
    told: set[str] = set()
    for row in runs.load_held(connection, sorted(lost | out)):
        name = row.builder
        why = "was lost" if name in lost else f"was shut out: {SHUT_OUT}"
        if name in lost - told:
            told.add(name)
            data: dict[str, object] = {"builder": name, "platform": row.platform}
            facts.append(Fact(kind=FactKind.BUILDER_LOST, at=now, data=data))
        logger.warning("builder_lost", builder=name, run=row.id, why=why)
        detail = f"Builder {name} {why}."
        if name in lost:
            detail += f" {conclude(connection, row, now)}"
        facts += moves.lose_run(connection, row, now, detail)
    keep_facts(connection, facts)
