"""The rows of migration 0004: settings become canonical documents with a first version, jobs get their folders."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from hubwright.store.moments import Moment

_PORTION = 500  # rows at once
_Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_REASON = "As it was when versions began to be kept."
# The tables as they were then: those of the program change.
_JOB = sa.table(
    "job",
    *map(sa.column, ("id", "path", "repository", "clone_url", "folder", "version")),
    sa.column("enabled", sa.Boolean()),
    sa.column("settings", _Document),
)
_FOLDER = sa.table(
    "folder",
    sa.column("path"),
    sa.column("parent"),
    sa.column("settings", _Document),
    sa.column("created_at", Moment()),
)
_DEFINITION = sa.table(
    "definition",
    *map(sa.column, ("kind", "subject_id", "path", "number", "reason")),
    sa.column("document", _Document),
    sa.column("at", Moment()),
)
_SET = sa.update(_JOB).where(_JOB.c.id == sa.bindparam("key"))
_SET = _SET.values(folder=sa.bindparam("parent"), settings=sa.bindparam("document", type_=_Document), version=1)


def move(connection: Connection) -> None:
    """Bring along the rows of the tables before; in the transaction of the migration."""
    now = time.time()
    folders = {""}
    last = 0
    while rows := connection.execute(sa.select(_JOB).where(_JOB.c.id > last).order_by(_JOB.c.id).limit(_PORTION)).all():
        last = rows[-1].id
        documents = {row.id: _canonical(row.settings) for row in rows}
        connection.execute(
            _SET,
            [{"key": row.id, "parent": _parent(row.path), "document": documents[row.id]} for row in rows],
        )
        connection.execute(sa.insert(_DEFINITION), [_version(row, documents[row.id], now) for row in rows])
        for row in rows:
            folders |= _ancestors(row.path)
    values: list[dict[str, Any]] = [
        {"path": path, "parent": _parent(path) if path else None, "settings": {}, "created_at": now}
        for path in sorted(folders)
    ]
    connection.execute(sa.insert(_FOLDER), values)
    connection.execute(sa.text("UPDATE build SET family = job_id"))
    connection.execute(
        sa.text("UPDATE run SET family = (SELECT build.job_id FROM build WHERE build.id = run.build_id)")
    )


def _version(row: Any, document: dict[str, Any], now: float) -> dict[str, Any]:
    whole: dict[str, Any] = {**document, "repository": row.repository}
    if row.clone_url is not None:
        whole["clone_url"] = row.clone_url
    if not row.enabled:
        whole["enabled"] = False
    known = {"kind": "job", "subject_id": row.id, "path": row.path, "number": 1}
    return {**known, "document": whole, "reason": _REASON, "at": now}


def _canonical(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings as releases before wrote them, in the form of `domain.job_definitions`."""
    document = {key: value for key, value in settings.items() if key not in {"env", "recipe", "recipe_path"}}
    if settings.get("env"):
        document["environment"] = settings["env"]
    if settings.get("recipe") is not None:
        document["recipe"] = {"text": settings["recipe"]}
    elif "recipe_path" in settings:
        document["recipe"] = {"path": settings["recipe_path"]}
    return document


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _ancestors(path: str) -> set[str]:
    parts = path.split("/")[:-1]
    return {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
