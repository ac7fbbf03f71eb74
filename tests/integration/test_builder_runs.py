"""A real builder process works runs off for a hub stand-in: results, endings, reports, files, no leaks."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from builder_process import hub_and_builder, is_alive, scenario
from hub_stand_in import TOKEN, payload
from hubwright.builder.executors.cgroups import Groups
from hubwright.wire import Do, Event, Job
from hubwright.wire import Tests as Cases


def pid_in(log: bytes | bytearray) -> int:
    """The number that a stage wrote, not the one in the header that repeats its script."""
    return int(log.split(b"\x1b[0m\n", 1)[1].split(b"pid=")[1].split()[0])


@scenario
async def test_stages_run_in_order_and_the_result_is_success(tmp_path: Path) -> None:
    """The plain path: every stage told, the log in the order written, nothing left on disk once all is acknowledged."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        told = await hub.build(payload({"name": "one", "run": "echo first"}, {"name": "two", "run": "echo second"}))
        result = await hub.result(told)

        assert result.result == "success"
        assert told.stage_results() == {0: "success", 1: "success"}
        assert told.log.index(b"first") < told.log.index(b"second")
        await hub.until(lambda: not list((builder.work_dir / "runs").iterdir()))
        await hub.until(lambda: not list((builder.work_dir / "trees").iterdir()))


@scenario
async def test_the_first_failure_ends_the_rest_except_those_that_ask(tmp_path: Path) -> None:
    """`when.status` is the only exception; what never ran is told as skipped."""
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(
            payload(
                {"name": "bad", "run": "exit 7"},
                {"name": "never", "run": "echo never"},
                {"name": "sweep", "run": "echo swept", "when": [{"status": "always"}]},
                {"name": "mourn", "run": "echo mourned", "when": [{"status": "failure"}]},
            )
        )
        result = await hub.result(told)

        assert result.result == "failure"
        assert result.detail == "Stage bad: The command ended with exit code 7."
        assert told.stage_results() == {0: "failure", 1: "skip", 2: "success", 3: "success"}
        assert b"swept" in told.log
        assert b"mourned" in told.log


@scenario
async def test_a_run_is_in_every_control_group_that_is_made_for_it(tmp_path: Path) -> None:
    """Outside of one of them it would have no limit there, and be found by nobody at its end."""
    async with hub_and_builder(tmp_path) as (hub, _):
        made = "find /sys/fs/cgroup -maxdepth 5 -name \"hubwright-*-$HUBWRIGHT_RUN\" | sed 's/^/made /'"
        told = await hub.build(payload({"name": "one", "run": f"{made}; sed 's/^/in /' /proc/self/cgroup"}))
        result = await hub.result(told)

        assert result.result == "success"
        lines = told.log.decode().splitlines()
        folders = {line for line in lines if line.startswith("made ")}
        within = {line for line in lines if line.startswith("in ") and "/hubwright-" in line}
        assert len(folders) == len(within)
        assert bool(within) == Groups().usable


@scenario
async def test_retries_are_attempts_and_allowed_failures_do_not_count(tmp_path: Path) -> None:
    """A second `job` message with attempt 2 begins the second try."""
    flaky = 'test -e "$HOME/again" || { touch "$HOME/again"; exit 1; }'
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(
            payload({"name": "flaky", "run": flaky, "retry": 1}, {"name": "may", "run": "false", "allow_failure": True})
        )
        result = await hub.result(told)

        assert result.result == "success"
        assert [(job.stage, job.attempt) for job in told.of(Job)] == [(0, 1), (0, 2), (1, 1)]
        assert told.stage_results() == {0: "success", 1: "failure"}


