"""The example projects build, as a newcomer would try them: with `hubwright run`, on a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hubwright", "run", "-C", str(folder), *arguments],
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLES / request.param, tmp_path / "copy")


@pytest.mark.parametrize("copy", ["c-make"], indirect=True)
def test_the_c_program_builds_tests_and_packs(copy: Path) -> None:
    done = run(copy, "--matrix", "cc=gcc")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 tests passed" in done.stderr
    assert (copy / "wordcount.tar.gz").exists()


@pytest.mark.parametrize("copy", ["c-make"], indirect=True)
def test_the_c_programs_tests_can_fail(copy: Path) -> None:
    """A test that can't fail teaches nothing."""
    source = copy / "wordcount.c"
    source.write_text(source.read_text().replace("inside = 0;", "inside = 1;"))

    done = run(copy, "--matrix", "cc=gcc")

    assert done.returncode == 5
    assert "1 of 3 tests passed" in done.stderr


@pytest.mark.parametrize("copy", ["python"], indirect=True)
def test_the_python_package_is_tested(copy: Path) -> None:
    """Its stage `test`; what the stage before it installs from the network is this Python's pytest here."""
    pytest_here = copy / ".venv" / "bin" / "pytest"
    pytest_here.parent.mkdir(parents=True)
    pytest_here.write_text(f'#!/bin/sh\nexec {sys.executable} -m pytest -p no:cacheprovider "$@"\n')
    pytest_here.chmod(0o755)

    done = run(copy, "test")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 of 7 tests passed" in done.stderr
