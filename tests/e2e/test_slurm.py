"""`hubwright builder --via slurm` against a real Slurm: munged, slurmctld, slurmd."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import servers
from fake_github import FakeGitHub
from hub_process import HubProcess, Make, Program
from machine_processes import kill_leftovers
from separate_builder import new_token
from slurm_server import PLACES
from waiting import until


@pytest.fixture(scope="module")
def slurm() -> dict[str, str]:
    """The environment of Slurm's commands."""
    return {"SLURM_CONF": servers.url_of("slurm"), "PATH": os.environ["PATH"]}


@pytest.fixture
def alone(github: FakeGitHub, folder: Path) -> Iterator[HubProcess]:
    """A hub without a builder."""
    with HubProcess(folder, ("hub",), github=github, settings={"BUILDERS__HEARTBEAT": "1"}) as hub:
        yield hub


@contextlib.contextmanager
def feeding(
    hub: HubProcess, folder: Path, slurm: dict[str, str], token: str, name: str, *options: str
) -> Iterator[Program]:
    """The feeder as a process; its jobs are gone afterwards."""
    line = ("builder", "--via", "slurm", "--hub", hub.url, "--work-dir", str(folder / name), "--name", name)
    more = ("--executor", "process", "--idle-exit", "20", "--platform", "toy")
    program = Program(
        folder, name, (*line, *more, *options), {**slurm, "HOME": str(folder), "HUBWRIGHT_BUILDER_TOKEN": token}
    )
    program.begin()
    try:
        yield program
    finally:
        program.kill()
        key = (folder / name / "instance").read_text()[:12]
        subprocess.run(["scancel", f"--name=hubwright-{key}"], env=slurm, check=False)
        kill_leftovers(folder)


def jobs_of(slurm: dict[str, str]) -> dict[str, str]:
    """The jobs that have not ended, with their states."""
    argv = ["squeue", "--noheader", "--format=%A %T"]
    said = subprocess.run(argv, env=slurm, capture_output=True, text=True, check=True).stdout
    return dict(line.split() for line in said.splitlines() if line.split()[1] in {"PENDING", "RUNNING"})


def states_of(slurm: dict[str, str]) -> list[str]:
    return sorted(jobs_of(slurm).values())


def test_as_many_jobs_as_runs_wait_also_after_a_crash_and_none_in_vain(
    alone: HubProcess, folder: Path, slurm: dict[str, str], make: Make
) -> None:
    """Up to the limit; a feeder that was killed finds its jobs again; what nobody needs any more is cancelled; the
    token is in no command line, environment or script of a job; and every build ends green on a builder of its own."""
    gate = folder / "gate"
    script = f"while ! test -e {gate}; do sleep 0.05; done"
    repository = make({".hubwright.yml": f"platforms: [toy]\nstages:\n- hold: {script}\n"})
    token = new_token(alone, "cluster")
    for number in range(PLACES + 3):
        alone.deliver("push", repository.push({"n": str(number)}))
    until(lambda: len(alone.get("queue")["items"]) == PLACES + 3, 30, "the queue")
    with feeding(alone, folder, slurm, token, "tin", "--slots", str(PLACES + 2)) as feeder:
        until(lambda: states_of(slurm) == ["PENDING"] * 2 + ["RUNNING"] * PLACES, 60, "the jobs")
        until(lambda: len(alone.get("queue")["items"]) == 3, 60, "the runs to be taken")
        check_secrets(folder, slurm, token)

        before = jobs_of(slurm)
        feeder.kill()
        feeder.begin()
        waiting = [item["build"] for item in alone.get("queue")["items"]]
        for build in waiting[-2:]:  # one waits for a place in the cluster, and one more than there may be jobs
            alone.post(f"builds/{build}/cancel")
        until(lambda: states_of(slurm) == ["PENDING"] + ["RUNNING"] * PLACES, 60, "the spare job to be cancelled")
        assert set(jobs_of(slurm)) < set(before)
        assert "jobs_cancelled" in feeder.said

        gate.touch()
        builds = alone.finished(repository, PLACES + 3, 90)
        names = [run["builder"] for build in builds for run in build["runs"] if build["result"] == "success"]
        assert sorted(names) == sorted(f"tin-{number}" for number in jobs_of_names(before, names))
        assert len(set(names)) == PLACES + 1
        until(lambda: jobs_of(slurm) == {}, 60, "the jobs to end")
        assert feeder.stop() == 0
        assert not list(Path("/tmp").glob("hubwright-[0-9]*"))


def jobs_of_names(before: dict[str, str], names: list[str]) -> list[str]:
    """The numbers of the jobs that took runs: all are among those that were there before the crash."""
    numbers = [name.removeprefix("tin-") for name in names]
    assert set(numbers) <= set(before)
    return numbers


def check_secrets(folder: Path, slurm: dict[str, str], token: str) -> None:
    """What everybody may read of the jobs and their processes has no token; the file that has it is its owner's."""
    for number in jobs_of(slurm):
        for argv in (["scontrol", "show", "job", number], ["scontrol", "write", "batch_script", number, "-"]):
            said = subprocess.run(argv, env=slurm, capture_output=True, text=True, check=True).stdout
            assert "tin" in said or "hubwright" in said
            assert token not in said
    seen = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            environment = process.environ()
            if "SLURM_JOB_ID" in environment:
                seen += 1
                assert token not in " ".join(process.cmdline())
                assert token not in str(environment)
    assert seen >= PLACES
    kept = folder / "tin" / "token"
    assert kept.read_text() == token
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_refused_job_is_told_in_slurms_words_and_not_tried_without_end(
    alone: HubProcess, folder: Path, slurm: dict[str, str], make: Make
) -> None:
    """What the operator has said of jobs is Slurm's to judge; a name that a job needs is quoted, whatever it is."""
    repository = make({".hubwright.yml": "platforms: [toy]\nstages:\n- go: true\n"})
    token = new_token(alone, "cluster")
    alone.deliver("push", repository.push_payload())
    with feeding(alone, folder, slurm, token, "tin", "--submit-option=--partition=nowhere") as feeder:
        until(lambda: "submit_refused" in feeder.said, 60, "the refusal")
        assert "invalid partition specified: nowhere" in feeder.said or "Invalid partition name" in feeder.said
        assert feeder.is_running()
        assert feeder.stop() == 0
        assert jobs_of(slurm) == {}


@pytest.mark.parametrize(
    ("environment", "code", "words"),
    [
        ({"PATH": "/nowhere"}, 1, "is Slurm installed here?"),
        ({"SLURM_CONF": "/dev/null"}, 1, "squeue: "),
    ],
)
def test_who_has_no_slurm_is_told_at_once(
    folder: Path, slurm: dict[str, str], environment: dict[str, str], code: int, words: str
) -> None:
    line = ("builder", "--via", "slurm", "--hub", "http://127.0.0.1:9", "--work-dir", str(folder / "tin"))
    program = Program(folder, "tin", line, {**slurm, **environment, "HUBWRIGHT_BUILDER_TOKEN": "x"})
    program.begin()
    assert program.process is not None
    assert program.process.wait(60) == code
    assert words in program.said
