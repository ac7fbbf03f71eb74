"""`hubwright problems`: which build is meant, and what is said of it; the same build is what an agent is told of."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import run
from hubwright.store import schema
from served import NOW, Served, served_site


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of team/app with one commit, on the branch `fix`."""
    folder = tmp_path_factory.mktemp("clone")
    for argv in (
        ["init", "-q", "-b", "fix"],
        ["remote", "add", "origin", "https://github.com/team/app.git"],
        ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "first"],
    ):
        subprocess.run(["git", *argv], cwd=folder, check=True)
    return folder


def head_of(clone: Path) -> str:
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=clone, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def hub(tmp_path: Path, clone: Path) -> Iterator[Served]:
    """Of the clone's commit one build failed and a newer one of another job passed; its branch has an older build."""
    with served_site(tmp_path) as hub:
        hub.rows.keep_job()
        hub.rows.keep_job(2, "team/docs")
        ended = {"state": "finished", "started_at": NOW, "finished_at": NOW + 9}
        hub.rows.keep_build(1, **ended, branch="fix", result="failure")
        hub.rows.keep_build(2, **ended, sha=head_of(clone), result="failure")
        hub.rows.keep_build(3, **ended, sha=head_of(clone), job_id=2, result="success")
        hub.rows.keep_build(4, **ended, branch="other", result="success")
        stage = {"name": "test", "state": "finished", "result": "failure", "exit_code": 2, "log_start": 0}
        hub.rows.keep_run(1, 2, (stage,), state="finished", result="failure")
        hub.write_log(1, b"ring.c:3: \x1b[31merror\x1b[0m: no \x07tail\n")
        problem = {"run_id": 1, "position": 0, "severity": "error", "matcher": "gcc", "file": "ring.c", "line": 3}
        hub.rows.keep(schema.problem, {**problem, "message": "no \x1b[2Jtail"})
        yield hub


def test_in_a_clone_the_failed_build_of_its_commit_is_meant(hub: Served, clone: Path) -> None:
    """Somebody who has just pushed types nothing else."""
    done = run(None, "problems", "--hub", hub.url, cwd=clone)

    assert done.returncode == 0
    assert done.stdout.startswith("✕ Failed  team/app #2")
    assert "ring.c:3: error: no" in done.stdout
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert done.stdout.rstrip().endswith("/builds/2")
    assert json.loads(run(None, "problems", "--json", "--hub", hub.url, cwd=clone).stdout)["build"] == 2


def test_a_commit_by_its_name_means_its_failed_build_too(hub: Served, clone: Path) -> None:
    for name in (head_of(clone), head_of(clone)[:8].upper()):
        assert json.loads(run(None, "problems", name, "--json", "--hub", hub.url).stdout)["build"] == 2
    assert json.loads(run(None, "problems", "3", "--json", "--hub", hub.url).stdout)["build"] == 3


def test_of_a_commit_that_failed_twice_the_other_build_is_told(hub: Served, clone: Path) -> None:
    """A second job's failure must not hide behind the first."""
    ended = {"state": "finished", "started_at": NOW, "finished_at": NOW + 9}
    hub.rows.keep_build(5, **ended, sha=head_of(clone), job_id=2, result="error", problem="No \x1bbuild file.")
    done = run(None, "problems", "--hub", hub.url, cwd=clone)

    assert "Of this commit failed also team/app #2: build 2." in done.stderr
    assert "No ␛build file." in done.stdout


def test_a_commit_that_was_not_built_is_told_and_its_branch_stands_in(hub: Served, tmp_path: Path, clone: Path) -> None:
    """What is local only can't have a build; which one is shown instead has to be said."""
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "-q", str(clone), str(other)], check=True)
    for argv in (
        ["remote", "set-url", "origin", "git@github.com:team/app.git"],
        ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "second"],
    ):
        subprocess.run(["git", *argv], cwd=other, check=True)
    done = run(None, "problems", "--json", "--hub", hub.url, cwd=other)

    assert json.loads(done.stdout)["build"] == 1
    assert done.stderr == f"Commit {head_of(other)[:7]} has no build; this is the newest of fix.\n"


def test_only_a_stage_or_a_platform_and_the_exit_code(hub: Served, clone: Path) -> None:
    """As `status` does, the exit code tells the build's end only when asked."""
    asked = ("problems", "2", "--hub", hub.url)

    assert json.loads(run(None, *asked, "--json", "--stage", "other").stdout)["stages"] == []
    assert json.loads(run(None, *asked, "--json", "--platform", "linux").stdout)["stages"] != []
    assert run(None, *asked, "--exit-status").returncode == 5
    green = run(None, "problems", "4", "--exit-status", "--hub", hub.url)
    assert (green.returncode, green.stdout) == (0, "")
    assert green.stderr.startswith("Nothing has failed in team/app #4")
