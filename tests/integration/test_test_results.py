"""Test cases and problems on the hub: compared with the run before, known as flaky, told in facts (system 1)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from build_lives import Clock, Lives
from hub_parts import rows
from hubwright.domain.test_difference import identify
from hubwright.hub import moves
from hubwright.hub.builds import rerun
from hubwright.hub.moves import Told
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.test_strips import MOST, load_case, load_strips
from hubwright.store.views import load_build
from hubwright.wire import Case, Problem, Problems
from hubwright.wire import Result as ResultMessage
from hubwright.wire import Tests as CasesMessage

MAIN, SIDE = "refs/heads/main", "refs/heads/side"


@pytest.fixture
def lives(database: Database) -> Lives:
    return Lives(database, Clock())


def case(name: str, result: str = "passed", **fields: Any) -> Case:
    return Case(suite="s", classname="Ring", name=name, result=result, **fields)


def report(lives: Lives, run: int, *cases: Case, result: str = "success") -> None:
    """The run is taken, reports these and ends."""
    lives.start(run)
    batches = [cases[start : start + 500] for start in range(0, len(cases), 500)]
    told: list[Any] = [
        CasesMessage(run=run, lease=1, seq=seq, stage=1, cases=batch) for seq, batch in enumerate(batches, 1)
    ]
    told.append(ResultMessage(run=run, lease=1, seq=len(told) + 1, at=1.0, result=result))
    items = [Told("anvil", message, lives.clock()) for message in told]
    lives.database.write(lambda connection: moves.apply_messages(connection, items))


def build_of(lives: Lives, sha: str, *cases: Case, branch: str | None = "main", **more: Any) -> int:
    """A build of one run that reports these; the run."""
    build = lives.build(sha * 40, **more)
    set_branch(lives, build, branch)
    (run,) = lives.runs(build)
    report(lives, run, *cases)
    return run


def set_branch(lives: Lives, build: int, branch: str | None, pull_request: int | None = None) -> None:
    table = schema.build
    values = {"branch": branch, "pull_request": pull_request}
    lives.database.write(
        lambda connection: connection.execute(table.update().where(table.c.id == build).values(values))
    )


def test_the_last_runs_of_a_test_are_known_by_platform(database: Database, lives: Lives) -> None:
    """At most 30, newest first, of the branch and the default branch; a run without the test is a gap."""
    for number in range(34):
        build_of(
            lives,
            f"{number % 10}",
            *([case("a", "failed" if number % 2 else "passed")] if number != 33 else []),
            case("b"),
        )
    side = build_of(lives, "e", case("a", "failed"), case("b"), branch="side")
    other = build_of(lives, "f", case("a", "failed"), branch="elsewhere")
    test = identify("s", "Ring", "a")
    with database.reading() as connection:
        runs = {row.id: row.build_id for row in rows(database, schema.run)}
        (main,) = load_strips(connection, load_build(connection, runs[side - 1]), [test])[test]
        found = load_strips(connection, load_build(connection, runs[side]), [test, 1])
        names = load_case(connection, other, rows(database, schema.test_case, run_id=other)[0].id)
        assert load_case(connection, side, rows(database, schema.test_case, run_id=other)[0].id) is None
    assert len(main.marks) == MOST
    assert [mark.result for mark in main.marks[:3]] == [None, "passed", "failed"]
    assert found[1] == ()
    assert found[test][0].marks[0].run_id == side
    assert other not in {mark.run_id for mark in found[test][0].marks}
    assert names == ("s", "Ring", "a")


def changes(lives: Lives, run: int) -> dict[str, str | None]:
    return {row.name: row.change for row in rows(lives.database, schema.test_case, run_id=run)}


def the_run(lives: Lives, run: int) -> Any:
    return rows(lives.database, schema.run, id=run)[0]


def test_a_run_is_compared_with_the_one_before(lives: Lives) -> None:
    """Now failing, now passing, still failing, new, gone: with the cases, with the run, and in the fact."""
    first = build_of(
        lives, "a", case("was good"), case("was bad", "failed"), case("stays bad", "error"), case("leaves")
    )
    assert changes(lives, first) == dict.fromkeys(["was good", "was bad", "stays bad", "leaves"])
    second = build_of(
        lives,
        "b",
        case("was good", "failed", message="no", file="a.py", line=3),
        case("was bad"),
        case("stays bad", "failed"),
        case("comes"),
        case("comes bad", "failed"),
    )

    assert changes(lives, second) == {
        "was good": "now_failing",
        "was bad": "now_passing",
        "stays bad": "still_failing",
        "comes": "new",
        "comes bad": "now_failing",
    }
    row = the_run(lives, second)
    assert row.tests_previous == first
    assert row.tests_difference == {
        "now_failing": 2,
        "now_passing": 1,
        "still_failing": 1,
        "new": 1,
        "gone": 1,
        "flaky": 0,
        "names": {"now_failing": ["Ring: was good", "Ring: comes bad"], "now_passing": ["Ring: was bad"]},
        "gone_names": ["Ring: leaves"],
    }
    fact = rows(lives.database, schema.fact, kind="RunFinished")[-1]
    assert fact.data["tests"] == {"total": 5, "passed": 2, "skipped": 0, "failed": 3}
    assert fact.data["changes"]["names"]["now_failing"] == ["Ring: was good", "Ring: comes bad"]
    ended = rows(lives.database, schema.fact, kind="BuildFinished")[-1]
    assert ended.data["tests"] == {"total": 5, "failed": 3}
    assert ended.data["changes"]["now_failing"] == 2
    (kept,) = rows(lives.database, schema.test_case, run_id=second, name="was good")
    assert (kept.file, kept.line, kept.message) == ("a.py", 3, "no")


def test_a_run_without_tests_is_passed_over(lives: Lives) -> None:
    """The build before did not compile: the comparison is with the one that last had tests."""
    first = build_of(lives, "a", case("t"))
    broken = build_of(lives, "b")
    third = build_of(lives, "c", case("t", "failed"))

    assert the_run(lives, broken).tests_difference is None
    assert the_run(lives, third).tests_previous == first


def test_a_new_branch_is_compared_with_the_default_branch(lives: Lives) -> None:
    """And a pull request from a branch of the same name is not taken for it."""
    columns = {"id": 7, "owner_login": "octo", "name": "hello", "full_name": "octo/hello", "default_branch": "main"}
    lives.database.write(lambda connection: connection.execute(insert(schema.gh_repository).values(columns)))
    main = build_of(lives, "a", case("t"))
    foreign = lives.build("b" * 40, ref="refs/pull/3/head")
    set_branch(lives, foreign, "main", pull_request=3)
    (run,) = lives.runs(foreign)
    report(lives, run, case("t", "failed"))
    assert the_run(lives, run).tests_previous == main

    side = build_of(lives, "c", case("t", "failed"), branch="side", ref=SIDE)
    assert the_run(lives, side).tests_previous == main
    assert changes(lives, side) == {"t": "now_failing"}
    again = build_of(lives, "d", case("t", "failed"), branch="side", ref=SIDE)
    assert the_run(lives, again).tests_previous == side
    assert changes(lives, again) == {"t": "still_failing"}
    assert the_run(lives, build_of(lives, "e", case("t"))).tests_previous == main


def test_each_matrix_point_is_compared_with_itself(lives: Lives) -> None:
    """Two points of one platform have tests of their own."""
    recipe = "matrix: {python: ['3.11', '3.12']}\nstages:\n  - build: make\n  - test: make check\n"
    first = lives.build("a" * 40, recipe=recipe)
    old, new = lives.runs(first)
    report(lives, old, case("t", "failed"))
    report(lives, new, case("t"))
    second = lives.build("b" * 40, recipe=recipe)
    old_again, new_again = lives.runs(second)
    report(lives, new_again, case("t", "failed"))
    report(lives, old_again, case("t", "failed"))

    assert the_run(lives, old_again).tests_previous == old
    assert changes(lives, old_again) == {"t": "still_failing"}
    assert changes(lives, new_again) == {"t": "now_failing"}
    assert rows(lives.database, schema.fact, kind="BuildFinished")[-1].data["changes"]["now_failing"] == 1


def test_failed_and_passed_on_one_commit_is_flaky_and_remembered(lives: Lives) -> None:
    """A rerun that passes shows it; the next time the test fails it is marked, and each commit counts once."""
    build = lives.build("a" * 40)
    (run,) = lives.runs(build)
    report(lives, run, case("shaky", "failed"), case("solid"), case("bad", "failed"))
    lives.database.write(lambda connection: rerun(connection, build, lives.clock()))
    (again,) = lives.runs(build)
    report(lives, again, case("shaky"), case("solid"), case("bad", "failed"))
    known = rows(lives.database, schema.flaky_test)
    assert [(row.name, row.times, row.run_id) for row in known] == [("shaky", 1, again)]
    assert known[0].identity == identify("s", "Ring", "shaky")
    flaky = {row.name: row.flaky for row in rows(lives.database, schema.test_case, run_id=again)}
    assert flaky == {"shaky": True, "solid": False, "bad": False}

    lives.database.write(lambda connection: rerun(connection, build, lives.clock()))
    (third,) = lives.runs(build)
    report(lives, third, case("shaky", "failed"))
    assert rows(lives.database, schema.flaky_test)[0].times == 1

    later = build_of(lives, "b", case("shaky", "failed"), case("solid", "failed"), branch=None)
    flaky = {row.name: row.flaky for row in rows(lives.database, schema.test_case, run_id=later)}
    assert flaky == {"shaky": True, "solid": False}
    assert the_run(lives, later).tests_difference["flaky"] == 1


def test_a_retried_stage_tells_of_flaky_tests(lives: Lives) -> None:
    """The builder saw it fail and pass in two attempts of one stage."""
    build_of(lives, "a", case("shaky", flaky=True), case("solid"))
    build_of(lives, "b", case("shaky", flaky=True), case("solid"))

    assert [(row.name, row.times) for row in rows(lives.database, schema.flaky_test)] == [("shaky", 2)]


def test_ten_thousand_cases_are_compared(lives: Lives) -> None:
    """Whatever their number, each is found again in the run before."""
    build_of(lives, "a", *(case(f"t{number}", "failed" if number % 7 == 0 else "passed") for number in range(10_000)))
    build = lives.build("b" * 40)
    set_branch(lives, build, "main")
    (run,) = lives.runs(build)
    lives.start(run)
    cases = [case(f"t{number}", "failed" if number % 5 == 0 else "passed") for number in range(100, 10_100)]
    told: list[Any] = [
        Told("anvil", CasesMessage(run=run, lease=1, seq=seq, stage=1, cases=tuple(cases[start : start + 500])), 1.0)
        for seq, start in enumerate(range(0, 10_000, 500), 1)
    ]
    lives.database.write(lambda connection: moves.apply_messages(connection, told))
    end = Told("anvil", ResultMessage(run=run, lease=1, seq=21, at=1.0, result="failure"), 1.0)

    lives.database.write(lambda connection: moves.apply_messages(connection, [end]))

    difference = the_run(lives, run).tests_difference
    assert (difference["gone"], difference["new"] + difference["now_failing"]) == (100, 1_797)


def test_problems_told_anew_take_the_place_of_their_stages(lives: Lives) -> None:
    """A stage that is tried again: of this stage only."""
    (run,) = lives.runs(lives.build("b" * 40))
    lives.start(run)

    def say(seq: int, stage: int, *messages: str, anew: bool = False) -> Told:
        problems = tuple(Problem(severity="error", message=one) for one in messages)
        return Told(
            "anvil", Problems(run=run, lease=1, seq=seq, at=1.0, stage=stage, problems=problems, anew=anew), 1.0
        )

    def kept() -> list[tuple[int, str]]:
        return [(row.position, row.message) for row in rows(lives.database, schema.problem, run_id=run)]

    told = [say(1, 0, "a"), say(2, 1, "b", "c"), say(3, 1, "d")]
    lives.database.write(lambda connection: moves.apply_messages(connection, told))
    assert kept() == [(0, "a"), (1, "b"), (1, "c"), (1, "d")]
    lives.database.write(lambda connection: moves.apply_messages(connection, [say(4, 1, "e", anew=True)]))
    assert kept() == [(0, "a"), (1, "e")]
    lives.database.write(lambda connection: moves.apply_messages(connection, [say(5, 1, anew=True)]))
    assert kept() == [(0, "a")]


def test_problems_are_kept_within_bounds(lives: Lives) -> None:
    """S26: what a builder says of a log is cut to size, and a run has only so many."""
    build = lives.build("a" * 40)
    (run,) = lives.runs(build)
    lives.start(run)
    odd = Problem(severity="dreadful", message="m" * 9_000 + "\0", file="a\0b", line=-1, column=2**40, offset=-1)
    good = Problem(severity="warning", message="w", file="a.c", line=3, column=7, code="-Wall", matcher="gcc", offset=9)
    told = [
        Told("anvil", Problems(run=run, lease=1, seq=seq, at=1.0, stage=0, problems=(odd, *[good] * 700)), 1.0)
        for seq in range(1, 8)
    ]
    lives.database.write(lambda connection: moves.apply_messages(connection, told))

    kept = rows(lives.database, schema.problem, run_id=run)
    assert len(kept) == 2_000
    assert (kept[0].severity, len(kept[0].message), kept[0].line, kept[0].col, kept[0].log_offset) == (
        "error",
        2_500,
        None,
        None,
        None,
    )
    assert "\0" not in kept[0].file
    assert (kept[1].severity, kept[1].file, kept[1].line, kept[1].col) == ("warning", "a.c", 3, 7)
    assert (kept[1].code, kept[1].matcher, kept[1].log_offset) == ("-Wall", "gcc", 9)
