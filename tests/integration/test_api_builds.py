"""The API of builds, runs, jobs and lists, over HTTP."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from git_repositories import GitRepository
from hubwright.domain.artifacts import artifact_key
from hubwright.store import schema
from hubwright.web.api.answers import moment
from page_reading import Read, find_foreign
from served import NOW, Served, served_site

ADMIN = {"Authorization": "Bearer admin-secret"}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A site with one job."""
    with served_site(tmp_path) as served:
        served.rows.keep_job()
        yield served


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A site with one job that refusals leave as it is."""
    with served_site(tmp_path_factory.mktemp("quiet")) as served:
        served.rows.keep_job()
        yield served


def test_a_build_is_shown_as_the_contract_says(hub: Served) -> None:
    """The names that scripts rely on."""
    hub.rows.keep_build(1, state="finished", result="failure", started_at=NOW + 1, finished_at=NOW + 3.5)
    stage = {"name": "test", "kind": "test", "state": "finished", "result": "failure", "exit_code": 2}
    hub.rows.keep_run(1, 1, (stage,), builder="b1", matrix={"cc": "gcc"}, tests_total=1, tests_failed=1)
    build = hub.get("/api/v1/builds/1")
    named = {"id", "number", "job", "repo", "sha", "ref", "event", "state", "result", "url", "runs"}
    assert named | {"queued_at", "started_at", "finished_at"} <= set(build)
    assert (build["queued_at"], build["duration"]) == ("2026-09-21T14:13:20.000000Z", 2.5)
    assert build["url"] == "http://127.0.0.1:8010/builds/1"
    run = build["runs"][0]
    assert {"id", "platform", "matrix", "attempt", "state", "result", "builder", "stages", "tests"} <= set(run)
    assert run["tests"] == {"total": 1, "passed": 0, "skipped": 0, "failed": 1}
    assert {"name", "kind", "state", "result", "exit_code", "duration"} <= set(run["stages"][0])
    assert hub.get("/api/v1/builds?sha=" + build["sha"])["items"][0]["runs"][0]["stages"][0]["exit_code"] == 2


def test_filters_narrow_the_list_together(hub: Served) -> None:
    """`?repo=&result=success`: what scripts ask for the newest good build of a repository."""
    hub.rows.keep_job(2, path="team/other", repository="team/other")
    for number, result, job in ((1, "success", 1), (2, "failure", 1), (3, "success", 1), (4, "success", 2)):
        more = {"job_id": 2, "repository": "team/other"} if job == 2 else {}
        hub.rows.keep_build(number, state="finished", result=result, **more)
    hub.rows.keep_build(5)
    found = hub.get("/api/v1/builds?repo=team/app&result=success")["items"]
    assert [(one["id"], one["repo"], one["result"]) for one in found] == [
        (3, "team/app", "success"),
        (1, "team/app", "success"),
    ]
    assert [one["id"] for one in hub.get("/api/v1/builds?repo=team/app&result=success&limit=1")["items"]] == [3]
    assert hub.get("/api/v1/builds?repo=team/none&result=success")["items"] == []
    assert hub.client.get("/api/v1/builds?repo=team/app&result=green").status_code == 422


def test_lists_lead_on_by_link(hub: Served) -> None:
    """RFC 8288: a client follows `next` until there is none."""
    for number in range(1, 6):
        hub.rows.keep_build(number)
    seen: list[int] = []
    path = "/api/v1/builds?limit=2&repo=team%2Fapp"
    while path:
        answer = hub.client.get(path)
        seen += [build["id"] for build in answer.json()["items"]]
        following = answer.links.get("next", {}).get("url", "")
        assert bool(following) == (answer.json()["next"] is not None)
        path = following.removeprefix("http://127.0.0.1:8010")
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/builds?stat=running",
        "/api/v1/builds?state=sleeping",
        "/api/v1/builds?limit=0",
        "/api/v1/builds?cursor=x",
        "/api/v1/builds?sha=zz",
        "/api/v1/builds/99999999999999999999",
        "/api/v1/runs/1/log?start=0",
        "/api/v1/commits",
    ],
)
def test_wrong_parameters_are_named(quiet: Served, path: str) -> None:
    """422 with the parameter; an unknown filter would silently show everything."""
    answer = quiet.client.get(path)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["parameter"]


@pytest.mark.parametrize(
    "path", ["/api/v1/builds/9", "/api/v1/runs/9", "/api/v1/runs/9/log", "/api/v1/jobs/x", "/api/v1/nix"]
)
def test_nothing_there_is_a_problem(quiet: Served, path: str) -> None:
    """404 as application/problem+json, for routes and rows alike."""
    answer = quiet.client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_problems_tell_the_failure_in_one_small_answer(hub: Served) -> None:
    """The failed stage's last 150 lines without escapes, and the failed tests; ≤ 64 kB whatever the log holds."""
    lines = b"".join(b"\x1b[31mline %d\x1b[0m %s\r\n" % (number, b"\xff" * 1500) for number in range(400))
    head = b"cloned\n"
    stages = (
        {"name": "clone", "result": "success", "log_start": 0, "log_end": len(head)},
        {"name": "test", "result": "failure", "exit_code": 1, "log_start": len(head), "log_end": len(head + lines)},
        {"name": "after", "result": "skip"},
    )
    hub.rows.keep_build(1, state="finished", result="failure")
    hub.rows.keep_run(1, 1, stages, state="finished", result="failure")
    case = {"run_id": 1, "suite": "s", "classname": "c", "message": "boom" * 1000}
    hub.rows.keep(
        schema.test_case,
        {"position": 0, "name": "good", "result": "passed", **case},
        {"position": 1, "name": "bad", "result": "failed", **case},
    )
    hub.write_log(1, head + lines)
    answer = hub.client.get("/api/v1/builds/1/problems")
    assert len(answer.content) <= 64_000
    problems = answer.json()
    (stage,) = problems["stages"]
    assert (stage["stage"], stage["exit_code"], stage["result"]) == ("test", 1, "failure")
    assert stage["log"][-1].startswith("line 399 ")
    assert problems["truncated"]
    assert [test["name"] for test in problems["tests"]] == ["bad"]


