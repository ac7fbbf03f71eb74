"""From a push to what people see of its failure: problems, tests, what changed, what is flaky."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_line import run
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess
from waiting import until

Make = Callable[..., FakeRepository]

RECIPE = """
stages:
- build: sh build.sh
- test:
    run: sh test.sh
    reports: report.xml
"""
CHECK = """cat > report.xml <<XML
<testsuite name="pytest"><testcase classname="tests.test_ring" name="test_empty" time="0.5"/>
<testcase classname="tests.test_ring" name="test_wrap" time="0.25">%s</testcase></testsuite>
XML
%s
"""
FAILURE = '<failure message="assert 3 == 4">$PWD/tests/test_ring.py:2: AssertionError</failure>'
GCC = r"""printf 'cc -c src/ring.c\n'
printf '\033[1msrc/ring.c:3:23:\033[m \033[31merror: \033[mno member named tail [-Wtail]\n'
printf 'src/ring.c:1:1: warning: old style\n'
exit 1
"""
FILES = {".hubwright.yml": RECIPE, "src/ring.c": "int\nx\n;\n", "tests/test_ring.py": "def test():\n    assert 0\n"}


def files(build: str, test: str) -> dict[str, str]:
    return {**FILES, "build.sh": build, "test.sh": test}


def newest(hub: HubProcess, repository: FakeRepository, count: int) -> dict[str, Any]:
    found: dict[str, Any] = hub.finished(repository, count)[0]
    return found


def all_facts(hub: HubProcess) -> list[dict[str, Any]]:
    """Every fact of the hub, which other tests have asked for builds too: page by page."""
    facts: list[dict[str, Any]] = []
    while page := hub.get("facts", after=facts[-1]["id"] if facts else 0)["items"]:
        facts += page
    return facts


def test_a_failure_is_told_whole_in_one_call_and_on_the_page(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """Green, then a test breaks, then the compiler complains: API, text, page, status and facts say what and where."""
    repository = make(files("echo fine", CHECK % ("", "exit 0")))
    hub.deliver("push", repository.push_payload())
    assert newest(hub, repository, 1)["result"] == "success"

    hub.deliver(
        "push",
        repository.push(files("echo fine", CHECK % (FAILURE, "echo 'tests/test_ring.py:2: AssertionError'; exit 1"))),
    )
    red = newest(hub, repository, 2)
    told = hub.get(f"builds/{red['id']}/problems")
    (case,) = told["tests"]
    assert (case["name"], case["change"], case["flaky"]) == ("test_wrap", "now_failing", False)
    assert (case["file"], case["line"]) == ("tests/test_ring.py", 2)
    assert told["runs"][0]["difference"]["names"]["now_failing"] == ["tests.test_ring: test_wrap"]
    assert told["verdict"] == "stage test failed: exit code 1 (1 of 2 tests failed, 1 now failing)"
    tests = hub.get(f"runs/{red['runs'][0]['id']}/tests", change="now_failing")
    assert [one["name"] for one in tests["items"]] == ["test_wrap"]
    assert tests["difference"]["now_failing"] == 1
    facts = [fact["sentence"] for fact in all_facts(hub)]
    assert any(one.endswith("finished: failure. 1 test now fails (tests.test_ring: test_wrap).") for one in facts)
    github.wait_for(lambda: any("1 now failing" in s["description"] for s in github.statuses(str(repository.head()))))

    hub.deliver("push", repository.push(files(GCC, CHECK % ("", "exit 0"))))
    broken = newest(hub, repository, 3)
    told = hub.get(f"builds/{broken['id']}/problems")
    error, warning = told["problems"]
    assert (error["file"], error["line"], error["column"], error["code"]) == ("src/ring.c", 3, 23, "-Wtail")
    assert (error["message"], error["severity"], error["stage"]) == ("no member named tail", "error", "build")
    assert warning["severity"] == "warning"
    (stage,) = told["stages"]
    assert "error: no member named tail" in "".join(stage["excerpt"])
    assert stage["line"] == error["log_line"]
    lines = hub.log(broken["runs"][0]["id"]).split(b"\n")
    assert b"no member named tail" in lines[error["log_line"] - 1]
    text = hub.client.get(f"/api/v1/builds/{broken['id']}/problems", headers={"Accept": "text/plain"})
    assert text.headers["content-type"].startswith("text/plain")
    assert "\n  src/ring.c:3:23: error: no member named tail [-Wtail]\n" in text.text
    failed = run(hub, "logs", str(broken["id"]), "--failed").stdout
    assert "\nProblems\n  src/ring.c:3:23: error: no member named tail [-Wtail]\n\n" in failed
    assert failed.endswith("src/ring.c:1:1: warning: old style\n  The command ended with exit code 1.\n")
    assert run(hub, "status", str(broken["id"])).stdout.endswith(failed)
    page = hub.client.get(f"/builds/{broken['id']}").text
    assert "src/ring.c:3:23" in page
    assert f'runs/{broken["runs"][0]["id"]}#L{error["log_line"]}"' in page


def test_a_rerun_that_passes_shows_a_flaky_test(hub: HubProcess, make: Make, folder: Path) -> None:
    """Failed and passed on one commit: counted, and marked when it fails the next time."""
    marker = folder / "again"
    good, bad = CHECK % ("", "exit 0"), CHECK % (FAILURE, "exit 1")
    shaky = f"if [ -e {marker} ]; then true\n{good}else true\n{bad}fi\n"
    repository = make(files("echo fine", shaky))
    hub.deliver("push", repository.push_payload())
    red = newest(hub, repository, 1)
    assert red["result"] == "failure"
    marker.touch()
    hub.post(f"builds/{red['id']}/rerun")
    until(lambda: len(hub.get(f"builds/{red['id']}")["earlier_runs"]) == 1)
    until(lambda: hub.get(f"builds/{red['id']}")["state"] == "finished")

    again = hub.get(f"builds/{red['id']}")["runs"][0]["id"]
    assert [one["name"] for one in hub.get(f"runs/{again}/tests", flaky="true")["items"]] == ["test_wrap"]
    hub.deliver("push", repository.push(files("echo fine", CHECK % (FAILURE, "exit 1"))))
    later = newest(hub, repository, 2)
    (case,) = hub.get(f"builds/{later['id']}/problems")["tests"]
    assert (case["change"], case["flaky"]) == ("now_failing", True)

    run_id = later["runs"][0]["id"]
    (item,) = hub.get(f"runs/{run_id}/tests", result="failed")["items"]
    (strip,) = hub.get(f"runs/{run_id}/tests/{item['id']}/history")["platforms"]
    assert [(one["number"], one["result"], one["flaky"]) for one in strip["runs"]] == [
        (2, "failed", True), (1, "passed", True),
    ]  # fmt: skip
    assert 'aria-label="Its last 2 runs: 1 failed"' in hub.client.get(f"/builds/{later['id']}").text
    assert hub.client.get(f"/api/v1/runs/{run_id}/tests/999999/history").status_code == 404


def test_problems_show_while_their_stage_runs_and_go_when_it_is_tried_again(
    hub: HubProcess, make: Make, folder: Path
) -> None:
    """API, text and page tell them before the stage ends; a second try takes away what the first one told."""
    script = "".join(
        f"[ -e {name}.tried ] || {{ touch {name}.tried; echo 'src/ring.c:{line}:1: error: {name} try';"
        f" while [ ! -e {folder}/{name}.go ]; do sleep 0.05; done; exit 1; }}\n"
        for line, name in ((1, "first"), (2, "second"))
    )
    recipe = "stages:\n- build: {run: sh build.sh, retry: 1}\n"
    repository = make({**FILES, ".hubwright.yml": recipe, "build.sh": script})
    hub.deliver("push", repository.push_payload())

    def told(state: str) -> list[str]:
        builds = hub.builds(repository)
        if not builds or builds[0]["state"] != state:
            return []
        problems = hub.get(f"builds/{builds[0]['id']}/problems")["problems"]
        return [f"{one['file']}:{one['line']} {one['message']}" for one in problems]

    until(lambda: told("running") == ["src/ring.c:1 first try"], 40, "the problem of the first try")
    number = hub.builds(repository)[0]["id"]
    page = hub.client.get(f"/builds/{number}").text
    assert "1 error so far" in page
    assert "first try" in page
    (folder / "first.go").touch()
    until(lambda: told("running") == ["src/ring.c:2 second try"], 40, "the problem of the second try only")
    (folder / "second.go").touch()
    assert newest(hub, repository, 1)["result"] == "failure"
    assert told("finished") == ["src/ring.c:2 second try"]
    assert "so far" not in hub.client.get(f"/builds/{number}").text
