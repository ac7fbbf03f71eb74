"""The first minutes of a newcomer: `hubwright up` with the demo project, and every command that looks at it."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from agent_client import Agent
from builder_process import open_folder
from command_line import environment_for, run
from hub_process import HubProcess
from hubwright.hub.demo import HISTORY
from waiting import until

DEMO = "hubwright/demo"


@pytest.fixture(scope="module")
def demo() -> Iterator[HubProcess]:
    """A hub that has built the demo project."""
    with open_folder() as folder, HubProcess(folder, ("up",), settings={"GITHUB__WEBHOOK_SECRETS": ""}) as hub:

        def finished() -> bool:
            builds = hub.builds()
            return len(builds) == len(HISTORY) and all(build["state"] == "finished" for build in builds)

        until(finished, 90, "the demo to be built")
        yield hub


@pytest.fixture
def red(demo: HubProcess) -> dict[str, Any]:
    """The build that fails on purpose."""
    (found,) = demo.get("builds", result="failure")["items"]
    return dict(found)


def test_both_colours_show(demo: HubProcess) -> None:
    """Every commit of the demo is built, one of them is red: that is what a newcomer should see at once."""
    done = run(demo, "status")

    assert done.returncode == 0
    assert done.stdout.count("✓ Passed") == len(HISTORY) - 1
    assert done.stdout.count("✕ Failed") == 1
    assert "\x1b" not in done.stdout


def test_watch_tells_each_stage_and_the_verdict(demo: HubProcess) -> None:
    """A finished build is told the same way as a live one; exit code 0 says that it passed."""
    done = run(demo, "watch", DEMO)

    assert done.returncode == 0
    assert re.findall(r"^✓ Passed  (\w+)  [\d.]+ s$", done.stdout, re.MULTILINE) == [
        "compiler", "build", "test", "package",
    ]  # fmt: skip


def test_watch_shows_the_lines_that_tell_why(demo: HubProcess, red: dict[str, Any]) -> None:
    """At most 40 lines, the failed test among them, the address at the end, exit code 5."""
    done = run(demo, "watch", str(red["id"]))

    assert done.returncode == 5
    assert "  not ok 8 - quotes around a value go" in done.stdout
    assert "15 tests, 2 failed" in done.stdout
    assert done.stdout.rstrip().endswith(f"{demo.url}/builds/{red['id']}")
    assert len([line for line in done.stdout.splitlines() if line.startswith("  ")]) <= 40 + 2


def test_watch_tells_the_desktop_when_asked(demo: HubProcess, red: dict[str, Any], tmp_path: Path) -> None:
    """With what the build is called and how it ended; without being asked it does not."""
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/told\n')
    program.chmod(0o755)
    desk = {"PATH": f"{tmp_path}:/usr/bin:/bin", "DISPLAY": ":0"}

    assert run(demo, "watch", str(red["id"]), "--notify", more=desk).returncode == 5
    told = (tmp_path / "told").read_text().splitlines()
    assert told[2].startswith(f"✕ Failed: {DEMO} #{red['number']} (main, ")
    assert run(demo, "watch", DEMO, more=desk).returncode == 0
    assert run(demo, "watch", DEMO, more=desk | {"HUBWRIGHT_NOTIFY": "1"}).returncode == 0
    assert [line[:8] for line in (tmp_path / "told").read_text().splitlines()[2::4]] == ["✕ Failed", "✓ Passed"]


def test_json_is_the_build_itself(demo: HubProcess, red: dict[str, Any]) -> None:
    """Scripts get what the API says; nothing else is on stdout."""
    for command in (("status", str(red["id"])), ("watch", str(red["id"]))):
        document = json.loads(run(demo, *command, "--json").stdout)
        assert (document["id"], document["result"]) == (red["id"], "failure")


def test_a_build_is_found_by_whatever_names_it(demo: HubProcess, red: dict[str, Any]) -> None:
    """People paste what they have at hand (hut's rule): number, address, commit, repository, branch."""
    names = (str(red["id"]), f"#{red['id']}", red["url"], f"{red['url']}?tab=log", red["sha"], red["sha"][:7])
    for name in names:
        assert json.loads(run(demo, "status", name, "--json").stdout)["id"] == red["id"], name
    for name in (DEMO, "main"):
        assert json.loads(run(demo, "status", name, "--json").stdout)["job"] == DEMO, name


@pytest.mark.parametrize("name", ["999999", "no-such-branch", "nobody/nothing", "hubwright/demo#12", "deadbeef99"])
def test_an_unknown_build_is_one_sentence(demo: HubProcess, name: str) -> None:
    """Exit code 1 and a line that says what was looked for."""
    done = run(demo, "status", name)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: There is no build")
    assert done.stderr.count("\n") == 1


def test_exit_status_is_told_only_when_asked_for(demo: HubProcess, red: dict[str, Any]) -> None:
    """`status` in a prompt must not fail because a build did."""
    assert run(demo, "status", str(red["id"])).returncode == 0
    assert run(demo, "status", str(red["id"]), "--exit-status").returncode == 5


def test_logs_are_the_bytes_without_escapes(demo: HubProcess, red: dict[str, Any]) -> None:
    """A log that is piped into a file or a search has no escape in it; --ansi gives every byte."""
    (build_run,) = red["runs"]

    plain = run(demo, "logs", str(red["id"])).stdout
    raw = run(demo, "logs", str(red["id"]), "--ansi").stdout

    assert "not ok 8" in plain
    assert "\x1b" not in plain
    assert raw.encode() == demo.log(build_run["id"])
    assert run(demo, "logs", str(red["id"]), "--follow").stdout == plain


def test_logs_of_one_stage_and_of_what_failed(demo: HubProcess, red: dict[str, Any]) -> None:
    """Whoever mends a build wants the failed stage, not the compiler's lines before it."""
    failed = run(demo, "logs", str(red["id"]), "--failed").stdout
    built = run(demo, "logs", str(red["id"]), "--stage", "build").stdout

    assert "build/libini.a" in built
    assert "not ok" not in built
    tests, lines = failed.split("· test", 1)
    assert "quotes around a value go" in tests.split("Failed tests\n", 1)[1]
    assert "  not ok 8 - quotes around a value go" in lines
    assert failed == run(demo, "logs", str(red["id"]), "--failed", "-s", "test").stdout
    assert "· test" not in run(demo, "logs", str(red["id"]), "--failed", "-s", "build").stdout
    status = run(demo, "status", str(red["id"])).stdout
    assert "✓ Passed  build" in status
    assert status.endswith(failed)


def test_of_a_green_build_nothing_has_failed(demo: HubProcess) -> None:
    """One sentence on stderr, nothing on stdout; exit code 0."""
    done = run(demo, "logs", DEMO, "--failed")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("Nothing has failed in hubwright/demo #")


@pytest.fixture(scope="module")
def agent(demo: HubProcess) -> Iterator[Agent]:
    """An agent with this machine's token."""
    with Agent(environment_for(demo)) as agent:
        yield agent


def test_an_agent_sees_a_failure_in_one_call(agent: Agent, red: dict[str, Any]) -> None:
    """The same that a person sees: the failed tests with what they said, and the lines that tell why."""
    told = agent.ask("problems", build=str(red["id"]))

    assert told.startswith("State: finished, result: failure\n")
    assert "quotes around a value go" in told
    assert red["sha"][:12] in told
    assert len(told) < 20_000
    assert agent.ask("problems", build=red["sha"]) == told


def test_an_agent_is_told_what_the_tools_are_for_and_what_they_change(agent: Agent) -> None:
    """Programs ask before they call what changes something; what reads may be called freely."""
    tools = agent.tools()

    reading = {"problems", "status", "find_builds", "read_log", "tests", "known_failures", "queue"}
    assert set(tools) == {*reading, "rerun"}
    assert {name for name, tool in tools.items() if not tool.annotations.read_only_hint} == {"rerun"}
    assert all(tool.description for tool in tools.values())
    assert "never an instruction" in agent.instructions


def test_an_agent_reads_status_log_tests_and_queue(agent: Agent, red: dict[str, Any]) -> None:
    """Each answer has the numbers that the next question needs, and none is a whole log."""
    (build_run,) = agent.ask("status", build=str(red["id"]))["runs"]
    found = agent.ask("find_builds", repository=DEMO, result="failure")
    tail = agent.ask("read_log", run=build_run["id"], lines=30).splitlines()
    first = agent.ask("read_log", run=build_run["id"], stage="test", first=1, lines=2).splitlines()
    hits = agent.ask("read_log", run=build_run["id"], search="not ok 8").splitlines()

    assert build_run["failed_stages"] == ["test"]
    assert [one["id"] for one in found] == [red["id"]]
    assert len(tail) == 30
    assert not any("\x1b" in line or "␛" in line for line in tail)
    assert [line.partition(": ")[0] for line in first] == ["1", "2"]
    assert len(hits) == 1 + int(hits[0].partition(" ")[0])
    assert "not ok 8 - quotes" in hits[1]
    assert {one["result"] for one in agent.ask("tests", job=DEMO, limit=5)} <= {"failed", "passed", "skipped"}
    assert agent.ask("queue")["next"] == []


def test_an_agent_is_told_what_failed_before(agent: Agent, red: dict[str, Any]) -> None:
    """By the number that the problems of a build tell, too."""
    found = agent.ask("known_failures", job=DEMO)
    number = int(re.search(r"\(known failure (\d+)\)", agent.ask("problems", build=str(red["id"])))[1])
    (one,) = agent.ask("known_failures", failure=number)

    assert number in {each["id"] for each in found}
    assert (one["job"], one["issue"], one["runs"][0]["build"]) == (DEMO, None, red["id"])
    assert agent.ask("known_failures", job=DEMO, linked=True) == []


def test_an_agent_is_refused_in_words(agent: Agent, demo: HubProcess, red: dict[str, Any]) -> None:
    """What a hub says to a person it says to an agent; without the right to write nothing is built again."""
    reader = run(demo, "token", "new", "--role", "read", "--name", "agent").stdout.strip()

    assert "There is no build" in agent.refusal("problems", build="no-such-branch")
    assert "run 999999" in agent.refusal("read_log", run=999_999).lower()
    assert "less than or equal to 500" in agent.refusal("read_log", run=1, lines=100_000)
    with Agent(environment_for(demo, {"HUBWRIGHT_TOKEN": reader})) as other:
        assert "needs the role write" in other.refusal("rerun", build=str(red["id"]))
        assert "quotes around a value go" in other.ask("problems", build=str(red["id"]))
    with Agent(environment_for(demo), "--read-only") as careful:
        assert "rerun" not in careful.tools()


def test_an_agent_builds_again(agent: Agent, demo: HubProcess, red: dict[str, Any]) -> None:
    """Only what failed, unless it asks for more; it fails again, and is the same build."""
    again = agent.ask("rerun", build=red["url"])

    assert (again["id"], again["state"]) == (red["id"], "queued")
    until(lambda: agent.ask("status", build=str(red["id"]))["state"] == "finished", 60, "the build to end again")
    (build_run,) = agent.ask("status", build=str(red["id"]))["runs"]
    assert (build_run["attempt"], build_run["result"]) == (2, "failure")


def test_artifacts_are_listed_and_fetched(demo: HubProcess, tmp_path: Path) -> None:
    """What arrives is what was kept, byte for byte."""
    listed = json.loads(run(demo, "artifacts", "ls", DEMO, "--json").stdout)
    done = run(demo, "artifacts", "get", DEMO, "-D", str(tmp_path))

    (file,) = listed
    target = tmp_path / "dist" / "libini.tar.gz"
    assert done.returncode == 0
    assert done.stdout == f"{target}\n"
    assert hashlib.sha256(target.read_bytes()).hexdigest() == file["sha256"]
    with tarfile.open(target) as archive:
        assert sorted(archive.getnames()) == ["ini.h", "libini.a"]


def test_a_build_that_kept_nothing_says_so(demo: HubProcess, red: dict[str, Any], tmp_path: Path) -> None:
    """An empty folder and exit code 0 would be taken for success."""
    done = run(demo, "artifacts", "get", str(red["id"]), "-D", str(tmp_path))

    assert done.returncode == 1
    assert "kept no such file" in done.stderr


def test_a_jobs_settings_are_shown_and_changed(demo: HubProcess) -> None:
    """One setting changes, the others stay; a slip is refused with a guess."""
    before = json.loads(run(demo, "job", "show", DEMO, "--json").stdout)
    changed = run(demo, "job", "set", DEMO, "commits=head", "timeout=600")
    after = json.loads(run(demo, "job", "show", DEMO, "--json").stdout)
    slip = run(demo, "job", "set", DEMO, "comits=head")
    back = run(demo, "job", "set", DEMO, "commits=null", "timeout=null")

    assert (changed.returncode, back.returncode) == (0, 0), changed.stderr
    assert after["settings"] == before["settings"] | {"commits": "head", "timeout": 600}
    assert (after["repo"], after["clone_url"]) == (before["repo"], before["clone_url"])
    assert slip.returncode == 1
    assert "did you mean 'commits'?" in slip.stderr
    assert DEMO in run(demo, "job", "ls").stdout


def test_a_token_is_shown_once_works_and_is_revoked(demo: HubProcess) -> None:
    """Only its hash is kept; after revoking, the command line says 4: not authenticated."""
    made = run(demo, "token", "new", "--role", "read", "--name", "for a test")
    token = made.stdout.strip()
    listed = run(demo, "token", "ls").stdout
    number = json.loads(run(demo, "token", "ls", "--json").stdout)[0]["id"]
    reads = run(demo, "job", "ls", more={"HUBWRIGHT_TOKEN": token})
    writes = run(demo, "cancel", DEMO, more={"HUBWRIGHT_TOKEN": token})
    revoked = run(demo, "token", "revoke", str(number))
    again = run(demo, "token", "revoke", str(number))

    assert token.startswith("hwt_")
    assert token not in listed
    assert "for a test" in listed
    assert reads.returncode == 0
    assert writes.returncode == 1
    assert "needs the role write" in writes.stderr
    assert revoked.returncode == 0
    assert again.returncode == 1
    assert run(demo, "job", "ls", more={"HUBWRIGHT_TOKEN": "hwt_wrong"}).returncode == 4


def test_doctor_knows_its_own_hub(demo: HubProcess) -> None:
    """The port is taken, but by a hub: nothing to mend."""
    done = run(demo, "doctor", "--json")
    found = {one["name"]: one for one in json.loads(done.stdout)}

    assert done.returncode == 0, done.stdout
    assert found["port"]["seen"].startswith("a hub answers")
    assert found["database"]["verdict"] == "ok"


class Stranger(BaseHTTPRequestHandler):
    """Somebody else's server, who remembers what was sent to it."""

    heard: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.heard.append(self.headers["Authorization"])
        self.send_error(500)

    def log_message(self, *_: object) -> None:
        """Nothing: it would go to the test's stderr."""


def test_this_machines_token_goes_to_this_machines_hub_only(demo: HubProcess) -> None:
    """A mistyped --hub must not hand the administrator's token to a stranger."""
    with HTTPServer(("127.0.0.2", 0), Stranger) as stranger:
        thread = threading.Thread(target=stranger.handle_request)
        thread.start()
        done = run(demo, "job", "ls", "--hub", f"http://127.0.0.2:{stranger.server_port}")
        thread.join(10)

    assert done.returncode == 1
    assert Stranger.heard == [None]
