"""System 0's walk: the push document of 2008 on `POST /build`, one build per commit."""

from __future__ import annotations

from typing import Any

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import GREEN, SECRET, HubProcess, Make


def document_of_2008(repository: FakeRepository, shas: list[str], before: str) -> dict[str, Any]:
    """As system 0's notes have it, about this repository."""
    commits = [
        {
            "id": shas[0],
            "url": f"{repository.clone_url}/commit/{shas[0]}",
            "author": {"email": "chris@ozmm.org", "name": "Chris Wanstrath"},
            "message": "okay i give in",
            "timestamp": "2008-02-15T14:57:17-08:00",
            "added": ["filepath.rb"],
        },
        {
            "id": shas[1],
            "url": f"{repository.clone_url}/commit/{shas[1]}",
            "author": {"email": "chris@ozmm.org", "name": "Chris Wanstrath"},
            "message": "update pricing a tad",
            "timestamp": "2008-02-15T14:36:34-08:00",
        },
    ]
    return {
        "before": before,
        "repository": {
            "url": f"http://github.com/{repository.full_name}",
            "name": repository.name,
            "description": "You're lookin' at it.",
            "watchers": 5,
            "forks": 2,
            "private": 1,
            "owner": {"email": "chris@ozmm.org", "name": repository.owner},
        },
        "commits": commits,
        "after": shas[1],
        "ref": "refs/heads/master",
    }


def post_2008(hub: HubProcess, github: FakeGitHub, document: dict[str, Any]) -> int:
    """POST it to system 0's address, signed as every hook."""
    status, _ = github.deliver(f"{hub.url}/build", "push", document, secret=SECRET)
    return status


def test_the_document_of_2008_makes_one_build_per_commit(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """System 0's walk: its document on POST /build, one build per commit, results on GitHub and on the page."""
    repository = make(None)
    before = repository.commit(GREEN, "First commit", branch="master")
    shas = repository.commit_each(
        [({"filepath.rb": "1"}, "okay i give in"), ({"price": "2"}, "update pricing a tad")], branch="master"
    )
    assert post_2008(hub, github, document_of_2008(repository, shas, before)) == 202

    builds = hub.finished(repository, 2)
    assert {build["sha"]: build["message"] for build in builds} == {
        shas[0]: "okay i give in", shas[1]: "update pricing a tad",
    }  # fmt: skip
    assert {(build["result"], build["author"], build["branch"]) for build in builds} == {
        ("success", "Chris Wanstrath", "master"),
    }  # fmt: skip


def test_commits_of_2008_that_do_not_exist_are_errors_that_say_so(
    hub: HubProcess, github: FakeGitHub, make: Make
) -> None:
    """The document word for word names commits that nobody has: both builds end and say why."""
    repository = make()
    shas = ["41a212ee83ca127e3c8cf465891ab7216a705f59", "de8251ff97ee194a289832576287d6f8ad74e3d0"]
    document = document_of_2008(repository, shas, "5aef35982fb2d34e9d9d4502f6ede1072793222d")
    assert post_2008(hub, github, document) == 202

    builds = hub.finished(repository, 2)
    assert {build["result"] for build in builds} == {"error"}
    for build in builds:
        assert f"no longer has commit {build['sha'][:12]}" in build["problem"]
