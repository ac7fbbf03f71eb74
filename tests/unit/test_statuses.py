"""Which statuses builds make: states, words, contexts, the roll-up over several jobs. No database, no GitHub."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.results import Result
from hubwright.github.requests import CommitStatus, StatusState
from hubwright.reports.sayings import ROLL_UP, fit_context
from hubwright.reports.statuses import form_statuses
from hubwright.store.views_values import BuildView, RunView, StageView, Totals

URL = "https://ci.example.org"
PENDING, SUCCESS, FAILURE, ERROR = StatusState.PENDING, StatusState.SUCCESS, StatusState.FAILURE, StatusState.ERROR


def stage(name: str, result: str | None, exit_code: int | None = None, **more: Any) -> StageView:
    values = {
        "run_id": 1, "position": 0, "kind": None, "allow_failure": False, "state": "finished", "detail": None,
        "attempt": 1, "log_start": None, "log_end": None, "started_at": None, "finished_at": None,
    }  # fmt: skip
    return StageView(**values | {"name": name, "result": result, "exit_code": exit_code} | more)


def run(result: str | None = None, platform: str = "linux", **more: Any) -> RunView:
    values = {
        "id": 1, "build_id": 1, "matrix": {}, "attempt": 1, "latest": True, "detail": None, "builder": "anvil",
        "cancel": None, "log_size": 0, "tests": None, "queued_at": 1.0, "started_at": 100.0, "finished_at": 142.0,
        "state": "finished" if result else "running",
    }  # fmt: skip
    return RunView(**values | {"result": result, "platform": platform} | more)


def build(number: int, *runs: RunView, result: str | None = None, job: str = "octo/hello", **more: Any) -> BuildView:
    values = {
        "id": number, "number": number, "job_id": len(job), "repository": "octo/hello", "sha": "a" * 40,
        "ref": "refs/heads/main", "branch": "main", "event": "push", "pull_request": None, "message": "",
        "author_name": None, "author_login": None, "priority": 0, "problem": None, "recipe": None, "queued_at": 1.0,
        "started_at": 100.0, "finished_at": 142.0, "state": "finished" if result else "running",
    }  # fmt: skip
    return BuildView(**values | {"runs": runs, "result": result, "job": job} | more)


def words(*builds: BuildView) -> dict[str, tuple[StatusState, str]]:
    """State and description by context; builds are given newest first."""
    return {status.context: (status.state, status.description) for status in form_statuses(builds, URL)}


def roll_up(*builds: BuildView) -> tuple[StatusState, str]:
    return words(*builds)[ROLL_UP]


FAILED_TEST = (stage("build", "success", 0), stage("test", "failure", 2), stage("docs", "skip"))


@pytest.mark.parametrize(
    ("given_run", "state", "description"),
    [
        (run(state="queued"), PENDING, "queued"),
        (run(state="queued", attempt=2), PENDING, "queued again (attempt 2)"),
        (run(), PENDING, "running on builder anvil"),
        (run("success"), SUCCESS, "passed in 42 s"),
        (run("success", tests=Totals(total=25, passed=25, skipped=0, failed=0)), SUCCESS, "passed in 42 s: 25 tests"),
        (run("success", tests=Totals(total=1, passed=0, skipped=1, failed=0)), SUCCESS,
         "passed in 42 s: 1 test, 1 skipped"),
        (run("skip", started_at=None), SUCCESS, "nothing to do"),
        (run("failure", stages=FAILED_TEST), FAILURE, "stage test failed: exit code 2"),
        (
            run("failure", stages=FAILED_TEST, tests=Totals(total=25, passed=22, skipped=0, failed=3)),
            FAILURE,
            "stage test failed: exit code 2 (3 of 25 tests failed)",
        ),
        (
            run("failure", stages=(stage("test", "failure", 139, detail="Signal 11 ended the command."),)),
            FAILURE,
            "stage test failed: Signal 11 ended the command",
        ),
        (
            run("timeout", stages=(stage("test", "timeout", None, detail="No output for 10 minutes."),)),
            ERROR,
            "stage test timed out: No output for 10 minutes",
        ),
        (
            run("failure", stages=(stage("lint", "failure", 1, allow_failure=True), stage("test", "failure", 3))),
            FAILURE,
            "stage test failed: exit code 3",
        ),
        (run("error", detail="The builder was lost.\nmore"), ERROR, "broke down: The builder was lost"),
        (run("cancellation", cancel="a newer push"), ERROR, "cancelled: a newer push"),
        (run("cancellation"), ERROR, "cancelled"),
    ],
)  # fmt: skip
def test_a_run_says_how_it_stands(given_run: RunView, state: StatusState, description: str) -> None:
    found = words(build(1, given_run, result=given_run.result))
    assert found["hubwright / octo/hello (linux)"] == (state, description)
    assert found[ROLL_UP][0] is state


def test_matrix_points_are_told_apart() -> None:
    runs = [run("success", matrix={"python": version, "os": "x"}) for version in ("3.11", "3.14")]
    assert list(words(build(1, *runs, result="success"))) == [
        "hubwright / octo/hello (linux, python=3.11, os=x)",
        "hubwright / octo/hello (linux, python=3.14, os=x)",
        "hubwright",
    ]


def test_every_status_leads_to_its_build() -> None:
    statuses = form_statuses([build(7, run(), job="b"), build(3, run("success"), result="success")], URL)
    assert [(status.context, status.target_url) for status in statuses] == [
        ("hubwright", f"{URL}/builds/7"),
        ("hubwright / b (linux)", f"{URL}/builds/7"),
        ("hubwright / octo/hello (linux)", f"{URL}/builds/3"),
    ]


@pytest.mark.parametrize(
    ("problem", "result", "expected"),
    [
        (".hubwright.yml:3:1: no 'x'\n3 | x:", "failure", (FAILURE, ".hubwright.yml:3:1: no 'x'")),
        ("The commit is gone.", "error", (ERROR, "The commit is gone.")),
        ("Nothing in the recipe applies.", "skip", (SUCCESS, "nothing to do")),
        ("no longer wanted", "cancellation", (ERROR, "no longer wanted")),
    ],
)  # fmt: skip
def test_a_build_without_runs_has_only_the_roll_up(
    problem: str, result: str, expected: tuple[StatusState, str]
) -> None:
    """A context that no later build would renew stays out of the page."""
    assert words(build(1, result=result, problem=problem, started_at=None)) == {ROLL_UP: expected}


def test_a_build_that_waits_for_its_repository_says_so() -> None:
    waiting = build(1, state="queued", problem="The repository does not answer.\nCould not resolve host")
    assert words(waiting) == {ROLL_UP: (PENDING, "waiting: The repository does not answer")}


def test_the_roll_up_of_several_runs_names_the_guilty() -> None:
    bad = run("failure", "freebsd", stages=FAILED_TEST)
    assert roll_up(build(1, run("success"), bad, result="failure")) == (
        FAILURE,
        "freebsd: stage test failed: exit code 2",
    )
    both = build(1, run("success"), bad, replace(bad, platform="macos"), result="failure")
    assert roll_up(both) == (FAILURE, "2 of 3 runs failed: freebsd, macos")


def test_the_roll_up_of_several_jobs_is_the_worst_of_their_newest_builds() -> None:
    """R23: an old build that was cancelled or failed does not count once its job was built again."""
    good, bad = build(1, run("success"), result="success"), build(2, run("failure"), result="failure", job="docs")
    again = build(3, run("success"), result="success", job="docs")
    assert roll_up(bad, good) == (FAILURE, "docs: failed")
    assert roll_up(again, bad, good) == (SUCCESS, "2 jobs passed")
    worse = build(4, run("failure"), result="failure", job="packages")
    assert roll_up(worse, bad, good) == (FAILURE, "2 of 3 jobs failed: packages, docs")


def test_the_roll_up_is_pending_while_anything_is_open() -> None:
    bad = build(1, run("failure"), result="failure")
    assert roll_up(build(2, run(state="queued"), state="queued", job="docs"), bad) == (PENDING, "queued")
    assert roll_up(bad, build(2, run(), job="docs")) == (PENDING, "running")


def test_a_build_with_nothing_to_do_hides_no_failure() -> None:
    """A tag on a commit whose tests failed does not make it green."""
    assert roll_up(build(2, result="skip"), build(1, run("failure"), result="failure"))[0] is FAILURE


def test_the_newest_build_of_a_job_speaks_for_its_platforms() -> None:
    """What only an older build has run stays as that build left it."""
    old = build(1, run("failure"), run("success", "freebsd"), result="failure")
    found = words(build(2, run("success"), result="success"), old)
    assert found["hubwright / octo/hello (linux)"][0] is SUCCESS
    assert found["hubwright / octo/hello (freebsd)"][0] is SUCCESS


def test_a_commit_never_looks_ready_before_it_is() -> None:
    """The roll-up goes out first when it is pending and last when it is not."""
    ended, going = run("success"), run(platform="freebsd")
    contexts = [status.context for status in form_statuses([build(1, ended, going)], URL)]
    assert contexts == [ROLL_UP, "hubwright / octo/hello (freebsd)", "hubwright / octo/hello (linux)"]
    contexts = [status.context for status in form_statuses([build(1, ended, result="success")], URL)]
    assert contexts[-1] == ROLL_UP


def test_a_commit_without_builds_has_no_status() -> None:
    assert form_statuses([], URL) == []


def test_contexts_that_are_cut_stay_different() -> None:
    names = {fit_context("x" * 300 + end) for end in "ab"}
    assert len(names) == 2
    assert {len(name) for name in names} == {255}


@given(st.text(max_size=400), st.text(max_size=400), st.sampled_from([None, *Result]))
def test_no_text_from_outside_breaks_the_bounds(name: str, detail: str, result: Result | None) -> None:
    """S15: names as attack: platforms, stages and reasons of any kind fit GitHub's limits and hide nothing."""
    hostile = run(result, name, detail=detail, cancel=detail, stages=(stage(name, result, 1, detail=detail),))
    statuses = form_statuses([build(1, hostile, result=result, job=name, problem=detail)], URL)
    assert statuses[-1].context == ROLL_UP or result is None
    for status in statuses:
        assert_bounded(status)


def assert_bounded(status: CommitStatus) -> None:
    assert 0 < len(status.context) <= 255
    assert 0 < len(status.description) <= 140
    for text in (status.context, status.description):
        assert not set(text) & {"\x00", "\x1b", "\n", "\r", "\u202e", "\u200b"}
