"""`hubwright import` as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import run
from hubwright.domain.recipe import read_recipe

WORKFLOW = "jobs: {a: {runs-on: ubuntu-latest, steps: [{uses: x/y@v1}, {run: make}]}}\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "ci.yml").write_text(WORKFLOW)
    return tmp_path


def test_the_usual_file_is_found_and_what_is_missing_goes_to_stderr(clone: Path) -> None:
    """A recipe on stdout, so that it can be piped; notes as compilers write them."""
    done = run(None, "import", "gha", cwd=clone)
    assert done.returncode == 0
    assert read_recipe(done.stdout, "f").stages[0].run == "make"
    assert ".github/workflows/ci.yml:1: the action x/y is left out: say with a command what it does\n" in done.stderr


def test_a_file_that_is_there_is_replaced_only_by_force(clone: Path) -> None:
    """Nobody loses a recipe by a second try."""
    assert run(None, "import", "gha", "-o", ".hubwright.yml", cwd=clone).returncode == 0
    (clone / ".hubwright.yml").write_text("mine")
    refused = run(None, "import", "gha", "-o", ".hubwright.yml", cwd=clone)
    assert (refused.returncode, (clone / ".hubwright.yml").read_text()) == (2, "mine")
    assert "--force" in refused.stderr
    assert run(None, "import", "gha", "-o", ".hubwright.yml", "--force", cwd=clone).returncode == 0
    assert run(None, "lint", cwd=clone).returncode == 0


def test_programs_get_one_document(clone: Path) -> None:
    """Recipe and notes, nothing else."""
    done = run(None, "import", "gha", "--json", cwd=clone)
    document = json.loads(done.stdout)
    assert {"line", "text"} == document["notes"][0].keys()
    assert document["recipe"].startswith("# Translated from .github/workflows/ci.yml (GitHub Actions).\n")


def test_what_can_t_be_done_is_one_clear_sentence(clone: Path) -> None:
    """Several files, none, one of another system, one that can't be read."""
    (clone / ".github" / "workflows" / "other.yml").write_text(WORKFLOW)
    assert "Which file?" in run(None, "import", "gha", cwd=clone).stderr
    assert "There is no .travis.yml here." in run(None, "import", "travis", cwd=clone).stderr
    wrong = run(None, "import", "cirrus", ".github/workflows/ci.yml", cwd=clone)
    assert (wrong.returncode, "is this a file of Cirrus CI?" in wrong.stderr) == (1, True)
    assert run(None, "import", "gha", "nowhere.yml", cwd=clone).returncode == 2
