"""A repository's pull requests and branches on a real hub and builder, each in its copy of one job."""

from __future__ import annotations

from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from waiting import until

FILE = ".hubwright.yml"


def test_pull_requests_and_branches_have_their_own_builds_badges_and_statuses(
    hub: HubProcess, github: FakeGitHub, make: Make
) -> None:
    """Copies read through to folder and job, close with what they are of, and come back with their history."""
    repository = make({FILE: 'stages:\n- test: test "${MOOD-}" != bad\n'})
    name, team = repository.full_name, f"copies-{repository.name}"
    assert hub.client.put(f"/api/v1/jobs/{team}/app", json={"repository": name}).status_code == 201
    for kind in ("pull_request", "branch"):
        assert hub.client.put(f"/api/v1/links/{name}/{kind}", json={"job": f"{team}/app"}).status_code == 201

    hub.deliver("push", repository.push({"a": "1"}))
    repository.move("release/1.2", str(repository.head()))
    hub.deliver("push", repository.push({"a": "2"}, branch="release/1.2"))
    repository.move("fix", str(repository.head()))
    hub.deliver("push", repository.push({"a": "3"}, branch="fix"))
    sha = str(repository.head("fix"))
    hub.deliver("pull_request", repository.pull_request_payload(25, "fix"))
    hub.finished(repository, 4)
    assert hub.client.put(f"/api/v1/folders/{team}", json={"environment": {"MOOD": "bad"}}).status_code in {200, 201}
    last = repository.commit({"a": "4"}, branch="fix")
    hub.deliver("pull_request", repository.pull_request_payload(25, "fix", action="synchronize"))
    builds = hub.finished(repository, 5)
    assert [(one["job"], one["number"], one["result"]) for one in builds] == [
        (f"{team}/app_pr25", 2, "failure"),
        (f"{team}/app_pr25", 1, "success"),
        (f"{team}/app_fix", 1, "success"),
        (f"{team}/app_release-1-2", 1, "success"),
        (f"{team}/app", 1, "success"),
    ]

    def colour(path: str) -> str:
        return str(hub.client.get(f"/badge/{path}.json").json()["message"])

    copies = ("app", "app_pr25", "app_release-1-2", "app_fix")
    assert [colour(f"{team}/{one}") for one in copies] == ["passing", "failing", "passing", "passing"]
    assert colour(name) == "passing", "by the repository's name too"
    picture = hub.client.get(f"/badge/{team}/app_pr25.svg", params={"label": "<script>"})
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "failing" in picture.text
    assert "<script>" not in picture.text
    assert hub.client.get(f"/badge/{team}/nothing.svg").status_code == 404
    for commit, state in ((sha, "success"), (last, "failure")):
        github.wait_for(
            lambda commit=commit, state=state: github.statuses(commit, "hubwright")[-1:][0]["state"] == state
        )
        contexts = {one["context"] for one in github.statuses(commit)}
        assert any(one.startswith(f"hubwright / {team}/app_pr25 (") for one in contexts), contexts
    assert len({one["context"] for one in github.statuses(sha)}) == 3, "one of each copy, and the one that sums up"

    hub.deliver("pull_request", repository.pull_request_payload(25, "fix", action="closed"))
    path = f"jobs/{team}/app_pr25"
    until(lambda: hub.get(path)["closed_at"] is not None, what="the copy to be closed")
    hub.deliver("pull_request", repository.pull_request_payload(25, "fix", action="reopened"))
    until(lambda: hub.get(path)["closed_at"] is None, what="the copy to come back")
    assert [one["number"] for one in hub.builds(job=f"{team}/app_pr25")] == [2, 1]
    assert {one["path"] for one in hub.get("jobs", copies=f"{team}/app")["items"]} == {
        f"{team}/{one}" for one in copies[1:]
    }