def test_problems_show_at_most_150_lines_as_a_terminal_would(hub: Served) -> None:
    """Overwritten progress is gone; the tail begins with a whole line."""
    log = b"".join(b"%d\n" % number for number in range(500)) + b"10%\r50%\r100%\r\n"
    hub.rows.keep_build(1, state="finished", result="error")
    hub.rows.keep_run(1, 1, state="finished", result="error", detail="The builder was lost.")
    hub.write_log(1, log)
    (found,) = hub.get("/api/v1/builds/1/problems")["stages"]
    assert (found["stage"], found["detail"], len(found["log"])) == (None, "The builder was lost.", 150)
    assert found["log"][-2:] == ["499", "100%"]


def test_why_a_build_waits(hub: Served) -> None:
    """Also before it has any run."""
    hub.rows.keep_build(1, problem="github.com does not answer.", retry_at=NOW + 3600)
    reason = hub.get("/api/v1/builds/1/why")["reasons"][0]
    assert (reason["kind"], reason["again"]) == ("retry_later", moment(NOW + 3600))
    assert ": github.com does not answer." in reason["sentence"]
    hub.rows.keep_run(1, 1)
    why = hub.get("/api/v1/builds/1/why")
    assert why["waiting"]
    assert "hubwright builder" in why["reasons"][0]["reason"]


