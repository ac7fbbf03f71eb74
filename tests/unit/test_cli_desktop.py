"""Notifications of the desktop: the way that fits the system, with names from outside that can do nothing in it."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.cli import desktop
from hubwright.cli.desktop import Command, choose_command, notify
from hubwright.domain.wording import look_of

DESK = {"DISPLAY": ":0"}
HOSTILE = "-x \"; rm -rf ~' $(id) `id` \\n <b>&amp;\n\x1b[31m\u202e"


def find(name: str) -> str:
    return f"/bin/{name}"


def choose(
    platform: str, environment: Mapping[str, str] = DESK, title: str = "✓ Passed: a", text: str = "b"
) -> Command | None:
    return choose_command(platform, environment, find, title, text)


@pytest.mark.parametrize(
    ("platform", "environment", "program"),
    [
        ("linux", {"DISPLAY": ":0"}, "notify-send"),
        ("freebsd15", {"WAYLAND_DISPLAY": "wayland-0"}, "notify-send"),
        ("linux", {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1/bus"}, "notify-send"),
        ("linux", {"WSL_DISTRO_NAME": "Debian"}, "powershell.exe"),
        ("win32", {}, "powershell.exe"),
        ("darwin", {}, "osascript"),
        ("darwin", {"SSH_CONNECTION": "::1 1 ::1 22"}, None),
        ("linux", {"SSH_CONNECTION": "::1 1 ::1 22"}, None),
        ("linux", {"DISPLAY": ""}, None),
    ],
)
def test_each_system_has_its_way(platform: str, environment: Mapping[str, str], program: str | None) -> None:
    """Where no desktop can be reached there is none."""
    found = choose(platform, environment)
    assert (found.arguments[0] if found else None) == (program and find(program))


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_a_program_that_is_missing_is_not_called(platform: str) -> None:
    assert choose_command(platform, DESK, lambda _: None, "✓ a", "b") is None


@pytest.mark.parametrize(
    ("platform", "environment"), [("linux", DESK), ("darwin", {}), ("win32", {}), ("linux", {"WSL_DISTRO_NAME": "x"})]
)
def test_names_are_no_part_of_a_script(platform: str, environment: Mapping[str, str]) -> None:
    """What is run is the same whatever is told; what is told stands in arguments of its own or in the environment."""
    one, other = choose(platform, environment, "✕ a", "b"), choose(platform, environment, f"✕ {HOSTILE}", HOSTILE)
    assert one is not None
    assert other is not None
    same = [argument for argument in one.arguments if argument in other.arguments]
    told = [argument for argument in other.arguments if argument not in same] or [
        value for name, value in other.variables.items() if name != "WSLENV"
    ]
    assert len(told) == 2
    assert all("rm -rf" not in argument for argument in same)
    assert all("\n" not in one and "\x1b" not in one and "\u202e" not in one for one in told)


@given(st.text(max_size=400))
def test_a_title_is_never_an_option(title: str) -> None:
    """It begins with the sign of the state, and is bounded."""
    found = choose("linux", title=f"✕ Failed: {title}", text=title)
    assert found is not None
    *_, dashes, shown, body = found.arguments
    assert dashes == "--"
    assert shown.startswith("✕ ")
    assert len(shown) <= 300
    assert "<" not in body


def test_the_body_is_text_for_notify_send() -> None:
    """It undoes one level of backslashes, and the desktop reads what is left as markup."""
    found = choose("linux", text="a\\nb <i>&amp;</i>")
    assert found is not None
    assert found.arguments[-1] == "a\\\\nb &lt;i&gt;&amp;amp;&lt;/i&gt;"


def test_the_texts_cross_over_from_wsl() -> None:
    found = choose("linux", {"WSL_DISTRO_NAME": "Debian", "WSLENV": "A/p"}, "✓ a", "b")
    assert found is not None
    assert found.variables == {
        "HUBWRIGHT_NOTICE_TITLE": "✓ a", "HUBWRIGHT_NOTICE_TEXT": "b",
        "WSLENV": "A/p:HUBWRIGHT_NOTICE_TITLE:HUBWRIGHT_NOTICE_TEXT",
    }  # fmt: skip


class Terminal(io.StringIO):
    """What a person looks at, or not."""

    is_one = True

    def isatty(self) -> bool:
        return self.is_one


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """stderr of a person who sits at a desktop of Linux."""
    for name in ("WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys, "platform", "linux")
    return Terminal()


def tell(terminal: Terminal, result: str, text: str) -> None:
    with redirect_stderr(terminal):
        notify(look_of("finished", result), "octo/app #7 (main, 1a2b3c4)", text)


def _put(folder: Path, script: str) -> None:
    (folder / "notify-send").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "notify-send").chmod(0o755)


def test_a_program_is_really_run(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then no bell rings."""
    _put(tmp_path, f'printf "%s\\n" "$@" > {tmp_path}/told')
    monkeypatch.setenv("PATH", str(tmp_path))
    tell(terminal, "failure", "Mend $(touch x)")
    told = (tmp_path / "told").read_text().splitlines()
    assert told == ["--app-name=Hubwright", "--", "✕ Failed: octo/app #7 (main, 1a2b3c4)", "Mend $(touch x)"]
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("script", [None, "exit 1", "sleep 9"])
def test_the_bell_rings_where_nothing_else_tells(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    """No desktop, one that refuses, one that hangs; and where nobody sits at a terminal, nothing rings."""
    monkeypatch.setattr(desktop, "TIMEOUT", 0.1)
    if script is not None:
        _put(tmp_path, f"PATH=/usr/bin:/bin; {script}")
    monkeypatch.setenv("PATH", str(tmp_path))
    tell(terminal, "success", "b")
    assert terminal.getvalue() == "\a"
    terminal.is_one = False
    tell(terminal, "success", "b")
    assert terminal.getvalue() == "\a"
