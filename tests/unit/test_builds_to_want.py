"""Which commits of an event are to be built."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.builds import HEAD_PRIORITY, commits_to_build, manual_to_build, pull_request_to_build
from hubwright.domain.jobs import Commits, JobSettings
from hubwright.domain.repos import NO_COMMIT, Commit, Manual, PullRequestEvent, Push, Repository, Trust

HERE = Repository(id=1, owner="octo", name="hello")
FORK = Repository(id=2, owner="mallory", name="hello")


def sha(number: int) -> str:
    return f"{number:040x}"


def make_push(count: int, **changes: object) -> Push:
    commits = tuple(Commit(sha=sha(number), message=f"m{number}") for number in range(1, count + 1))
    push = Push(
        repository=HERE,
        ref="refs/heads/main",
        before=sha(99),
        after=sha(count),
        commits=commits,
        head_commit=commits[-1],
    )
    return replace(push, **changes)  # type: ignore[arg-type]


def shas(push: Push, **settings: object) -> list[str]:
    return [wish.sha for wish in commits_to_build(push, JobSettings(**settings))]  # type: ignore[arg-type]


def test_the_head_first_then_the_newer_before_the_older() -> None:
    wishes = commits_to_build(make_push(3), JobSettings())
    assert [wish.sha for wish in wishes] == [sha(3), sha(2), sha(1)]
    assert [wish.head for wish in wishes] == [True, False, False]
    assert wishes[0].priority == HEAD_PRIORITY
    assert [wish.priority for wish in wishes] == sorted((wish.priority for wish in wishes), reverse=True)


@given(count=st.integers(1, 60), bound=st.integers(-1, 70))
def test_a_push_has_its_bound_and_always_its_head(count: int, bound: int) -> None:
    """2,048 commits in a push are GitHub's bound; ours is a setting."""
    found = shas(make_push(count), max_commits_per_push=bound)
    assert found[0] == sha(count)
    assert len(found) == max(1, min(count, bound))
    assert len(set(found)) == len(found)


def test_only_the_head_where_the_job_wants_that() -> None:
    assert shas(make_push(5), commits=Commits.HEAD) == [sha(5)]


@pytest.mark.parametrize("changes", [{"deleted": True}, {"after": NO_COMMIT}])
def test_a_deleted_ref_has_nothing_to_build(changes: dict[str, object]) -> None:
    assert shas(make_push(2, **changes)) == []


def test_a_push_without_commits_builds_its_head() -> None:
    """A branch that was made at a commit which another branch has already."""
    (wish,) = commits_to_build(make_push(1, commits=(), head_commit=None, created=True), JobSettings())
    assert (wish.sha, wish.message, wish.paths) == (sha(1), "", None)


@pytest.mark.parametrize("how", ["created", "forced"])
def test_of_a_new_or_forced_branch_only_what_is_new_is_built(how: str) -> None:
    commits = tuple(Commit(sha=sha(number), message="m", distinct=number > 2) for number in range(1, 5))
    assert shas(make_push(4, commits=commits, **{how: True})) == [sha(4), sha(3)]


def test_a_commit_listed_twice_is_wanted_once() -> None:
    commit = Commit(sha=sha(1), message="m")
    assert shas(make_push(2, commits=(commit, commit, Commit(sha=sha(2), message="m")))) == [sha(2), sha(1)]


def test_a_tag_builds_its_commit_as_a_tag() -> None:
    (wish,) = commits_to_build(make_push(3, ref="refs/tags/v1"), JobSettings())
    assert (wish.event, wish.tag, wish.branch, wish.ref) == ("tag", "v1", None, "refs/tags/v1")


def test_an_annotated_tag_builds_the_commit_that_it_names() -> None:
    """GitHub sends the tag's own object as `after`; no status can be set on that."""
    named = Commit(sha=sha(2), message="m")
    (wish,) = commits_to_build(make_push(3, ref="refs/tags/v1", head_commit=named), JobSettings())
    assert wish.sha == sha(2)


