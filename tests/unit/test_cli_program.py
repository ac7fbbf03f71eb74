"""The program itself: quick to start, exit codes that mean something, and no traceback for anybody."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from command_line import run
from hubwright import __version__
from hubwright.cli import COMMANDS, Entry, load_command, run_program
from hubwright.cli.exits import Exit, exit_of_build, exit_of_error
from hubwright.errors import HubwrightError, SettingsError, UnauthenticatedError


def started(*arguments: str) -> float:
    """CPU seconds of a Python process from start to end: they do not depend on what else runs here."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = os.times()
    return (after.children_user + after.children_system) - (before.children_user + before.children_system)


def test_version_is_told_in_both_ways() -> None:
    """People type either; scripts want JSON."""
    assert run(None, "version").stdout == f"hubwright {__version__}\n"
    assert run(None, "--version").stdout == f"hubwright {__version__}\n"
    assert json.loads(run(None, "version", "--json").stdout)["version"] == __version__


def test_a_command_starts_quickly() -> None:
    """Commands are loaded when they are called: `version` must not pay for the hub's parts (aim: 150 ms)."""
    spent = min(started("-m", "hubwright", "version") for _ in range(3))

    assert spent < 0.15 + 4 * started("-c", "pass")


def test_help_loads_no_command() -> None:
    """The list of commands must show even where a part is not installed."""
    code = "import sys; from hubwright.cli import run_program; run_program(['--help']); print(sorted(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert "hubwright.cli.hub" not in said
    for name in COMMANDS:
        assert f"\n  {name} " in said


def test_a_misspelt_command_gets_a_guess() -> None:
    """Usage errors are exit code 2, on stderr."""
    done = run(None, "statsu")

    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert "No such command 'statsu'" in done.stderr
    assert "status" in done.stderr


WITHOUT = """
import sys
sys.modules["{module}"] = None
from hubwright.cli import run_program
sys.exit(run_program(["{command}"]))
"""


