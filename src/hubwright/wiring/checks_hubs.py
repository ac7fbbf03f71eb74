"""Whether the processes of an installation fit together, and whether somebody does the work that waits."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection

from hubwright.config import Settings
from hubwright.domain.diagnosis import Sight, doubtful, join_sights, well, wrong
from hubwright.domain.peer_words import Question
from hubwright.domain.wording import word_count, word_duration
from hubwright.errors import HubwrightError
from hubwright.hub.delivery_spool import FOLDER, REFUSED
from hubwright.hub.presence import NOTED
from hubwright.outlets.peers import Peers
from hubwright.store.processes import Process, load_processes
from hubwright.store.queues import next_due
from hubwright.store.schema import delivery, task
from hubwright.wiring.checks_database import CLOCKS, ask_database
from hubwright.wiring.secret_keys import keys_of

QUIET = 3 * NOTED
"""Seconds without a note after which a process counts as gone."""

WAITED = 600.0
"""Seconds after which work that is due is odd: one fetch of a large repository takes as long at most."""

PATIENCE = 5.0
"""Seconds for each step of a conversation with another hub."""

_NOBODY = Question(run=0, start=0, kind="times")  # there is no such run; the answer proves who gives it


def check_hubs(settings: Settings) -> Sight:
    """Do the processes that are there fit together, and do hubs reach each other?"""
    known, now = ask_database(settings, load_processes), time.time()
    if known is None:
        return well("not known: the database does not answer")
    there = _find_there(known, now)
    hubs = [one for one in there if one.kind == "hub"]
    sights = [well(f"{word_count(len(hubs), 'hub')} there"), *_compare_releases(there), *_compare_clocks(there, now)]
    if len(hubs) > 1:
        sights += asyncio.run(_ask_hubs(settings, hubs))
        if settings.storage_url.startswith("file://"):
            seen = f"{len(hubs)} hubs, and artifacts lie in the folder {settings.storage_url}"
            sights.append(doubtful(seen, "set STORAGE_URL to an object store, or mount the same folder at all of them"))
    return join_sights(sights)


def check_workers(settings: Settings) -> Sight:
    """With a broker hubs leave work to workers: are there any, and a beat that reminds them?"""
    known, now = ask_database(settings, load_processes), time.time()
    if known is None:
        return well("not known: the database does not answer")
    count = Counter(one.kind for one in _find_there(known, now))
    if not count["worker"]:
        seen = "no worker was seen in the last 30 s: deliveries wait, and GitHub is told nothing"
        return wrong(seen, "start one: `hubwright worker`; or have hubs do the work, without BROKER_URL")
    if not count["beat"]:
        seen = (
            f"{word_count(count['worker'], 'worker')} there, and no beat: a hint that the broker loses is not repeated"
        )
        return doubtful(seen, "start one: `hubwright beat`")
    return well(f"{word_count(count['worker'], 'worker')} and {word_count(count['beat'], 'beat')} there")


def _find_there(known: Sequence[Process], now: float) -> list[Process]:
    return [one for one in known if one.seen_at > now - QUIET]


def _compare_releases(there: Sequence[Process]) -> Iterator[Sight]:
    versions, wires = sorted({one.version for one in there}), sorted({one.wire for one in there})
    if wires and wires[-1] - wires[0] > 1:
        seen = f"wire versions {wires[0]} to {wires[-1]} side by side: builders that move between hubs are refused"
        yield wrong(seen, "upgrade the oldest first, one release at a time")
    elif len(versions) > 1:
        yield doubtful(f"releases {', '.join(versions)} side by side", "end the upgrade: the older ones come next")


def _compare_clocks(there: Sequence[Process], now: float) -> Iterator[Sight]:
    for one in there:
        if one.seen_at - now > CLOCKS:
            seen = f"the clock of {one.owner} is {one.seen_at - now:.0f} s before this machine's"
            yield doubtful(seen, "have all machines follow NTP: apt-get install systemd-timesyncd")


async def _ask_hubs(settings: Settings, hubs: Sequence[Process]) -> list[Sight]:
    """Whether each is reached from here, and has our keys."""
    peers = Peers(keys_of(settings), PATIENCE)
    sights = []
    try:
        for one in hubs:
            try:
                await peers.fetch(one.address, _NOBODY)
            except HubwrightError as error:
                fix = "set its PEERS__URL to where the others reach it, and the same SECRETS__KEYS everywhere"
                sights.append(wrong(str(error), fix))
    finally:
        await peers.close()
    return sights


def check_work(settings: Settings) -> Sight:
    """Does somebody take the work that waits, and has no webhook been set aside?"""
    refused = Path(settings.data_dir) / FOLDER / REFUSED
    if refused.is_file():
        seen = f"webhooks that the database refused for what they are lie in {refused}"
        return doubtful(seen, "the hub's log says why (`delivery_refused`): mend that, redeliver them, delete the file")
    due, now = ask_database(settings, _find_due), time.time()
    if due is None:
        return well("not known: there is no database yet, or it does not answer")
    late = {name: now - at for name, at in due.items() if at is not None and now - at > WAITED}
    if not late:
        return well("nothing waits longer than it should")
    seen = ", ".join(f"{name} for {word_duration(seconds)}" for name, seconds in late.items())
    helps = "start a worker: `hubwright worker`" if settings.broker_url else "start the hub"
    return doubtful(f"nobody takes {seen}", f"{helps}; its log says why when one runs")


def _find_due(connection: Connection) -> dict[str, float | None]:
    return {"deliveries": next_due(connection, delivery), "tasks": next_due(connection, task)}
