"""Addresses far down the lists of a database that `bench.seed` has filled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

JOB = "group0/team0/app1"
"""The job that has more builds than all others together."""


def find_pull(connection: Connection) -> int:
    """A pull request of `octo/app1` that has many builds; nought when there is none."""
    query = """SELECT pull_request FROM build WHERE repository = 'octo/app1' AND pull_request IS NOT NULL
        GROUP BY pull_request ORDER BY count(*) DESC, pull_request DESC LIMIT 1"""
    return int(_load(connection, query) or 0)


def find_deep(connection: Connection, builds: int) -> Iterator[str]:
    """Lists in the middle and at the end, by cursors as they give them, of a database with so many builds."""
    for share in (0.5, 0.0001):
        at = max(int(builds * share), 2)
        for query in ("", "&repo=octo/app1", f"&job={JOB}&branch=main", "&result=failure", "&state=finished"):
            yield f"/api/v1/builds?cursor={at}{query}"
        number = _load(connection, "SELECT builds FROM job WHERE path = :path", path=JOB)
        number = max(int(number * share), 2)
        yield f"/api/v1/builds?cursor={number}&job={JOB}"
        yield f"/jobs/{JOB}?before={number}"
        yield f"/builds/{at}"
        for query in ("", "&branch=main", "&failed=1", "&failed=1&branch=main"):
            yield f"/repositories/octo/app1?before={at}{query}"
        for page in ("/repositories/octo/app1/branches", "/repositories/octo/app1/pulls", "/blame"):
            yield f"{page}?before={at}"
        yield f"/blame?repo=octo/app1&before={at}"
        yield f"/api/v1/facts?after={int(builds * 0.3 * (1 - share))}"
        for table in ("delivery", "report"):
            most = int(_load(connection, f"SELECT max(id) FROM {table}"))
            plural = {"delivery": "deliveries", "report": "reports"}[table]
            yield f"/api/v1/{plural}?cursor={max(int(most * share), 2)}"
        jobs = int(_load(connection, "SELECT count(*) FROM job WHERE copy_of IS NULL"))
        path = _load(
            connection,
            "SELECT path FROM job WHERE copy_of IS NULL ORDER BY path LIMIT 1 OFFSET :at",
            at=min(int(jobs * (1 - share)), jobs - 2),
        )
        yield f"/api/v1/jobs?cursor={path}"
        yield f"/jobs/{path}"
        yield f"/api/v1/commits?repo=octo/app2&cursor=2026-0{1 + int(share * 10)}-01T00:00:00Z%20{'f' * 40}"
        yield f"/api/v1/github/repos/octo/app1/pulls?cursor={int(builds * 0.1 * share) or 2}"


def _load(connection: Connection, query: str, **values: Any) -> Any:
    return connection.execute(text(query), values).scalar()
