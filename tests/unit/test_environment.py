"""The variables of a build: each that is documented, and no value that keeps a program from starting."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hubwright.domain.builds import Wanted
from hubwright.domain.environment import MOST, Place, build_environment

PLACE = Place(
    job="team/app", repository="octo/hello", clone_url="https://github.com/octo/hello.git", default_branch="main",
    number=12, build_id=345, build_url="https://ci.example.org/builds/345", system_url="https://ci.example.org",
    version="1.2",
)  # fmt: skip
PUSH = Wanted(
    sha="a" * 40, ref="refs/heads/main", event="push", trigger="t", message="Fix",
    author_name="Ada", author_login="ada", branch="main", before="b" * 40, timestamp="2026-01-01T00:00:00Z",
)  # fmt: skip
PULL_REQUEST = replace(
    PUSH, event="pull_request", ref="refs/pull/7/head", branch="topic", target_branch="main", pull_request=7
)
TAG = replace(PUSH, event="tag", ref="refs/tags/v1", branch=None, tag="v1")


def test_a_push() -> None:
    env = build_environment(PLACE, PUSH)
    assert env == {
        "CI": "true", "CONTINUOUS_INTEGRATION": "true", "HUBWRIGHT": "true",
        "CI_REPO": "octo/hello", "CI_REPO_OWNER": "octo", "CI_REPO_NAME": "hello",
        "CI_REPO_URL": "https://github.com/octo/hello", "CI_REPO_CLONE_URL": "https://github.com/octo/hello.git",
        "CI_REPO_DEFAULT_BRANCH": "main", "CI_COMMIT_SHA": "a" * 40, "CI_COMMIT_SHORT_SHA": "aaaaaaa",
        "CI_COMMIT_REF": "refs/heads/main", "CI_COMMIT_REF_NAME": "main", "CI_COMMIT_BRANCH": "main",
        "CI_COMMIT_MESSAGE": "Fix", "CI_COMMIT_AUTHOR": "ada", "CI_PREV_COMMIT_SHA": "b" * 40,
        "CI_PIPELINE_NUMBER": "12", "CI_PIPELINE_ID": "345", "CI_PIPELINE_EVENT": "push",
        "CI_PIPELINE_URL": "https://ci.example.org/builds/345", "CI_JOB_NAME": "team/app",
        "CI_SYSTEM_NAME": "hubwright", "CI_SYSTEM_URL": "https://ci.example.org", "CI_SYSTEM_VERSION": "1.2",
        "CI_FORGE_TYPE": "github", "CI_FORGE_URL": "https://github.com", "SOURCE_DATE_EPOCH": "1767225600",
        "GITHUB_SHA": "a" * 40, "GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main",
        "GITHUB_REPOSITORY": "octo/hello", "GITHUB_EVENT_NAME": "push", "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "345", "GITHUB_RUN_NUMBER": "12",
    }  # fmt: skip


def test_a_pull_request_names_both_branches() -> None:
    env = build_environment(PLACE, PULL_REQUEST)
    assert (env["CI_COMMIT_PULL_REQUEST"], env["CI_COMMIT_SOURCE_BRANCH"], env["CI_COMMIT_TARGET_BRANCH"]) == (
        "7", "topic", "main",
    )  # fmt: skip
    assert (env["GITHUB_HEAD_REF"], env["GITHUB_BASE_REF"], env["CI_COMMIT_BRANCH"]) == ("topic", "main", "main")


def test_a_tag_is_a_push_to_github_and_a_tag_to_us() -> None:
    env = build_environment(PLACE, TAG)
    assert (env["CI_COMMIT_TAG"], env["CI_PIPELINE_EVENT"], env["GITHUB_EVENT_NAME"]) == ("v1", "tag", "push")
    assert "CI_COMMIT_BRANCH" not in env


def test_tools_do_not_look_for_githubs_own_services() -> None:
    assert "GITHUB_ACTIONS" not in build_environment(PLACE, PUSH)


@pytest.mark.parametrize("timestamp", [None, "yesterday", "", "0001-01-01T00:00:00", "2026-13-01T00:00:00Z"])
def test_a_time_that_is_none_is_left_out(timestamp: str | None) -> None:
    assert "SOURCE_DATE_EPOCH" not in build_environment(PLACE, replace(PUSH, timestamp=timestamp))


def test_a_program_starts_whatever_the_commit_says() -> None:
    """Linux refuses a variable over 128 KiB and one with a NUL; a commit's message is anybody's."""
    message = "\0" + "\U0001f600" * 500_000
    env = build_environment(PLACE, replace(PUSH, message=message))
    assert len(env["CI_COMMIT_MESSAGE"]) == MOST
    subprocess.run(["true"], env=env, check=True)


def test_every_variable_is_documented() -> None:
    """Of all events; `docs/` is where people look."""
    words = " ".join(path.read_text() for path in (Path(__file__).parents[2] / "docs").rglob("*.md"))
    documented = set(re.findall(r"[A-Z][A-Z_]{2,}", words)) | {"CI"}
    names = {name for wanted in (PUSH, PULL_REQUEST, TAG) for name in build_environment(PLACE, wanted)}
    assert names - documented == set()
