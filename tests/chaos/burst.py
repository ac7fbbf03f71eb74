"""A burst of webhooks while the database is away: what is answered 202 is kept, the rest is had later (R6)."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
from sqlalchemy import create_engine, select

from builder_process import open_folder
from chaos.counting import is_quiet
from chaos.installation import Installation, installed
from chaos.probing import Prober
from fake_github import delivery_headers
from fake_github_deliveries import FakeHook
from hub_process import GREEN, SECRET
from hubwright.store.schema import build, delivery
from waiting import until

CONNECTIONS = 50
RATE = 140.0
"""Webhooks a second: 10,000 take 71 s, and begin before the database goes."""

BEFORE = 5.0
PUSH_EVERY = 250
"""One webhook of so many is a push, which has to be built; the others tell of issues."""

PATIENCE = 600.0


@dataclass
class Burst:
    """What came of it. `answers` by status (0: none), `slowest` in seconds; all numbers must add up to `sent`."""

    sent: int = 0
    away: float = 0.0
    answers: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    lost: int = 0
    came_later: int = 0
    never_came: int = 0
    pushes: int = 0
    not_built: int = 0
    recovered: float = 0.0
    healed: float = 0.0
    troubles: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """All that must not be."""
        counted = {"lost": self.lost, "never came": self.never_came, "not built": self.not_built}
        odd = sorted(set(self.answers) - {0, 202, 503})
        return [
            *(f"burst: {number} {name}" for name, number in counted.items() if number),
            *(f"burst: {self.answers[status]} answers with {status}" for status in odd),
            *self.troubles,
        ]


def run_burst(count: int, away: float, say: Callable[[str], object]) -> Burst:
    """Send so many, with the database killed for `away` seconds; then wait until GitHub's record and ours agree."""
    with open_folder() as folder, installed(folder) as place:
        made = Burst(sent=count, away=away)
        prober = Prober(place)
        hook = place.github.add_hook("/repos/octo/flood", place.hook, SECRET)
        bodies = _make_bodies(place, count)
        say(f"burst: {count} webhooks, the database is away for {away:.0f} s")
        database = place.parts["postgresql"]
        outage = threading.Thread(target=_lose, args=(database.kill, database.start, away))
        outage.start()
        codes = asyncio.run(_send_all(place, hook, bodies, made))
        outage.join()
        ended = time.monotonic()
        made.recovered = prober.measure()
        say(f"    {dict(made.answers)}; a push is green {made.recovered:.1f} s after the burst")
        _wait(place, made)
        made.healed = time.monotonic() - ended
        _count(place, made, codes, bodies)
        return made


def _lose(kill: Callable[[], None], start: Callable[[], None], away: float) -> None:
    time.sleep(BEFORE)
    kill()
    time.sleep(away)
    start()


def _make_bodies(place: Installation, count: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Guid, event and payload of each."""
    repository = place.github.create_repository("octo/flood", GREEN)
    made = []
    for number in range(count):
        if number % PUSH_EVERY == 0:
            event, payload = "push", repository.push({"README": f"{number}\n"})
        else:
            issue = {"id": 10_000 + number, "number": number, "title": f"Issue {number}", "state": "open"}
            event = "issues"
            payload = {"action": "opened", "issue": issue, "repository": repository.describe()}
        made.append((str(uuid.uuid5(uuid.NAMESPACE_URL, f"burst/{number}")), event, payload))
    return made


async def _send_all(
    place: Installation, hook: FakeHook, bodies: list[tuple[str, str, dict[str, Any]]], made: Burst
) -> dict[str, int]:
    """Status by guid; GitHub waits 10 s for an answer and sends none again by itself."""
    codes: dict[str, int] = {}
    turn = asyncio.Semaphore(CONNECTIONS)
    limits = httpx2.Limits(max_connections=CONNECTIONS)
    begun = time.monotonic()

    async def send(client: httpx2.AsyncClient, guid: str, event: str, payload: dict[str, Any]) -> None:
        body = orjson.dumps(payload)
        asked, code = time.monotonic(), 0
        try:
            headers = delivery_headers(event, body, secret=SECRET, guid=guid)
            code = (await client.post(place.hook, content=body, headers=headers)).status_code
        except httpx2.TransportError:
            code = 0
        finally:
            turn.release()
        made.slowest = max(made.slowest, time.monotonic() - asked)
        made.answers[code] += 1
        codes[guid] = code
        hook.remember(event, payload, guid, code)

    async with httpx2.AsyncClient(timeout=10, trust_env=False, limits=limits) as client, asyncio.TaskGroup() as group:
        for number, body in enumerate(bodies):
            await turn.acquire()
            await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
            group.create_task(send(client, *body))
    return codes


def _wait(place: Installation, made: Burst) -> None:
    place.hubs[0].post("healing")
    look = is_quiet(place)
    try:
        until(lambda: place.hubs[0].get("healing")["missing"] == 0 and look(), PATIENCE, "all to be had from GitHub")
    except AssertionError as error:
        made.troubles.append(f"burst: {error}")


def _count(
    place: Installation, made: Burst, codes: dict[str, int], bodies: list[tuple[str, str, dict[str, Any]]]
) -> None:
    engine = create_engine(place.database_url)
    try:
        with engine.connect() as connection:
            kept = {row.guid: row.state for row in connection.execute(select(delivery.c.guid, delivery.c.state))}
            built = set(connection.execute(select(build.c.sha)).scalars())
    finally:
        engine.dispose()
    done = {guid for guid in codes if kept.get(guid) == "done"}
    made.lost = sum(code == 202 and guid not in done for guid, code in codes.items())
    made.came_later = sum(code != 202 and guid in done for guid, code in codes.items())
    made.never_came = sum(code != 202 and guid not in done for guid, code in codes.items())
    shas = [payload["after"] for _, event, payload in bodies if event == "push"]
    made.pushes, made.not_built = len(shas), len([sha for sha in shas if sha not in built])
