"""Stages of job files run as they say, and a job's own commands come around any recipe."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from hubwright.domain.job_stages import add_hooks, write_recipe
from hubwright.domain.matching import Circumstances, runs_after
from hubwright.domain.planning import plan_runs
from hubwright.domain.recipe import read_recipe
from hubwright.domain.recipe_values import Stage


def step(command: str, **more: str) -> dict[str, str]:
    return {"command": command, **more}


def run_stage(stage: Stage, folder: Path) -> tuple[int, str]:
    """What the stage's script says and how it ends, in the shell that builders start."""
    environment = {"PATH": os.environ["PATH"]}
    argv = ["sh", "-eu", "-c", stage.run]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def run_stages(stages: list[dict[str, Any]], folder: Path) -> list[tuple[int, str]]:
    return [run_stage(stage, folder) for stage in read_recipe(write_recipe(stages)).stages]


def test_steps_run_in_order_and_the_hooks_around_them(tmp_path: Path) -> None:
    stage = {
        "title": "Build",
        "steps": [step("echo one", title="first"), step("echo two")],
        "on_start": ["echo start; exit 3"],
        "on_success": ["echo good", "false"],
        "on_failure": ["echo bad"],
    }

    assert run_stages([stage], tmp_path) == [(0, "start\n::group::first\none\ntwo\ngood\n")]


def test_the_first_step_that_fails_ends_the_stage(tmp_path: Path) -> None:
    """Its exit code is the stage's, whatever on_failure does."""
    stage = {
        "title": "Build",
        "steps": [step("echo one; exit 7"), step("echo two")],
        "on_success": ["echo good"],
        "on_failure": ["echo bad"],
    }

    assert run_stages([stage], tmp_path) == [(7, "one\nbad\n")]


def test_each_line_of_a_command_counts(tmp_path: Path) -> None:
    stage = {"title": "Build", "steps": [step("false\necho on"), step("echo two")]}

    assert run_stages([stage], tmp_path)[0][0] == 1


def test_an_exit_code_may_be_ignored_and_steps_do_not_see_each_other(tmp_path: Path) -> None:
    steps = [step("cd /; exit 5", ignoreExitCode="true"), step('pwd; echo "${X-unset}"')]

    assert run_stages([{"title": "Build", "steps": steps}], tmp_path) == [(0, f"{tmp_path}\nunset\n")]


def test_titles_are_no_commands(tmp_path: Path) -> None:
    """S14: a title is text for people."""
    stage = {"title": "$(id); rm -rf /", "steps": [step("true", title="'; echo evil; '"), step("true")]}

    recipe = read_recipe(write_recipe([stage, stage]))

    assert run_stage(recipe.stages[0], tmp_path) == (0, "::group::'; echo evil; '\n")
    assert [one.name for one in recipe.stages] == ["id-- rm -rf", "id-- rm -rf 2"]


def test_a_jobs_commands_come_first_and_last() -> None:
    recipe = read_recipe("stages: [{build: make}, {On Failure: echo}]")

    (run,) = plan_runs(recipe, Circumstances(event="push"), [], "linux")

    whole = [one.stage for one in add_hooks(run, ["a"], ["b"], ["c", "d"], ("TOKEN",)).stages]

    assert [stage.name for stage in whole] == ["on start", "build", "On Failure", "on success", "on failure 2"]
    assert all(stage.allow_failure and stage.secrets == ("TOKEN",) for stage in (whole[0], *whole[3:]))
    assert [stage.run for stage in whole if runs_after(stage, failed=True)] == ["c\nd"]
    assert [stage.run for stage in whole if runs_after(stage, failed=False)] == ["a", "make", "echo", "b"]
    assert add_hooks(run, [], [], []) == run
