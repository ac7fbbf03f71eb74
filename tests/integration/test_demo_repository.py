"""The bundled project: the same everywhere, and one commit of it is red on purpose."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hubwright.domain.recipe import read_recipe
from hubwright.errors import SourceError
from hubwright.hub.demo import BRANCH, HISTORY, make_demo_repository

RED = "3-quotes"


def git(*arguments: str | Path) -> str:
    return subprocess.run(["git", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def test_the_history_is_the_same_on_every_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's git settings (templates, hash, default branch) must not change the ids that pages and docs may name."""
    settings = tmp_path / "gitconfig"
    settings.write_text("[init]\n defaultBranch = trunk\n defaultObjectFormat = sha256\n[user]\n name = Somebody\n")
    first = make_demo_repository(tmp_path / "one")

    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    second = make_demo_repository(tmp_path / "two")

    assert first.commits == second.commits
    assert len(first.commits) == len(HISTORY)
    assert all(len(sha) == 40 for sha in first.commits)
    assert second.branch == BRANCH


def test_making_it_again_keeps_what_is_there(tmp_path: Path) -> None:
    """`hubwright up` calls this at every start with an empty database."""
    first = make_demo_repository(tmp_path)
    inode = first.path.stat().st_ino

    assert make_demo_repository(tmp_path) == first
    assert first.path.stat().st_ino == inode
    assert [entry.name for entry in first.path.parent.iterdir()] == ["demo.git"]
    git("-C", first.path, "fsck", "--strict")


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    """A full or read-only disk at the first start is told, not dumped."""
    (tmp_path / "hubwright").write_text("a file in the way")

    with pytest.raises(SourceError, match="demo project can't be made"):
        make_demo_repository(tmp_path)


def test_every_commit_builds_but_the_one_that_is_wrong_on_purpose(tmp_path: Path) -> None:
    """Both colours must show on the first page: the tests fail at one commit and pass at the others."""
    demo = make_demo_repository(tmp_path)
    tree = tmp_path / "tree"
    git("clone", "--quiet", demo.path, tree)

    verdicts = {}
    for (folder, _), sha in zip(HISTORY, demo.commits, strict=True):
        git("-C", tree, "checkout", "--quiet", sha)
        subprocess.run(["make", "--quiet", "clean", "all"], cwd=tree, check=True, capture_output=True)
        done = subprocess.run(["make", "--quiet", "check"], cwd=tree, check=False, capture_output=True)
        verdicts[folder] = done.returncode == 0

    assert verdicts == {folder: folder != RED for folder, _ in HISTORY}


def test_its_recipe_is_an_example_without_a_warning(tmp_path: Path) -> None:
    """It is the first recipe that people copy from."""
    demo = make_demo_repository(tmp_path)

    recipe = read_recipe(git("-C", demo.path, "show", f"{BRANCH}:.hubwright.yml"), ".hubwright.yml")

    assert [stage.name for stage in recipe.stages] == ["compiler", "build", "test", "package"]
    assert not recipe.warnings
