"""Builds and commits in Redis: what is to be written about those that something happened to, read from the database.

Nothing is told from memory and nothing is counted up: each key is written as the database has it now. So telling a
fact twice, or late, does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson
from redis import Redis
from sqlalchemy import Connection

from hubwright.reports.redis_documents import write_commit_fields, write_execution, write_outcomes
from hubwright.reports.redis_keys import Keys
from hubwright.reports.redis_writer import Command, read_text
from hubwright.store import read_model
from hubwright.store.documents import BuildDocuments
from hubwright.store.views import MAX_PAGE, load_builds, load_builds_by_ids
from hubwright.store.views_values import BuildFilter, BuildView

DAY = 86_400.0

PAGE = 200
"""Commits that are looked for together."""

_GONE = (0, 0, 0)
"""What there is of a commit whose builds went since they were loaded."""

BUILDS_OF_COMMIT = 50
"""Builds of a commit that are looked at, the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """How much is kept: builds of each job, commits, and days. Addresses begin with `public_url`."""

    public_url: str
    recent: int = 25
    commits: int = 1000
    days: int = 730
    keys: Keys = field(default_factory=Keys)


class BuildTeller:
    """Finds the commands that bring builds and commits up to date. It writes nothing itself."""

    def __init__(self, client: Redis, terms: Terms) -> None:
        self._client = client
        self._terms = terms
        self._keys = terms.keys
        self._documents = BuildDocuments(terms.public_url)

    def tell_builds(self, connection: Connection, builds: Sequence[BuildView]) -> list[Command]:
        """The builds, as far as they are among the newest of their jobs, and the lists that they are in."""
        recents = read_model.load_recents(connection, {build.job_id for build in builds}, self._terms.recent)
        commands = self._tell_recents(list(recents.values()))
        for build in builds:
            if build.job_id in recents and build.number in recents[build.job_id].numbers:
                commands += self._tell_build(build)
        return commands

    def tell_jobs(self, connection: Connection, jobs: Sequence[int]) -> list[Command]:
        """All of jobs that came into the tree: their lists and the builds in these."""
        recents = read_model.load_recents(connection, jobs, self._terms.recent)
        commands = self._tell_recents(list(recents.values()))
        for build in _load(connection, [number for recent in recents.values() for number in recent.ids]):
            commands += self._tell_build(build)
        return commands

    def tell_what_went(self, connection: Connection, paths: Sequence[str]) -> list[Command]:
        """Of those jobs whose list names other builds than they have: as retention takes them."""
        listed = self._read_recents(paths)
        some = [path for path, numbers in listed.items() if numbers]
        recents = read_model.load_recents(connection, read_model.load_job_ids(connection, some), self._terms.recent)
        differ = [job for job, recent in recents.items() if listed[recent.path] != list(recent.numbers)]
        return self.tell_jobs(connection, differ) if differ else []

    def forget_job(self, path: str) -> list[Command]:
        """All builds of a job that is gone."""
        kept = [("DEL", self._keys.build(path, number)) for number in self._read_recents([path])[path]]
        return [("DEL", self._keys.recent(path)), *kept]

    def tell_commits(self, connection: Connection, builds: Sequence[BuildView], queued: Iterable[int]) -> list[Command]:
        """The commits of builds: those that `queued` brought for the first time, and how all fare."""
        new = set(queued)
        by_sha: dict[str, list[BuildView]] = {}
        for build in sorted(builds, key=lambda one: -one.id):
            by_sha.setdefault(build.sha, []).append(build)
        stamps = read_model.find_builds_of_commits(connection, sorted(by_sha))
        fresh = {one.sha: one for one in builds if one.id in new and stamps.get(one.sha, _GONE)[0] == one.id}
        known = self._find_known(by_sha.keys() - fresh.keys()) | fresh.keys()
        commands, gone = self._add_commits(list(fresh.values()))
        platforms = read_model.load_platforms(connection) if known else {}
        for sha in sorted(known - gone):
            all_here = (
                stamps.get(sha, _GONE)[2] == len(by_sha[sha]) <= BUILDS_OF_COMMIT
            )  # of most commits there is one build
            commands += self._tell_outcomes(connection, sha, platforms, by_sha[sha] if all_here else None)
        return commands

    def _find_known(self, shas: Iterable[str]) -> set[str]:
        """The commits of these that are told of."""
        asked = sorted(shas)
        with self._client.pipeline(transaction=False) as pipe:
            for sha in asked:
                pipe.exists(self._keys.commit(sha))
            found = pipe.execute() if asked else []
        return {sha for sha, there in zip(asked, found, strict=True) if there}

    def tell_every_commit(self, connection: Connection) -> Iterable[list[Command]]:
        """All commits anew, the newest that there is room for; in steps."""
        known = [read_text(sha) for sha in self._client.lrange(self._keys.commits, 0, -1)]
        shas = list(read_model.walk_commits(connection, self._terms.commits))
        platforms = read_model.load_platforms(connection)
        listed: list[Command] = [("DEL", self._keys.commits), ("DEL", self._keys.stamps)]
        listed += [("RPUSH", self._keys.commits, sha) for sha in shas]
        yield listed + [command for sha in set(known).difference(shas) for command in self._forget_commit(sha)]
        for start in range(0, len(shas), PAGE):
            some = shas[start : start + PAGE]
            stamps = read_model.find_builds_of_commits(connection, some)
            commands: list[Command] = []
            for build in _load(connection, [first for first, _, _ in stamps.values()]):
                commands += self._tell_commit(build)
                commands += self._tell_again(connection, build.sha, stamps[build.sha], platforms)
            yield commands

    def compare_commits(self, connection: Connection) -> Iterable[list[Command]]:
        """Commits of which builds went: some are gone with them, then others take their places; in steps."""
        shas = [read_text(sha) for sha in self._client.lrange(self._keys.commits, 0, -1)]
        told = {read_text(sha): read_text(stamp) for sha, stamp in self._client.hgetall(self._keys.stamps).items()}
        found: dict[str, tuple[int, int, int]] = {}
        for start in range(0, len(shas), PAGE):
            found |= read_model.find_builds_of_commits(connection, shas[start : start + PAGE])
        firsts = {sha: int(stamp.partition(".")[0]) for sha, stamp in told.items()}
        if any(sha not in found or firsts.get(sha, found[sha][0]) != found[sha][0] for sha in shas):
            yield from self.tell_every_commit(connection)
            return
        differ = [sha for sha, stamp in found.items() if told.get(sha) != _stamp(stamp)]
        platforms = read_model.load_platforms(connection) if differ else {}
        for sha in differ:
            yield self._tell_again(connection, sha, found[sha], platforms)

    def _tell_again(
        self, connection: Connection, sha: str, stamp: tuple[int, int, int], platforms: dict[str, str]
    ) -> list[Command]:
        noted: Command = ("HSET", self._keys.stamps, sha, _stamp(stamp))
        return [*self._tell_outcomes(connection, sha, platforms), noted]

    def _tell_build(self, build: BuildView) -> list[Command]:
        key = self._keys.build(build.job, build.number)
        document = write_execution(build, self._documents.build(build))
        until = () if build.finished_at is None else ("EXAT", self._until(build.finished_at))
        return [("SET", key, orjson.dumps(document), *until)]

    def _tell_recents(self, recents: Sequence[read_model.Recent]) -> list[Command]:
        listed = self._read_recents([recent.path for recent in recents])
        return [command for recent in recents for command in self._tell_recent(recent, listed[recent.path])]

    def _read_recents(self, paths: Sequence[str]) -> dict[str, list[int]]:
        """The lists of builds of jobs, as they are told."""
        with self._client.pipeline(transaction=False) as pipe:
            for path in paths:
                pipe.lrange(self._keys.recent(path), 0, -1)
            found = pipe.execute()
        return {path: [int(number) for number in numbers] for path, numbers in zip(paths, found, strict=True)}

    def _tell_recent(self, recent: read_model.Recent, known: list[int]) -> list[Command]:
        key = self._keys.recent(recent.path)
        if known == list(recent.numbers):
            return []
        gone = [("DEL", self._keys.build(recent.path, number)) for number in set(known) - set(recent.numbers)]
        pushed: list[Command] = [("RPUSH", key, *recent.numbers)] if recent.numbers else []
        return [("DEL", key), *pushed, *gone]

    def _add_commits(self, fresh: Sequence[BuildView]) -> tuple[list[Command], set[str]]:
        """Put commits before those that are there, and drop the last ones where they are too many: these too."""
        listed = [read_text(sha) for sha in self._client.lrange(self._keys.commits, 0, -1)] if fresh else []
        commands: list[Command] = []
        for build in fresh:  # in the order in which they came
            if build.sha not in listed:
                commands.append(("LPUSH", self._keys.commits, build.sha))
                listed.insert(0, build.sha)
            commands += self._tell_commit(build)
        gone = listed[self._terms.commits :]
        if gone:
            commands.append(("LTRIM", self._keys.commits, 0, self._terms.commits - 1))
            for sha in gone:
                commands += self._forget_commit(sha)
        return commands, set(gone)

    def _forget_commit(self, sha: str) -> list[Command]:
        platforms = [read_text(name) for name in self._client.lrange(self._keys.platforms(sha), 0, -1)]
        outcomes = [self._keys.outcome(name, sha) for name in platforms]
        return [
            ("DEL", self._keys.commit(sha), self._keys.platforms(sha), *outcomes),
            ("HDEL", self._keys.stamps, sha),
        ]

    def _tell_commit(self, build: BuildView) -> list[Command]:
        key = self._keys.commit(build.sha)
        fields = [part for pair in write_commit_fields(build).items() for part in pair]
        return [("DEL", key), ("HSET", key, *fields), ("EXPIREAT", key, self._until(build.queued_at))]

    def _tell_outcomes(
        self,
        connection: Connection,
        sha: str,
        platforms: dict[str, str],
        builds: Sequence[BuildView] | None = None,
    ) -> list[Command]:
        """`builds`: all of the commit, the newest first, where they are loaded."""
        if builds is None:
            builds = load_builds(connection, BuildFilter(sha=sha), BUILDS_OF_COMMIT).items
        told = write_outcomes(builds, platforms)
        listed = self._keys.platforms(sha)
        until = self._until(builds[0].queued_at) if builds else 0
        commands: list[Command] = [("DEL", listed)]
        if told:
            commands += [("RPUSH", listed, *sorted(told)), ("EXPIREAT", listed, until)]
        for platform, fields in told.items():
            key = self._keys.outcome(platform, sha)
            flat = [part for pair in fields.items() for part in pair]
            commands += [("DEL", key), ("HSET", key, *flat), ("EXPIREAT", key, until)]
        return commands

    def _until(self, moment: float) -> int:
        return int(moment + self._terms.days * DAY)


def _stamp(builds: tuple[int, int, int]) -> str:
    return ".".join(map(str, builds))


def _load(connection: Connection, ids: Sequence[int]) -> list[BuildView]:
    """More builds than a page has."""
    return [
        build
        for start in range(0, len(ids), MAX_PAGE)
        for build in load_builds_by_ids(connection, ids[start : start + MAX_PAGE])
    ]
