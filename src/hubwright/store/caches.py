"""Rows of what runs keep for the next ones; the bytes are in the storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from hubwright.store.schema import cache

PORTION = 200
"""Rows that go at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheEntry:
    """One entry: whose it is, what it is for, where its bytes are. Times in Unix seconds, size in bytes."""

    repository: str
    scope: str
    family: str
    digest: str
    key: str
    size: int
    sha256: str


def find_cache(
    connection: Connection, repository: str, scopes: Sequence[str], family: str, digest: str
) -> CacheEntry | None:
    """The entry of this digest, else the newest of the family; in the first of the scopes that has any."""
    for scope in scopes:
        own = select(cache).where(cache.c.repository == repository, cache.c.scope == scope, cache.c.family == family)
        row = (
            connection.execute(own.where(cache.c.digest == digest)).one_or_none()
            or connection.execute(own.order_by(cache.c.kept_at.desc(), cache.c.id.desc()).limit(1)).one_or_none()
        )
        if row is not None:
            return CacheEntry(
                repository=row.repository, scope=row.scope, family=row.family, digest=row.digest, key=row.key,
                size=row.size, sha256=row.sha256,
            )  # fmt: skip
    return None


def has_cache(connection: Connection, repository: str, scope: str, family: str, digest: str) -> bool:
    """Whether there is an entry of exactly this digest in the scope."""
    own = (cache.c.repository == repository, cache.c.scope == scope, cache.c.family == family)
    return connection.execute(select(cache.c.id).where(*own, cache.c.digest == digest)).first() is not None


def touch_cache(connection: Connection, key: str, now: float) -> None:
    """Note that an entry was used: the one not used for longest goes first."""
    connection.execute(update(cache).where(cache.c.key == key).values(used_at=now))


def keep_cache(connection: Connection, entry: CacheEntry, now: float, total: int) -> list[str]:
    """Keep an entry in the place of one of the same digest; the keys of what went for it and for the bound."""
    same = (
        (cache.c.repository == entry.repository)
        & (cache.c.scope == entry.scope)
        & (cache.c.family == entry.family)
        & (cache.c.digest == entry.digest)
    )
    gone = list(connection.execute(delete(cache).where(same).returning(cache.c.key)).scalars())
    row = {
        "repository": entry.repository, "scope": entry.scope, "family": entry.family, "digest": entry.digest,
        "key": entry.key, "size": entry.size, "sha256": entry.sha256, "kept_at": now, "used_at": now,
    }  # fmt: skip
    connection.execute(insert(cache), row)
    return [*gone, *evict_caches(connection, total)]


def evict_caches(connection: Connection, total: int) -> list[str]:
    """Drop the entries not used for longest until all have at most `total` bytes; the keys of their content."""
    size = connection.execute(select(func.coalesce(func.sum(cache.c.size), 0))).scalar_one()
    gone: list[tuple[int, str]] = []
    if size > total:
        for row in connection.execute(select(cache).order_by(cache.c.used_at, cache.c.id).limit(PORTION)):
            if size <= total:
                break
            gone.append((row.id, row.key))
            size -= row.size
    connection.execute(delete(cache).where(cache.c.id.in_([number for number, _ in gone])))
    return [key for _, key in gone]


def load_cache_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Which of these keys some entry has."""
    return set(connection.execute(select(cache.c.key).where(cache.c.key.in_(keys))).scalars())
