"""Somebody says that they mend a broken branch; whoever looks at it sees that, until it is good again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from hubwright.errors import ConflictError, NotFoundError
from hubwright.store.builds import load_build_row
from hubwright.store.takes import Take, drop_take, is_broken, keep_take, name_line


def begin_take(connection: Connection, build_id: int, by: str, now: float) -> Take | None:
    """`by` mends the branch that the build is of; who did before, if that was somebody else.

    Raises NotFoundError; ConflictError where the newest build of the branch that says something is good.
    """
    row, line = _find(connection, build_id)
    if not is_broken(connection, row):
        raise ConflictError(f"{line} is not broken.")
    return keep_take(connection, row.job_id, Take(line, by, now))


def end_take(connection: Connection, build_id: int) -> str:
    """Nobody mends the branch that the build is of; its name. Raises NotFoundError, ConflictError where nobody did."""
    row, line = _find(connection, build_id)
    if not drop_take(connection, row.job_id, line):
        raise ConflictError(f"Nobody is mending {line}.")
    return line


def _find(connection: Connection, build_id: int) -> tuple[Row[Any], str]:
    row = load_build_row(connection, build_id)
    if row is None:
        raise NotFoundError(f"There is no build {build_id}.")
    line = name_line(row.branch, row.pull_request)
    if line is None:
        raise ConflictError(f"Build {build_id} is of no branch.")
    return row, line
