"""The copy of GitHub, read at GitHub's own addresses: one table says which rows each address gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    Text,
    func,
    select,
)

from hubwright.errors import NotFoundError, ParameterError
from hubwright.store import schema
from hubwright.store.moments import Moment, write_moment
from hubwright.store.views import bounded, load_rows
from hubwright.store.views_values import Page

OWN = frozenset({"raw", "versions"})
"""Columns that lists do not have."""

SINCE = "since"
"""GitHub's own word for `updated_since`."""

_LARGEST = 2**63 - 1
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Place:
    """What an address gives: rows of `table` whose columns have what the address says.

    `where`: column to a part of the address, or to what `_find` makes of its parts: repository, issue, organization.
    `one`: a single row. `closed`: only for those who see private things.
    """

    table: Table
    where: Mapping[str, str] = field(default_factory=dict)
    one: bool = False
    closed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Who asks for what: `sees_all` is whether private things are seen, `gone` whether deleted rows are wanted too."""

    parts: Mapping[str, Any]
    filters: Mapping[str, str] = field(default_factory=dict)
    sees_all: bool = False
    gone: bool = False
    raw: bool = False


_REPO = "/repos/{owner}/{repo}"
_OF = {"repository_id": "repository"}


def _lists() -> dict[str, Place]:
    tables = {
        "branches": schema.gh_branch, "commits": schema.gh_commit, "pulls": schema.gh_pull_request,
        "issues": schema.gh_issue, "labels": schema.gh_label, "milestones": schema.gh_milestone,
        "releases": schema.gh_release, "stargazers": schema.gh_star, "statuses": schema.gh_status,
        "check-suites": schema.gh_check_suite, "check-runs": schema.gh_check_run, "comments": schema.gh_commit_comment,
        "issues/comments": schema.gh_issue_comment, "pulls/comments": schema.gh_review_comment,
    }  # fmt: skip
    return {f"{_REPO}/{name}": Place(table, _OF) for name, table in tables.items()}


PLACES: Mapping[str, Place] = {
    "/repos": Place(schema.gh_repository),
    _REPO: Place(schema.gh_repository, {"id": "repository"}, one=True),
    **_lists(),
    f"{_REPO}/collaborators": Place(schema.gh_user_repository, _OF, closed=True),
    f"{_REPO}/hooks": Place(schema.gh_hook, _OF, closed=True),
    f"{_REPO}/pulls/{{number}}": Place(schema.gh_pull_request, {**_OF, "number": "number"}, one=True),
    f"{_REPO}/pulls/{{number}}/files": Place(schema.gh_pull_request_file, {"pull_request_id": "issue"}),
    f"{_REPO}/pulls/{{number}}/reviews": Place(schema.gh_review, {**_OF, "pull_request_number": "number"}),
    f"{_REPO}/pulls/{{number}}/comments": Place(schema.gh_review_comment, {**_OF, "pull_request_number": "number"}),
    f"{_REPO}/issues/{{number}}": Place(schema.gh_issue, {**_OF, "number": "number"}, one=True),
    f"{_REPO}/issues/{{number}}/comments": Place(schema.gh_issue_comment, {**_OF, "issue_number": "number"}),
    f"{_REPO}/issues/{{number}}/labels": Place(schema.gh_issue_label, {"issue_id": "issue"}),
    f"{_REPO}/milestones/{{number}}": Place(schema.gh_milestone, {**_OF, "number": "number"}, one=True),
    f"{_REPO}/releases/{{id}}": Place(schema.gh_release, {**_OF, "id": "id"}, one=True),
    f"{_REPO}/commits/{{sha}}": Place(schema.gh_commit, {**_OF, "sha": "sha"}, one=True),
    f"{_REPO}/commits/{{sha}}/statuses": Place(schema.gh_status, {**_OF, "sha": "sha"}),
    f"{_REPO}/commits/{{sha}}/check-runs": Place(schema.gh_check_run, {**_OF, "head_sha": "sha"}),
    f"{_REPO}/commits/{{sha}}/check-suites": Place(schema.gh_check_suite, {**_OF, "head_sha": "sha"}),
    f"{_REPO}/commits/{{sha}}/comments": Place(schema.gh_commit_comment, {**_OF, "commit_id": "sha"}),
    f"{_REPO}/branches/{{name}}": Place(schema.gh_branch, {**_OF, "name": "name"}, one=True),
    f"{_REPO}/labels/{{name}}": Place(schema.gh_label, {**_OF, "name": "name"}, one=True),
    "/users/{login}": Place(schema.gh_user, {"login": "login"}, one=True),
    "/orgs/{org}": Place(schema.gh_organization, {"login": "org"}, one=True),
    "/orgs/{org}/repos": Place(schema.gh_repository, {"owner_login": "org"}),
    "/orgs/{org}/members": Place(schema.gh_organization_member, {"organization_id": "organization"}, closed=True),
    "/orgs/{org}/teams": Place(schema.gh_team, {"organization_id": "organization"}, closed=True),
}
"""Every address below `/api/v1/github`."""


def load_one(connection: Connection, place: Place, wanted: Wanted) -> dict[str, Any]:
    """The row at the address, by column. Raises NotFoundError, also for what the asker may not see."""
    query = _select(connection, place, wanted)
    newest = place.table.c.last_replicated_at.desc().nulls_last()
    rows = load_rows(connection, query.order_by(place.table.c.deleted_at.is_not(None), newest).limit(1))
    if not rows:
        raise NotFoundError("The copy of GitHub has no such thing, or you may not see it.")
    return rows[0]


def load_list(
    connection: Connection, place: Place, wanted: Wanted, limit: int, cursor: str | None
) -> Page[dict[str, Any]]:
    """The rows at the address, newest first where the key is a number. Raises NotFoundError, ParameterError."""
    limit = bounded(limit)
    key = next(column for column in place.table.primary_key.columns if column.name not in place.where)
    falls = isinstance(key.type, BigInteger)
    query = _select(connection, place, wanted)
    if cursor is not None:
        last = _read_value("cursor", cursor, key)
        query = query.where(key < last if falls else key > last)
    rows = load_rows(connection, query.order_by(key.desc() if falls else key.asc()).limit(limit + 1))
    return Page(tuple(rows[:limit]), str(rows[limit - 1][key.name]) if len(rows) > limit else None)


def filters_of(table: Table) -> tuple[str, ...]:
    """The columns that a list may be narrowed by: texts, numbers, yes and no."""
    return tuple(column.name for column in table.c if not isinstance(column.type, JSON | Moment))


@cache
def times_of(table: Table) -> Mapping[str, tuple[Column[Any], bool]]:
    """The filters of time: the column, and whether rows from that moment on are meant or those before it.

    `updated_at` has `updated_since` and `updated_before`; `since` is `updated_since`, as GitHub calls it.
    """
    found: dict[str, tuple[Column[Any], bool]] = {}
    for column in table.c:
        if isinstance(column.type, Moment):
            stem = column.name.removesuffix("_at").removesuffix("_on")
            found |= {f"{stem}_since": (column, True), f"{stem}_before": (column, False)}
    return found | ({SINCE: found["updated_since"]} if "updated_since" in found else {})


def _select(connection: Connection, place: Place, wanted: Wanted) -> Select[Any]:
    table = place.table
    if place.closed and not wanted.sees_all:
        raise NotFoundError("The copy of GitHub has no such thing, or you may not see it.")
    columns = [column for column in table.c if column.name not in OWN or (wanted.raw and column.name == "raw")]
    query = select(*columns)
    for name, part in place.where.items():
        value = _find(connection, part, wanted)
        folded = name.endswith("login")
        query = query.where(func.lower(table.c[name]) == value.lower() if folded else table.c[name] == value)
    for name, text in wanted.filters.items():
        query = query.where(_form_filter(table, name, text))
    if not wanted.gone:
        query = query.where(table.c.deleted_at.is_(None))
    if table is schema.gh_repository and not wanted.sees_all:
        query = query.where(table.c.private.is_(False))
    return query


def _form_filter(table: Table, name: str, text: str) -> ColumnElement[bool]:
    """Raises ParameterError."""
    timed = times_of(table).get(name)
    found: ColumnElement[bool]
    if timed is None:
        found = table.c[name] == _read_value(name, text, table.c[name])
    else:
        column, later = timed
        seconds = _read_time(name, text)
        found = column >= seconds if later else column < seconds
    return found


def _read_time(name: str, text: str) -> float:
    """ISO 8601 as Unix seconds; what has no zone is UTC. Raises ParameterError."""
    try:
        found = datetime.fromisoformat(text)
        seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        write_moment(seconds)  # beyond its years there are none in a database
        return seconds
    except (ValueError, OverflowError) as error:
        raise ParameterError(f"{name} is a time such as 2026-11-22T08:00:00Z.", name) from error


def _find(connection: Connection, part: str, wanted: Wanted) -> Any:
    """What a part of the address stands for. Raises NotFoundError."""
    parts = wanted.parts
    if part == "repository":
        return _find_repository(connection, wanted)
    if part == "organization":
        return load_one(connection, PLACES["/orgs/{org}"], _only(wanted, "org"))["id"]
    if part == "issue":  # both have their numbers in one row
        found = [
            connection.execute(
                select(table.c.id).where(
                    table.c.repository_id == _find_repository(connection, wanted), table.c.number == parts["number"]
                )
            ).scalar()
            for table in (schema.gh_pull_request, schema.gh_issue)
        ]
        if known := [number for number in found if number is not None]:
            return known[0]
        raise NotFoundError("The copy of GitHub has no such thing, or you may not see it.")
    return parts[part]


def _find_repository(connection: Connection, wanted: Wanted) -> int:
    """The repository that has the name now: the one that was told of last."""
    table = schema.gh_repository
    name = f"{wanted.parts['owner']}/{wanted.parts['repo']}".lower()
    query = select(table.c.id).where(func.lower(table.c.full_name) == name)
    if not wanted.sees_all:
        query = query.where(table.c.private.is_(False))
    if not wanted.gone:
        query = query.where(table.c.deleted_at.is_(None))
    order = (table.c.deleted_at.is_not(None), table.c.last_replicated_at.desc().nulls_last())
    found = connection.execute(query.order_by(*order).limit(1)).scalar()
    if found is None:
        raise NotFoundError("The copy of GitHub has no such repository, or you may not see it.")
    return int(found)


def _only(wanted: Wanted, part: str) -> Wanted:
    return Wanted(parts={part: wanted.parts[part]}, sees_all=wanted.sees_all, gone=wanted.gone)


def _read_value(name: str, text: str, column: Column[Any]) -> Any:
    """A filter's value as the column has it. Raises ParameterError."""
    if isinstance(column.type, Boolean):
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        raise ParameterError(f"{name} is true or false.", name)
    if isinstance(column.type, Integer):
        if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20 and abs(int(text)) <= _LARGEST:
            return int(text)
        raise ParameterError(f"{name} is a whole number.", name)
    if not isinstance(column.type, Text) and not hasattr(column.type, "length"):
        raise ParameterError(f"{name} can't be asked for.", name)
    return text
