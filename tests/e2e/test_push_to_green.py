"""The main job, whole: a push becomes a build, its log is read live, the page is green, GitHub is told."""

from __future__ import annotations

import re
import time
from base64 import b64decode
from pathlib import Path

from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from waiting import until


def told(github: FakeGitHub, sha: str, last: str) -> list[tuple[str, str]]:
    """(state, context) of a commit's statuses in their order, once the roll-up is `last`."""

    def look() -> list[tuple[str, str]]:
        found = [(status["state"], status["context"]) for status in github.statuses(sha)]
        return found if (last, "hubwright") in found else []

    return github.wait_for(look, 40)


def test_a_push_becomes_green_while_its_log_is_read(
    hub: HubProcess, github: FakeGitHub, make: Make, tmp_path: Path
) -> None:
    """202, a build of two stages, a log that a reader follows from the middle of the build, a green page (R19)."""
    gate = tmp_path / "gate"
    script = f"echo early; while ! test -e {gate}; do sleep 0.02; done; echo late"
    repository = make({".hubwright.yml": f"stages:\n- build: {script}\n- test: echo tested\n"})
    assert hub.deliver("push", repository.push_payload())["duplicate"] is False
    run = hub.begun(repository, b"early")

    text, end = "", {}
    for kind, _, data in hub.events(run["id"]):
        text += data.get("text", "")
        end = data if kind == "end" else {}
        if "early" in text and not gate.exists():
            gate.touch()  # only now can the build go on: what was read so far came live

    assert end == {"state": "finished", "result": "success"}
    assert text.encode() == hub.log(run["id"])
    assert hub.output(run["id"]) == b"early\nlate\ntested\n"
    (build,) = hub.finished(repository)
    assert (build["result"], build["sha"], build["event"], build["branch"]) == (
        "success", repository.head(), "push", "main",
    )  # fmt: skip
    assert [(stage["name"], stage["result"]) for stage in build["runs"][0]["stages"]] == [
        ("build", "success"), ("test", "success"),
    ]  # fmt: skip
    page = hub.client.get(f"/builds/{build['id']}").text
    assert "Passed" in page
    assert repository.full_name in hub.client.get("/").text


def test_statuses_go_from_pending_to_success_with_the_roll_up_last(
    hub: HubProcess, github: FakeGitHub, make: Make, tmp_path: Path
) -> None:
    """One context per job, platform and matrix point, plus one roll-up that never looks ready before the rest (R17)."""
    gate = tmp_path / "gate"
    wait = f"while ! test -e {gate}; do sleep 0.02; done"
    repository = make({".hubwright.yml": f"matrix:\n  flavour: [sweet, sour]\nstages:\n- build: {wait}\n"})
    sha = str(repository.head())
    hub.deliver("push", repository.push_payload())
    until(lambda: hub.builds(repository) and len(hub.builds(repository)[0]["runs"]) == 2)
    runs = hub.builds(repository)[0]["runs"]
    contexts = {
        f"hubwright / {repository.full_name} ({run['platform']}, flavour={run['matrix']['flavour']})" for run in runs
    }
    assert len(contexts) == 2
    github.wait_for(lambda: {status["context"] for status in github.statuses(sha)} == {"hubwright", *contexts})
    assert {status["state"] for status in github.statuses(sha)} == {"pending"}
    gate.touch()

    (build,) = hub.finished(repository)
    statuses = told(github, sha, "success")
    assert statuses[0] == ("pending", "hubwright")
    assert statuses[-1] == ("success", "hubwright")
    for context in ("hubwright", *contexts):
        states = [state for state, name in statuses if name == context]
        assert (states[0], states[-1], set(states[:-1])) == ("pending", "success", {"pending"})
    for status in github.statuses(sha):
        assert status["target_url"] == f"{hub.url}/builds/{build['id']}"
        assert len(status["description"]) <= 140


def test_a_failing_commit_is_a_failure_that_says_which_stage(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """The first failure ends the rest; the status tells the stage and its exit code; the page shows the line."""
    recipe = "stages:\n- build: echo fine\n- test: 'echo \"bad.c:7: error: wrong\"; exit 3'\n- package: echo never\n"
    repository = make({".hubwright.yml": recipe})
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)

    assert build["result"] == "failure"
    run = build["runs"][0]
    assert [stage["result"] for stage in run["stages"]] == ["success", "failure", "skip"]
    assert run["stages"][1]["exit_code"] == 3
    assert b"never" not in hub.output(run["id"])
    told(github, str(repository.head()), "failure")
    assert github.statuses(str(repository.head()), "hubwright")[-1]["description"] == "stage test failed: exit code 3"
    page = hub.client.get(f"/builds/{build['id']}").text
    assert "Failed" in page
    assert "bad.c:7" in page
    (failed,) = hub.get(f"builds/{build['id']}/problems")["stages"]
    assert (failed["stage"], failed["exit_code"]) == ("test", 3)
    assert "bad.c:7: error: wrong" in failed["log"]


def test_a_slow_github_delays_no_answer_and_an_absent_one_no_build(
    hub: HubProcess, github: FakeGitHub, make: Make, tmp_path: Path
) -> None:
    """R10, R17: the answer comes before anything is fetched; statuses come late, but complete and in order."""
    gate = tmp_path / "gate"
    repository = make({".hubwright.yml": f"stages:\n- wait: echo begun; while ! test -e {gate}; do sleep 0.02; done\n"})
    sha = str(repository.head())
    github.fail_next(2, status=0, latency=3, git=True)
    payload, began = repository.push_payload(), time.monotonic()
    hub.deliver("push", payload)
    assert time.monotonic() - began < 2.5
    hub.begun(repository, b"begun")
    github.wait_for(lambda: github.statuses(sha, "hubwright"))
    github.down()
    try:
        gate.touch()
        assert hub.finished(repository)[0]["result"] == "success"
    finally:
        github.up()
    told(github, sha, "success")
    for context in {status["context"] for status in github.statuses(sha)}:
        states = [status["state"] for status in github.statuses(sha, context)]
        assert (states[-1], set(states[:-1])) == ("success", {"pending"})


