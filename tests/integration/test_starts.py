"""Builds that people start: what they type becomes variables, is checked, shown, and used again by a rerun."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fake_repository import FakeRepository
from git_repositories import GitRepository
from hub_parts import RECIPE, Desk, open_desk, rows
from hubwright.errors import ConflictError
from hubwright.hub.builds import rerun
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.versions import Change
from hubwright.web.gate import Gate
from hubwright.web.pages import assemble_pages
from hubwright.web.pages.starts import StartPages
from served import Served, make_app, make_site, make_wishes, serve

ADMIN = {"Authorization": "Bearer admin-secret"}
PARAMETERS = [
    {"name": "FLAVOUR", "title": "Which <flavour>?", "required": True, "allowed": ["plain", "spicy"]},
    {"name": "JOBS", "type": "integer", "default": "2"},
    {"name": "VERBOSE", "type": "boolean"},
    {"name": "NOTE"},
]
JOB = {"repository": "team/app", "parameters": PARAMETERS}
PATH = "/api/v1/jobs/team/app/builds"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A site with pages, and a job whose parameters are asked for."""
    GitRepository(tmp_path / "team" / "app.git").commit({"Makefile": "all:\n"}, "first")
    with make_site(tmp_path) as site, make_wishes(site, tmp_path) as wishes:
        gate = Gate(site)
        app = make_app(site, gate, wishes)
        pages = assemble_pages(site, gate)
        app.router.routes.extend([*StartPages(pages.frame, wishes).routes(), *pages.routes])
        site.database.write(lambda it: keep_document(it, "team/app", JOB, Change("ada", 1.0)))
        with serve(app) as url, httpx2.Client(base_url=url, timeout=20, headers=ADMIN) as client:
            yield Served(site, gate, url, client)


def test_typed_parameters_are_filled_in_and_shown(hub: Served) -> None:
    """Whole numbers, true and false may be sent as such; who answers nothing gets the defaults."""
    answer = hub.client.post(PATH, json={"parameters": {"FLAVOUR": "spicy", "JOBS": 4, "VERBOSE": True}})
    assert answer.status_code == 202
    assert answer.json()["parameters"] == {"FLAVOUR": "spicy", "JOBS": "4", "VERBOSE": "true"}
    assert hub.get(answer.headers["location"])["parameters"]["JOBS"] == "4"
    page = hub.client.get(f"/builds/{answer.json()['id']}").text
    assert "<code>spicy</code>" in page


def test_all_that_is_wrong_is_told_with_pointers_and_nothing_is_started(hub: Served) -> None:
    wrong = {"FLAVOR": "plain", "JOBS": "many", "VERBOSE": 7, "NOTE": None}
    answer = hub.client.post(PATH, json={"parameters": wrong})
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    said = {error["pointer"]: error["detail"] for error in problem["errors"]}
    assert set(said) == {f"#/parameters/{name}" for name in ("FLAVOR", "FLAVOUR", "JOBS", "VERBOSE")}
    assert "did you mean FLAVOUR?" in said["#/parameters/FLAVOR"]
    assert "is required" in said["#/parameters/FLAVOUR"]
    assert hub.get("/api/v1/builds")["items"] == []


