"""Commits become trees: from real repositories, with hostile names, or with a clear reason why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder_process import hub_and_builder, scenario
from git_repositories import GitRepository
from hub_stand_in import payload
from hubwright.wire import Source


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "o" / "n.git")


def source_of(repository: GitRepository, sha: str, ref: str = "refs/heads/main") -> Source:
    return Source(repository="o/n", clone_url=f"file://{repository.path}", sha=sha, ref=ref)


@scenario
async def test_a_commit_is_checked_out_with_a_git_of_its_own(tmp_path: Path, repository: GitRepository) -> None:
    """S14: branch and file names that a shell would obey are only names; the tree is clean, as git sees it."""
    branch = 'a";touch${IFS}pwned;#'
    names = {"$(touch pwned)": "1", "--upload-pack=x": "2", "`id`;'.txt": "3", "日本": "4"}
    sha = repository.commit({**names, "run.sh": "#!/bin/sh\necho ran\n"}, branch=branch)
    script = (
        "git status --porcelain; git rev-parse HEAD; git remote get-url origin; ./run.sh; git log --format=%T; "
        "git ls-files -z | tr '\\0' '\\n'"
    )
    async with hub_and_builder(tmp_path, "--allow-file-protocol") as (hub, _):
        for run in (1, 2):  # the second time from the mirror
            given = payload({"name": "look", "run": script}, source=source_of(repository, sha, f"refs/heads/{branch}"))
            told = await hub.build(given, run=run)
            assert (await hub.result(told)).result == "success"
            output = told.log.split(b"\x1b[0m\n")[-1].decode()
            assert output.startswith(f"{sha}\nfile://{repository.path}\nran\n")
            assert set(names) <= set(output.splitlines())
    assert not (tmp_path / "pwned").exists()


@scenario
async def test_a_commit_that_no_branch_has_any_more_is_fetched_by_its_id(
    tmp_path: Path, repository: GitRepository
) -> None:
    """After a force push the commit still builds for as long as the server has it."""
    gone = repository.commit({"f": "1"})
    kept = repository.commit({"f": "2"}, branch="other")
    repository.move("main", kept)
    async with hub_and_builder(tmp_path, "--allow-file-protocol") as (hub, _):
        told = await hub.build(payload({"name": "x", "run": "cat f"}, source=source_of(repository, gone)))
        assert (await hub.result(told)).result == "success"


@scenario
async def test_sources_that_can_not_be_had_are_errors_with_a_reason(tmp_path: Path, repository: GitRepository) -> None:
    """A vanished commit, a repository that is not there, a protocol that is not allowed, a sha that is none."""
    repository.commit({"f": "1"})
    async with hub_and_builder(tmp_path, "--allow-file-protocol") as (hub, _):
        sources = {
            "no longer has commit": source_of(repository, "1" * 40),
            "can't be fetched": Source(
                repository="o/x", clone_url="file:///nowhere/x.git", sha="1" * 40, ref="refs/heads/m"
            ),
            "ext": Source(repository="o/x", clone_url="ext::sh -c touch% pwned", sha="1" * 40, ref="refs/heads/m"),
            "is not a commit id": source_of(repository, "--help"),
            "is not an address": Source(
                repository="o/x", clone_url="--upload-pack=x", sha="1" * 40, ref="refs/heads/m"
            ),
        }
        for run, (reason, source) in enumerate(sources.items(), 1):
            told = await hub.build(payload({"name": "x", "run": "true"}, source=source), run=run)
            result = await hub.result(told)
            assert result.result == "error"
            assert reason in result.detail
            assert "\n" not in result.detail
            assert told.stage_results() == {0: "skip"}


@scenario
async def test_file_addresses_need_leave(tmp_path: Path, repository: GitRepository) -> None:
    """S40: without --allow-file-protocol a repository on this machine can't be reached."""
    sha = repository.commit({"f": "1"})
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload({"name": "x", "run": "true"}, source=source_of(repository, sha)))
        result = await hub.result(told)

        assert result.result == "error"
        assert "transport 'file' not allowed" in result.detail


@scenario
async def test_what_a_source_is_fetched_with_is_never_shown(tmp_path: Path) -> None:
    """S25: git repeats the address in its complaints, password included."""
    address = "http://ada:p4ssw0rd-of-ada@127.0.0.1:9/o/n.git"
    source = Source(repository="o/n", clone_url=address, sha="1" * 40, ref="refs/heads/m", token="t0ken-of-the-hub")
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload({"name": "x", "run": "true"}, source=source))
        result = await hub.result(told)

        assert result.result == "error"
        assert "can't be fetched" in result.detail
        for secret in ("p4ssw0rd-of-ada", "t0ken-of-the-hub"):
            assert secret not in result.detail
            assert secret.encode() not in told.log