def make_pull_request(**changes: object) -> PullRequestEvent:
    event = PullRequestEvent(
        repository=HERE, action="opened", number=7, title="T", head_sha=sha(1), head_ref="topic",
        head_repository=HERE, base_ref="main", base_sha=sha(2),
    )  # fmt: skip
    return replace(event, **changes)  # type: ignore[arg-type]


def test_a_pull_request_builds_its_head_and_is_judged_by_its_target() -> None:
    (wish,) = pull_request_to_build(make_pull_request())
    assert (wish.sha, wish.ref, wish.pull_request) == (sha(1), "refs/pull/7/head", 7)
    assert wish.circumstances().branch == "main"
    assert wish.trust is Trust.TRUSTED


@pytest.mark.parametrize("action", ["closed", "labeled", "assigned", "edited", "surprise"])
def test_actions_that_bring_no_commit_build_nothing(action: str) -> None:
    assert pull_request_to_build(make_pull_request(action=action)) == []


def test_pull_request_and_push_are_the_same_wish_within_one_repository_only() -> None:
    """A fork's commit runs with a fork's rights; it must not be taken for ours."""
    push = make_push(1, ref="refs/heads/topic", commits=(), head_commit=None)
    (pushed,) = commits_to_build(push, JobSettings())
    assert pull_request_to_build(make_pull_request())[0].trigger == pushed.trigger
    for stranger in (FORK, None):
        (foreign,) = pull_request_to_build(make_pull_request(head_repository=stranger))
        assert foreign.trust is Trust.UNTRUSTED
        assert foreign.trigger != pushed.trigger


@pytest.mark.parametrize(
    ("head", "trust"),
    [
        (replace(HERE, name="renamed"), Trust.TRUSTED),  # the number is the identity, through a rename under way
        (replace(HERE, id=9), Trust.UNTRUSTED),  # the same name, taken over by somebody else
        (replace(HERE, id=None, owner="Octo"), Trust.TRUSTED),  # GitHub's names have no case
        (replace(FORK, id=None), Trust.UNTRUSTED),
        (None, Trust.UNTRUSTED),
    ],
)
def test_whether_a_head_is_a_forks_is_told_by_githubs_numbers(head: Repository | None, trust: Trust) -> None:
    """S10, S16: names can be renamed, taken over and written in any case; numbers decide where both have one."""
    (wish,) = pull_request_to_build(make_pull_request(head_repository=head))
    assert wish.trust is trust


def test_what_somebody_asked_for_goes_before_everything() -> None:
    wish = Manual(repository=HERE, job_path="octo/hello", sha=sha(1), ref="refs/tags/v1", trigger="t", asked_by="ada")
    (wanted,) = manual_to_build(wish)
    assert (wanted.tag, wanted.branch, wanted.event) == ("v1", None, "manual")
    assert wanted.priority > HEAD_PRIORITY


@pytest.mark.parametrize(
    ("branch", "base"),
    [
        ("gh-readonly-queue/main/pr-104-929f8209d40f77f4abc622a499c93a83babdbe64", "main"),
        ("gh-readonly-queue/release/pr-1-x/pr-2-0f", "release/pr-1-x"),
        ("gh-readonly-queue/main/pr-104", None),
        ("gh-readonly-queue/pr-1-0f", None),
        ("my/gh-readonly-queue/main/pr-1-0f", None),
    ],
)
def test_a_branch_of_githubs_merge_queue_is_judged_as_pull_requests_are(branch: str, base: str | None) -> None:
    """https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges/managing-a-merge-queue"""
    (wanted,) = commits_to_build(make_push(1, ref=f"refs/heads/{branch}"), JobSettings())
    asked = wanted.circumstances()
    if base is None:
        assert (wanted.event, asked.event, asked.branch) == ("push", "push", branch)
    else:
        assert (wanted.event, asked.event, asked.branch) == ("merge_group", "pull_request", base)
