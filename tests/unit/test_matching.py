"""When a build or stage applies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpu_time import costs_less_than
from hubwright.domain.matching import MAX_PATHS, Circumstances, glob_matches, matches, runs_after
from hubwright.domain.recipe_values import Rule, Stage

PUSH = Circumstances(
    event="push", branch="main", paths=("src/a.c", "README.md"), platform="debian-13", matrix={"cc": "gcc"}
)


@pytest.mark.parametrize("event", ["push", "pull_request", "tag", "manual"])
def test_without_rules_everything_is_built(event: str) -> None:
    assert matches((), Circumstances(event=event))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(event=("push", "tag")), True),
        (Rule(event=("tag",)), False),
        (Rule(branch=("main", "release/*")), True),
        (Rule(branch=("release/*",)), False),
        (Rule(branch=("!main",)), False),
        (Rule(branch=("!gh-pages",)), True),
        (Rule(branch=("*", "!main")), False),
        (Rule(branch=("!main", "*")), False),
        (Rule(tag=("*",)), False),
        (Rule(tag=("!v*",)), False),
        (Rule(paths=("src/**",)), True),
        (Rule(paths=("docs/**",)), False),
        (Rule(paths=("!docs/**",)), True),
        (Rule(paths=("!src/**", "!*.md")), False),
        (Rule(platform=("debian-*",)), True),
        (Rule(platform=("windows-*",)), False),
        (Rule(matrix={"cc": ("gcc", "clang")}), True),
        (Rule(matrix={"cc": ("!gcc",)}), False),
        (Rule(matrix={"opt": ("2",)}), False),
        (Rule(label=("ready",)), False),
        (Rule(label=("!wip",)), True),
        (Rule(status="failure"), True),
        (Rule(event=("push",), branch=("dev",)), False),
    ],
)
def test_each_key_of_a_rule_must_hold(rule: Rule, expected: bool) -> None:
    assert matches((rule,), PUSH) is expected


def test_one_rule_of_several_is_enough() -> None:
    assert matches((Rule(event=("tag",)), Rule(branch=("main",))), PUSH)
    assert not matches((Rule(event=("tag",)), Rule(branch=("dev",))), PUSH)


@pytest.mark.parametrize("paths", [None, (), tuple(f"x/{i}" for i in range(MAX_PATHS + 1))])
def test_unknown_empty_or_countless_changes_touch_everything(paths: tuple[str, ...] | None) -> None:
    """ux.md §3.2, rule 3: an empty diff runs; leaving out a build for want of knowledge would hide a fault."""
    assert matches((Rule(paths=("docs/**",)),), Circumstances(event="push", paths=paths))


def test_platform_and_matrix_hold_while_no_run_is_chosen() -> None:
    assert matches((Rule(platform=("x",), matrix={"a": ("b",)}),), Circumstances(event="push"))


def test_one_excluded_label_is_enough_to_leave_out() -> None:
    facts = Circumstances(event="pull_request", labels=("ready", "wip"))

    assert matches((Rule(label=("ready",)),), facts)
    assert not matches((Rule(label=("ready", "!wip")),), facts)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("main", "main", True),
        ("main", "Main", False),
        ("release/*", "release/1", True),
        ("release/*", "release/1/2", False),
        ("release/**", "release/1/2", True),
        ("*", "feature/x", False),
        ("**", "feature/x", True),
        ("*.md", "docs/a.md", False),
        ("**/*.md", "a.md", True),
        ("**/*.md", "docs/sub/a.md", True),
        ("docs/**", "docs/a/b", True),
        ("docs/**/x.c", "docs/x.c", True),
        ("docs/**/x.c", "docs/a/b/x.c", True),
        ("docs/**/x.c", "docs/a/b/y.c", False),
        ("a/**/b/**/c", "a/b/x/b/c", True),
        ("v?.[0-9]", "v1.2", True),
        ("v?.[0-9]", "v1.x", False),
        ("a?b", "a/b", False),
        ("[", "[", True),
        ("line*", "line\nbreak", True),
    ],
)
def test_globs(pattern: str, value: str, expected: bool) -> None:
    assert glob_matches(pattern, value) is expected


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("*a" * 100 + "b", "a" * 2000),
        ("**/a/" * 50 + "b", "a/" * 1000),
        ("[[[[!]]*" * 25, "a" * 2000),
        ("**/*a*a*a/" * 20 + "b", "aaa/" * 500),
    ],
)
def test_hostile_globs_take_no_time(pattern: str, value: str) -> None:
    """A recipe of a fork chooses both sides: no pattern may make the hub think for long."""
    with costs_less_than(1):
        assert not glob_matches(pattern, value)


@given(st.text("ab/*?[]!", max_size=20), st.text("ab/", max_size=20))
def test_any_glob_gives_an_answer(pattern: str, value: str) -> None:
    assert glob_matches(pattern, value) in {True, False}


@given(st.text(max_size=20))
def test_two_stars_match_everything(value: str) -> None:
    assert glob_matches("**", value)


@pytest.mark.parametrize(
    ("statuses", "after_success", "after_failure"),
    [
        ((), True, False),
        ((None,), True, False),
        (("failure",), False, True),
        (("always",), True, True),
        ((None, "failure"), True, True),
    ],
)
def test_a_stage_runs_after_success_unless_it_says_otherwise(
    statuses: tuple[str | None, ...], after_success: bool, after_failure: bool
) -> None:
    stage = Stage(name="s", run="x", when=tuple(Rule(status=status) for status in statuses))

    assert runs_after(stage, failed=False) is after_success
    assert runs_after(stage, failed=True) is after_failure