@pytest.mark.parametrize(
    ("stage", "rest", "detail"),
    [
        ({"timeout": 1}, {}, "The stage took longer than 1 s."),
        ({"idle_timeout": 1}, {}, "The stage wrote nothing for 1 s."),
        ({}, {"timeout": 1}, "The run took longer than 1 s."),
    ],
)
@scenario
async def test_what_takes_too_long_is_a_timeout(
    tmp_path: Path, stage: dict[str, int], rest: dict[str, int], detail: str
) -> None:
    """R3's kin: no stage runs for ever, and the reason says which clock ended it."""
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload({"name": "slow", "run": "echo pid=$$; sleep 60", **stage}, **rest))
        result = await hub.result(told)

        assert result.result == "timeout"
        assert detail in result.detail
        assert told.stage_results() == {0: "timeout"}
        assert not is_alive(pid_in(told.log))


@scenario
async def test_a_stage_that_writes_is_not_idle(tmp_path: Path) -> None:
    """The idle clock starts again with each output."""
    async with hub_and_builder(tmp_path) as (hub, _):
        busy = {"name": "busy", "run": "for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done", "idle_timeout": 1}
        told = await hub.build(payload(busy))

        assert (await hub.result(told)).result == "success"


@scenario
async def test_cancel_kills_the_whole_tree(tmp_path: Path) -> None:
    """Also a process that ignores SIGTERM is gone within ten seconds, and one that went into a session of its own."""
    script = (
        "setsid sh -c 'echo pid=$$; exec sleep 600' & sleep 0.2; trap '' TERM; echo ready; while :; do sleep 1; done"
    )
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload({"name": "loop", "run": script}, {"name": "next", "run": "echo no"}))
        await hub.until(
            lambda: b"ready" in told.log.split(b"\x1b[0m")[-1] and b"pid=" in told.log.split(b"\x1b[0m")[-1]
        )
        await hub.order(Do(order="cancel", run=1, lease=1, reason="Ada cancelled it."))
        result = await hub.result(told, 10)

        assert (result.result, result.detail) == ("cancellation", "Ada cancelled it.")
        assert told.stage_results() == {0: "cancellation", 1: "skip"}
        assert not is_alive(pid_in(told.log))


@scenario
async def test_nothing_of_a_run_is_left_behind(tmp_path: Path) -> None:
    """S42: processes in the background and read-only files of one run are gone before the next."""
    script = "mkdir -p a/b; touch a/b/c; chmod -R a-w a; setsid sh -c 'echo pid=$$; exec sleep 600' & sleep 0.3"
    async with hub_and_builder(tmp_path) as (hub, builder):
        told = await hub.build(payload({"name": "leave", "run": script}))
        assert (await hub.result(told)).result == "success"

        assert not is_alive(pid_in(told.log))
        await hub.until(lambda: not list((builder.work_dir / "trees").iterdir()))


@scenario
async def test_a_build_sees_nothing_of_the_builders_own_environment(tmp_path: Path) -> None:
    """S25: neither the token nor any other variable of the builder reaches a build, only what is meant for it."""
    async with hub_and_builder(tmp_path) as (hub, _):
        given = payload(
            {"name": "look", "run": "env; cat /dev/stdin; echo end", "secrets": ["GIVEN"], "env": {"OWN": "stage's"}},
            {
                "name": "other",
                "run": "echo given=${GIVEN-none}; echo other=${#OTHER} shared=${#SHARED}",
                "secrets": ["OTHER"],
            },
            env={"CI_REPO": "o/n", "OWN": "run's"},
            secrets={"GIVEN": "v3ry-secret", "OTHER": "another", "SHARED": "for-all"},
            matrix={"py-version": "3.11"},
        )
        told = await hub.build(given)
        assert (await hub.result(told)).result == "success"
        log = told.log.decode()

        assert TOKEN not in log
        assert "canary-of-the-builder" not in log
        assert "\nOTHER=" not in log
        assert "other=7 shared=7" in log
        assert "given=none" in log
        for line in ("CI=true", "CI_REPO=o/n", "OWN=stage's", "MATRIX_PY_VERSION=3.11", "CI_STEP_NAME=look", "end"):
            assert f"\n{line}\n" in log
        assert "\nGIVEN=***\n" in log


