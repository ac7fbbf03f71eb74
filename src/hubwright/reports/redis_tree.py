"""Jobs, folders and links in Redis: what differs from the database is found by comparing, whoever changed it.

Beside the documented keys lies a map from each of them to a stamp of what was told last. A step writes some keys and
their stamps together, so it does not matter where a comparison ends. Jobs are read in portions, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import orjson
from redis import Redis
from sqlalchemy import Connection

from hubwright.reports.redis_builds import BuildTeller
from hubwright.reports.redis_keys import Keys
from hubwright.reports.redis_writer import Command, read_text
from hubwright.store import read_model
from hubwright.store.database import Database
from hubwright.store.read_model import Tree

STEP = 100
"""Jobs that are written together, each with its builds when it is new."""

PAGE = 1000
"""Jobs that are read together."""

_JOB, _FOLDER, _LINK = "job:", "folder:", "link:"


def name_job(path: str) -> str:
    """Under which name a job is noted."""
    return _JOB + path


def name_folder(path: str) -> str:
    """Under which name a folder is noted."""
    return _FOLDER + path


def name_link(key: str) -> str:
    """Under which name a link is noted."""
    return _LINK + key


class TreeTeller:
    """Finds the commands that bring the tree up to date, step by step. It writes nothing itself."""

    def __init__(self, client: Redis, database: Database, keys: Keys, builds: BuildTeller) -> None:
        self._client = client
        self._database = database
        self._keys = keys
        self._builds = builds
        self._looked_at = ""  # the last job of which the builds were looked at

    def compare(self) -> Iterator[list[Command]]:
        """What differs, in steps; each must be written before the next is asked for."""
        tree = self._load_tree()
        others = self._stamp_others(tree)
        told = self._load_told(list(others))
        changed = [name for name, stamp in others.items() if told.get(name) != stamp]
        if changed:
            yield [command for name in changed for command in self._tell_other(name, others[name], told)]
        wanted = len(others)
        for jobs in self._walk(tree):
            wanted += len(jobs)
            told = self._load_told(list(jobs))
            differ = [name for name, stamp in jobs.items() if told.get(name) != stamp]
            for start in range(0, len(differ), STEP):
                yield self._tell_jobs(differ[start : start + STEP], jobs, told)
        if self._client.hlen(self._keys.tree) > wanted:
            yield from self._forget_the_gone(others)

    def compare_builds(self) -> Iterator[list[Command]]:
        """Lists of builds of the next jobs, and after the last one of the first ones again: for builds that went."""
        with self._database.reading() as connection:
            paths = list(read_model.walk_jobs(connection, Tree((), {}, {}), self._looked_at, STEP))
            yield self._builds.tell_what_went(connection, paths)
        self._looked_at = paths[-1] if len(paths) == STEP else ""

    @property
    def is_through(self) -> bool:
        """Whether `compare_builds` was at the last job, and begins with the first one."""
        return self._looked_at == ""

    def tell_all(self) -> Iterator[list[Command]]:
        """Everything anew, in steps; what is there already stays to be read until it is replaced."""
        tree = self._load_tree()
        others = self._stamp_others(tree)
        places = ["", *tree.folders]
        yield [("DEL", self._keys.tree), *(("DEL", self._keys.draft(path)) for path in places)]
        yield [command for name in others for command in self._tell_other(name, others[name], others)]
        yield [("RPUSH", self._keys.draft(_above(path)), self._keys.folder(path)) for path in tree.folders]
        filled = {_above(path) for path in tree.folders}
        for jobs in self._walk(tree):
            names = list(jobs)
            for start in range(0, len(names), STEP):
                yield self._tell_anew(names[start : start + STEP], jobs)
            filled |= {_above(name.removeprefix(_JOB)) for name in names}
        yield [
            ("RENAME", self._keys.draft(path), self._keys.folder(path))
            if path in filled
            else ("DEL", self._keys.folder(path))
            for path in filled.union(places)
        ]

    def _load_tree(self) -> Tree:
        with self._database.reading() as connection:
            return read_model.load_tree(connection)

    def _load_told(self, names: Sequence[str]) -> dict[str, str]:
        stamps = self._client.hmget(self._keys.tree, names) if names else []
        return {name: read_text(stamp) for name, stamp in zip(names, stamps, strict=True) if stamp is not None}

    def _walk(self, tree: Tree) -> Iterator[dict[str, str]]:
        """The stamps of all jobs, in portions."""
        after = ""
        while True:
            with self._database.reading() as connection:
                found = read_model.walk_jobs(connection, tree, after, PAGE)
            if not found:
                return
            after = next(reversed(found))
            yield {_JOB + path: stamp for path, stamp in found.items()}

    def _stamp_others(self, tree: Tree) -> dict[str, str]:
        """Folders before what is in them, and links, whose stamp is their value."""
        stamps = {_FOLDER + path: "" for path in tree.folders}
        links = {self._keys.link(*of): self._keys.job(path) for of, path in tree.links.items()}
        return stamps | {_LINK + key: value for key, value in links.items()}

    def _tell_jobs(self, names: Sequence[str], wanted: Mapping[str, str], told: Mapping[str, str]) -> list[Command]:
        paths = [name.removeprefix(_JOB) for name in names]
        new = [path for path in paths if _JOB + path not in told]
        with self._database.reading() as connection:
            commands = self._tell_documents(connection, paths, wanted)
            commands += [("RPUSH", self._keys.place(path), self._keys.job(path)) for path in new]
            return commands + self._builds.tell_jobs(connection, read_model.load_job_ids(connection, new))

    def _tell_anew(self, names: Sequence[str], wanted: Mapping[str, str]) -> list[Command]:
        paths = [name.removeprefix(_JOB) for name in names]
        with self._database.reading() as connection:
            commands = self._tell_documents(connection, paths, wanted)
            commands += [("RPUSH", self._keys.draft(_above(path)), self._keys.job(path)) for path in paths]
            return commands + self._builds.tell_jobs(connection, read_model.load_job_ids(connection, paths))

    def _tell_documents(self, connection: Connection, paths: Sequence[str], wanted: Mapping[str, str]) -> list[Command]:
        documents = read_model.load_job_documents(connection, paths)
        if not documents:
            return []
        commands: list[Command] = [("SET", self._keys.job(path), orjson.dumps(one)) for path, one in documents.items()]
        noted = (part for path in documents for part in (_JOB + path, wanted[_JOB + path]))
        return [*commands, ("HSET", self._keys.tree, *noted)]

    def _tell_other(self, name: str, stamp: str, told: Mapping[str, str]) -> list[Command]:
        """A folder, which is only a place in its list; or a link."""
        noted: Command = ("HSET", self._keys.tree, name, stamp)
        if name.startswith(_LINK):
            return [("SET", name.removeprefix(_LINK), stamp), noted]
        path = name.removeprefix(_FOLDER)
        return [noted] if name in told else [("RPUSH", self._keys.place(path), self._keys.folder(path)), noted]

    def _forget_the_gone(self, others: Mapping[str, str]) -> Iterator[list[Command]]:
        """What is noted and is in the tree no more."""
        noted = (read_text(name) for name, _ in self._client.hscan_iter(self._keys.tree, count=PAGE))
        while some := list(islice(noted, PAGE)):
            paths = [name.removeprefix(_JOB) for name in some if name.startswith(_JOB)]
            with self._database.reading() as connection:
                there = {_JOB + path for path in read_model.find_jobs(connection, paths)}
            gone = [name for name in some if name not in there and name not in others]
            for start in range(0, len(gone), STEP):
                few = gone[start : start + STEP]
                yield [("HDEL", self._keys.tree, *few), *(one for name in few for one in self._forget_one(name))]

    def _forget_one(self, name: str) -> list[Command]:
        if name.startswith(_LINK):
            return [("DEL", name.removeprefix(_LINK))]
        if name.startswith(_FOLDER):
            path = name.removeprefix(_FOLDER)
            return [("LREM", self._keys.place(path), 0, self._keys.folder(path)), ("DEL", self._keys.folder(path))]
        path = name.removeprefix(_JOB)
        key = self._keys.job(path)
        return [("LREM", self._keys.place(path), 0, key), ("DEL", key), *self._builds.forget_job(path)]


def _above(path: str) -> str:
    return path.rpartition("/")[0]
