"""Jobs and builds in Redis, under the keys of systems 1 and 2, for those who read there.

It follows the database: facts after the mark tell which builds changed, a comparison tells what changed in the tree.
While Redis is away builds go on; what it has missed is told when it is back. Whatever Redis has lost is built anew.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

import orjson
import structlog
from redis import Redis
from redis.exceptions import RedisError

from hubwright.domain.backoff import backoff
from hubwright.domain.facts import FactKind
from hubwright.reports.redis_builds import BuildTeller, Terms
from hubwright.reports.redis_stale import StaleKeys
from hubwright.reports.redis_tree import TreeTeller
from hubwright.reports.redis_writer import Command, LostLeaseError, Mark, Writer
from hubwright.store import read_model
from hubwright.store.database import Database
from hubwright.store.documents import write_fact
from hubwright.store.reports import load_newest_fact
from hubwright.store.views import load_builds_by_ids
from hubwright.store.views_lists import load_facts
from hubwright.store.views_records import FactView
from hubwright.store.views_values import BuildView

LOOK = 1.0
"""Seconds between two comparisons of the tree, at least."""

SHARE = 50.0
"""How much longer than a comparison took the pause after it is."""

LONGEST = 300.0
"""Seconds between two comparisons of the largest trees."""

FACTS = 200
"""Facts that are told in one step."""

COMMITS_LOOK = 50.0
"""Seconds between two comparisons of the commits with their builds."""

FIRST_RETRY, LAST_RETRY = 0.5, 15.0
"""Seconds before another try while Redis is away, doubled up to these."""

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
        self._tree = TreeTeller(client, database, terms.keys, self._builds)
        self._look_at = 0.0
        self._commits_at = 0.0
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
        if mark is not None and mark.fact == newest and 0 <= self._look_at - self._clock() <= LONGEST:
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
        after, more = mark.fact, True
        while more:  # what comes meanwhile waits for the next look
            with self._database.reading() as connection:
                facts = load_facts(connection, after, FACTS)
                if not facts:
                    return
                builds = load_builds_by_ids(connection, {fact.build_id for fact in facts if fact.build_id is not None})
                queued = [
                    fact.build_id for fact in facts if fact.kind == FactKind.BUILD_QUEUED and fact.build_id is not None
                ]
                commands = self._builds.tell_builds(connection, builds)
                commands += self._builds.tell_commits(connection, builds, queued)
            after, more = facts[-1].id, len(facts) == FACTS
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
        if 0 < self._look_at - begun <= LONGEST:
            return
        self._write_all(self._tree.compare())
        compared = self._clock() - begun
        while True:  # as long as the tree took: all jobs have their turn in minutes, however many there are
            self._write_all(self._tree.compare_builds())
            if self._tree.is_through or self._clock() - begun >= 2 * compared:
                break
        if not 0 <= begun - self._commits_at < COMMITS_LOOK:
            with self._database.reading() as connection:
                self._write_all(self._builds.compare_commits(connection))
            self._commits_at = begun
        took = self._clock() - begun
        self._look_at = self._clock() + min(max(LOOK, SHARE * took), LONGEST)

    def _rebuild(self) -> int:
        """First the mark: what happens meanwhile is told once more afterwards, which does no harm."""
        with self._database.reading() as connection:
            number = load_newest_fact(connection)
            mark = Mark(number, read_model.load_fact_time(connection, number))
        self._writer.write([("DEL", self._keys.mark)])  # whoever is killed from here on, another begins anew
        self._write_all(self._tree.tell_all())
        with self._database.reading() as connection:
            self._write_all(self._builds.tell_every_commit(connection))
        stale = 0
        for gone in StaleKeys(self._client, self._keys).find():
            self._writer.write([("DEL", *gone)] if gone else [])
            stale += len(gone)
        self._writer.write([], mark)
        return stale

    def _write_all(self, steps: Iterable[list[Command]]) -> None:
        for commands in steps:
            self._writer.write(commands)
