"""What runs found: their test cases and the problems of their logs, kept as builders tell them.

Builders are not believed in sizes: every text is cut to what the wire promises (S26).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select, update

from hubwright.domain.problems import MAX_MESSAGE, MAX_PROBLEMS, Severity
from hubwright.domain.test_difference import identify
from hubwright.store.schema import problem, run, test_case
from hubwright.wire import Case, Images, Problem, Problems, Tests

MOST = 2_000
"""Problems of a run that are kept."""

_RUN: BindParameter[Any] = bindparam("run_key")
_ADD_CASES = insert(test_case)
_ADD_PROBLEMS = insert(problem)
_COUNT_PROBLEMS = select(func.count()).where(problem.c.run_id == _RUN)
_FORGET_PROBLEMS = delete(problem).where(problem.c.run_id == _RUN, problem.c.position == bindparam("place"))
_COUNT_TESTS = (
    update(run)
    .where(run.c.id == _RUN)
    .values(
        {
            f"tests_{kind}": func.coalesce(run.c[f"tests_{kind}"], 0) + bindparam(kind)
            for kind in ("total", "passed", "skipped", "failed")
        }
    )
)
_KEEP_IMAGES = update(run).where(run.c.id == _RUN).values(images=bindparam("told"))
_NAME, _TEXT, _NUMBER = 500, 20_000, 2**31 - 1


def keep_tests(connection: Connection, message: Tests) -> None:
    """Add test cases and count them."""
    if not message.cases:
        return
    connection.execute(_ADD_CASES, [_case(message, case) for case in message.cases])
    counts = {
        "run_key": message.run,
        "total": len(message.cases),
        "passed": sum(case.result == "passed" for case in message.cases),
        "skipped": sum(case.result == "skipped" for case in message.cases),
        "failed": sum(case.result in ("failed", "error") for case in message.cases),
    }
    connection.execute(_COUNT_TESTS, counts)


def _case(message: Tests, case: Case) -> dict[str, Any]:
    suite, classname, name = (_plain(text, _NAME) for text in (case.suite, case.classname, case.name))
    return {
        "run_id": message.run,
        "position": message.stage,
        "suite": suite,
        "classname": classname,
        "name": name,
        "result": case.result[:10],
        "seconds": case.seconds,
        "message": _plain(case.message, _TEXT) or None,
        "file": _plain(case.file, _NAME) or None,
        "line": _number(case.line),
        "identity": identify(suite, classname, name),
        "flaky": case.flaky,
    }


def keep_problems(connection: Connection, message: Problems) -> None:
    """Add problems of a log, as many as a run may have; `anew` ones in place of those that the stage had."""
    if message.anew:
        connection.execute(_FORGET_PROBLEMS, {"run_key": message.run, "place": message.stage})
    room = MOST - connection.execute(_COUNT_PROBLEMS, {"run_key": message.run}).scalar_one()
    rows = [_problem(message, one) for one in message.problems[: min(MAX_PROBLEMS, max(room, 0))]]
    if rows:
        connection.execute(_ADD_PROBLEMS, rows)


def keep_images(connection: Connection, message: Images) -> None:
    """Note which images the run was given."""
    told = [{"name": one.name, "digest": one.digest, "id": one.id} for one in message.images]
    connection.execute(_KEEP_IMAGES, {"run_key": message.run, "told": told})


def _problem(message: Problems, one: Problem) -> dict[str, Any]:
    return {
        "run_id": message.run,
        "position": message.stage,
        "severity": one.severity if one.severity in set(Severity) else Severity.ERROR.value,
        "message": _plain(one.message, MAX_MESSAGE + _NAME),
        "file": _plain(one.file, _NAME) or None,
        "line": _number(one.line),
        "col": _number(one.column),
        "code": _plain(one.code, 100) or None,
        "matcher": _plain(one.matcher, 40),
        "log_offset": one.offset if one.offset is not None and 0 <= one.offset < 2**63 else None,
    }


def _plain(text: str, most: int) -> str:
    """As the databases take it: PostgreSQL has no NUL in texts."""
    return text[:most].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _number(value: int | None) -> int | None:
    return value if value is not None and 0 < value <= _NUMBER else None
