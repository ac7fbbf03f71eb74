"""Keys of the read model that belong to nothing any more: found in portions, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from redis import Redis

from hubwright.reports.redis_keys import Keys, Told
from hubwright.reports.redis_tree import name_folder, name_job, name_link
from hubwright.reports.redis_writer import read_text

STEP = 500
"""Keys that are looked at together."""


class StaleKeys:
    """Compares the keys that are there with what the tree and the lists of builds and commits name."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def find(self) -> Iterator[list[str]]:
        """In portions; call it when all else is told."""
        commits = {read_text(sha) for sha in self._client.lrange(self._keys.commits, 0, -1)}
        pattern = self._keys.prefix.translate({ord(letter): f"\\{letter}" for letter in "*?[]\\"}) + "*"
        keys = (read_text(key) for key in self._client.scan_iter(pattern, STEP))
        while some := list(islice(keys, STEP)):
            told = {key: read for key in some if (read := self._keys.read(key)) is not None}
            known = self._find_known(told, self._find_noted(told), commits)
            yield [key for key in told if key not in known]

    def _find_noted(self, told: dict[str, Told]) -> set[str]:
        """Those of whose job, folder or link the tree knows."""
        names = {key: name for key, one in told.items() if (name := _name(one)) is not None}
        noted = self._client.hmget(self._keys.tree, list(names.values())) if names else []
        return {key for key, stamp in zip(names, noted, strict=True) if stamp is not None}

    def _find_known(self, told: dict[str, Told], noted: set[str], commits: set[str]) -> set[str]:
        """Of builds and outcomes only those that the list of their job or commit names."""
        lists = {key: list_of for key, one in told.items() if (list_of := self._list_of(one)) is not None}
        members = self._read_lists(sorted(set(lists.values())))
        return {
            key
            for key, one in told.items()
            if (key in noted or one.kind == "list" or (one.kind == "commit" and one.name in commits))
            and (key not in lists or one.part in members[lists[key]])
        }

    def _list_of(self, one: Told) -> str | None:
        if one.kind == "build" and one.part != "recent":
            return self._keys.recent(one.name)
        if one.kind == "commit" and one.part not in {None, "platforms"}:
            return self._keys.platforms(one.name)
        return None

    def _read_lists(self, keys: Sequence[str]) -> dict[str, set[str]]:
        with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.lrange(key, 0, -1)
            found = pipe.execute()
        return {key: {read_text(one) for one in members} for key, members in zip(keys, found, strict=True)}


def _name(one: Told) -> str | None:
    """Under which name the tree has noted it."""
    if one.kind in {"job", "build"}:
        return name_job(one.name)
    if one.kind == "folder":
        return name_folder(one.name)
    return name_link(one.name) if one.kind == "link" else None
