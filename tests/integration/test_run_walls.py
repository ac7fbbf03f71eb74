"""`hubwright run` has the executors, limits and walls of a builder: the same code, the same options."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder_process import open_folder

RECIPE = """
limits: {pids: 40}
stages:
  - many: for i in $(seq 80); do sleep 3 & done; wait
  - closed:
      network: false
      run: python3 -c 'import socket; socket.create_connection(("127.0.0.1", 1))' 2>&1 | tail -1
  - root: id -u; mount -t tmpfs none . && echo GOT it || echo refused
  - large: head -c 3000000 /dev/zero > big; wc -c < big
"""


def run_here(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hubwright", "run", "-C", str(folder), *arguments],
        env=os.environ | env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture
def copy() -> Iterator[Path]:
    with open_folder() as folder:
        (folder / ".hubwright.yml").write_text(RECIPE)
        folder.chmod(0o777)  # a sandbox of root's has another user
        yield folder


@pytest.mark.parametrize("executor", ["process", "bubblewrap"])
def test_limits_of_the_recipe_hold_here(copy: Path, executor: str) -> None:
    """Eighty processes are more than forty."""
    done = run_here(copy, "many", "--executor", executor)

    assert done.returncode == 5
    assert "fork" in (done.stdout + done.stderr).lower()


def test_a_recipe_gets_no_more_than_the_options_say(copy: Path) -> None:
    """S41, and the variable is the builder's too."""
    done = run_here(copy, "root", "--executor", "bubblewrap", HUBWRIGHT_BUILDER_PIDS="30")

    assert "The recipe asks for more processes than this builder allows: 30 it is." in done.stderr
    assert "refused" in done.stdout


@pytest.mark.parametrize(
    ("executor", "said"), [("process", "PermissionError"), ("bubblewrap", "ConnectionRefusedError")]
)
def test_a_stage_without_network_has_none_here(copy: Path, executor: str, said: str) -> None:
    """A sandbox has an empty loopback, a plain process no internet sockets at all."""
    assert said in run_here(copy, "closed", "--executor", executor).stdout


def test_the_largest_file_is_bounded_here(copy: Path) -> None:
    """Sizes as in recipes."""
    done = run_here(copy, "large", "--file-size", "1MiB")

    assert done.returncode == 5
    assert (copy / "big").stat().st_size == 1024 * 1024


def test_a_size_that_is_none_is_a_usage_error(copy: Path) -> None:
    assert run_here(copy, "--memory", "lots").returncode == 2