def test_the_page_asks_for_them_and_its_form_starts_one_build_however_often_it_is_sent(hub: Served) -> None:
    page = hub.client.get("/jobs/team/app").text
    assert "Which &lt;flavour&gt;?" in page
    assert '<option value="spicy">spicy</option>' in page
    assert re.search(r'name="parameter.JOBS" value="2"[^>]* inputmode="numeric"', page)
    (once,) = re.findall(r'name="once" value="(\w+)"', page)
    form = {"once": once, "ref": "", "parameter.FLAVOUR": "plain", "parameter.JOBS": "", "parameter.VERBOSE": "",
            "parameter.NOTE": "a b&c"}  # fmt: skip
    answers = [hub.client.post("/jobs/team/app/builds", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len({answer.headers["location"] for answer in answers}) == 1
    (build,) = hub.get("/api/v1/builds")["items"]
    assert build["parameters"] == {"FLAVOUR": "plain", "NOTE": "a b&c"}
    refused = hub.client.post("/jobs/team/app/builds", data=form | {"parameter.FLAVOUR": "sour"})
    assert (refused.status_code, "must be one of plain, spicy" in refused.text) == (422, True)
    assert hub.client.post("/jobs/team/app/builds", data=form, headers={"Authorization": ""}).status_code == 401


def test_the_api_and_the_page_tell_when_a_job_is_built_next(hub: Served) -> None:
    timed = {"cron": "30 4 * * *", "zone": "Europe/Zurich"}
    answer = hub.client.patch("/api/v1/jobs/team/app", json={"triggers": {"schedule": timed}})
    assert answer.json()["errors"][0]["pointer"] == "#/triggers/schedule/0/parameters/FLAVOUR"
    said = {"triggers": {"schedule": {**timed, "parameters": {"FLAVOUR": "plain"}}}}
    assert hub.client.patch("/api/v1/jobs/team/app", json=said).json()["times"] == [
        {"cron": "30 4 * * *", "zone": "Europe/Zurich", "next_at": "2026-09-22T02:30:00.000000Z", "last_at": None}
    ]
    assert "2026-09-22 02:30:00 UTC" in hub.client.get("/jobs/team/app").text


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    database = Database(sqlite_url)
    try:
        with open_desk(database, tmp_path) as opened:
            yield opened
    finally:
        database.close()


def begin(desk: Desk, remote: FakeRepository, recipe: str = RECIPE) -> int:
    """A build of the job `app` that was started with parameters, and planned."""
    remote.commit({".hubwright.yml": recipe})
    document = {**JOB, "environment": {"NOTE": "of the job", "JOBS": "1"}}
    desk.database.write(lambda it: keep_document(it, "app", document, Change("ada", 1.0)))
    build = desk.wishes.start("app", None, None, "ada", "w", desk.clock(), {"FLAVOUR": "spicy"}).build_id
    desk.work()
    return build


def env_of(desk: Desk, build: int) -> dict[str, str]:
    return dict(desk.runs(build_id=build, latest=True)[0].assignment["env"])


def end(desk: Desk, **results: str) -> None:
    """All runs end, with success or as is said of their platform."""
    for run in desk.runs(state="queued"):
        ended = {"state": "finished", "result": results.get(run.platform.partition("-")[0], "success")}
        desk.database.write(
            lambda it, run=run, ended=ended: it.execute(
                schema.run.update().where(schema.run.c.id == run.id).values(ended)
            )
        )
    ended = {"state": "finished", "result": "failure", "runs_left": 0}
    desk.database.write(lambda it: it.execute(schema.build.update().values(ended)))


@pytest.fixture
def remote(desk: Desk) -> FakeRepository:
    return desk.repository("team/app")


def test_parameters_are_variables_of_the_build_and_of_its_reruns(desk: Desk, remote: FakeRepository) -> None:
    """They come before the job's own variables; a push, of which nobody is asked, has the defaults."""
    build = begin(desk, remote)
    expected = {"FLAVOUR": "spicy", "JOBS": "2", "NOTE": "of the job"}
    assert expected.items() <= env_of(desk, build).items()
    end(desk)
    desk.database.write(lambda it: rerun(it, build, desk.clock()))
    assert len(desk.runs(build_id=build)) == 2
    assert expected.items() <= env_of(desk, build).items()
    desk.deliver("push", remote.push({"a": "1"}))
    desk.work()
    pushed = env_of(desk, desk.builds()[-1].id)
    assert ({"JOBS": "2", "NOTE": "of the job"}.items() <= pushed.items(), "FLAVOUR" in pushed) == (True, False)


def test_a_build_that_had_no_run_is_planned_again_with_its_parameters(desk: Desk, remote: FakeRepository) -> None:
    build = begin(desk, remote, "stages:\n  - build: {run: make, when: {event: manual}}\n  - nonsense\n")
    assert desk.builds(id=build)[0].result == "failure"
    fix = remote.commit({".hubwright.yml": RECIPE})
    desk.database.write(lambda it: it.execute(schema.build.update().values(sha=fix)))
    desk.clock.now += 1
    desk.database.write(lambda it: rerun(it, build, desk.clock()))
    desk.work()
    assert env_of(desk, build)["FLAVOUR"] == "spicy"


def test_a_rerun_is_of_all_of_what_failed_or_of_one_platform(desk: Desk, remote: FakeRepository) -> None:
    build = begin(desk, remote, "platforms: [linux-x86_64, macos-arm64, windows]\n" + RECIPE)
    end(desk, macos="failure", windows="error")

    def again(**how: Any) -> list[str]:
        desk.database.write(lambda it: rerun(it, build, desk.clock(), **how))
        found = [run.platform for run in desk.runs(build_id=build, state="queued")]
        (row,) = desk.builds(id=build)
        assert (row.state, row.runs_left) == ("queued", len(found))
        end(desk, windows="error")
        return found

    assert again(platform="macos-arm64") == ["macos-arm64"]
    assert again(failed_only=True) == ["windows"]
    assert again() == ["linux-x86_64", "macos-arm64", "windows"]
    with pytest.raises(ConflictError, match="no finished run on linux-arm"):
        again(platform="linux-arm")
    with pytest.raises(ConflictError, match="no finished run on macos-arm64"):
        again(platform="macos-arm64", failed_only=True)
    assert {row.attempt for row in rows(desk.database, schema.run, platform="windows")} == {1, 2, 3}