def test_orders_need_the_role_and_wake_the_scheduler(tmp_path: Path) -> None:
    """Rerun and cancel write; reading is not enough."""
    woken: list[str] = []
    with served_site(tmp_path, wake=woken.append) as hub:
        hub.rows.keep_job()
        hub.rows.keep_build(1)
        hub.rows.keep_run(1, 1, ({"name": "build"},))
        assert hub.client.post("/api/v1/builds/1/cancel").status_code == 401
        answer = hub.client.post("/api/v1/builds/1/cancel", headers=ADMIN, json={"reason": "not needed"})
        assert (answer.status_code, answer.json()) == (202, {"build": 1, "cancelled": 1})
        assert hub.get("/api/v1/builds/1")["result"] == "cancellation"
        assert hub.client.post("/api/v1/builds/1/cancel", headers=ADMIN).status_code == 409
        answer = hub.client.post("/api/v1/builds/1/rerun", headers=ADMIN)
        assert (answer.status_code, answer.json()["build"]) == (202, 1)
        assert hub.get("/api/v1/builds/1")["state"] == "queued"
        assert hub.client.post("/api/v1/builds/9/rerun", headers=ADMIN).status_code == 404
        assert woken == ["runs", "runs"]


def test_a_job_is_defined_and_shown(hub: Served) -> None:
    """PUT makes and replaces; a folder lists what is below it."""
    wanted = {"repo": "team/lib", "settings": {"commits": "head", "timeout": 60, "platforms": ["linux"]}}
    assert hub.client.put("/api/v1/jobs/team/lib", json=wanted).status_code == 401
    assert hub.client.put("/api/v1/jobs/team/lib", json=wanted, headers=ADMIN).status_code == 201
    answer = hub.client.put("/api/v1/jobs/team/lib", json={"enabled": False}, headers=ADMIN)
    assert answer.status_code == 200
    assert (answer.json()["repo"], answer.json()["enabled"], answer.json()["settings"]) == ("team/lib", False, {})
    assert [job["path"] for job in hub.get("/api/v1/jobs/team")["items"]] == ["team/app", "team/lib"]
    assert hub.get("/api/v1/jobs/team/lib")["path"] == "team/lib"


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("team/x", b'{"repo": "a/b", "settings": {"timeot": 1}}', "did you mean 'timeout'?"),
        ("team/x", b'{"repo": "a/b", "setings": {}}', "nknown key 'setings'"),
        ("team/x", b'{"repo": "a/b", "settings": {"timeout": -1}}', "`timeout`"),
        ("team/x", b'{"repo": "a/b", "settings": {"commits": "some"}}', "`commits`"),
        ("team/x", b"{}", "needs"),
        ("team/x", b'{"repo": "a"}', "`repository`"),
        ("team/x", b'{"repo": "a/.."}', "repository"),
        ("team/x", b"[]", "mapping of keys"),
        ("team/x", b"{", "ot valid JSON"),
        ("team/x", b"[" * 100_000, "oo deep"),
        ("team/builds", b'{"repo": "a/b"}', "path"),
        ("-/%2e%2e/x", b'{"repo": "a/b"}', "path"),
        ("a%00b", b'{"repo": "a/b"}', "path"),
        ("team/versions", b'{"repo": "a/b"}', "path"),
    ],
)
def test_a_wrong_definition_is_refused_and_writes_nothing(quiet: Served, path: str, body: bytes, told: str) -> None:
    """Each refusal names what is wrong."""
    answer = quiet.client.put(f"/api/v1/jobs/{path}", content=body, headers=ADMIN)
    assert answer.status_code in {400, 422}
    assert told in answer.json()["detail"]
    assert [job["path"] for job in quiet.get("/api/v1/jobs")["items"]] == ["team/app"]


def test_a_job_is_changed_in_parts(hub: Served) -> None:
    """RFC 7396: what is named changes, null gives the default back, the rest stays."""
    path = "/api/v1/jobs/team/app"
    first = {"repo": "team/app", "settings": {"timeout": 60, "env": {"A": "1", "B": "2"}}}
    assert hub.client.put(path, json=first, headers=ADMIN).status_code == 200
    changes = {"enabled": False, "settings": {"timeout": None, "env": {"B": None, "C": "3"}}}
    assert hub.client.patch(path, json=changes).status_code == 401
    answer = hub.client.patch(path, json=changes, headers=ADMIN)
    assert answer.status_code == 200
    assert (answer.json()["enabled"], answer.json()["settings"]) == (False, {"env": {"A": "1", "C": "3"}})
    assert hub.client.patch("/api/v1/jobs/team/none", json={}, headers=ADMIN).status_code == 404
    assert hub.client.patch(path, json={"settings": {"timeout": 0}}, headers=ADMIN).status_code == 422


