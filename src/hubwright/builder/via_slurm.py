"""Slurm as a source of builders: its commands, what they print, and the script of a job.

Slurm knows our jobs by their name, so nothing of them is kept here, and a restart finds them all again.
https://slurm.schedmd.com/sbatch.html, https://slurm.schedmd.com/squeue.html, https://slurm.schedmd.com/scancel.html
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hubwright.builder.via_plan import Job, Stage
from hubwright.errors import ClusterError

PATIENCE = 60.0
"""Seconds that a command may take; Slurm's own limit for its messages is 10."""

KEPT_OUTPUTS = 200
"""Files of what jobs said that are kept, the newest."""

_LEFT = "/tmp"  # noqa: S108  on a node, where Slurm tells no better place; the folder below is the job's own
_STAGES = {
    "PENDING": Stage.WAITING,
    "CONFIGURING": Stage.STARTING,
    "RUNNING": Stage.STARTING,
    "SUSPENDED": Stage.STARTING,
    "STOPPED": Stage.STARTING,
}
"""States that count; those not named are ends: https://slurm.schedmd.com/squeue.html#SECTION_JOB-STATE-CODES."""

_SCRIPT = """#!/bin/sh
# A builder for one run, submitted by `hubwright builder --via slurm`. It holds no secret: the token is in a file.
umask 077
PATH={path}
export PATH
work="${{SLURM_TMPDIR:-${{TMPDIR:-{left}}}}}/hubwright-$SLURM_JOB_ID"
mkdir -m 711 "$work"
trap : TERM INT
{command} --name {name}-"$SLURM_JOB_ID" --work-dir "$work"
code=$?
rm -rf "$work"
exit $code
"""


@dataclass(frozen=True, kw_only=True)
class SlurmJobs:
    """Of what kind the jobs are. `key` tells them from those of others, `name` begins their builders' names.

    `command` starts a builder without name and work folder; `options` are the operator's for sbatch. In `outputs` the
    cluster's machines write what jobs say: they reach it under the same path.
    """

    key: str
    name: str
    command: Sequence[str]
    options: Sequence[str]
    outputs: Path


class Slurm:
    """The cluster. Its commands see nothing of our settings: they give jobs their environment."""

    def __init__(self, jobs: SlurmJobs, environment: Mapping[str, str]) -> None:
        self._jobs = jobs
        self._environment = {name: value for name, value in environment.items() if not name.startswith("HUBWRIGHT_")}

    async def list(self) -> list[Job]:
        """Our jobs that have not ended, oldest first. Raises ClusterError."""
        argv = ["squeue", "--me", "--noheader", "--states=all", f"--name={self._jobs.key}", "--format=%A|%T|%r"]
        return read_queue(await self._run(argv), self._jobs.name)

    async def submit(self) -> str:
        """Submit one job; its number. Raises ClusterError with Slurm's reason."""
        self._jobs.outputs.mkdir(parents=True, exist_ok=True)
        argv = [
            "sbatch",
            "--parsable",
            "--export=NONE",
            "--no-requeue",
            f"--job-name={self._jobs.key}",
            f"--output={self._jobs.outputs}/%j.log",
            f"--chdir={self._jobs.outputs}",
            *self._jobs.options,
        ]
        said = await self._run(argv, write_script(self._jobs, self._environment.get("PATH", os.defpath)))
        await asyncio.to_thread(_drop_outputs, self._jobs.outputs)
        return said.strip().partition(";")[0]

    async def cancel(self, numbers: Sequence[str]) -> None:
        """Cancel those of these jobs that have not started by now. Raises ClusterError."""
        await self._run(["scancel", "--state=PENDING", *numbers])

    async def _run(self, argv: Sequence[str], written: str = "") -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env=self._environment,
            )  # fmt: skip
        except OSError as error:
            raise ClusterError(f"{argv[0]} can't be started ({error.strerror}): is Slurm installed here?") from error
        try:
            async with asyncio.timeout(PATIENCE):
                said, faults = await process.communicate(written.encode())
        except TimeoutError:
            if process.returncode is None:  # it may have ended in that moment
                process.kill()
                await process.wait()
            raise ClusterError(f"{argv[0]} did not end within {PATIENCE:.0f} seconds.") from None
        if process.returncode:
            lines = faults.decode(errors="replace").strip().splitlines()
            raise ClusterError(f"{argv[0]}: {lines[-1] if lines else f'exit code {process.returncode}'}")
        return said.decode(errors="replace")


def read_queue(text: str, name: str) -> list[Job]:
    """The jobs that have not ended, of squeue's lines of number, state and reason; oldest first."""
    jobs = []
    for line in text.splitlines():
        number, _, rest = line.strip().partition("|")
        state, _, reason = rest.partition("|")
        if number.isdecimal() and (stage := _STAGES.get(state)) is not None:
            jobs.append(Job(id=number, builder=f"{name}-{number}", stage=stage, reason=reason))
    return sorted(jobs, key=lambda job: int(job.id))


def write_script(jobs: SlurmJobs, path: str) -> str:
    """The script of each job; `path` is where its programs are looked up."""
    quoted = {"path": shlex.quote(path), "left": _LEFT, "name": shlex.quote(jobs.name)}
    return _SCRIPT.format(command=shlex.join(jobs.command), **quoted)


def _drop_outputs(folder: Path) -> None:
    numbers = sorted(int(file.stem) for file in folder.glob("*.log") if file.stem.isdecimal())
    for number in numbers[:-KEPT_OUTPUTS]:
        (folder / f"{number}.log").unlink(missing_ok=True)
