"""`hubwright job` and `config show --job` against a served site: definitions from files, origins, versions, links."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from command_line import Done, run
from served import Served, served_site

Ask = Callable[..., Done]

APP = """\
title: The app
repository: ann/app
environment: {PYTHON: 1.10}
timeout: 20m
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A site without jobs."""
    with served_site(tmp_path) as served:
        yield served


@pytest.fixture
def ask(hub: Served) -> Ask:
    """A command, asked by one who may write."""

    def ask(*arguments: str, code: int = 0) -> Done:
        done = run(None, *arguments, more={"HUBWRIGHT_URL": hub.url, "HUBWRIGHT_TOKEN": "admin-secret"})
        assert done.returncode == code, (arguments, done.stderr)
        return done

    return ask


def test_a_definition_comes_from_a_file_and_goes_back_into_one(ask: Ask, tmp_path: Path) -> None:
    """S: what is kept in git must be what the hub has, `1.10` too."""
    file = tmp_path / "app.yml"
    file.write_text(APP)
    assert "version 1" in ask("job", "set", "team/app", "-f", str(file)).stderr
    written = ask("job", "show", "team/app", "--yaml").stdout
    (tmp_path / "again").write_text(written)
    assert "version 1" in ask("job", "set", "team/app", "-f", str(tmp_path / "again")).stderr
    assert json.loads(ask("job", "show", "team/app", "--json").stdout)["definition"] == {
        "title": "The app",
        "repository": "ann/app",
        "environment": {"PYTHON": "1.10"},
        "timeout": 1200,
    }


def test_standard_input_says_what_a_folder_says(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"environment: {CC: clang}\ncommits: head\n")))
    ask("job", "set", "team/", "-f", "-")
    ask("job", "set", "team/app", "environment.CXX=1.10", "enabled=false", "--repo", "ann/app")
    shown = ask("job", "show", "team/app", "--origin").stdout
    lines = [line.split() for line in shown.splitlines()]
    assert ["environment.CC", "=", "clang", "(folder", "team)"] in lines
    assert ["environment.CXX", "=", "1.10", "(job", "team/app)"] in lines
    assert ["enabled", "=", "false", "(job", "team/app)"] in lines
    assert ["timeout", "=", "3600", "(default)"] in lines
    same = ask("config", "show", "--job", "team/app", "--origin").stdout
    assert same.splitlines() == shown.splitlines()[1:]
    assert 'commits = "head"' in ask("job", "show", "team/").stdout
    assert ask("job", "ls", "--direct").stdout.split() == ["team/"]
    ask("job", "set", "team/", "commits=null", "--reason", "as the hub")
    assert "as the hub" in ask("job", "versions", "team/").stdout


def test_what_is_wrong_is_told_line_by_line(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "app.yml"
    file.write_text("repository: ann/app\ntimeot: 5\npriority: 1000\n")
    told = ask("job", "set", "team/app", "-f", str(file), code=1).stderr
    assert "line 2, #/timeot: unknown key" in told
    assert "line 3, #/priority" in told
    ask("job", "set", "team/app", code=2)
    ask("job", "set", "team/app", "a=1", "-f", str(file), code=2)
    ask("job", "set", "team/app", "-f", str(tmp_path / "none"), code=1)


def test_versions_are_listed_compared_and_restored(ask: Ask) -> None:
    ask("job", "set", "team/app", "timeout=1", "--repo", "ann/app")
    ask("job", "set", "team/app", "timeout=2", "platforms=linux", "--reason", "slow")
    first, second = ask("job", "versions", "team/app").stdout.splitlines()
    assert first.startswith("2  2026-")
    assert first.endswith("admin token  ~/timeout +/platforms  slow")
    assert second.startswith("1 ")
    assert "- 1\n+ 2\n" in ask("job", "diff", "team/app").stdout
    assert json.loads(ask("job", "diff", "team/app", "--from", "0", "--to", "1", "--json").stdout)["to"] == 1
    assert "version 3" in ask("job", "restore", "team/app", "1").stderr
    assert "timeout = 1\n" in ask("job", "show", "team/app").stdout


def test_links_are_made_shown_and_removed_and_the_job_after_them(ask: Ask) -> None:
    ask("job", "set", "team/app", "timeout=1", "--repo", "ann/app")
    shown = ask("job", "link", "team/app", "--of", "branches", "--of", "pull-requests", "--glob", "release/*").stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["ann/app", "branches", "release/*"],
        ["ann/app", "pull", "requests", "release/*"],
    ]
    ask("job", "link", "team/app", "--of", "branches", "--remove")
    assert "branches" not in ask("job", "link", "team/app").stdout
    ask("job", "link", "team/app", "--remove", code=2)
    assert ask("job", "ls", "team/app", "--copies").stdout == ""
    ask("job", "rm", "team/", code=1)
    ask("job", "rm", "team/app")
    ask("job", "rm", "team/")
    ask("job", "show", "team/app", code=1)