def test_a_build_is_started(hub: Served, tmp_path: Path) -> None:
    """The newest commit, or the one asked for; the same Idempotency-Key starts one build, however often it is sent."""
    repository = GitRepository(tmp_path / "team" / "app.git")
    sha = repository.commit({"Makefile": "all:\n"}, "first")
    path = "/api/v1/jobs/team/app/builds"
    assert hub.client.post(path).status_code == 401
    answer = hub.client.post(path, headers=ADMIN)
    assert (answer.status_code, answer.json()["sha"], answer.json()["state"]) == (202, sha, "queued")
    assert hub.get(answer.headers["location"])["branch"] == "main"
    once = {**ADMIN, "Idempotency-Key": "one"}
    asked = {"sha": "a" * 40, "parameters": {"SPEED": "fast"}}
    ids = [hub.client.post(path, json=asked, headers=once).json()["id"] for _ in range(3)]
    assert len(set(ids)) == 1
    assert [build["id"] for build in hub.get("/api/v1/builds")["items"]] == [ids[0], answer.json()["id"]]
    assert hub.client.post("/api/v1/jobs/team/none/builds", headers=ADMIN).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"ref": "no-such-branch", "x": 1},
        {"ref": "--upload-pack=touch /tmp/x"},
        {"ref": "a..b"},
        {"sha": "main"},
        {"sha": 7},
        {"parameters": {"A-B": "1"}},
        {"parameters": {"A": "\x00"}},
        {"parameters": {"A": "x" * 10_001}},
        {"parameters": {f"A{number}": "" for number in range(101)}},
        {"parameters": {"A": [1]}},
    ],
)
def test_a_wrong_wish_starts_nothing(quiet: Served, body: dict[str, object]) -> None:
    """Names as attack are refused at the door."""
    answer = quiet.client.post("/api/v1/jobs/team/app/builds", json=body, headers=ADMIN)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert quiet.get("/api/v1/builds")["items"] == []


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("method", "path"), [("PUT", "/api/v1/jobs/team/x"), ("POST", "/api/v1/builds/1/rerun")])
def test_a_body_that_is_too_large_is_refused(quiet: Served, method: str, path: str, chunked: bool) -> None:
    """413 before it is read wholly, whoever asks, with or without Content-Length."""
    body = b'{"recipe": "' + b"x" * 300_000 + b'"}'
    content = iter([body]) if chunked else body
    answer = quiet.client.request(method, path, content=content, headers=ADMIN)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


def test_ping_says_whether_it_builds(hub: Served) -> None:
    """System 0's question, with what remains."""
    idle = {"state": "idle", "running": [], "remaining": 0, "building": False, "status": "success"}
    idle |= {"held": 0, "paused": False, "id": None}
    assert hub.get("/api/v1/ping") == idle
    hub.rows.keep_build(1, state="running")
    hub.rows.keep_run(1, 1, state="running")
    hub.rows.keep_run(2, 1)
    ping = hub.get("/api/v1/ping")
    assert (ping["state"], ping["running"], ping["remaining"], ping["building"]) == ("building", [1], 1, True)


def test_ping_counts_what_goes_on_by_itself_and_apart_what_waits_for_people(hub: Served) -> None:
    """Within limits, or while its recipe is read; a fork's run waits for an approval."""
    hub.rows.keep_build(1, blocked="waits", runs_left=1)
    hub.rows.keep_run(1, 1, state="held")
    hub.rows.keep_build(2, trust="untrusted", blocked="new", runs_left=2)
    hub.rows.keep_run(2, 2, state="held")
    hub.rows.keep_run(3, 2, state="held")
    hub.rows.keep_build(3)
    ping = hub.get("/api/v1/ping")
    assert (ping["state"], ping["remaining"], ping["held"], ping["id"]) == ("building", 2, 2, None)


