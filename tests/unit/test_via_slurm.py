"""Slurm's commands when they hang, or end in the moment in which nobody waits for them any more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hubwright.builder.via_slurm import Slurm, SlurmJobs
from hubwright.errors import ClusterError


def slurm(folder: Path, squeue: str) -> Slurm:
    """A cluster whose squeue is this shell text."""
    program = folder / "squeue"
    program.write_text(f"#!/bin/sh\n{squeue}\n")
    program.chmod(0o755)
    jobs = SlurmJobs(key="ours", name="slurm", command=(), options=(), outputs=folder)
    return Slurm(jobs, {"PATH": f"{folder}:/usr/bin:/bin"})


def test_a_command_that_hangs_is_ended_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller that is away: the next look comes all the same."""
    monkeypatch.setattr("hubwright.builder.via_slurm.PATIENCE", 0.1)
    with pytest.raises(ClusterError, match="squeue did not end"):
        asyncio.run(slurm(tmp_path, "exec sleep 60").list())


def test_a_command_that_ends_when_its_time_is_over_is_no_fault_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can't be killed any more, and need not be."""
    start = asyncio.create_subprocess_exec

    async def begin(*argv: str, **more: Any) -> asyncio.subprocess.Process:
        process = await start(*argv, **more)
        communicate = process.communicate

        async def come_late(said: bytes) -> None:
            await communicate(said)
            raise TimeoutError

        monkeypatch.setattr(process, "communicate", come_late)
        return process

    monkeypatch.setattr("hubwright.builder.via_slurm.asyncio.create_subprocess_exec", begin)
    with pytest.raises(ClusterError, match="squeue did not end"):
        asyncio.run(slurm(tmp_path, "exit 0").list())