def test_a_wrong_recipe_is_a_failed_build_that_shows_the_line(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """Whose fault it is must be clear: file:line:col, the line itself, a guess; nothing runs."""
    repository = make({".hubwright.yml": "stages:\n- build: make\ntimout: 5m\n"})
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)

    assert (build["result"], build["runs"]) == ("failure", [])
    assert build["problem"].startswith(".hubwright.yml:3:1: ")
    assert "timeout" in build["problem"]
    assert "3 | timout: 5m" in build["problem"]
    page = hub.client.get(f"/builds/{build['id']}").text
    assert ".hubwright.yml:3:1:" in page
    assert "timout: 5m" in page
    told(github, str(repository.head()), "failure")
    description = github.statuses(str(repository.head()), "hubwright")[-1]["description"]
    assert description.startswith(".hubwright.yml:3:1: ")


def test_a_project_without_a_recipe_is_built_as_what_it_is(hub: HubProcess, make: Make) -> None:
    """A plain Makefile with a `test` target needs no configuration (system 3)."""
    makefile = "all:\n\t@echo made\ntest check:\n\t@echo checked\n"
    repository = make({"Makefile": makefile, "main.c": "int main(void) { return 0; }\n"})
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)

    assert build["result"] == "success"
    output = hub.output(build["runs"][0]["id"])
    assert output.index(b"made") < output.index(b"checked")


def test_tests_and_files_of_a_build_are_kept(hub: HubProcess, make: Make) -> None:
    """Counts and cases from JUnit, files with their digest, both by API; the file comes back byte for byte."""
    junit = '<testsuite name="s"><testcase name="a"/><testcase name="b"><failure message="no"/></testcase></testsuite>'
    recipe = (
        "stages:\n- test:\n    run: mkdir -p out; cp junit.xml out/; printf 'bin\\000ary' > out/app.bin\n"
        "    reports: out/*.xml\n    artifacts: out/app.bin\n"
    )
    repository = make({".hubwright.yml": recipe, "junit.xml": junit})
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)
    run = build["runs"][0]

    assert run["tests"] == {"total": 2, "passed": 1, "skipped": 0, "failed": 1}
    cases = hub.get(f"runs/{run['id']}/tests")["items"]
    assert [(case["name"], case["result"]) for case in cases] == [("a", "passed"), ("b", "failed")]
    (file,) = hub.get(f"runs/{run['id']}/artifacts")["items"]
    assert (file["path"], file["size"]) == ("out/app.bin", 7)
    assert hub.client.get(file["url"]).content == b"bin\0ary"


def test_a_log_of_any_bytes_comes_back_byte_for_byte(hub: HubProcess, make: Make, tmp_path: Path) -> None:
    """R19, R20: binary bytes, broken UTF-8, a line of a megabyte, 200,000 escapes; whole and from any offset."""
    copy = tmp_path / "copy"
    program = (
        "import sys; w = sys.stdout.buffer.write; w(bytes(range(256)) * 8); w(b'x' * 2**20 + b'\\n'); "
        "w(b'\\x1b[31mred\\x1b[0m' * 200_000); w(b'\\xc3\\x28 \\xf0\\x9f\\x90')"
    )
    repository = make({".hubwright.yml": f"stages:\n- write: python3 write.py | tee {copy}\n", "write.py": program})
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)
    run = build["runs"][0]["id"]
    log, stage = hub.log(run), build["runs"][0]["stages"][0]["log"]

    written = copy.read_bytes()
    assert len(written) > 2**20
    assert written in log
    assert log[stage["start"] : stage["end"]].endswith(written)
    for start in (0, 1000, len(log) - 7, len(log)):
        parts = [data for kind, _, data in hub.events(run, start) if kind == "chunk"]
        got = b"".join(b64decode(part["base64"]) if "base64" in part else part["text"].encode() for part in parts)
        assert got == log[start:]
    answer = hub.client.get(f"/api/v1/runs/{run}/log?ansi=1", headers={"Range": "bytes=500-999"})
    assert (answer.status_code, answer.content) == (206, log[500:1000])


def test_the_same_commit_is_green_in_a_sandbox(github: FakeGitHub, make: Make, folder: Path) -> None:
    """`bubblewrap` where the machine can, with a clear warning where it cannot; the build is the same."""
    repository = make({".hubwright.yml": "stages:\n- build: git log --format=%H; id -u; ls /proc | grep -c '^[0-9]'\n"})
    with HubProcess(folder, github=github, settings={"EXECUTOR": "bubblewrap"}) as hub:
        hub.deliver("push", repository.push_payload())
        (build,) = hub.finished(repository)

        assert build["result"] == "success", hub.log(build["runs"][0]["id"])
        sha, user, processes = hub.output(build["runs"][0]["id"]).decode().split()
        assert sha == repository.head()
        (builder,) = hub.get("builders")["items"]
        if builder["executor"] == "bubblewrap":
            assert user != "0"
            assert int(processes) < 10
        else:
            assert re.search("Builds run without a sandbox", hub.said)
