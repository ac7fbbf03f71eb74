"""What the fact of a build's end says of its branch, for all who tell people about it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from hubwright.domain.results import Result
from hubwright.domain.streaks import TELLING, End, Turn, carry_on
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.streaks import load_before
from hubwright.store.takes import drop_take, name_line


def tell_streak(connection: Connection, row: Row[Any], result: Result, now: float) -> dict[str, object]:
    """`streak` of the build that ends with `result`; nothing where the branch does not stand or fall with it.

    That is: no branch, a search's own build, a cancellation, or a build that ends after a newer one of its branch.
    Nobody mends a branch any more that this fixes.
    """
    if row.branch is None or row.event == BUILT_FOR_IT or result not in TELLING:
        return {}
    before = load_before(connection, row)
    streak = None if before.late else carry_on(End(row.id, result, now), before.said)
    if streak is not None and streak["turn"] == Turn.FIXED:
        drop_take(connection, row.job_id, name_line(row.branch, row.pull_request) or "")
    return {} if streak is None else {"streak": streak}
