"""What a run's tests tell when it has ended: what changed since the run before, and which are flaky.

All in the transaction that ends the run, and only for runs with tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from hubwright.domain.test_difference import Change, Difference, Reported, compare, find_flaky, name_test
from hubwright.store import test_history
from hubwright.store.repos import load_default_branch

NAMES = 10
"""Names of each change that are kept with the run; its cases have the rest."""

GONE = 100
"""Names of tests that are gone that are kept: no case has them."""

_FLAKY = 500  # flaky tests of a run that are counted
_LENGTH = 200


def tell_tests(connection: Connection, row: Row[Any], counts: Row[Any], now: float) -> dict[str, object]:
    """What the fact of a run's end says of its tests; `counts` are its totals."""
    totals = {name: getattr(counts, f"tests_{name}") or 0 for name in ("total", "passed", "skipped", "failed")}
    return {"tests": totals, "changes": compare_tests(connection, row, now)}


def sum_tests(ends: Sequence[Row[Any]]) -> dict[str, object]:
    """What the tests of a build's runs say together, if it had any."""
    tested = [end for end in ends if end.tests_total]
    if not tested:
        return {}
    differences = [end.tests_difference or {} for end in tested]
    names = [name for one in differences for name in one.get("names", {}).get("now_failing", ())]
    kinds = ("now_failing", "now_passing", "still_failing", "new", "gone", "flaky")
    changes: dict[str, object] = {kind: sum(one.get(kind, 0) for one in differences) for kind in kinds}
    return {
        "tests": {
            "total": sum(end.tests_total for end in tested),
            "failed": sum(end.tests_failed or 0 for end in tested),
        },
        "changes": {**changes, "names": {"now_failing": list(dict.fromkeys(names))[:NAMES]}},
    }


def compare_tests(connection: Connection, row: Row[Any], now: float) -> dict[str, object]:
    """Compare the run's tests and note what changed; the counts and the first names, for those who tell of it.

    Compared with the newest run before of the same job, platform and matrix point that had tests: of the same branch,
    else of the default branch.
    """
    cases = test_history.load_reported(connection, row.id)
    flaky = _note_flaky(connection, row, cases, now)
    origin = test_history.load_origin(connection, row.build_id)
    previous = test_history.load_previous(connection, row, origin)
    if previous is None:
        branch = load_default_branch(connection, row.repository)
        if branch is not None and (branch != origin.branch or origin.pull_request is not None):
            default = origin._replace(branch=branch, pull_request=None)
            previous = test_history.load_previous(connection, row, default)
    past = test_history.load_reported(connection, previous) if previous is not None else []
    if not past:
        told: dict[str, object] = {"flaky": flaky}
        test_history.keep_difference(connection, row.id, None, told)
        return told
    difference = compare(cases, past)
    for change, ids in difference.changes.items():
        test_history.keep_changes(connection, change, ids)
    told = _describe(connection, row.id, difference, flaky)
    gone = _load_gone(connection, previous, past, difference.gone)
    test_history.keep_difference(connection, row.id, previous, {**told, "gone_names": gone})
    return told


def _describe(connection: Connection, run_id: int, difference: Difference, flaky: int) -> dict[str, object]:
    counts: dict[str, object] = {change.value: difference.count(change) for change in Change}
    names = {
        change.value: [
            name_test(one.classname, one.name)[:_LENGTH]
            for one in test_history.load_names(connection, run_id, list(difference.changes[change])[:NAMES])
        ]
        for change in (Change.NOW_FAILING, Change.NOW_PASSING)
        if difference.changes[change]
    }
    return {**counts, "gone": len(difference.gone), "flaky": flaky, "names": names}


def _load_gone(
    connection: Connection, previous: int | None, past: Sequence[Reported], gone: Sequence[int]
) -> list[str]:
    wanted = set(gone[:GONE])
    ids = {case.identity: case.id for case in past if case.identity in wanted}
    if previous is None or not ids:
        return []
    rows = test_history.load_names(connection, previous, list(ids.values()))
    return [name_test(one.classname, one.name)[:_LENGTH] for one in rows]


def _note_flaky(connection: Connection, row: Row[Any], cases: Sequence[Reported], now: float) -> int:
    """Mark and count what failed and passed on this commit; mark failures of tests that are known to be flaky."""
    others = [
        case
        for run_id in test_history.load_same_commit(connection, row)
        for case in test_history.load_reported(connection, run_id)
    ]
    fresh = find_flaky(cases, others)[:_FLAKY] if others else []
    marked = list(dict.fromkeys([*test_history.load_marked(connection, row.id), *fresh]))[:_FLAKY]
    if marked:
        test_history.count_flaky(connection, row, test_history.load_names(connection, row.id, marked), now)
    failed = {case.identity: case.id for case in cases if case.result in {"failed", "error"}}
    known = test_history.load_known_flaky(connection, row, failed)
    suspects = [failed[identity] for identity in known]
    test_history.mark_flaky(connection, sorted({*fresh, *suspects}))
    return len({*marked, *suspects})
