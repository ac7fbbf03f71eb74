"""Copies of jobs: names that are safe, unique and readable, and who gets one."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hubwright.domain.job_copies import (
    CopyKey,
    CopyKind,
    Link,
    copy_of_branch,
    copy_of_pull_request,
    copy_paths,
    is_wanted,
    read_copy_key,
)
from hubwright.domain.job_paths import check_path, folders_of, is_path
from hubwright.errors import UnprocessableError

BRANCHES = st.one_of(
    st.text(alphabet="ab1v-/._x", min_size=1, max_size=8),
    st.sampled_from(["main", "release/1.2", "release-1-2", "release-1.2", "pr25", "1.x", "日本語", "a" * 250, "v1-2"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=" "), min_size=1, max_size=60),
)
KEYS = st.one_of(
    st.builds(CopyKey, st.just(CopyKind.BRANCH), BRANCHES, st.sampled_from([None, "o/app", "p/app", "o/app-x"])),
    st.builds(
        CopyKey,
        st.just(CopyKind.PULL_REQUEST),
        st.integers(1, 30).map(str),
        st.sampled_from([None, "o/app", "p/app"]),
    ),
)
NAMES = st.text(alphabet="abx_-1.", min_size=1, max_size=5).filter(lambda name: name[0] != ".")
PARENTS = st.one_of(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join).filter(is_path),
    st.sampled_from(["app", "app_x", "x" * 100, "x" * 99 + "y", f"team/{'x' * 99}y", "f" * 100 + "/app"]),
)


def branch(name: str, repository: str | None = None) -> CopyKey:
    return CopyKey(CopyKind.BRANCH, name, repository)


def pull_request(number: int, repository: str | None = None) -> CopyKey:
    return CopyKey(CopyKind.PULL_REQUEST, str(number), repository)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (pull_request(25), "team/app_pr25"),
        (branch("release/1.2"), "team/app_release-1-2"),
        (branch("v1.2.x"), "team/app_v1-2-x"),
        (branch("1.2"), "team/app_1-2"),
        (branch("develop"), "team/app_develop"),
        (branch("fix-the-parser"), "team/app_fix-the-parser"),
        (branch("hotfix/v2.10.3"), "team/app_hotfix-v2-10-3"),
    ],
)
def test_usual_names_are_plain(key: CopyKey, path: str) -> None:
    assert copy_paths("team/app", key)[0] == path


def test_names_that_look_alike_keep_apart() -> None:
    """The one whose name needed no change is plain, the others have a digest; whichever comes first."""
    alike = ["a-b", "a/b", "a_b", "a.b", "a--b", "-a-b", "a-b/"]
    paths = [copy_paths("app", branch(name))[0] for name in alike]

    assert paths[0] == "app_a-b"
    assert all(path.startswith("app_a-b.") for path in paths[1:])
    assert len(set(paths)) == len(alike)


def test_a_branch_is_not_taken_for_a_pull_request() -> None:
    assert copy_paths("app", branch("pr25"))[0] != copy_paths("app", pull_request(25))[0]


def test_repositories_of_the_same_name_keep_apart() -> None:
    """Two forks of one project may be linked to the same job."""
    keys = [pull_request(25), pull_request(25, "one/app"), pull_request(25, "two/app")]
    paths = {copy_paths("app", key)[0] for key in keys}

    assert len(paths) == 3
    assert all(path.startswith(("app_pr25", "app_app-pr25.")) for path in paths)


def test_case_of_a_repository_is_no_difference() -> None:
    """GitHub takes `Owner/Name` and `owner/name` for one."""
    assert copy_paths("app", branch("x", "Own/App"))[0].endswith(copy_paths("app", branch("x", "own/app"))[0][-8:])
    assert str(branch("x", "Own/App")) == str(branch("x", "own/app"))


@settings(deadline=None)
@given(PARENTS, KEYS)
def test_every_name_is_a_safe_path(parent: str, key: CopyKey) -> None:
    for path in copy_paths(parent, key):
        assert is_path(path)
        assert len(path) <= len(parent) + 101
        assert path.rpartition("/")[0] == parent.rpartition("/")[0]


@settings(deadline=None)
@given(PARENTS, KEYS, PARENTS, KEYS)
def test_no_two_copies_have_one_name(parent: str, key: CopyKey, other_parent: str, other: CopyKey) -> None:
    assume((parent, str(key)) != (other_parent, str(other)))

    assert not set(copy_paths(parent, key)) & set(copy_paths(other_parent, other))


@settings(deadline=None)
@given(BRANCHES, BRANCHES)
def test_no_two_branches_of_a_job_have_one_name(one: str, other: str) -> None:
    assume(one != other)

    assert copy_paths("app", branch(one))[0] != copy_paths("app", branch(other))[0]


@settings(deadline=None)
@given(KEYS)
def test_keys_are_read_as_they_were_written(key: CopyKey) -> None:
    assert read_copy_key(str(key)) == key


def test_globs_choose_branches() -> None:
    assert is_wanted(("release/*", "main"), "release/1.2")
    assert not is_wanted(("release/*",), "release/1.2/hotfix")
    assert is_wanted(("**", "!dependabot/**"), "feature/x")
    assert not is_wanted(("**", "!dependabot/**"), "dependabot/npm/x")
    assert is_wanted(("!wip/*",), "main")
    assert not is_wanted((), "main")


def test_the_default_branch_is_built_by_the_job_itself() -> None:
    link = Link(CopyKind.BRANCH)

    assert copy_of_branch(link, "main", "main") is None
    assert copy_of_branch(link, "next", "main") == branch("next")
    assert copy_of_branch(Link(CopyKind.BRANCH, repository="fork/app"), "main", "main") == branch("main", "fork/app")


def test_links_are_of_one_kind_and_of_their_globs() -> None:
    pulls = Link(CopyKind.PULL_REQUEST, ("main",))

    assert copy_of_pull_request(pulls, 25, "main") == pull_request(25)
    assert copy_of_pull_request(pulls, 25, "next") is None
    assert copy_of_branch(pulls, "next", "main") is None
    assert copy_of_pull_request(Link(CopyKind.BRANCH), 25, "main") is None


def test_folders_from_the_root_down() -> None:
    assert folders_of("team/sub/app") == ["", "team", "team/sub"]
    assert folders_of("app") == [""]


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a b", "a/builds", "x/" * 10 + "x", "a\n"]
)
def test_paths_that_are_none(path: str) -> None:
    """S16: names become folders and addresses."""
    with pytest.raises(UnprocessableError):
        check_path(path)
