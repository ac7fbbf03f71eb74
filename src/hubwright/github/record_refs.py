"""Commits and branches, which have names instead of GitHub's numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubwright.domain.replica import Record, Version
from hubwright.github.record_fields import UNREADABLE, count, flag, text, time
from hubwright.github.record_readers import CHANGED, DELETED, Doc, Reader, is_branch, is_key

_SHA = 64
_STATS = ("additions", "deletions", "total")


def read_pushed_commit(reader: Reader, doc: Any, repository_id: int, *, direct: bool = True) -> None:
    """Read a commit as a push lists it."""
    if not isinstance(doc, Mapping) or not is_key(doc.get("id"), _SHA):
        reader.left_out.append("commit: it has no sha")
        return
    values: dict[str, Any] = {}
    _take(values, doc, {"message": "message", "tree_id": "tree_sha", "url": "html_url"})
    values |= {name: doc[name] for name in ("added", "removed", "modified") if isinstance(doc.get(name), list)}
    if isinstance(moment := time(doc.get("timestamp")), float):
        values["authored_at"] = moment
    for role, when in (("author", "authored_at"), ("committer", "committed_at")):
        person = doc.get(role)
        if isinstance(person, Mapping):
            _take(values, person, {"name": f"{role}_name", "email": f"{role}_email", "username": f"{role}_login"})
            if isinstance(moment := time(person.get("date")), float):
                values[when] = moment
    reader.add("commit", (repository_id, str(doc["id"])), values, doc, direct=direct)


def read_commit(reader: Reader, doc: Any, repository_id: int, *, direct: bool = False) -> None:
    """Read a commit as the API shows it."""
    if not isinstance(doc, Mapping) or not is_key(doc.get("sha"), _SHA):
        reader.left_out.append("commit: it has no sha")
        return
    values = reader.read_values("commit", doc, {})
    _take(values, doc, {"html_url": "html_url"})
    inner, stats = _object(doc, "commit"), _object(doc, "stats")
    _take(values, inner, {"message": "message"})
    _take(values, _object(inner, "tree"), {"sha": "tree_sha"})
    for role, when in (("author", "authored_at"), ("committer", "committed_at")):
        person = _object(inner, role)
        _take(values, person, {"name": f"{role}_name", "email": f"{role}_email"})
        if isinstance(moment := time(person.get("date")), float):
            values[when] = moment
    counted = {"comment_count": inner.get("comment_count"), **{name: stats.get(name) for name in _STATS}}
    values |= {name: told for name, value in counted.items() if isinstance(told := count(value), int)}
    if isinstance(verified := _object(inner, "verification").get("verified"), bool):
        values["verified"] = verified
    if isinstance(parents := doc.get("parents"), list):
        values["parents"] = [parent.get("sha") for parent in parents if isinstance(parent, Mapping)]
    reader.add("commit", (repository_id, str(doc["sha"])), values, doc, direct=direct)


def read_branch(reader: Reader, doc: Any, repository_id: int, *, direct: bool = False) -> None:
    """Read a branch as the API shows it, and a commit's status too."""
    if not isinstance(doc, Mapping) or not is_branch(doc.get("name")):
        reader.left_out.append("branch: it has no name, or one that is too long")
        return
    values: dict[str, Any] = {}
    _take(values, _object(doc, "commit"), {"sha": "sha"})
    if isinstance(protected := flag(doc.get("protected")), bool):
        values["protected"] = protected
    reader.add("branch", (repository_id, str(doc["name"])), values, doc, direct=direct)


def read_moved_branch(reader: Reader, name: Any, repository_id: int, at: float, past: Doc, after: str | None) -> None:
    """A push moved the branch, or it was deleted (`after` is None), at GitHub's time `at`, which has whole seconds."""
    if not is_branch(name):
        reader.left_out.append("branch: it has no name, or one that is too long")
        return
    rank = DELETED if after is None else CHANGED
    version = Version(at, reader.origin.came or 0.0, rank)
    reader.records.append(
        Record(kind="branch", key=(repository_id, str(name)), version=version, values={"sha": after}, past=past)
    )


def _take(values: dict[str, Any], doc: Doc, names: Mapping[str, str]) -> None:
    for name, column in names.items():
        if name in doc and (value := text(doc[name])) is not UNREADABLE:
            values[column] = value


def _object(doc: Doc, name: str) -> Doc:
    value = doc.get(name)
    return value if isinstance(value, Mapping) else {}
