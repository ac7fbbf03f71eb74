"""`hubwright lint`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hubwright.cli.lint import lint
from recipe_samples import FULL, SMALLEST

BAD = "stage:\n- test: make\n"
WORDS = "unknown key 'stage' in the file, did you mean 'stages'?"


@pytest.fixture
def bad(tmp_path: Path) -> str:
    file = tmp_path / "bad.yml"
    file.write_text(BAD)
    return str(file)


def run(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(lint, arguments, input=stdin, catch_exceptions=False)


def test_a_good_file_is_silent(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(SMALLEST)

    result = run(str(tmp_path / "a.yml"))

    assert (result.exit_code, result.output) == (0, "")


def test_of_a_folder_its_build_file_is_meant(tmp_path: Path) -> None:
    (tmp_path / ".hubwright.yml").write_text(BAD)

    result = run(str(tmp_path))

    assert result.exit_code == 1
    assert result.output.startswith(f"{tmp_path / '.hubwright.yml'}:1:1: ")


def test_the_default_is_the_file_of_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".hubwright.yml").write_text(BAD)
    monkeypatch.chdir(tmp_path)

    result = run()

    assert result.exit_code == 1
    assert result.stdout.startswith(f".hubwright.yml:1:1: {WORDS}\n")


def test_each_problem_is_a_line(bad: str) -> None:
    result = run(bad)

    assert result.exit_code == 1
    assert result.stdout == f"{bad}:1:1: {WORDS}\n{bad}:1:1: the file must have the key `stages`\n"


def test_a_file_may_come_by_standard_input() -> None:
    result = run("-", stdin=BAD)

    assert result.exit_code == 1
    assert result.stdout.startswith("<stdin>:1:1: ")


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"]])
def test_json_is_one_list(bad: str, option: list[str]) -> None:
    result = run(bad, *option)

    assert result.exit_code == 1
    assert json.loads(result.stdout)[0] == {"file": bad, "line": 1, "column": 1, "level": "error", "message": WORDS}


def test_json_of_a_good_file_is_an_empty_list() -> None:
    assert json.loads(run("-", "--json", stdin=SMALLEST).stdout) == []


def test_github_shows_problems_on_the_file(bad: str) -> None:
    assert run(bad, "--format", "github").stdout.startswith(f"::error file={bad},line=1,col=1::{WORDS}\n")


def test_nothing_in_a_file_makes_further_workflow_commands() -> None:
    """S15: what a file says is escaped as GitHub asks."""
    result = run("-", "--format", "github", stdin='"a%0A::error::x\\n::error::y": 1')

    assert all(line.startswith("::error file=<stdin>,line=1") for line in result.stdout.splitlines())
    assert "a%250A" in result.stdout


def test_warnings_are_told_and_do_not_fail() -> None:
    result = run("-", stdin=FULL)

    assert result.exit_code == 0
    assert "<stdin>:20:1: warning: `notify` is not carried out yet" in result.stdout


def test_a_file_of_any_size_is_answered() -> None:
    assert "too large" in run("-", stdin=b"#" * 10_000_000).stdout


@pytest.mark.parametrize("file", ["nothing.yml", "."])
def test_what_cannot_be_read_is_a_usage_error(file: str) -> None:
    assert run(file).exit_code == 2
