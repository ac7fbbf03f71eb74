"""`hubwright run`: the recipe of a working copy, with a builder's own code, straight to the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from waiting import until

RECIPE = """
env: {GREETING: hello}
matrix: {color: [red, blue]}
stages:
  - build: echo $GREETING from $MATRIX_COLOR; echo made > made
  - test:
      run: echo '<testsuite><testcase name="a"/></testsuite>' > r.xml; false
      reports: r.xml
  - publish:
      run: echo published with $KEY
      secrets: [KEY]
  - sweep:
      run: echo swept
      when: {status: always}
"""


def run_here(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hubwright", "run", "-C", str(folder), *arguments],
        env=os.environ | env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / ".hubwright.yml").write_text(RECIPE)
    return tmp_path


def test_a_recipe_runs_as_in_a_build(copy: Path) -> None:
    """Output on stdout, the summary on stderr, code 5 for a failure; stages with secrets need to be named."""
    done = run_here(copy, KEY="k3y-value")

    assert done.returncode == 5
    assert "hello from red\n" in done.stdout
    assert "swept\n" in done.stdout
    assert "published" not in done.stdout
    assert "1 of 1 tests passed" in done.stderr
    assert (copy / "made").read_text() == "made\n"


def test_one_stage_and_one_point_of_the_matrix(copy: Path) -> None:
    """Named stages run whatever their rules say; secrets come from the environment and are masked."""
    build = run_here(copy, "build", "--matrix", "color=blue")
    publish = run_here(copy, "publish", KEY="k3y-value")

    assert (build.returncode, "hello from blue\n" in build.stdout, "swept" in build.stdout) == (0, True, False)
    assert (publish.returncode, "published with ***\n" in publish.stdout) == (0, True)


def test_a_project_without_a_recipe_is_detected(tmp_path: Path) -> None:
    """As the hub would."""
    (tmp_path / "Makefile").write_text("all:\n\t@echo built by $(MAKE)\n")

    done = run_here(tmp_path)

    assert done.returncode == 0
    assert "built by make" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nonsense",), "the recipe's stages are build, test, publish, sweep"),
        (("--matrix", "color=green"), "no such point"),
        (("--matrix", "color"), "AXIS=VALUE"),
    ],
)
def test_what_can_not_be_run_is_said_in_one_line(copy: Path, arguments: tuple[str, ...], says: str) -> None:
    """With what there is instead."""
    done = run_here(copy, *arguments)

    assert done.returncode in {1, 2}
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_recipe_is_told_with_its_place(tmp_path: Path) -> None:
    """As `lint` would."""
    (tmp_path / ".hubwright.yml").write_text("stagess:\n  - a: b\n")

    done = run_here(tmp_path)

    assert done.returncode == 1
    assert ".hubwright.yml:1:1: " in done.stderr


CACHED = """\
cache: {paths: ["~/.tool", deps], files: lock}
stages:
  - deps:
      run: |
        if [ -e ~/.more/two ]; then echo "has more"; fi
        if [ -e ~/.tool/one ]; then echo "has $(cat ~/.tool/one)"; fi
        mkdir -p ~/.tool ~/.more deps; cat lock > ~/.tool/one; echo more > ~/.more/two; touch deps/file
      cache: {paths: ~/.more}
  - check: test ! -e broken
"""


def test_caches_below_home_come_back(tmp_path: Path) -> None:
    """Of all stages when all succeeded, of a stage when it did; the working copy's own folders stay where they are."""
    copy, shelf = tmp_path / "copy", tmp_path / "cache"
    copy.mkdir()
    for name, text in ((".hubwright.yml", CACHED), ("lock", "v1\n"), ("broken", "")):
        (copy / name).write_text(text)

    def build(code: int) -> tuple[str, str]:
        done = run_here(copy, XDG_CACHE_HOME=str(shelf))
        assert done.returncode == code, done.stderr
        return done.stdout, done.stderr

    said, told = build(5)
    assert "has" not in said.replace("has more", "", 1).replace("has $", "")
    assert "Cache ~/.tool: nothing kept yet." in told
    assert "Cache ~/.more: kept, " in told
    assert "Cache ~/.tool: kept" not in told
    (copy / "broken").unlink()
    said, told = build(0)
    assert "\nhas more\n" in said
    assert "\nhas v1\n" not in said
    assert "Cache ~/.tool: kept, " in told
    said, told = build(0)
    assert "\nhas more\nhas v1\n" in said
    assert "Cache ~/.tool: kept, " not in told
    assert len([file for file in shelf.rglob("*") if file.is_file()]) == 2


def test_a_cache_that_can_not_be_kept_fails_nothing(copy: Path) -> None:
    """A folder that can't be written: one sentence."""
    (copy / ".hubwright.yml").write_text(CACHED)
    (copy / "lock").touch()
    (copy / "file").touch()

    done = run_here(copy, XDG_CACHE_HOME=str(copy / "file"))

    assert done.returncode == 0
    assert "Cache ~/.tool: not kept, " in done.stderr


def test_an_interrupt_ends_the_stage_and_the_program(tmp_path: Path) -> None:
    """Ctrl-C: code 130, and nothing is left running."""
    (tmp_path / ".hubwright.yml").write_text("stages:\n  - wait: touch begun; exec sleep 600.25\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "hubwright", "run", "-C", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until((tmp_path / "begun").exists)
    process.send_signal(signal.SIGINT)

    assert process.wait(20) == 130
    assert (
        "sleep 600.25" not in subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True).stdout
    )
