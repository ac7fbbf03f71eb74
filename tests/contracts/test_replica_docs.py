"""docs/replica.md: every table and column of the schema, and queries that run on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Float, Integer, LargeBinary, insert

from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.moments import Moment
from hubwright.store.sql import Questions
from hubwright.store.sql_answers import Bounds
from hubwright.store.sql_tables import GITHUB, HIDDEN, READABLE
from hubwright.wiring.questions import make_questions

PAGE = (Path(__file__).parents[2] / "docs" / "replica.md").read_text()
QUERIES = re.findall(r"^```sql\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHARED = re.findall(
    r"^\| `(\w+)` \| ", PAGE.partition("## What every table of the copy has")[2].partition("\n## ")[0], re.MULTILINE
)
NOW = 1_790_000_000.0
HEAD, OTHER = "a" * 40, "b" * 40


def kind_of(column: Any) -> str:
    kinds = (
        (Moment, "time"), (Boolean, "boolean"), (Integer, "integer"), (Float, "number"), (JSON, "JSON"),
        (LargeBinary, "bytes"),
    )  # fmt: skip
    word = next((word for kind, word in kinds if isinstance(column.type, kind)), "text")
    return f"{word}, key" if column.primary_key else word


def sections() -> dict[str, list[tuple[str, str]]]:
    """Each table's columns with their kinds, as the page has them."""
    parts = re.split(r"^### (\w+)$", PAGE.partition("## Tables of the copy")[2], flags=re.MULTILINE)
    return {
        name: re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE)
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_every_open_table_is_documented_and_no_other() -> None:
    """Every table of the copy is open; the closed ones are named with the reason."""
    assert set(sections()) == READABLE
    assert set(GITHUB) <= READABLE
    (closed,) = re.findall(r"^- Closed: (.+?)\. A new", PAGE, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`(\w+)`", closed)) == HIDDEN
    (granted,) = re.findall(r"GRANT SELECT ON (.+?) TO reader;", PAGE, re.DOTALL)
    assert set(re.split(r",\s+", granted)) == READABLE


def test_every_table_has_its_row_among_all_tables() -> None:
    """An operator finds there what a table is for, whether it can be asked, and when its rows go."""
    page = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
    rows = re.findall(r"^\| (`\w.+?`) \| [^|]+ \| (open|closed) \| [^|]+ \|$", page, re.MULTILINE)
    told = {name: said == "open" for names, said in rows for name in re.findall(r"`(\w+)…?`", names)}

    assert told.pop("gh_")
    assert told == {name: name in READABLE for name in schema.metadata.tables if name not in GITHUB}


@pytest.mark.parametrize("name", sorted(READABLE))
def test_every_column_is_documented_with_its_kind(name: str) -> None:
    """Who writes a query looks here first; what all tables of the copy have is told once."""
    shared = set(SHARED) if name in GITHUB else set()
    columns = [(column.name, kind_of(column)) for column in schema.metadata.tables[name].c if column.name not in shared]

    assert sections()[name] == columns
    assert shared <= set(schema.metadata.tables[name].c.keys())


@pytest.fixture
def seeded(database: Database) -> Questions:
    """A repository with a pull request, issue and builds, so that every query of the page has an answer."""
    seen = {"last_replicated_via_webhook_at": NOW, "raw": {"node_id": "R_1"}}
    gh: list[tuple[Any, dict[str, Any]]] = [
        (schema.gh_repository, {"id": 7, "full_name": "octo/hello", "default_branch": "main", **seen}),
        (schema.gh_branch, {"repository_id": 7, "name": "idle", "sha": "c" * 40}),
        (schema.gh_commit, {"repository_id": 7, "sha": HEAD, "author_login": "grace"}),
        (schema.gh_pull_request, {
            "id": 2**40, "repository_id": 7, "number": 5, "title": "é", "state": "open", "head_sha": HEAD,
            "user_login": "grace", "updated_at": NOW,
        }),
        (schema.gh_pull_request_file, {"pull_request_id": 2**40, "filename": "src/a.c", "repository_id": 7}),
        (schema.gh_review, {
            "id": 3, "repository_id": 7, "pull_request_id": 2**40, "state": "approved", "user_login": "ada",
        }),
        (schema.gh_issue, {"id": 4, "repository_id": 7, "number": 6, "state": "open"}),
        (schema.gh_label, {"id": 5, "repository_id": 7, "name": "bug"}),
        (schema.gh_issue_label, {"issue_id": 4, "label_id": 5, "repository_id": 7}),
        (schema.gh_status, {"id": 6, "repository_id": 7, "sha": OTHER, "context": "ci/other", "state": "failure"}),
        (schema.gh_check_run, {
            "id": 7, "repository_id": 7, "head_sha": OTHER, "name": "lint", "conclusion": "failure",
        }),
        (schema.gh_hook_delivery, {"id": 8, "hook_id": 1, "guid": "g-1", "event": "push", "delivered_at": NOW}),
    ]  # fmt: skip
    build = {"job_id": 1, "repository": "octo/hello", "ref": "refs/heads/main", "branch": "main", "event": "push"}
    build |= {"queued_at": NOW, "state": "finished"}
    own: list[tuple[Any, dict[str, Any]]] = [
        (schema.job, {"id": 1, "path": "octo/hello", "repository": "octo/hello", "settings": {}, "created_at": NOW}),
        (schema.build, {**build, "id": 1, "number": 1, "trigger": "1", "sha": OTHER, "result": "success"}),
        (schema.build, {**build, "id": 2, "number": 2, "trigger": "2", "sha": HEAD, "result": "failure"}),
        (schema.run, {"id": 1, "build_id": 2, "platform": "linux", "matrix": {}, "assignment": {}, "queued_at": NOW}),
        (schema.test_case, {
            "run_id": 1, "position": 0, "suite": "s", "classname": "c", "name": "test_x", "result": "failed",
        }),
    ]  # fmt: skip
    for table, row in (*gh, *own):
        database.write(lambda connection, table=table, row=row: connection.execute(insert(table), row))
    return make_questions(database.url, Bounds())


EXPECTED = {
    "p.title": [("octo/hello", 5, "é", "grace", 2, "finished", "failure")],
    "approved_by": [("octo/hello", 5, "ada", "failure")],
    "by_whom": [("octo/hello", OTHER, "ci/other", "failure"), ("octo/hello", OTHER, "lint", "failure")],
    "failed_builds": [("src/a.c", 1, 1)],
    "AS test": [("octo/hello", "grace", "test_x", "linux", 2)],
    "open_issues": [("octo/hello", "bug", 1)],
    "NOT EXISTS": [("octo/hello", "idle", "c" * 40)],
    "g.guid": [("g-1", "push", None, "2026-09-21T14:13:20.000000Z")],
    "last_replicated_via_webhook_at": [
        ("octo/hello", "2026-09-21T14:13:20.000000Z", None, "2026-09-21T14:13:20.000000Z")
    ],
    "node_id": [("octo/hello", "R_1")],
}


def test_the_queries_of_the_page_give_what_they_promise(seeded: Questions) -> None:
    """The same text on both databases, with the same answer."""
    assert len(QUERIES) == len(EXPECTED)
    for query, (sign, rows) in zip(QUERIES, EXPECTED.items(), strict=True):
        assert sign in query
        assert seeded.ask(query).rows == rows