def test_deliveries_show_bodies_to_those_who_may(hub: Served) -> None:
    """A body may tell of private repositories."""
    kept = {"id": 1, "guid": "g", "event": "push", "received_at": NOW, "next_try_at": NOW}
    hub.rows.keep(schema.delivery, {**kept, "body": zlib.compress(b'{"a": [1]}')})
    assert hub.get("/api/v1/deliveries")["items"][0]["event"] == "push"
    assert hub.client.get("/api/v1/deliveries/1").status_code == 401
    assert hub.get("/api/v1/deliveries/1", headers=ADMIN)["body"] == {"a": [1]}


def test_facts_are_read_on_from_the_last(hub: Served) -> None:
    """`next` is always there, so that a reader may ask again for what follows."""
    assert hub.get("/api/v1/facts") == {"items": [], "next": 0}
    hub.keep_fact(data={"job": "team/app", "number": 1, "sha7": "abc", "ref": "main"})
    page = hub.get("/api/v1/facts")
    assert page["items"][0]["sentence"] == "team/app #1 queued for abc on main."
    assert hub.get(f"/api/v1/facts?after={page['next']}")["items"] == []


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


def keep_artifact(hub: Served, run: int, path: str, data: bytes) -> None:
    row = {"run_id": run, "sha": "a" * 40, "platform": "linux", "path": path, "size": len(data)}
    hub.rows.keep(schema.artifact, {**row, "sha256": "b" * 64, "kept_at": NOW})
    asyncio.run(hub.site.storage.put(artifact_key(run, path), stream(data)))


def test_artifacts_are_downloads_that_no_browser_runs(hub: Served) -> None:
    """A build's HTML must not act in the hub's name: attachment, nosniff, sandbox (its content is a stranger's)."""
    hub.rows.keep_build(1, state="finished", result="success")
    hub.rows.keep_run(1, 1)
    keep_artifact(hub, 1, "dist/página <1>.html", b"<script>alert(1)</script>")
    (listed,) = hub.get("/api/v1/runs/1/artifacts")["items"]
    path = listed["url"].removeprefix("http://127.0.0.1:8010")
    answer = hub.client.get(path)
    assert (answer.status_code, answer.content) == (200, b"<script>alert(1)</script>")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert hub.client.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert hub.client.get(f"/artifacts/{'a' * 40}/linux/none").status_code == 404


def test_the_latest_download_is_of_the_newest_good_build(hub: Served) -> None:
    """One file: straight to it. Several: a list to choose from."""
    hub.rows.keep_build(1, state="finished", result="success")
    hub.rows.keep_run(1, 1, state="finished", result="success")
    hub.rows.keep_build(2, state="finished", result="failure")
    hub.rows.keep_run(2, 2, state="finished", result="failure")
    keep_artifact(hub, 1, "app.tar.gz", b"good")
    keep_artifact(hub, 1, "app.zip", b"zip")
    keep_artifact(hub, 2, "app.tar.gz", b"bad")
    latest = "/download/latest?job=team/app&platform=linux"
    assert [item["run"] for item in hub.get(latest)["items"]] == [1, 1]
    answer = hub.client.get(f"{latest}&path=.zip")
    assert (answer.status_code, answer.headers["location"]) == (302, "/api/v1/runs/1/artifacts/app.zip")
    assert hub.client.get(f"{latest}&branch=none").status_code == 404


def test_the_api_describes_itself(hub: Served) -> None:
    """OpenAPI 3.1 at both addresses; the docs page loads nothing from elsewhere."""
    document = hub.get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/builds/{build_id}" in document["paths"]
    assert hub.get("/api/v1/openapi.json") == document
    page = hub.client.get("/docs").text
    assert "/api/v1/runs/{run_id}/log/stream" in page
    assert find_foreign(Read(page)) == []


