"""Secrets at a builder: in its stages' environment and nowhere else, hidden in all that leaves it."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from builder_process import hub_and_builder, scenario
from file_search import files_with
from hub_stand_in import payload
from hubwright.domain.scrubbing import cover
from hubwright.wire import Event, Scrub
from hubwright.wire import Result as ResultMessage
from hubwright.wire import Tests as Cases

CANARY = "canary-4711/of+the=build"
OUTPUT = b"\x1b[0m\n"


def processes_with(word: bytes) -> list[bytes]:
    """The command lines of this machine that show the word."""
    found = []
    for number in filter(str.isdigit, (entry.name for entry in Path("/proc").iterdir())):
        try:
            line = Path("/proc", number, "cmdline").read_bytes()
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found


@scenario
async def test_a_secret_is_in_no_file_and_on_no_command_line_of_the_builder(tmp_path: Path) -> None:
    """S17, S20: looked at while the stage that has it runs, and afterwards."""
    gate = tmp_path / "gate"
    script = f"test ${{#PASS}} = {len(CANARY)}; echo began; while ! test -e {gate}; do sleep 0.05; done; echo $PASS"
    async with hub_and_builder(tmp_path) as (hub, builder):
        stages = {"name": "has", "run": script, "secrets": ["PASS"]}, {"name": "not", "run": "echo ${PASS-none}"}
        told = await hub.build(payload(*stages, secrets={"PASS": CANARY}))
        await hub.until(lambda: b"began" in told.log.split(OUTPUT)[-1])
        assert files_with(tmp_path, CANARY.encode()) == []
        assert processes_with(CANARY.encode()) == []
        gate.touch()
        assert (await hub.result(told)).result == "success"
        assert b"***" in told.log
        assert b"none" in told.log
        assert CANARY.encode() not in told.log
        assert CANARY not in builder.said
        assert files_with(tmp_path, CANARY.encode()) == []


@scenario
async def test_what_a_fork_brought_gets_none_even_from_a_hub_that_sends_one(tmp_path: Path) -> None:
    """S17: the builder goes by the trust of the order, whatever else it holds."""
    async with hub_and_builder(tmp_path) as (hub, _):
        stage = {"name": "spy", "run": "env; echo ${PASS-none}", "secrets": ["PASS"]}
        told = await hub.build(payload(stage, secrets={"PASS": CANARY}, trust="untrusted"))
        assert (await hub.result(told)).result == "success"
        assert b"none" in told.log
        assert CANARY.encode() not in told.log


@scenario
async def test_all_that_is_told_of_a_run_is_hidden(tmp_path: Path) -> None:
    """S18, S20: names of folders, reports and cases that hold a secret; colours between its characters."""
    report = f'<testsuite><testcase name="t {CANARY}"><failure>is {CANARY}</failure></testcase></testsuite>'
    script = (
        f"printf 'canary\\033[1m-4711/of+\\033[0mthe=build\\n'; echo '{report}' > r.xml; "
        f"echo '<!DOCTYPE x>' > 'r-{CANARY.replace('/', '_')}.xml'"
    )
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(
            payload(
                {"name": "say", "run": script, "secrets": ["PASS"], "reports": ["r*.xml"]},
                {"name": "go", "run": "true", "dir": f"no/{CANARY}", "secrets": ["PASS"]},
                secrets={"PASS": CANARY, "FILE": CANARY.replace("/", "_")},
            )
        )
        result = await hub.result(told)
        assert result.result == "failure"
        assert "The folder 'no/***' is not in the workspace" in result.detail
        (tests,) = told.of(Cases)
        assert (tests.cases[0].name, "***" in tests.cases[0].message) == ("t ***", True)
        assert any("***" in one.text for one in told.of(Event))
        assert all(CANARY not in str(message) for message in told.messages)
        assert any("***" in one.detail for one in told.of(ResultMessage))
        shown = told.log.replace(b"\x1b[1m", b"").replace(b"\x1b[0m", b"")
        assert CANARY.encode() not in shown


@scenario
async def test_a_stage_may_name_more_to_hide(tmp_path: Path) -> None:
    """S19: `::add-mask::` counts from there on, for later stages too; the command does not show the value."""
    make = 'V=$(printf "%s-%s" fresh token77); '
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(
            payload(
                {"name": "get", "run": make + 'echo "::add-mask::$V"; echo "got $V"'},
                {"name": "use", "run": make + 'echo "use $V"; exit 1'},
            )
        )
        await hub.result(told)
        assert b"::add-mask::***\n" in told.log.replace(b"\r", b"")
        assert b"got ***" in told.log
        assert b"use ***" in told.log
        assert b"fresh-token77" not in told.log


@scenario
async def test_what_was_shown_before_it_was_named_is_covered(tmp_path: Path) -> None:
    """S19: at the builder, and the hub is told where; all else stays where it was."""
    make = 'V=$(printf "%s-%s" fresh token77); echo "first $V"; echo $V | base64; '
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(
            payload(
                {"name": "get", "run": make + "echo between"},
                {"name": "use", "run": make + 'echo "::add-mask::$V"; echo "got $V"'},
            )
        )
        await hub.result(told)
        log = bytearray(told.log)
        assert b"fresh-token77" in log  # the stand-in keeps what it heard
        for message in told.messages:
            if isinstance(message, Scrub):
                for offset, length in message.spans:
                    log[offset : offset + length] = cover(bytes(log[offset : offset + length]))
        assert b"fresh-token77" not in log
        assert b64encode(b"fresh-token77")[:12] not in log
        assert log.count(b"first ***") == 2
        assert log.replace(b"\r", b"").count(b"\nbetween\n") == 1
        assert b"got ***" in log


class _Shelf(BaseHTTPRequestHandler):
    kept: dict[str, bytes]

    def do_PUT(self) -> None:
        self.kept[self.path.removeprefix("/up/")] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def shelf() -> Iterator[tuple[str, dict[str, bytes]]]:
    handler = type("Shelf", (_Shelf,), {"kept": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/up", handler.kept  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@scenario
async def test_files_with_credentials_are_not_kept(tmp_path: Path, shelf: tuple[str, dict[str, bytes]]) -> None:
    """S21: those that git and others leave, and any file with a secret of the run, also as base64 across two pieces."""
    address, kept = shelf
    script = (
        "echo 'https://x:tok@h' > .git-credentials; printf '%s\\n' \"$PASS\" > plain; echo fine > fine; "
        "head -c 1048570 /dev/zero > big; printf 'u:%s' \"$PASS\" | base64 >> big"
    )
    async with hub_and_builder(tmp_path) as (hub, _):
        files = {"paths": [".git-credentials", "plain", "big", "fine"]}
        stage = {"name": "pack", "run": script, "artifacts": files, "secrets": ["PASS"]}
        told = await hub.build(payload(stage, uploads=address, secrets={"PASS": CANARY}))
        assert (await hub.result(told)).result == "success"
        assert kept == {"fine": b"fine\n"}
        said = told.log.decode()
        assert ".git-credentials is not kept" in said
        for name in ("plain", "big"):
            assert f"{name} is not kept: it holds a secret of this run." in said
