"""Jobs and builds in Redis, under the keys of systems 1 and 2, for those who read there.

It follows the database: facts after the mark tell which builds changed, a comparison tells what changed in the tree.
While Redis is away builds go on; what it has missed is told when it is back. Whatever Redis has lost is built anew.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import orjson
import structlog
from redis import Redis
from redis.exceptions import RedisError

from hubwright.domain.backoff import backoff
from hubwright.domain.facts import FactKind
from hubwright.reports.redis_builds import BuildTeller, Terms
from hubwright.reports.redis_tree import TreeTeller
from hubwright.reports.redis_writer import Command, LostLeaseError, Mark, Writer, read_text
from hubwright.store import read_model
from hubwright.store.database import Database
from hubwright.store.documents import write_fact
from hubwright.store.reports import load_newest_fact
from hubwright.store.views import load_builds_by_ids
from hubwright.store.views_lists import load_facts
from hubwright.store.views_values import BuildView, FactView

LOOK = 1.0
"""Seconds between two comparisons of the tree, at least."""

SHARE = 50.0
"""How much longer than a comparison took the pause after it is."""

FIRST_RETRY, LAST_RETRY = 0.5, 15.0
"""Seconds before another try while Redis is away, doubled up to these."""

STEP = 500
"""Keys that are looked at together when the stale ones are looked for."""

log = structlog.get_logger(__name__)


class RedisView:
    """The drain of queue `redis`. Any number of processes may have one: who has the lease writes."""

    def __init__(self, client: Redis, database: Database, owner: str, clock: Callable[[], float], terms: Terms) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._keys = terms.keys
        self._writer = Writer(client, terms.keys, owner)
        self._builds = BuildTeller(client, terms)
        self._tree = TreeTeller(client, terms.keys, self._builds)
        self._look_at = 0.0
        self._failures = 0

    def drain(self) -> float:
        """Tell what is new; when to look again, Unix seconds. A Redis that is away is no error."""
        try:
            due = self._drain()
        except RedisError as error:
            self._failures += 1
            if self._failures in {1, 10, 100}:
                log.warning("redis_away", failures=self._failures, error=str(error))
            return self._clock() + backoff(self._failures, FIRST_RETRY, LAST_RETRY, random.random())  # noqa: S311  no secret
        if self._failures:
            log.info("redis_back", failures=self._failures)
        self._failures = 0
        return due

    def rebuild(self) -> int | None:
        """Build all anew; how many keys that were no longer right are gone. None when another process writes.

        Readers find every key meanwhile. Raises RedisError.
        """
        if not self._writer.take():
            return None
        try:
            return self._rebuild()
        except LostLeaseError:
            return None
        finally:
            self._writer.give_back()

    def _drain(self) -> float:
        mark = self._check(self._writer.load_mark())
        with self._database.reading() as connection:
            newest = load_newest_fact(connection)
        if mark is not None and mark.fact == newest and 0 <= self._look_at - self._clock() <= SHARE * LOOK:
            return self._look_at
        if not self._writer.take():
            return self._clock() + LOOK
        try:
            mark = self._check(self._writer.load_mark())  # another may have written until now
            if mark is None:
                log.info("redis_rebuilt", stale=self._rebuild())
            else:
                self._tell_facts(mark)
                self._compare()
        except LostLeaseError:
            return self._clock() + LOOK
        finally:
            self._writer.give_back()
        return self._look_at

    def _check(self, mark: Mark | None) -> Mark | None:
        """The mark, if it speaks of this database and the facts behind it are all there."""
        if mark is None or mark.fact == 0:
            return mark
        with self._database.reading() as connection:
            at = read_model.load_fact_time(connection, mark.fact)
        return mark if at is not None and at == mark.at else None

    def _tell_facts(self, mark: Mark) -> None:
        after = mark.fact
        while True:
            with self._database.reading() as connection:
                facts = load_facts(connection, after)
                if not facts:
                    return
                builds = load_builds_by_ids(connection, {fact.build_id for fact in facts if fact.build_id is not None})
                queued = [
                    fact.build_id for fact in facts if fact.kind == FactKind.BUILD_QUEUED and fact.build_id is not None
                ]
                commands = self._builds.tell_builds(connection, builds)
                commands += self._builds.tell_commits(connection, builds, queued)
            after = facts[-1].id
            self._writer.write([*commands, *self._publish(facts, builds)], Mark(after, facts[-1].at))

    def _publish(self, facts: Sequence[FactView], builds: Iterable[BuildView]) -> list[Command]:
        """Each fact on the channel of all, and on that of its build."""
        channels = {build.id: self._keys.build(build.job, build.number) for build in builds}
        told: list[Command] = []
        for fact in facts:
            message = orjson.dumps({"type": "fact", **write_fact(fact)})
            told.append(("PUBLISH", self._keys.facts, message))
            if fact.build_id in channels:
                told.append(("PUBLISH", channels[fact.build_id], message))
        return told

    def _compare(self) -> None:
        """Bring the tree up to date, not so often that it would take much of a processor."""
        begun = self._clock()
        if 0 < self._look_at - begun <= SHARE * LOOK:
            return
        with self._database.reading() as connection:
            for commands in self._tree.compare(connection):
                self._writer.write(commands)
        took = self._clock() - begun
        self._look_at = self._clock() + min(max(LOOK, SHARE * took), SHARE * LOOK)

    def _rebuild(self) -> int:
        """First the mark: what happens meanwhile is told once more afterwards, which does no harm."""
        with self._database.reading() as connection:
            number = load_newest_fact(connection)
            mark = Mark(number, read_model.load_fact_time(connection, number))
        self._writer.write([("DEL", self._keys.mark)])  # whoever is killed from here on, another begins anew
        with self._database.reading() as connection:
            for commands in chain(self._tree.tell_all(connection), self._builds.tell_every_commit(connection)):
                self._writer.write(commands)
        stale = self._find_stale()
        for start in range(0, len(stale), STEP):
            self._writer.write([("DEL", *stale[start : start + STEP])])
        self._writer.write([], mark)
        return len(stale)

    def _find_stale(self) -> list[str]:
        """What is there and belongs to no job, folder, link or commit of the database any more."""
        with self._database.reading() as connection:
            known = self._tree.list_keys(connection)
        known.add(self._keys.commits)
        recents = [key for key in known if key.endswith("_recent")]
        for key, numbers in self._read_lists(recents):
            known |= {f"{key.removesuffix('recent')}{number}" for number in numbers}
        ((_, shas),) = self._read_lists([self._keys.commits])
        for sha, (key, platforms) in zip(
            shas, self._read_lists([self._keys.platforms(one) for one in shas]), strict=True
        ):
            known |= {self._keys.commit(sha), key, *(self._keys.outcome(name, sha) for name in platforms)}
        return [key for key in self._find_told() if key not in known]

    def _read_lists(self, keys: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        for start in range(0, len(keys), STEP):
            some = keys[start : start + STEP]
            with self._client.pipeline(transaction=False) as pipe:
                for key in some:
                    pipe.lrange(key, 0, -1)
                yield from (
                    (key, [read_text(one) for one in found]) for key, found in zip(some, pipe.execute(), strict=True)
                )

    def _find_told(self) -> list[str]:
        """Every key of the read model that is there."""
        pattern = self._keys.prefix.translate({ord(letter): f"\\{letter}" for letter in "*?[]\\"}) + "*"
        found = (read_text(key) for key in self._client.scan_iter(pattern, STEP))
        return [key for key in found if self._keys.is_told(key)]