@pytest.mark.parametrize(("command", "module", "extra"), [("up", "uvicorn", "hub"), ("mcp", "mcp", "mcp")])
def test_a_part_that_is_not_installed_is_named(command: str, module: str, extra: str) -> None:
    """`pip install hubwright` is a builder; who then types `hubwright up` is told what to install."""
    code = WITHOUT.format(command=command, module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == Exit.ERROR
    assert re.search(rf"`hubwright {command}` needs {module}.*hubwright\[{extra}\]", done.stderr)
    assert "Traceback" not in done.stderr


def test_a_missing_module_of_our_own_is_a_fault_and_not_a_hint() -> None:
    """It must not be blamed on the installation."""
    with pytest.raises(ModuleNotFoundError):
        load_command("x", Entry("hubwright.cli.nothing:x", ""))


@pytest.mark.parametrize(
    ("state", "result", "code"),
    [
        ("queued", None, Exit.PENDING),
        ("running", None, Exit.PENDING),
        ("finished", "success", Exit.OK),
        ("finished", "skip", Exit.OK),
        ("finished", "failure", Exit.FAILED),
        ("finished", "cancellation", Exit.CANCELLED),
        ("finished", "error", Exit.BROKEN),
        ("finished", "timeout", Exit.BROKEN),
    ],
)
def test_exit_codes_of_builds(state: str, result: str | None, code: Exit) -> None:
    """The contract's table; scripts branch on it."""
    assert exit_of_build(state, result) is code


def test_exit_codes_of_errors() -> None:
    """4 is for those who should log in, 1 for all the rest."""
    assert exit_of_error(UnauthenticatedError("x")) is Exit.NOT_AUTHENTICATED
    assert exit_of_error(SettingsError("x")) is Exit.ERROR


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (HubwrightError("It is so."), 1, "Error: It is so.\n"),
        (UnauthenticatedError("Who are you?"), 4, "Error: Who are you?\n"),
        (OSError(28, "No space left on device", "/x"), 1, "Error: [Errno 28] No space left on device: '/x'.\n"),
        (KeyboardInterrupt(), 130, "\n"),
    ],
)
def test_errors_are_one_line(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a command raises on purpose reaches a person as a sentence and a script as a code."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("hubwright.cli.version.print_json", fail)

    assert run_program(["version", "--json"]) == code
    assert capsys.readouterr().err == said


def broken(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = "import hubwright.__main__ as program; program.run_program = lambda _: 1 / 0; program.main()"
    own = {name: value for name, value in os.environ.items() if not name.startswith("HUBWRIGHT_")}
    return subprocess.run([sys.executable, "-c", code], env=own | environ, capture_output=True, text=True, check=False)


def test_a_fault_of_ours_is_one_line_unless_asked_for_more() -> None:
    """Nobody has to read a traceback unasked; who reports the fault can have it."""
    short, long = broken({}), broken({"HUBWRIGHT_DEBUG": "1"})

    assert short.returncode == 1
    assert short.stderr.startswith("Error: unexpected ZeroDivisionError: division by zero.")
    assert short.stderr.count("\n") == 1
    assert "Traceback" in long.stderr


def test_settings_errors_of_any_command_are_one_line(tmp_path: Path) -> None:
    """The commonest mistake of operators."""
    for command in (("up",), ("hub",), ("doctor",), ("token", "ls"), ("config", "show"), ("status",)):
        done = run(None, *command, more={"HUBWRIGHT_PORT": "x", "HUBWRIGHT_DATA_DIR": str(tmp_path)})
        assert (done.returncode, done.stdout) == (1, ""), command
        assert done.stderr == (
            "Error: HUBWRIGHT_PORT: 'x' can't be used; a port number from 0 (any free one) to 65535 is expected.\n"
        )


@pytest.mark.parametrize("url", ["nonsense", "ftp://host", "http://", "http://[", "http://host:port"])
def test_an_address_that_is_none_is_told(url: str, tmp_path: Path) -> None:
    """HUBWRIGHT_URL is typed by hand."""
    done = run(None, "status", more={"HUBWRIGHT_URL": url, "HUBWRIGHT_DATA_DIR": str(tmp_path)})

    assert done.returncode == 1
    assert done.stderr.startswith("Error: HUBWRIGHT_URL: ")
    assert done.stderr.count("\n") == 1


def test_config_show_masks_and_tells_origins(tmp_path: Path) -> None:
    """What people paste into a ticket holds no secret; a slip in a variable is told on stderr."""
    more = {
        "HUBWRIGHT_DATA_DIR": str(tmp_path),
        "HUBWRIGHT_GITHUB__TOKEN": "hush",
        "HUBWRIGHT_GITHUB__OWNERS": "octo,\x1b[31mevil",
        "HUBWRIGHT_PROT": "1",
    }
    done = run(None, "config", "show", "--origin", more=more)
    found = {one["name"]: one for one in json.loads(run(None, "config", "show", "--json", more=more).stdout)}

    assert done.returncode == 0
    assert "hush" not in done.stdout
    assert "\x1b" not in done.stdout
    assert "(HUBWRIGHT_GITHUB__TOKEN)" in done.stdout
    assert done.stderr == "Warning: HUBWRIGHT_PROT is no setting. Did you mean HUBWRIGHT_PORT?\n"
    assert found["github.token"]["value"] == "********"
    assert found["data_dir"] == {"name": "data_dir", "value": str(tmp_path), "origin": "HUBWRIGHT_DATA_DIR"}


def test_a_database_without_tables_is_told_with_what_to_do(tmp_path: Path) -> None:
    """`hubwright token new` before the first start."""
    done = run(None, "token", "ls", more={"HUBWRIGHT_DATA_DIR": str(tmp_path)})

    assert done.returncode == 1
    assert "hubwright db upgrade" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port at which something listens that is no hub."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


class Api(BaseHTTPRequestHandler):
    """As much of GitHub's API as doctor asks for."""

    def do_GET(self) -> None:
        self._answer(json.dumps({"resources": {"core": {"limit": 5000, "remaining": 4999}}}).encode())

    def do_HEAD(self) -> None:
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        known = self.command == "HEAD" or self.headers["Authorization"] == "Bearer good"
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: it would go to the test's stderr."""


@pytest.fixture
def api() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_doctor_names_what_is_wrong_and_how_to_mend_it(tmp_path: Path, free_port: int) -> None:
    """Each finding that is not well has a fix; exit code 1 when one of them stops the hub."""
    more = {
        "HUBWRIGHT_DATA_DIR": str(tmp_path),
        "HUBWRIGHT_HOST": "0.0.0.0",
        "HUBWRIGHT_PORT": str(free_port),
        "HUBWRIGHT_BROKER_URL": "redis://127.0.0.1:1",
        "HUBWRIGHT_GITHUB__TOKEN": "x",
        "HUBWRIGHT_GITHUB__API_URL": "http://127.0.0.1:1",
    }
    start = time.monotonic()
    done = run(None, "doctor", "--json", more=more)
    found = {one["name"]: one for one in json.loads(done.stdout)}

    assert done.returncode == 1
    assert {name for name, one in found.items() if one["verdict"] == "fail"} == {"webhooks", "broker", "github"}
    assert all(one["fix"] for one in found.values() if one["verdict"] != "ok")
    assert list(tmp_path.iterdir()) == []
    assert time.monotonic() - start < 60


def test_doctor_sees_that_another_program_has_the_port(tmp_path: Path, taken_port: int) -> None:
    """Two programs on one port is the commonest reason that nothing starts."""
    more = {"HUBWRIGHT_DATA_DIR": str(tmp_path), "HUBWRIGHT_PORT": str(taken_port), "HUBWRIGHT_EXECUTOR": "process"}

    done = run(None, "doctor", more=more)

    assert done.returncode == 1
    assert f"✕ port: another program has 127.0.0.1:{taken_port}" in done.stdout
    assert "    fix: --port N or PORT" in done.stdout


@pytest.mark.parametrize(
    ("token", "verdict", "seen"), [("good", "ok", "4999 of 5000 requests are left"), ("bad", "fail", "")]
)
def test_doctor_asks_github_with_our_token(
    tmp_path: Path, api: str, free_port: int, token: str, verdict: str, seen: str
) -> None:
    """A token that GitHub takes shows how many requests are left; one that it refuses is to be made anew."""
    more = {
        "HUBWRIGHT_DATA_DIR": str(tmp_path),
        "HUBWRIGHT_PORT": str(free_port),
        "HUBWRIGHT_EXECUTOR": "process",
        "HUBWRIGHT_GITHUB__TOKEN": token,
        "HUBWRIGHT_GITHUB__API_URL": api,
    }
    found = {one["name"]: one for one in json.loads(run(None, "doctor", "--json", more=more).stdout)}

    assert found["github"]["verdict"] == verdict, found["github"]
    assert seen in found["github"]["seen"]
    assert ("new token" in found["github"]["fix"]) is (verdict == "fail")
    assert found["clock"]["verdict"] == "ok", found["clock"]
