"""The steady load: pushes, cancels and reruns, through everything; and the book of what was asked for."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import httpx2

from chaos.installation import Installation
from fake_github_deliveries import FakeHook
from fake_repository import FakeRepository
from hub_process import SECRET

REPOSITORIES = 3
PAUSE = 1.6
"""Seconds between two things that people do, on average."""

TALK = """
import os, sys, time
copies, ticks, lines, code = sys.argv[1], *map(int, sys.argv[2:])
marker = os.environ["HUBWRIGHT_RUN"]
with open(f"{copies}/{marker}", "wb") as copy:
    for tick in range(ticks):
        time.sleep(0.1)
        data = b"".join(b"%s line %d of tick %d\\n" % (marker.encode(), line, tick) for line in range(lines))
        copy.write(data)
        copy.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
open(f"{copies}/{marker}.end", "w").write(str(code))
sys.exit(code)
"""


@dataclass(frozen=True)
class Push:
    """A commit that GitHub told of. `code`: how its build ends; `answer`: what the installation said, 0: nothing."""

    repository: str
    sha: str
    guid: str
    answer: int
    code: int


@dataclass
class Book:
    """All that was asked for."""

    pushes: list[Push] = field(default_factory=list)
    cancelled: set[int] = field(default_factory=set)
    rerun: Counter[int] = field(default_factory=Counter)


class Load:
    """People at work, in a thread, until `stop`."""

    def __init__(self, place: Installation, chance: random.Random) -> None:
        self.book = Book()
        self._place = place
        self._chance = chance
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._repositories = [self._make_repository(number) for number in range(1, REPOSITORIES + 1)]
        self._hands = ThreadPoolExecutor(8, thread_name_prefix="load")
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin, with a push to each repository."""
        for repository, hook in self._repositories:
            self.push(repository, hook)
        self._thread.start()

    def stop(self) -> None:
        """Do no more; what was begun is done."""
        self._ended.set()
        self._thread.join()
        self._hands.shutdown(wait=True)

    def push(self, repository: FakeRepository, hook: FakeHook) -> Push:
        """Push a commit whose build talks, and tell of it as GitHub does: once."""
        chance = self._chance
        with self._lock:
            ticks, lines, code = chance.choice((5, 5, 20, 50)), chance.choice((1, 20, 100)), chance.choice((0, 0, 0, 3))
            talk = f"python3 talk.py {self._place.copies} {ticks} {lines} {code}"
            payload = repository.push({".hubwright.yml": f"stages:\n- talk: {talk}\n"}, f"Talk for {ticks} ticks")
        guid = str(uuid.UUID(int=chance.getrandbits(128)))
        made = Push(repository.full_name, payload["after"], guid, hook.send("push", payload, guid=guid), code)
        with self._lock:
            self.book.pushes.append(made)
        return made

    def _make_repository(self, number: int) -> tuple[FakeRepository, FakeHook]:
        name = f"octo/talker-{number}"
        repository = self._place.github.create_repository(name, {"talk.py": TALK, "README": name})
        return repository, self._place.github.add_hook(f"/repos/{name}", self._place.hook, SECRET)

    def _work(self) -> None:
        while not self._ended.wait(self._chance.expovariate(1 / PAUSE)):
            what = self._chance.choices((self._push_some, self._cancel, self._rerun), (8, 1, 1))[0]
            what()

    def _push_some(self) -> None:
        for _ in range(self._chance.choice((1, 1, 1, 1, 3))):
            self._hands.submit(self.push, *self._chance.choice(self._repositories))

    def _cancel(self) -> None:
        pick = self._chance.random()
        self._hands.submit(self._wish, "cancel", ("queued", "running"), pick)

    def _rerun(self) -> None:
        pick = self._chance.random()
        self._hands.submit(self._wish, "rerun", ("finished",), pick)

    def _wish(self, what: str, states: tuple[str, ...], pick: float) -> None:
        """Of one of the newest builds in such a state; who can't reach the installation lets it be."""
        with suppress(httpx2.TransportError, KeyError, ValueError):
            found = self._place.client.get("/api/v1/builds", params={"limit": 30}).json()["items"]
            ours = [one["id"] for one in found if one["state"] in states and "talker" in one["repository"]]
            if not ours:
                return
            number = ours[int(pick * len(ours))]
            with self._lock:  # asked for, even if the answer is lost
                if what == "cancel":
                    self.book.cancelled.add(number)
                else:
                    self.book.rerun[number] += 1
            self._place.client.post(f"/api/v1/builds/{number}/{what}", json={})
