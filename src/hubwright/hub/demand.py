"""Elastic builders hear how many runs wait for one like them: what they do with it is their own decision."""

from __future__ import annotations

from hubwright.domain.scheduling import suits
from hubwright.hub.hearing import quietly
from hubwright.hub.sessions import Sessions
from hubwright.store.database import Database
from hubwright.store.runs import count_waiting
from hubwright.wire import Waiting


async def tell_demand(database: Database, sessions: Sessions) -> None:
    """Tell each connected builder whose number of slots may change, when what it was told is no longer so.

    One small query, and only while such a builder is connected.
    """
    elastic = sessions.elastic()
    if not elastic:
        return
    counts = await database.read(count_waiting)
    for session in elastic:
        waiting = sum(count for want, count in counts if suits(want, session.hello))
        if waiting != session.told_waiting:
            session.told_waiting = waiting
            await quietly(session.send(Waiting(runs=waiting)))
