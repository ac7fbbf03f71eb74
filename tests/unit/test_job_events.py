"""What happens in a repository, and which job or copy builds it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hubwright.domain.job_copies import CopyKey, CopyKind, Link
from hubwright.domain.job_events import Builds, Ends, Linked, follow
from hubwright.domain.job_settings import Triggers
from hubwright.domain.repos import NO_COMMIT, PullRequestEvent, Push, RefEvent, Repository

HERE = Repository(id=1, owner="ann", name="app")
FORK = Repository(id=2, owner="bob", name="app")
PULLS, BRANCHES = Link(CopyKind.PULL_REQUEST), Link(CopyKind.BRANCH, ("**", "!tmp/*"))
BOTH = Linked(links=(PULLS, BRANCHES), default_branch="main")
NEXT, PR25 = CopyKey(CopyKind.BRANCH, "next"), CopyKey(CopyKind.PULL_REQUEST, "25")


def push(ref: str, after: str = "a" * 40) -> Push:
    return Push(repository=HERE, ref=ref, before="b" * 40, after=after, deleted=after == NO_COMMIT)


def pull_request(action: str, head: Repository = HERE) -> PullRequestEvent:
    return PullRequestEvent(
        repository=HERE, action=action, number=25, title="t", head_sha="a" * 40, head_ref="next",
        head_repository=head, base_ref="main", base_sha="b" * 40,
    )  # fmt: skip


def test_branches_are_built_by_their_copies_and_the_default_branch_by_the_job() -> None:
    assert follow(push("refs/heads/next"), BOTH) == Builds(NEXT)
    assert follow(push("refs/heads/main"), BOTH) == Builds()
    assert follow(push("refs/tags/v1"), BOTH) == Builds()


def test_what_no_link_wants_is_a_matter_of_the_triggers() -> None:
    """As all pushes are where nothing is linked."""
    quiet = replace(BOTH, triggers=Triggers(push=("main",), tag=()))

    assert follow(push("refs/heads/tmp/x"), BOTH) == Builds()
    assert follow(push("refs/heads/tmp/x"), quiet) is None
    assert follow(push("refs/heads/next"), Linked()) == Builds()
    assert follow(push("refs/tags/v1"), quiet) is None


def test_a_pull_request_is_built_by_its_copy_also_of_a_fork() -> None:
    for head in (HERE, FORK):
        assert follow(pull_request("opened", head), BOTH) == Builds(PR25)
        assert follow(pull_request("synchronize", head), BOTH) == Builds(PR25)
    assert follow(pull_request("opened"), Linked()) == Builds()
    assert follow(pull_request("labeled"), BOTH) is None


def test_a_branch_with_a_pull_request_is_not_built_twice() -> None:
    """The push and the pull request tell of the same commit."""
    opened = replace(BOTH, branches_of_pulls={"next"})

    assert follow(push("refs/heads/next"), opened) is None
    assert follow(push("refs/heads/next"), replace(opened, links=(BRANCHES,))) == Builds(NEXT)


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (push("refs/heads/next", NO_COMMIT), NEXT),
        (RefEvent(repository=HERE, action="delete", ref_type="branch", ref="next"), NEXT),
        (pull_request("closed"), PR25),
        (pull_request("closed", FORK), PR25),
    ],
)
def test_what_is_gone_ends_its_copy(event: Push | PullRequestEvent | RefEvent, key: CopyKey) -> None:
    assert follow(event, BOTH) == Ends(key)
    assert follow(event, Linked()) is None


def test_copies_end_also_when_the_link_wants_no_more_of_them() -> None:
    fewer = replace(BOTH, links=(replace(PULLS, globs=()), replace(BRANCHES, globs=())))

    assert follow(pull_request("closed"), fewer) == Ends(PR25)
    assert follow(push("refs/heads/next", NO_COMMIT), fewer) == Ends(NEXT)


def test_reopening_builds_again() -> None:
    assert follow(pull_request("reopened"), BOTH) == Builds(PR25)


def test_another_repository_that_is_linked_has_copies_of_its_own() -> None:
    """Its default branch and its tags are not the job's."""
    links = tuple(replace(link, repository="bob/app") for link in (PULLS, BRANCHES))
    other = Linked(links=links, own=False)

    assert follow(push("refs/heads/main"), other) == Builds(CopyKey(CopyKind.BRANCH, "main", "bob/app"))
    assert follow(pull_request("opened"), other) == Builds(CopyKey(CopyKind.PULL_REQUEST, "25", "bob/app"))
    assert follow(push("refs/tags/v1"), other) is None


def test_a_deleted_tag_and_a_new_branch_do_nothing() -> None:
    assert follow(push("refs/tags/v1", NO_COMMIT), BOTH) is None
    assert follow(RefEvent(repository=HERE, action="create", ref_type="branch", ref="next"), BOTH) is None
