"""Jobs, folders, versions and links over HTTP: what is sent, what holds, where it comes from, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubwright.domain.job_copies import CopyKey, CopyKind
from hubwright.domain.job_inheritance import Layer, Origin, Source
from hubwright.store import schema
from hubwright.store.copies import find_or_make_copy
from hubwright.store.jobs import HUB, load_job
from served import NOW, Served, served_site

ADMIN = {"Authorization": "Bearer admin-secret"}
JSON, YAML = {"Content-Type": "application/json"}, {"Content-Type": "application/yaml"}
JOB = "/api/v1/jobs/team/sub/app"
TEAM = "/api/v1/folders/team"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A site without jobs, whose own settings say something of all jobs."""
    with served_site(tmp_path) as served:
        layer = Layer(Origin(Source.HUB), {"commits": "head", "timeout": 900})
        for engine in (served.site.database.engine, served.site.database._writer_engine):
            engine.update_execution_options(**{HUB: layer})
        served.client.headers.update(ADMIN)
        yield served


def put(hub: Served, path: str, said: str | dict[str, Any], status: int = 201, **query: str) -> Any:
    """The answer to a definition."""
    if isinstance(said, str):
        answer = hub.client.put(path, content=said, headers=YAML, params=query)
    else:
        answer = hub.client.put(path, json=said, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


def make_copy(hub: Served, path: str) -> str:
    """The path of a copy of the job for pull request 25."""

    def make(connection: Any) -> str:
        parent = load_job(connection, path)
        assert parent is not None
        return find_or_make_copy(connection, parent, CopyKey(CopyKind.PULL_REQUEST, "25"), NOW).job.path

    return hub.site.database.write(make)


class TestDefinitions:
    """In and out, as JSON and as YAML."""

    def test_yaml_goes_in_and_out_and_a_version_number_stays_what_it_is(self, hub: Served) -> None:
        """S: 1.10 read as a number would be 1.1, and another Python."""
        text = "repository: ann/app\nenvironment: {PYTHON: 1.10, ON: yes}\ntimeout: 20m\nrecipe: {path: ci.yml}\n"
        shown = put(hub, JOB, text)
        assert shown["definition"]["environment"] == {"PYTHON": "1.10", "ON": "yes"}
        assert (shown["repo"], shown["settings"]["timeout"], shown["version"]) == ("ann/app", 1200, 1)
        written = hub.client.get(JOB, headers={"Accept": "application/yaml"})
        assert written.headers["content-type"].startswith("application/yaml")
        again = put(hub, "/api/v1/jobs/other", written.text)
        assert again["definition"] == shown["definition"]
        guessed = hub.client.put(JOB, content=text, headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert (guessed.status_code, guessed.json()["version"]) == (200, 1), "what says the same is no new version"
        assert put(hub, "/api/v1/jobs/third", {"repo": "a/b", "env": {"V": 1.5}})["definition"]["environment"] == {
            "V": "1.5"
        }

    def test_every_value_that_holds_says_whose_it_is(self, hub: Served) -> None:
        put(hub, "/api/v1/folders/", {"environment": {"A": "root", "B": "root"}})
        put(hub, TEAM, "environment: {B: team, C: team}\nplatforms: linux\n")
        put(hub, JOB, {"repository": "ann/app", "environment": {"C": "job"}})
        shown = hub.get(JOB)
        assert shown["effective"]["environment"] == {"A": "root", "B": "team", "C": "job"}
        whose = {pointer: one["text"] for pointer, one in shown["origins"].items()}
        assert whose["/environment/A"] == "folder /"
        assert whose["/environment/B"] == "folder team"
        assert whose["/environment/C"] == whose["/repository"] == "job team/sub/app"
        assert (whose["/commits"], shown["effective"]["commits"]) == ("settings of the hub", "head")
        assert (whose["/checkout"], whose["/enabled"]) == ("default", "default")
        copy = hub.get(f"/api/v1/jobs/{make_copy(hub, 'team/sub/app')}")
        assert (copy["copy_of"], copy["effective"]["environment"]) == (
            "team/sub/app",
            shown["effective"]["environment"],
        )
        assert copy["origins"]["/environment/C"] == {
            "source": "job",
            "path": "team/sub/app",
            "text": whose["/timeout"],
        } | {"text": "job team/sub/app"}
        folder = hub.get(TEAM)
        assert (folder["effective"]["environment"], folder["parent"]) == ({"A": "root", "B": "team", "C": "team"}, "")
        assert folder["origins"]["/timeout"]["text"] == "settings of the hub"

    def test_what_builds_follows_the_hub_too(self, hub: Served) -> None:
        """What is shown must be what is done."""
        put(hub, JOB, {"repository": "ann/app"})
        job = hub.site.database.write(lambda connection: load_job(connection, "team/sub/app"))
        assert job is not None
        assert (job.settings.commits, job.settings.timeout) == ("head", 900)

    def test_a_change_in_parts_unsays_what_is_null(self, hub: Served) -> None:
        put(hub, TEAM, {"timeout": 30})
        first = (
            "repository: a/b\ntimeout: 60\ntriggers: {push: devel, tag: false}\nparameters: {X: {title: x}, Y: {}}\n"
        )
        put(hub, JOB, first)
        change = "timeout: ~\ntriggers: {push: ~}\nparameters: {X: {default: 1.10}, Y: ~}\n"
        answer = hub.client.patch(JOB, content=change, headers=YAML)
        assert answer.status_code == 200, answer.text
        assert answer.json()["definition"] == {
            "repository": "a/b",
            "triggers": {"tag": []},
            "parameters": [{"name": "X", "title": "x", "default": "1.10"}],
        }
        assert (answer.json()["effective"]["timeout"], answer.json()["version"]) == (30, 2)
        assert hub.client.patch(JOB, json={"repository": None}).status_code == 422
        assert hub.client.patch(TEAM, json={"timeout": None}).json()["definition"] == {}

    def test_what_is_wrong_is_told_with_its_place(self, hub: Served) -> None:
        answer = hub.client.put(
            JOB, content="repository: a/b\nsettings:\n  timeot: 1\n  priority: 1000\n", headers=YAML
        )
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        told = [(one["pointer"], one["line"]) for one in answer.json()["errors"]]
        assert told == [("#/settings/timeot", 3), ("#/settings/priority", 4)]
        answer = hub.client.put(JOB, json={"timeout": 1})
        assert answer.json()["errors"][0]["pointer"] == "#/repository"
        assert hub.client.put(TEAM, json={"repository": "a/b"}).status_code == 422

    def test_a_change_that_expects_another_version_is_refused(self, hub: Served) -> None:
        """Two people who edit one job must not undo each other's work unseen."""
        put(hub, JOB, {"repository": "a/b"})
        tag = hub.client.get(JOB).headers["etag"]
        mine = hub.client.patch(JOB, json={"timeout": 5}, headers={"If-Match": tag})
        assert (mine.status_code, mine.headers["etag"]) == (200, '"2"')
        for theirs in (
            hub.client.put(JOB, json={"repository": "a/b"}, headers={"If-Match": tag}),
            hub.client.patch(JOB, json={"timeout": 6}, headers={"If-Match": tag}),
            hub.client.post(f"{JOB}/versions/1/restore", headers={"If-Match": tag}),
            hub.client.delete(JOB, headers={"If-Match": tag}),
            hub.client.put(JOB, json={"repository": "a/b"}, headers={"If-None-Match": "*"}),
            hub.client.put(f"{JOB}2", json={"repository": "a/b"}, headers={"If-Match": "*"}),
        ):
            assert theirs.status_code == 412, theirs.text
        assert hub.get(JOB)["effective"]["timeout"] == 5


class TestVersions:
    """Who changed what, and the way back."""

    def test_each_change_tells_who_when_why_and_what(self, hub: Served) -> None:
        put(hub, JOB, {"repository": "a/b", "timeout": 1})
        put(hub, JOB, {"repository": "a/b", "timeout": 2, "platforms": ["linux"]}, 200, reason="It is slow.")
        page = hub.get(f"{JOB}/versions?limit=1")
        (newest,) = page["items"]
        assert (newest["number"], newest["author"], newest["reason"]) == (2, "admin token", "It is slow.")
        assert newest["changes"] == [
            {"pointer": "/timeout", "kind": "changed"},
            {"pointer": "/platforms", "kind": "added"},
        ]
        (first,) = hub.get(f"{JOB}/versions?cursor={page['next']}")["items"]
        assert (first["number"], first["changes"][0]["kind"]) == (1, "added")
        assert hub.get(f"{JOB}/versions/1")["document"] == {"repository": "a/b", "timeout": 1}
        found = hub.get(f"{JOB}/differences?from=1&to=2")
        assert found["items"][0] == {"pointer": "/timeout", "kind": "changed", "before": 1, "after": 2}
        text = hub.client.get(f"{JOB}/differences", headers={"Accept": "text/plain"}).text
        assert "- 1\n+ 2" in text
        assert hub.client.get(f"{JOB}/versions/3").status_code == 404

    @pytest.mark.parametrize("path", [JOB, TEAM])
    def test_an_older_one_is_said_again_as_a_new_version(self, hub: Served, path: str) -> None:
        more = {"repository": "a/b"} if path == JOB else {}
        put(hub, path, {**more, "timeout": 1})
        put(hub, path, {**more, "timeout": 2}, 200)
        answer = hub.client.post(f"{path}/versions/1/restore")
        assert (answer.status_code, answer.json()["definition"], answer.json()["version"]) == (
            200, {**more, "timeout": 1}, 3,
        )  # fmt: skip
        assert hub.get(f"{path}/versions")["items"][0]["reason"] == "Version 1 was restored."

    def test_a_job_that_is_called_like_a_part_of_the_api_is_found(self, hub: Served) -> None:
        """Repositories are called `versions`, too."""
        for name in ("versions", "differences", "versions/3"):
            hub.rows.keep(
                schema.job,
                {"path": f"acme/{name}", "repository": "acme/x", "settings": {}, "created_at": NOW},
            )
            assert hub.get(f"/api/v1/jobs/acme/{name}")["path"] == f"acme/{name}"


class TestRemoving:
    """What is gone leaves its path free, and no evidence is lost."""

    def test_a_job_without_builds_is_gone_and_its_folders_after_it(self, hub: Served) -> None:
        put(hub, JOB, {"repository": "ann/app"})
        put(hub, "/api/v1/links/ann/app/branch", {"job": "team/sub/app"})
        assert hub.client.delete(TEAM).status_code == 409
        assert hub.client.delete(JOB).status_code == 204
        assert hub.client.get(JOB).status_code == 404
        assert hub.client.delete(JOB).status_code == 404
        assert hub.get("/api/v1/links")["items"] == []
        assert [hub.client.delete(f"/api/v1/folders/{path}").status_code for path in ("team/sub", "team")] == [204] * 2
        assert hub.client.delete("/api/v1/folders/").status_code == 409

    def test_one_with_builds_leaves_them_and_its_path(self, hub: Served) -> None:
        put(hub, JOB, {"repository": "team/app"})
        copy = make_copy(hub, "team/sub/app")
        hub.rows.keep_build(1, state="finished", result="success")
        assert hub.client.delete(JOB).status_code == 204
        assert hub.get("/api/v1/jobs")["items"] == []
        build = hub.get("/api/v1/builds/1")
        left = hub.get(f"/api/v1/jobs/{build['job']}")
        assert (left["removed"], left["enabled"], left["copy_of"]) == (True, False, None)
        assert hub.client.patch(f"/api/v1/jobs/{build['job']}", json={"enabled": True}).status_code == 404
        assert hub.client.post(f"/api/v1/jobs/{build['job']}/builds", json={}).status_code == 404
        assert hub.get(f"/api/v1/jobs/{copy}")["closed_at"] is not None
        assert put(hub, JOB, {"repository": "team/app"})["builds"] == 0


class TestListsAndLinks:
    """The tree, copies, and what they are copies of."""

    def test_the_tree_is_walked_folder_by_folder(self, hub: Served) -> None:
        for path in ("a/app", "a/b/app", "c/app", "top"):
            put(hub, f"/api/v1/jobs/{path}", {"repository": "ann/app"})
        make_copy(hub, "a/app")
        assert [one["path"] for one in hub.get("/api/v1/folders")["items"]] == ["a", "c"]
        assert [one["path"] for one in hub.get("/api/v1/folders?parent=a")["items"]] == ["a/b"]
        assert [one["path"] for one in hub.get("/api/v1/jobs?folder=a")["items"]] == ["a/app", "a/b/app"]
        assert [one["path"] for one in hub.get("/api/v1/jobs?folder=a&direct=true")["items"]] == ["a/app"]
        assert [one["path"] for one in hub.get("/api/v1/jobs?direct=true")["items"]] == ["top"]
        (copy,) = hub.get("/api/v1/jobs?copies=a/app")["items"]
        assert (copy["path"], copy["copy_of"], copy["copy_key"]) == ("a/app_pr25", "a/app", "pull_request:25")
        assert hub.client.get("/api/v1/jobs?copies=a/app&cursor=x").status_code == 422
        assert hub.client.get("/api/v1/jobs?copies=none").status_code == 404

    def test_a_link_says_whose_copies_a_job_has(self, hub: Served) -> None:
        address = "/api/v1/links/Ann/app/pull_request"
        put(hub, JOB, {"repository": "ann/app"})
        assert hub.client.get(address).status_code == 404
        shown = put(hub, address, {"job": "team/sub/app", "globs": ["devel", "!wip/*"]})
        assert shown == hub.get("/api/v1/links/ann/APP/pull_request")
        assert shown == {
            "repository": "Ann/app", "kind": "pull_request", "job": "team/sub/app", "globs": ["devel", "!wip/*"],
        }  # fmt: skip
        assert put(hub, address, {"job": "team/sub/app"}, 200)["globs"] == ["**"]
        put(hub, "/api/v1/links/ben/fork/branch", {"job": "team/sub/app"})
        page = hub.get("/api/v1/links?job=team/sub/app&limit=1")
        assert [one["repository"] for one in page["items"]] == ["ben/fork"]
        rest = hub.get(f"/api/v1/links?job=team/sub/app&cursor={page['next']}")
        assert [one["repository"] for one in rest["items"]] == ["Ann/app"]
        copy = make_copy(hub, "team/sub/app")
        for wrong, status in (({"job": copy}, 422), ({"job": "no"}, 404), ({"job": "x", "globs": []}, 422), ({}, 422)):
            assert hub.client.put(address, json=wrong).status_code == status
        assert hub.client.put("/api/v1/links/ann/app/tag", json={"job": "team/sub/app"}).status_code == 422
        assert [hub.client.delete(address).status_code for _ in range(2)] == [204, 404]

    def test_only_those_who_may_write_change_anything(self, hub: Served) -> None:
        put(hub, JOB, {"repository": "ann/app"})
        del hub.client.headers["Authorization"]
        link = "/api/v1/links/ann/app/branch"
        for method, path in (
            ("PUT", JOB), ("PATCH", JOB), ("DELETE", JOB), ("PUT", TEAM), ("PATCH", TEAM), ("DELETE", TEAM),
            ("POST", f"{JOB}/versions/1/restore"), ("PUT", link), ("DELETE", link),
        ):  # fmt: skip
            assert hub.client.request(method, path, json={}).status_code == 401, path
        assert hub.get(JOB)["version"] == 1


def test_the_description_shows_what_is_sent_and_answered(hub: Served) -> None:
    """Each door of definitions has an example; those of bodies are definitions that are taken."""
    paths = hub.get("/openapi.json")["paths"]
    doors = {name: door for name, door in paths.items() if name.startswith(("/api/v1/jobs", "/api/v1/folders"))}
    doors |= {name: door for name, door in paths.items() if name.startswith("/api/v1/links")}
    for name, door in doors.items():
        for method, operation in door.items():
            if method in {"get", "put", "patch"} or name.endswith("/restore"):
                assert "example" in str(operation["responses"]), name
    put_job = paths["/api/v1/jobs/{path}"]["put"]["requestBody"]["content"]
    for kind, content in put_job.items():
        body = content["example"]
        headers = {"Content-Type": kind}
        sent = body if isinstance(body, str) else json.dumps(body)
        answer = hub.client.put(JOB, content=sent, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
    for name in ("/api/v1/jobs/{path}", "/api/v1/folders/{path}"):
        address = JOB if "jobs" in name else TEAM
        for method in ("put", "patch"):
            body = paths[name][method]["requestBody"]["content"]["application/yaml"]["example"]
            assert hub.client.request(method, address, content=body, headers=YAML).status_code in {200, 201}