@scenario
async def test_secrets_are_masked_however_they_are_written(tmp_path: Path) -> None:
    """Also in base64 and when the value comes in two writes."""
    secret = "hunter2-hunter2"
    script = (
        'printf "%s" "$PASS" | cut -c1-5 | tr -d "\\n"; sleep 0.2; printf "%s" "$PASS" | cut -c6-; '
        'printf "$PASS" | base64'
    )
    async with hub_and_builder(tmp_path) as (hub, _):
        stage = {"name": "say", "run": script, "secrets": ["PASS"]}
        told = await hub.build(payload(stage, secrets={"PASS": secret}))
        await hub.result(told)

        output = bytes(told.log.split(b"\x1b[0m\n", 1)[1])
        assert output.startswith(b"***\n***")
        assert b64encode(secret.encode())[:12] not in told.log


@scenario
async def test_strange_bytes_and_long_lines_arrive_as_written(tmp_path: Path) -> None:
    """R20: a line of a megabyte, invalid UTF-8, NUL and carriage returns."""
    script = (
        "head -c 1000000 /dev/zero | tr '\\0' x; printf '\\377\\376\\0\\r\\n\\033[31mred\\n'; [ -t 1 ]; stty size <&1"
    )
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload({"name": "bytes", "run": script}))
        assert (await hub.result(told)).result == "success"

        output = bytes(told.log.split(b"\x1b[0m\n", 1)[1])
        assert output == b"x" * 1_000_000 + b"\xff\xfe\0\r\n\x1b[31mred\n" + b"40 120\n"


@scenario
async def test_a_log_beyond_its_limit_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    """R20, S26: a log bomb costs the limit and a megabyte, and people still see how it ended."""
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload({"name": "bomb", "run": "seq 1000000; echo the end"}, log_limit=100_000))
        assert (await hub.result(told)).result == "success"

        assert len(told.log) < 1_200_000
        assert b"\n1\n2\n3\n" in told.log
        assert b"bytes left out" in told.log
        assert told.log.endswith(b"1000000\nthe end\n")


@scenario
async def test_test_reports_are_told_with_their_totals(tmp_path: Path) -> None:
    """Cases come in batches; an unreadable report is a warning, not a failure."""
    cases = "".join(f'<testcase classname=\\"c\\" name=\\"n{i}\\"/>' for i in range(3))
    failing = '<testcase name=\\"bad\\"><failure message=\\"no\\">why</failure></testcase>'
    script = f'echo "<testsuite name=\\"s\\">{cases}{failing}</testsuite>" > a.xml; echo "<!DOCTYPE x><x/>" > b.xml'
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload({"name": "test", "run": script, "reports": ["*.xml"]}))
        assert (await hub.result(told)).result == "success"

        (tests,) = told.of(Cases)
        assert [case.result for case in tests.cases] == ["passed", "passed", "passed", "failed"]
        (stage,) = [m for m in told.messages if getattr(m, "tests", None)]
        assert (stage.tests.total, stage.tests.failed) == (4, 1)
        (warning,) = told.of(Event)
        assert "DOCTYPE" in warning.text


class _Shelf(BaseHTTPRequestHandler):
    """Takes files as the hub would, after a first refusal with 503."""

    kept: dict[str, tuple[bytes, str, str]]
    refusals: int

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if type(self).refusals:
            type(self).refusals -= 1
            self.send_response(503)
        else:
            self.kept[self.path] = (content, self.headers["Authorization"], self.headers["X-Hubwright-Lease"])
            self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def shelf() -> Iterator[tuple[str, dict[str, tuple[bytes, str, str]]]]:
    handler = type("Shelf", (_Shelf,), {"kept": {}, "refusals": 1})
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
async def test_files_are_kept_but_none_from_outside(
    tmp_path: Path, shelf: tuple[str, dict[str, tuple[bytes, str, str]]]
) -> None:
    """S26: links out of the workspace are not followed, names are encoded, a busy hub is asked again."""
    address, kept = shelf
    script = "mkdir -p 'd/a b'; echo x > 'd/a b/%2e#?.txt'; ln -s /etc/passwd d/stolen; ln -s /etc d/etc; echo y > z"
    async with hub_and_builder(tmp_path) as (hub, _):
        stage = {"name": "pack", "run": script, "artifacts": {"paths": ["d/**", "../../*", "/etc/hosts"]}}
        told = await hub.build(payload(stage, uploads=address))
        assert (await hub.result(told)).result == "success"

        assert kept == {"/up/d/a%20b/%252e%23%3F.txt": (b"x\n", f"Bearer {TOKEN}", "1")}