def test_hostile_text_is_data(hub: Served) -> None:
    """Names from outside go through JSON unharmed (architecture §6.4)."""
    hostile = "\"><script>alert('x')</script>\u202e\x00\n"
    kept = hostile.replace("\x00", "")
    hub.rows.keep_build(1, branch=kept, ref=f"refs/heads/{kept}", message=hostile)
    build = json.loads(hub.client.get("/api/v1/builds/1").content)
    assert (build["branch"], build["message"]) == (kept, hostile)


def test_tests_are_narrowed_by_result_change_and_flakiness(hub: Served) -> None:
    """With the totals and what changed in all; a filter that is not known is refused."""
    difference = {"now_failing": 1, "names": {"now_failing": ["c: bad"]}}
    hub.rows.keep_build(1, state="finished", result="failure")
    hub.rows.keep_run(
        1, 1, state="finished", result="failure", tests_total=3, tests_passed=1, tests_failed=2, tests_previous=7,
        tests_difference=difference,
    )  # fmt: skip
    case = {"run_id": 1, "position": 0, "suite": "s", "classname": "c"}
    hub.rows.keep(
        schema.test_case,
        {"name": "good", "result": "passed", "change": None, "flaky": False, **case},
        {"name": "bad", "result": "error", "change": "now_failing", "flaky": False, **case},
        {"name": "shaky", "result": "failed", "change": "still_failing", "flaky": True, **case},
    )

    def names(query: str) -> list[str]:
        return [one["name"] for one in hub.get(f"/api/v1/runs/1/tests{query}")["items"]]

    assert names("") == ["good", "bad", "shaky"]
    assert names("?result=failed") == ["bad", "shaky"]
    assert names("?change=now_failing") == ["bad"]
    assert names("?flaky=true") == ["shaky"]
    answer = hub.get("/api/v1/runs/1/tests?limit=1")
    assert answer["difference"] == {"previous": 7, **difference}
    assert answer["totals"]["failed"] == 2
    assert answer["next"] is not None
    assert hub.client.get("/api/v1/runs/1/tests?chnage=new").status_code == 422


def test_problems_lead_to_log_and_source(hub: Served) -> None:
    """File and line, the line of the log, the file at that commit on GitHub; as text too, with nothing hidden in it."""
    log = b"one\ntwo\nsrc/a b.c:3:1: error: no\nfour\n"
    stage = {"name": "build", "result": "failure", "exit_code": 2, "log_start": 0, "log_end": len(log)}
    hub.rows.keep_build(1, state="finished", result="failure")
    hub.rows.keep_run(1, 1, (stage,), state="finished", result="failure")
    common = {"run_id": 1, "position": 0, "matcher": "gcc", "col": 1, "code": None, "log_offset": 8}
    hub.rows.keep(
        schema.problem,
        {**common, "severity": "warning", "file": None, "line": None, "message": "w", "log_offset": None},
        {**common, "severity": "error", "file": "src/a b.c", "line": 3, "message": "no \u202eon"},
    )
    hub.write_log(1, log)
    told = hub.get("/api/v1/builds/1/problems")
    error, warning = told["problems"]
    assert (error["severity"], error["log_line"], error["stage"]) == ("error", 3, "build")
    assert error["source_url"].endswith(f"/blob/{told['sha']}/src/a%20b.c#L3")
    assert error["url"].endswith("/builds/1/runs/1#L3")
    assert (warning["log_line"], warning["source_url"]) == (None, None)
    assert told["stages"][0]["line"] == 3
    assert told["stages"][0]["excerpt"] == ["one", "two", "src/a b.c:3:1: error: no", "four"]
    text = hub.client.get("/api/v1/builds/1/problems", headers={"Accept": "text/plain"})
    assert "src/a b.c:3:1: error: no ⟨U+202E⟩on" in text.text
    assert "exit code 2" in text.text
