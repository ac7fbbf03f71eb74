"""Folders of the tree of jobs, and what they say for all below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.job_paths import ROOT, folders_of, split_path
from hubwright.store.schema import definition, folder, job
from hubwright.store.versions import Change, Kind, keep_version
from hubwright.store.views import bounded, load_rows
from hubwright.store.views_values import Page


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """A folder; `settings` is its canonical document, `version` the number of its newest version, 0 before the first.

    `parent` is the path of the folder that it is in, None for the root, whose path is "".
    """

    id: int
    path: str
    parent: str | None
    settings: dict[str, Any]
    version: int
    created_at: float


_SETTINGS = select(folder.c.path, folder.c.settings).where(folder.c.path.in_(bindparam("paths", expanding=True)))


def load_folder(connection: Connection, path: str) -> Folder | None:
    """The folder at a path, "" for the root."""
    rows = load_rows(connection, select(*folder.c).where(folder.c.path == path))
    return Folder(**rows[0]) if rows else None


def load_folders(connection: Connection, paths: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What these folders say, by path; folders that are not there are left out."""
    return {row.path: row.settings for row in connection.execute(_SETTINGS, {"paths": sorted(set(paths))})}


def load_subfolders(connection: Connection, parent: str, limit: int = 200, cursor: str | None = None) -> Page[Folder]:
    """The folders that are right in another, by path; the cursor is a path."""
    limit = bounded(limit)
    query = select(*folder.c).where(folder.c.parent == parent).order_by(folder.c.path).limit(limit + 1)
    if cursor is not None:
        query = query.where(folder.c.path > cursor)
    rows = load_rows(connection, query)
    items = tuple(Folder(**row) for row in rows[:limit])
    return Page(items, items[-1].path if len(rows) > limit else None)


def lock_tree(connection: Connection) -> None:
    """Wait until nobody else changes definitions; it ends with the transaction. Take it before any other lock."""
    connection.execute(select(folder.c.id).where(folder.c.path == ROOT).with_for_update())


def keep_folder(connection: Connection, path: str, document: Mapping[str, Any], change: Change) -> int:
    """Keep what a folder says, made with those above where it is not there; the number of this version."""
    keep_folders(connection, [*folders_of(path), path] if path else [ROOT], change.at)
    renewed = update(folder).where(folder.c.path == path).values(settings=dict(document)).returning(folder.c.id)
    number: int = connection.execute(renewed).scalar_one()
    return keep_version(connection, Kind.FOLDER, number, path, document, change)


def keep_folders(connection: Connection, paths: Iterable[str], now: float) -> None:
    """Make the folders that are not there yet; they say nothing."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    rows: list[dict[str, Any]] = [
        {"path": path, "parent": split_path(path)[0] if path else None, "settings": {}, "created_at": now}
        for path in sorted(set(paths))
    ]
    connection.execute(dialect.insert(folder).on_conflict_do_nothing(index_elements=["path"]), rows)


def remove_folder(connection: Connection, known: int) -> None:
    """Drop a folder that nothing is in, by its number of ours, with its versions."""
    connection.execute(
        delete(definition).where(definition.c.kind == Kind.FOLDER.value, definition.c.subject_id == known)
    )
    connection.execute(delete(folder).where(folder.c.id == known))


def is_in_use(connection: Connection, path: str) -> bool:
    """Whether a job, copy or folder is right in the folder."""
    inside = exists().where(folder.c.parent == path)
    jobs = exists().where(job.c.folder == path, job.c.copy_of.is_(None))  # copies are where their parents are
    found: bool = connection.execute(select(inside | jobs)).scalar_one()
    return bool(found)
