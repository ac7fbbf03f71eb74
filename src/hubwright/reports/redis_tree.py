"""Jobs, folders and links in Redis: what differs from the database is found by comparing, whoever changed it.

Beside the documented keys lies a map from each of them to a stamp of what was told last. A step writes some keys and
their stamps together, so it does not matter where a comparison ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import orjson
from redis import Redis
from sqlalchemy import Connection

from hubwright.domain.job_paths import split_path
from hubwright.reports.redis_builds import BuildTeller
from hubwright.reports.redis_keys import Keys
from hubwright.reports.redis_writer import Command, read_text
from hubwright.store import read_model
from hubwright.store.read_model import Tree

STEP = 100
"""Jobs that are written together, each with its builds when it is new."""

_JOB, _FOLDER, _LINK = "job:", "folder:", "link:"


class TreeTeller:
    """Finds the commands that bring the tree up to date, step by step. It writes nothing itself."""

    def __init__(self, client: Redis, keys: Keys, builds: BuildTeller) -> None:
        self._client = client
        self._keys = keys
        self._builds = builds

    def compare(self, connection: Connection) -> Iterator[list[Command]]:
        """What differs, in steps; each must be written before the next is asked for."""
        stamps = self._client.hgetall(self._keys.tree)
        told = {read_text(name): read_text(stamp) for name, stamp in stamps.items()}
        tree = read_model.load_tree(connection)
        wanted = _stamp_all(tree, self._keys)
        yield from self._forget([name for name in told if name not in wanted])
        changed = [name for name, stamp in wanted.items() if told.get(name) != stamp]
        others = [name for name in changed if not name.startswith(_JOB)]
        if others:
            yield [command for name in others for command in self._tell_other(name, wanted[name], told)]
        jobs = sorted(name.removeprefix(_JOB) for name in changed if name.startswith(_JOB))
        for start in range(0, len(jobs), STEP):
            some = jobs[start : start + STEP]
            yield self._tell_jobs(connection, some, wanted, told)

    def tell_all(self, connection: Connection) -> Iterator[list[Command]]:
        """Everything anew, in steps; what is there already stays to be read until it is replaced."""
        yield [("DEL", self._keys.tree)]
        wanted = _stamp_all(read_model.load_tree(connection), self._keys)
        for start in range(0, len(wanted), STEP):
            some = list(wanted)[start : start + STEP]
            others = [name for name in some if not name.startswith(_JOB)]
            paths = [name.removeprefix(_JOB) for name in some if name.startswith(_JOB)]
            told = [one for name in others for one in self._tell_other(name, wanted[name], wanted)]
            told += self._tell_documents(connection, paths, wanted)
            yield told + self._builds.tell_jobs(connection, read_model.load_job_ids(connection, paths))
        places: dict[str, list[str]] = {}
        for name in wanted:
            kind, _, path = name.partition(":")
            if kind != _LINK[:-1]:
                member = self._keys.job(path) if kind == _JOB[:-1] else self._keys.folder(path)
                places.setdefault(self._keys.place(path), []).append(member)
        for key, members in places.items():
            yield [("DEL", key), ("RPUSH", key, *members)]

    def list_keys(self, connection: Connection) -> set[str]:
        """The keys that the tree has now, without those of builds."""
        tree = read_model.load_tree(connection)
        found = {self._keys.folder("")}
        found |= {self._keys.folder(path) for path in tree.folders}
        found |= {key for path in tree.jobs for key in (self._keys.job(path), self._keys.recent(path))}
        return found | {self._keys.link(repository, kind) for repository, kind, _ in tree.links}

    def _tell_jobs(
        self, connection: Connection, paths: Sequence[str], wanted: Mapping[str, str], told: Mapping[str, str]
    ) -> list[Command]:
        commands = self._tell_documents(connection, paths, wanted)
        new = [path for path in paths if _JOB + path not in told]
        commands += [("RPUSH", self._keys.place(path), self._keys.job(path)) for path in new]
        return commands + self._builds.tell_jobs(connection, read_model.load_job_ids(connection, new))

    def _tell_documents(self, connection: Connection, paths: Sequence[str], wanted: Mapping[str, str]) -> list[Command]:
        commands: list[Command] = []
        for path, document in read_model.load_job_documents(connection, paths).items():
            commands.append(("SET", self._keys.job(path), orjson.dumps(document)))
            commands.append(("HSET", self._keys.tree, _JOB + path, wanted[_JOB + path]))
        return commands

    def _tell_other(self, name: str, stamp: str, told: Mapping[str, str]) -> list[Command]:
        """A folder, which is only a place in its list; or a link."""
        noted: Command = ("HSET", self._keys.tree, name, stamp)
        if name.startswith(_LINK):
            return [("SET", name.removeprefix(_LINK), stamp), noted]
        path = name.removeprefix(_FOLDER)
        return [noted] if name in told else [("RPUSH", self._keys.place(path), self._keys.folder(path)), noted]

    def _forget(self, gone: Sequence[str]) -> Iterator[list[Command]]:
        for start in range(0, len(gone), STEP):
            some = gone[start : start + STEP]
            commands: list[Command] = [("HDEL", self._keys.tree, *some)]
            for name in some:
                commands += self._forget_one(name)
            yield commands

    def _forget_one(self, name: str) -> list[Command]:
        if name.startswith(_LINK):
            return [("DEL", name.removeprefix(_LINK))]
        if name.startswith(_FOLDER):
            path = name.removeprefix(_FOLDER)
            return [("LREM", self._keys.place(path), 0, self._keys.folder(path)), ("DEL", self._keys.folder(path))]
        path = name.removeprefix(_JOB)
        key = self._keys.job(path)
        return [("LREM", self._keys.place(path), 0, key), ("DEL", key), *self._builds.forget_job(path)]


def _stamp_all(tree: Tree, keys: Keys) -> dict[str, str]:
    """Everything in the tree with its stamp, folders before what is in them; that of a link is its value."""
    folders = sorted(tree.folders, key=lambda path: (path.count("/"), split_path(path)))
    stamps = {_FOLDER + path: "" for path in folders}
    stamps |= {_LINK + keys.link(repository, kind): keys.job(path) for repository, kind, path in tree.links}
    return stamps | {_JOB + path: stamp for path, stamp in tree.jobs.items()}
