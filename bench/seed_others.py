"""Rows of every table that is not of jobs or builds: what a table needs by itself, and for some what pages show of it.

A table that is new is filled without a word here, so no query of it goes unseen.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Float, Integer, LargeBinary, Table
from sqlalchemy.types import TypeEngine

from bench.seed_builds import BUILDERS, COLUMNS, PLATFORMS
from bench.seed_world import REPOSITORY, World
from hubwright.store.moments import Moment, write_moment
from hubwright.store.schema import metadata

Value = Callable[[int], Any]

_EVENTS = ("push", "pull_request", "issues", "check_run", "star")
_DONE: dict[str, Value] = {"state": lambda _: "done", "attempts": lambda _: 1}
_REPOSITORY: dict[str, Value] = {"repository_id": lambda at: REPOSITORY + at}


class Others:
    """How many rows each of the other tables has, and what is in them."""

    def __init__(self, world: World) -> None:
        self._world = world
        jobs, tenth = world.size.jobs, world.size.builds // 10
        self._jobs = jobs
        known = {
            "delivery": tenth, "report": tenth, "task": tenth, "gh_commit": tenth, "gh_pull_request": tenth,
            "gh_issue": tenth, "gh_check_run": tenth, "gh_status": tenth, "gh_pull_request_file": tenth,
            "gh_issue_comment": tenth, "missed_delivery": tenth // 20, "approval": tenth // 20,
            "bisection": tenth // 100, "culprit": tenth // 100, "flaky_test": tenth // 20,
            "recording": tenth // 50, "channel_line": tenth * 2, "cache": tenth // 10,
            "known_failure": tenth // 5, "known_failure_place": tenth // 5, "run_failure": tenth,
            "token": tenth // 50, "builder": len(BUILDERS), "builder_kind": len(PLATFORMS), "reporter": 0,
            "github_credential": 0, "pause": 3, "github_token": 0, "github_budget": 0, "secret": 0,
        }  # fmt: skip
        self._counts = {table.name: known.get(table.name, jobs) for table in metadata.sorted_tables}

    def tables(self) -> Iterator[tuple[Table, tuple[str, ...], Iterator[tuple[Any, ...]]]]:
        """Each table with its columns and rows; tables that others refer to come first."""
        for table in metadata.sorted_tables:
            if table.name not in {*COLUMNS, "job", "folder"} and self._counts[table.name]:
                shape = self._shape_of(table)
                yield table, tuple(shape), self._rows(table, list(shape.values()))

    def _rows(self, table: Table, values: list[Value]) -> Iterator[tuple[Any, ...]]:
        for at in range(1, self._counts[table.name] + 1):
            yield tuple(value(at) for value in values)

    def _shape_of(self, table: Table) -> dict[str, Value]:
        """What is said below, and a value for every other column that must have one."""
        said = self._said(table.name)
        needed = (column for column in table.c if column.name not in said and _is_needed(column))
        return said | {column.name: self._fill(table, column) for column in needed}

    def _fill(self, table: Table, column: Column[Any]) -> Value:
        for key in column.foreign_keys:
            most = {"run": self._world.size.builds, "build": self._world.size.builds, "job": self._jobs}
            count = most.get(key.column.table.name) or self._counts[key.column.table.name]
            return lambda at: (at - 1) % count + 1
        return _value_of(column.type, f"{table.name}-{column.name}", self._moment)

    def _moment(self, at: int) -> str:
        return write_moment(self._world.at(at % 100_000 / 100_000))

    def _said(self, table: str) -> dict[str, Value]:
        size, path, moment = self._world.size, self._world.path_of, self._moment
        builds = size.builds
        many, one = builds // 10, size.jobs
        shapes: dict[str, dict[str, Value]] = {
            "preference": {
                "login": lambda at: f"person{at}", "path": path, "mine": lambda at: at % 2,
                "events": lambda _: '["broken", "fixed"]', "ways": lambda _: '["mail"]',
            },
            "definition": {
                "kind": lambda _: "job", "subject_id": lambda at: at if at > one // 5 else 1,
                "number": lambda at: 1 if at > one // 5 else at, "path": path, "document": _document,
                "author": lambda _: "ada", "reason": lambda at: f"Reason {at}",
            },
            "link": _REPOSITORY | {
                "repository": _repository,
                "globs": lambda _: '["**"]', "kind": lambda _: "branch",
            },
            "known_failure": {
                "family": lambda at: at % one + 1, "fingerprint": lambda at: f"{at // 3:016x}",
                "kind": lambda _: "line", "title": lambda at: f"error: no member named 'tail{at}'",
                "newest": lambda at: at, "last_at": moment,
                "issue": lambda at: None if at % 20 else f"octo/hello#{at}",
            },
            "known_failure_place": {
                "platform": lambda at: PLATFORMS[at % len(PLATFORMS)], "times": lambda at: at % 50 + 1,
            },
            "schedule": {
                "cron": lambda _: "30 4 * * 1-5", "zone": lambda _: "Europe/Zurich", "next_at": lambda _: None,
            },
            "dependency": {"after": lambda at: path(at % one + 1), "result": lambda _: "success"},
            "delivery": _DONE | {
                "event": lambda at: _EVENTS[at % 5], "repository": lambda at: _repository(at % one + 1),
                "received_at": lambda at: write_moment(self._world.lately(at / many)),
                "outcome": lambda _: "1 build planned",
                "finished_at": lambda at: write_moment(self._world.lately(at / many)), "body": lambda _: _EMPTY,
            },
            "report": _DONE | {"finished_at": moment, "fact_id": lambda at: at, "reporter": lambda _: "statuses"},
            "task": _DONE | {
                "finished_at": moment, "queue": lambda _: "pages", "key": lambda at: f"task {at}",
                "payload": lambda _: _LOAD, "created_at": moment,
            },
            "watch": {
                "what": lambda _: "heads", "place": lambda at: f"/repos/octo/app{at}", "next_try_at": self._later,
            },
            "builder": {
                "name": lambda at: BUILDERS[at - 1], "platform": lambda at: PLATFORMS[at % 4], "labels": lambda _: "[]",
                "slots": lambda _: 4, "state": lambda _: "away", "seen_at": lambda _: write_moment(self._world.now),
            },
            "builder_kind": {
                "key": lambda at: hashlib.sha256(f"{PLATFORMS[at - 1]}\n".encode()).hexdigest(),
                "labels": lambda _: "[]", "platform": lambda at: PLATFORMS[at - 1],
            },
            "token": {"role": lambda at: ("read", "write", "builder", "session")[at % 4], "created_at": moment},
            "gh_repository": {
                "id": lambda at: REPOSITORY + at, "full_name": _repository, "name": lambda at: f"app{at}",
                "owner_login": lambda _: "octo", "default_branch": lambda _: "main", "private": lambda _: 0,
            },
            "gh_organization": {"login": lambda at: "octo" if at == 1 else f"octo{at}"},
            "gh_commit": {
                "repository_id": lambda at: REPOSITORY + at % (one // 20 or 1) + 1, "sha": lambda at: f"{at:040x}",
                "message": lambda at: f"Commit {at}", "authored_at": moment, "author_name": lambda _: "Ada Lovelace",
            },
            "gh_pull_request": {
                "id": lambda at: at, "repository_id": lambda at: REPOSITORY + (1 if at % 2 else at % one + 1),
                "number": lambda at: at, "state": lambda at: "closed" if at % 20 else "open",
                "head_repository": lambda at: _repository(1 if at % 2 else at % one + 1),
                "head_ref": lambda at: f"topic-{at}", "base_ref": lambda _: "main", "updated_at": moment,
            },
            "missed_delivery": {
                "watch_id": lambda at: at % one + 1, "delivered_at": moment, "recovered_at": moment,
                "guid": lambda at: f"delivery-guid-{at * 20}",
            },
            "approval": {
                "build_id": lambda at: builds - at + 1, "repository": lambda _: "octo/app1",
                "sha": lambda at: f"{at:040x}", "pull_request": lambda at: at,
                "approved_at": lambda at: moment(at) if at > 40 else None,
            },
            "bisection": {
                "state": lambda at: "ended" if at > 5 else "waiting", "matrix": lambda _: "{}",
                "bad": lambda at: f"{at:040x}",
                "commits": lambda _: "[]", "targets": lambda _: "[]", "findings": lambda _: "[]",
                "finished_at": lambda at: moment(at) if at > 5 else None, "next_try_at": self._later,
                "platform": lambda _: PLATFORMS[0],
            },
            "channel_line": {
                "channel": lambda at: "#builds" if at % 10 else f"#c{at // 10 % 20}", "kind": lambda _: "msg",
                "nick": lambda at: f"nick{at % 50}", "person": lambda at: f"nick{at % 50}", "at": moment,
                "text": lambda at: f"Line {at}",
            },
            "culprit": {"targets": lambda _: "[]", "repository": lambda _: "octo/app1", "sha": lambda at: f"{at:040x}"},
            "recording": {"builder": lambda at: BUILDERS[at % 40], "cause": lambda _: "lost", "closed": lambda _: 1},
        }  # fmt: skip
        return shapes.get(table, {})

    def _later(self, _at: int) -> str:
        return write_moment(self._world.now + 86_400 * 365)


def _is_needed(column: Column[Any]) -> bool:
    by_itself = column.server_default is not None or column.computed is not None
    return column.primary_key or not (column.nullable or by_itself)


def _value_of(kind: TypeEngine[Any], said: str, moment: Value) -> Value:
    """A value that fits the column, another one for each row where that could matter."""
    if isinstance(kind, Moment):
        return moment
    if isinstance(kind, Boolean):
        return lambda _: 0
    if isinstance(kind, JSON):
        return lambda _: "{}"
    if isinstance(kind, LargeBinary):
        return lambda _: b""
    if isinstance(kind, Integer | Float):
        return lambda at: at
    most = getattr(kind, "length", None) or 100
    return lambda at: f"{said}-{at}" if most > 60 else str(at)


def _repository(at: int) -> str:
    return f"octo/app{at}"


def _document(at: int) -> str:
    return json.dumps({"environment": {"N": str(at)}, "timeout": 1200})


_LOAD = json.dumps(
    {
        "do": "load", "listings": ["issues"], "where": {"owner": "octo", "repo": "app1"}, "steps": 3,
        "options": {"state": "all", "type": None, "children": False, "since": None, "soon": False},
    }
)  # fmt: skip
_EMPTY = zlib.compress(b"{}")