@scenario
async def test_a_full_disk_below_the_workspace_is_our_error(tmp_path: Path) -> None:
    """A stage that fails because the disk is full is not the code's fault, and the reason says so."""
    trees = tmp_path / "work" / "trees"
    trees.mkdir(parents=True)
    mount = 'mount -t tmpfs -o size=1m none "$1"; shift; exec "$@"'
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-euc", mount, "sh", str(trees))
    async with hub_and_builder(tmp_path, prefix=prefix) as (hub, _):
        told = await hub.build(payload({"name": "fill", "run": "head -c 2000000 /dev/zero > big"}))
        result = await hub.result(told)

        assert (result.result, told.stage_results()) == ("error", {0: "error"})
        assert "disk is full" in result.detail


@scenario
async def test_a_full_disk_below_the_log_ends_the_run_and_is_told(tmp_path: Path) -> None:
    """Even when nothing can be written any more, the hub hears why."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        folder = builder.work_dir / "runs" / "1-1"
        folder.mkdir()
        (folder / "log").symlink_to("/dev/full")
        (folder / "messages.jsonl").symlink_to("/dev/full")
        told = await hub.build(payload({"name": "say", "run": "echo x; sleep 60"}))
        result = await hub.result(told)

        assert result.result == "error"
        assert "disk is full" in result.detail


@scenario
async def test_slots_run_side_by_side(tmp_path: Path) -> None:
    """Two runs that wait for each other both end."""
    meet = f"touch {tmp_path}/$ME; while ! [ -e {tmp_path}/$OTHER ]; do sleep 0.02; done"
    async with hub_and_builder(tmp_path, "--slots", "2") as (hub, _):
        first = await hub.build(payload({"name": "m", "run": meet}, env={"ME": "a", "OTHER": "b"}), run=1)
        second = await hub.build(payload({"name": "m", "run": meet}, env={"ME": "b", "OTHER": "a"}), run=2)

        assert (await hub.result(first)).result == "success"
        assert (await hub.result(second)).result == "success"


@scenario
async def test_an_assignment_that_is_not_understood_is_an_error(tmp_path: Path) -> None:
    """A newer hub may send stages of another form; other shells and folders may be missing here."""
    async with hub_and_builder(tmp_path) as (hub, _):
        odd = await hub.build(payload({"name": "x", "run": "true", "nonsense": 1}), run=1)
        shell = await hub.build(payload({"name": "x", "run": "true", "shell": "pwsh"}), run=2)
        outside = await hub.build(payload({"name": "x", "run": "true", "dir": "../.."}), run=3)

        assert (await hub.result(odd)).result == "error"
        assert "pwsh can't be started" in (await hub.result(shell)).detail
        assert (await hub.result(outside)).result == "failure"


@scenario
async def test_long_scripts_and_other_shells_run(tmp_path: Path) -> None:
    """A script longer than an argument may be goes through a file; bash has pipefail."""
    long = "true # " + "x" * 200_000 + "\necho done"
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(
            payload(
                {"name": "long", "run": long},
                {"name": "python", "run": "print('pyth' + 'on')", "shell": "python"},
                {"name": "bash", "run": "false | true", "shell": "bash"},
            )
        )
        assert (await hub.result(told)).result == "failure"
        assert told.stage_results() == {0: "success", 1: "success", 2: "failure"}
        assert b"\ndone\n" in told.log


@scenario
async def test_once_takes_one_run_and_ends(tmp_path: Path) -> None:
    """For autoscalers: exit code 0 when all of it is delivered."""
    async with hub_and_builder(tmp_path, "--once") as (hub, builder):
        told = await hub.build(payload({"name": "x", "run": "true"}))
        assert (await hub.result(told)).result == "success"
        assert await builder.exit_code() == 0
