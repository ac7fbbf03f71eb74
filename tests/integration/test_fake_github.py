"""The fake must behave as GitHub does where our code relies on it: the same answers, limits, pages and real git."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from fake_github import FakeGitHub
from git_repositories import NO_COMMIT, Author
from hubwright.domain.repos import PullRequestEvent, Push, RefEvent
from hubwright.github.payloads import read_event
from hubwright.github.webhook import read_delivery


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        yield fake


@pytest.fixture
def client(github: FakeGitHub) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {github.token}"}
    with httpx2.Client(base_url=github.api_url, headers=headers, trust_env=False) as client:
        yield client


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("base", ["clone_base", "file_clone_base"])
def test_git_clones_what_was_committed(github: FakeGitHub, tmp_path: Path, base: str) -> None:
    repository = github.create_repository("octo/hello", {"src/main.c": "int main;\n", "run": "#!/bin/sh\n"})
    sha = repository.commit({"src/main.c": None, "größe": "1\n"}, "Second")
    git("clone", "-q", f"{getattr(github, base)}/octo/hello.git", str(tmp_path / "work"))
    assert git("-C", str(tmp_path / "work"), "rev-parse", "HEAD") == sha
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [".git", "größe", "run"]
    assert (tmp_path / "work" / "run").stat().st_mode & 0o100


def test_git_fetches_one_commit_by_id_until_it_is_pruned(github: FakeGitHub, tmp_path: Path) -> None:
    """A force push makes a commit vanish: first from the branch, later from the server."""
    repository = github.create_repository("octo/hello", {"a": "1"})
    first, lost = repository.head(), repository.commit({"a": "2"})
    repository.move("main", str(first))
    git("init", "-q", "--bare", str(tmp_path / "mirror"))
    fetch = ["git", "-C", str(tmp_path / "mirror"), "fetch", "-q", "--depth=1", repository.clone_url, lost]
    assert subprocess.run(fetch, check=False, capture_output=True).returncode == 0
    repository.prune()
    git("init", "-q", "--bare", str(tmp_path / "other"))
    fetch[2] = str(tmp_path / "other")
    assert b"not our ref" in subprocess.run(fetch, check=False, capture_output=True).stderr


def test_a_private_repository_wants_a_token(github: FakeGitHub, tmp_path: Path) -> None:
    github.create_repository("octo/secret", {"a": "1"}, private=True)
    assert httpx2.get(f"{github.api_url}/repos/octo/secret", trust_env=False).status_code == 404
    anonymous = ["git", "ls-remote", f"{github.clone_base}/octo/secret.git"]
    assert subprocess.run(anonymous, check=False, capture_output=True).returncode != 0
    address = github.clone_base.replace("//", f"//x-access-token:{github.token}@")
    assert git("ls-remote", f"{address}/octo/secret.git", "refs/heads/main")


def test_payloads_are_read_as_github_s(github: FakeGitHub) -> None:
    repository = github.create_repository("octo/hello", {"a": "1"})
    base = repository.head()
    repository.commit({"b": "2"}, "Add b", author=Author(name="Nobody", email="n@example.org", login=None))
    head = repository.commit({"a": None, "b": "3"}, "Change both")
    push = read_event("push", repository.push_payload(before=base))
    assert isinstance(push, Push)
    assert [commit.message for commit in push.commits] == ["Add b", "Change both"]
    assert [commit.author_login for commit in push.commits] == [None, "ada"]
    assert (push.commits[1].removed, push.commits[1].modified) == (("a",), ("b",))
    assert (push.before, push.after, push.forced) == (base, head, False)
    assert push.head_commit == push.commits[1]


def test_pushes_of_every_kind_can_be_made(github: FakeGitHub) -> None:
    repository = github.create_repository("octo/hello", {"a": "1"})
    first, second = str(repository.head()), repository.commit({"a": "2"})
    repository.move("topic", first)
    repository.move("main", first)
    forced = read_event("push", repository.push_payload(before=second, after=first))
    created = read_event("push", repository.push_payload("topic", before=NO_COMMIT))
    deleted = read_event("push", repository.push_payload("topic", before=first, after=NO_COMMIT))
    tagged = read_event("push", repository.push_payload(ref="refs/tags/v1", before=NO_COMMIT, after=first))
    assert all(isinstance(push, Push) for push in (forced, created, deleted, tagged))
    assert (forced.forced, forced.commits) == (True, ())
    assert (created.created, deleted.deleted, tagged.tag) == (True, True, "v1")
    assert isinstance(read_event("create", repository.ref_payload("topic")), RefEvent)


def test_a_pull_request_may_come_from_a_fork(github: FakeGitHub) -> None:
    repository = github.create_repository("octo/hello", {"a": "1"})
    fork = github.create_repository("eve/hello", {"a": "2"})
    pull_request = read_event("pull_request", repository.pull_request_payload(5, "main", head=fork))
    assert isinstance(pull_request, PullRequestEvent)
    assert (pull_request.from_fork, pull_request.head_sha, pull_request.number) == (True, fork.head(), 5)


@pytest.mark.parametrize("form", [False, True])
def test_deliveries_are_signed_over_what_is_sent(github: FakeGitHub, form: bool) -> None:
    repository = github.create_repository("octo/hello", {"größe": "1"})
    payload = repository.push_payload()
    seen: list[Any] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append(read_delivery({key.lower(): value for key, value in self.headers.items()}, body, ["s3cret"]))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.handle_request).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        assert github.deliver(url, "push", payload, secret="s3cret", guid="g-1", form=form) == (202, "")
    assert (seen[0].guid, seen[0].event, seen[0].signed) == ("g-1", "push", True)
    assert orjson.loads(seen[0].body) == payload


def test_statuses_are_kept_in_the_order_of_arrival(github: FakeGitHub, client: httpx2.Client) -> None:
    sha = str(github.create_repository("octo/hello", {"a": "1"}).head())
    for state in ("pending", "success"):
        answer = client.post(f"/repos/octo/hello/statuses/{sha}", json={"state": state})
        assert (answer.status_code, answer.json()["context"]) == (201, "default")
    assert [status["state"] for status in github.statuses(sha)] == ["pending", "success"]
    newest_first = client.get(f"/repos/octo/hello/commits/{sha}/statuses").json()
    assert [status["state"] for status in newest_first] == ["success", "pending"]
    assert client.get("/repos/octo/hello/commits/main/status").json()["state"] == "success"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"state": "done"}, "state is not included in the list"),
        ({}, "state is not included in the list"),
        ({"state": "success", "description": "x" * 141}, "description is too long (maximum is 140 characters)"),
        ({"state": "success", "description": "\U0001f41b"}, "description doesn't accept 4-byte Unicode"),
        ({"state": "success", "target_url": "nulljob/7"}, "target_url must use http(s) scheme"),
    ],
)
def test_a_bad_status_is_refused_in_github_s_words(
    github: FakeGitHub, client: httpx2.Client, body: dict[str, str], message: str
) -> None:
    sha = github.create_repository("octo/hello", {"a": "1"}).head()
    answer = client.post(f"/repos/octo/hello/statuses/{sha}", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (422, message)
    assert github.statuses(str(sha)) == []


def test_an_unknown_commit_gets_no_status(github: FakeGitHub, client: httpx2.Client) -> None:
    github.create_repository("octo/hello", {"a": "1"})
    answer = client.post(f"/repos/octo/hello/statuses/{'a' * 40}", json={"state": "success"})
    assert (answer.status_code, answer.json()["message"]) == (422, f"No commit found for SHA: {'a' * 40}")


def test_writing_needs_the_right_token(github: FakeGitHub) -> None:
    sha = github.create_repository("octo/hello", {"a": "1"}).head()
    url = f"{github.api_url}/repos/octo/hello/statuses/{sha}"
    for headers in ({}, {"authorization": "Bearer wrong"}):
        assert httpx2.post(url, json={"state": "success"}, headers=headers, trust_env=False).status_code == 401


def test_lists_come_in_pages_that_link_by_number(github: FakeGitHub, client: httpx2.Client) -> None:
    repository = github.create_repository("octo/hello")
    repository.commit_each([({"a": str(number)}, f"c{number}") for number in range(5)])
    first = client.get("/repos/octo/hello/commits?per_page=2")
    assert f"/repositories/{repository.id}/commits?per_page=2&page=2" in first.headers["link"]
    seen, answer = first.json(), first
    while "next" in answer.links:
        answer = client.get(answer.links["next"]["url"])
        seen += answer.json()
    assert [item["commit"]["message"] for item in seen] == ["c4", "c3", "c2", "c1", "c0"]


def test_an_unchanged_answer_is_304_and_free(github: FakeGitHub, client: httpx2.Client) -> None:
    github.create_repository("octo/hello", {"a": "1"})
    first = client.get("/repos/octo/hello/branches")
    again = client.get("/repos/octo/hello/branches", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]


def test_content_is_read_at_a_commit(github: FakeGitHub, client: httpx2.Client) -> None:
    repository = github.create_repository("octo/hello", {"a/b": "old"})
    first = repository.head()
    repository.commit({"a/b": "new"})
    assert client.get("/repos/octo/hello/contents/a/b").content == b"new"
    assert client.get(f"/repos/octo/hello/contents/a/b?ref={first}").content == b"old"
    assert client.get("/repos/octo/hello/contents/c").status_code == 404


def test_a_renamed_repository_redirects(github: FakeGitHub, client: httpx2.Client) -> None:
    repository = github.create_repository("octo/old", {"a": "1"})
    github.rename("octo/old", "octo/new")
    moved = client.get("/repos/octo/old")
    assert (moved.status_code, moved.headers["location"]) == (301, f"{github.api_url}/repositories/{repository.id}")
    assert client.get(moved.headers["location"]).json()["full_name"] == "octo/new"
    assert client.post(f"/repos/octo/old/statuses/{'a' * 40}", json={"state": "success"}).status_code == 307
    assert git("ls-remote", f"{github.clone_base}/octo/old.git", "HEAD")


def test_faults_come_as_scripted_and_end(github: FakeGitHub, client: httpx2.Client) -> None:
    github.create_repository("octo/hello", {"a": "1"})
    github.fail_next(2)
    github.fail_next(status=429, retry_after=7)
    github.limit_next(reset_in=30)
    answers = [client.get("/repos/octo/hello") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [503, 503, 429, 403, 200]
    assert answers[2].headers["retry-after"] == "7"
    assert answers[3].headers["x-ratelimit-remaining"] == "0"
    github.set_quota(1)
    assert [client.get("/repos/octo/hello").status_code for _ in range(2)] == [200, 403]


def test_git_can_fail_too(github: FakeGitHub) -> None:
    repository = github.create_repository("octo/hello", {"a": "1"})
    github.fail_next(git=True)
    command = ["git", "ls-remote", repository.clone_url]
    assert [subprocess.run(command, check=False, capture_output=True).returncode for _ in range(2)] == [128, 0]


def test_it_can_be_down_and_come_back(github: FakeGitHub, client: httpx2.Client) -> None:
    github.create_repository("octo/hello", {"a": "1"})
    github.down()
    with pytest.raises(httpx2.TransportError):
        client.get("/repos/octo/hello")
    github.up()
    assert client.get("/repos/octo/hello").status_code == 200
    assert [request.path for request in github.requests] == ["/api/v3/repos/octo/hello"]
