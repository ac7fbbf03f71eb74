"""Builders that go and come, told to a channel: lost ones at once, others when they stay away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.irc_news import Matter, News
from hubwright.errors import NotYetError
from hubwright.reports.irc_channels import Channels
from hubwright.reports.irc_pushes import Say
from hubwright.reports.irc_texts import write_away, write_back, write_lost
from hubwright.store.builders import AWAY, load_noted
from hubwright.store.database import Database
from hubwright.store.runs import count_waiting

PATIENCE = 300.0
"""Seconds for which a builder may be away before that is news."""

LOOK = 15.0
"""Seconds between two looks whether it is back: what comes behind must not wait longer."""

REMEMBERED = 200
"""Facts of a builder that are remembered, so that what was told before a trouble is not told again."""

_EVENTS = {
    FactKind.BUILDER_LOST: News.BUILDER_OFFLINE,
    FactKind.BUILDER_AWAY: News.BUILDER_OFFLINE,
    FactKind.BUILDER_CONNECTED: News.BUILDER_ONLINE,
}


class Builders:
    """`said` of a target, a channel and a builder, has since when the channel knows it to be away."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def find(self, connection: Connection, fact: Fact, channels: Channels) -> list[str]:
        """The channels that hear of it."""
        return channels.find(connection, Matter(event=_EVENTS[fact.kind]))

    def tell(self, bodies: Sequence[dict[str, Any]], said: dict[str, Any], say: Say) -> None:
        """What came last counts. Raises NotYetError while a builder that is away may still come back in time."""
        told: list[str] = said.setdefault("told", [])
        for body in bodies:
            mark = f"{body['kind']}-{body['at']:.3f}"
            if mark not in told:
                self._tell(body, said, say, last=body is bodies[-1])
                told.append(mark)
        del told[:-REMEMBERED]

    def _tell(self, body: dict[str, Any], said: dict[str, Any], say: Say, *, last: bool) -> None:
        since = said.get("away_since")
        if body["kind"] == FactKind.BUILDER_CONNECTED.value:
            if since is not None:
                say(write_back(body, body["at"] - since))
            said["away_since"] = None
        elif since is not None:  # they know
            return
        elif body["kind"] == FactKind.BUILDER_LOST.value:
            say(write_lost(body), important=True)
            said["away_since"] = body["at"]
        elif last:
            self._tell_away(body, said, say)

    def _tell_away(self, body: dict[str, Any], said: dict[str, Any], say: Say) -> None:
        with self._database.reading() as connection:
            noted = load_noted(connection, [body["builder"]]).get(body["builder"])
            waiting = sum(count for want, count in count_waiting(connection) if want.platform == body["platform"])
        if noted is None or noted.state != AWAY:  # removed, or back already
            return
        away = self._clock() - body["at"]
        if away < PATIENCE:
            raise NotYetError(min(LOOK, PATIENCE - away))
        say(write_away(body, away, waiting))
        said["away_since"] = body["at"]
