"""The client against the fake GitHub over real HTTP: what is sent, what is followed, when it keeps quiet."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from github_pace import unpaced
from hubwright.domain.figures import GITHUB_REQUESTS
from hubwright.errors import GitHubRefusedError, GitHubUnavailableError, RateLimitedError
from hubwright.github.client import GitHubClient
from hubwright.github.credentials import make_credential
from hubwright.github.requests import form_path


class Clock:
    """Unix time that moves only when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path) as fake:
        yield fake


@pytest.fixture
def repository(github: FakeGitHub) -> FakeRepository:
    return github.create_repository("octo/hello", {"a": "1"})


@pytest.fixture
def client(github: FakeGitHub, clock: Clock) -> Iterator[GitHubClient]:
    with GitHubClient(github.api_url, github.token, timeout=5, clock=clock, gate=unpaced(clock)) as client:
        yield client


def test_a_status_arrives_as_given(github: FakeGitHub, client: GitHubClient, repository: FakeRepository) -> None:
    sha = str(repository.head())
    client.post_status("octo", "hello", sha, "pending", "hubwright/linux", "3 of 7 stages", "https://ci.example.org/1")
    sent = github.statuses(sha)[0]
    assert (sent["state"], sent["context"], sent["description"]) == ("pending", "hubwright/linux", "3 of 7 stages")
    headers = github.requests[0].headers
    assert (headers["x-github-api-version"], headers["user-agent"]) == ("2022-11-28", "hubwright")


def test_a_text_that_github_would_refuse_is_made_to_fit(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository
) -> None:
    sha = str(repository.head())
    client.post_status("octo", "hello", sha, "failure", "ctx " * 100, "🐛 ü" * 100, "ftp://no")
    assert len(github.statuses(sha)[0]["description"]) == 140


def test_a_refusal_tells_why(client: GitHubClient, repository: FakeRepository) -> None:
    with pytest.raises(GitHubRefusedError, match="No commit found for SHA") as refused:
        client.post_status("octo", "hello", "b" * 40, "success", "c")
    assert refused.value.status == 422


def test_the_token_may_change_between_requests(github: FakeGitHub, repository: FakeRepository) -> None:
    """App tokens live an hour; a wrong one is a refusal that names the setting."""
    tokens = iter([github.token, "ghs_expired"])
    with GitHubClient(github.api_url, lambda _owner: make_credential(next(tokens))) as client:
        assert client.get("/repos/octo/hello").json["full_name"] == "octo/hello"
        with pytest.raises(GitHubRefusedError, match="GITHUB__TOKEN"):
            client.get("/repos/octo/hello")


def test_the_token_is_never_logged(client: GitHubClient, github: FakeGitHub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(GitHubRefusedError) as refused:
        client.get("/repos/no/thing")
    assert github.token not in caplog.text + str(refused.value)


def test_pages_are_followed_by_their_links(client: GitHubClient, repository: FakeRepository) -> None:
    repository.commit_each([({"n": str(number)}, f"c{number}") for number in range(6)])
    seen, place = [], form_path("repos", "octo", "hello", "commits") + "?per_page=3"
    while place:
        answer = client.get(place)
        seen += [item["commit"]["message"] for item in answer.json]
        place = answer.next_url or ""
    assert seen == ["c5", "c4", "c3", "c2", "c1", "c0", "First commit"]


def test_the_token_goes_to_no_other_host(client: GitHubClient, github: FakeGitHub) -> None:
    with pytest.raises(GitHubRefusedError, match="the token stays here"):
        client.get("http://127.0.0.1:9/next")
    assert github.requests == []


def test_a_renamed_repository_is_found_for_reading_and_writing(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository
) -> None:
    """A build that began under the old name still gets its status."""
    github.rename("octo/hello", "octo/goodbye")
    assert client.get("/repos/octo/hello").json["full_name"] == "octo/goodbye"
    client.post_status("octo", "hello", str(repository.head()), "success", "c")
    assert len(github.statuses(str(repository.head()))) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_broken_github_is_worth_another_try(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository, status: int
) -> None:
    github.fail_next(status=status)
    with pytest.raises(GitHubUnavailableError) as failed:
        client.get("/repos/octo/hello")
    assert failed.value.status == status
    assert client.get("/repos/octo/hello").status == 200


def test_github_may_be_away_and_come_back(github: FakeGitHub, client: GitHubClient, repository: FakeRepository) -> None:
    client.get("/repos/octo/hello")
    github.down()
    with pytest.raises(GitHubUnavailableError) as failed:
        client.get("/repos/octo/hello")
    assert failed.value.status == 0
    github.up()
    assert client.get("/repos/octo/hello").json["full_name"] == "octo/hello"


def test_a_slow_github_is_given_up(github: FakeGitHub, repository: FakeRepository) -> None:
    github.fail_next(status=0, latency=1.0)
    with GitHubClient(github.api_url, github.token, timeout=0.1) as client, pytest.raises(GitHubUnavailableError):
        client.get("/repos/octo/hello")


def test_after_a_limit_nobody_asks_until_it_is_over(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository, clock: Clock
) -> None:
    """R17: asking on during a limit may get the integration banned."""
    github.fail_next(status=403, retry_after=30)
    waits = []
    for passed in (0, 10, 19):
        clock.now += passed
        with pytest.raises(RateLimitedError) as limited:
            client.post_status("octo", "hello", str(repository.head()), "success", "c")
        waits.append(limited.value.retry_after)
    assert waits == [30, 20, 1]
    assert len(github.requests) == 1
    clock.now += 1
    client.post_status("octo", "hello", str(repository.head()), "success", "c")
    assert len(github.statuses(str(repository.head()))) == 1


def test_limits_without_a_time_pause_longer_each_time(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository, clock: Clock
) -> None:
    waits = []
    for _ in range(3):
        github.fail_next(status=429)
        with pytest.raises(RateLimitedError) as limited:
            client.get("/repos/octo/hello")
        waits.append(limited.value.retry_after)
        clock.now += limited.value.retry_after
    client.get("/repos/octo/hello")
    github.fail_next(status=429)
    with pytest.raises(RateLimitedError) as limited:
        client.get("/repos/octo/hello")
    assert [*waits, limited.value.retry_after] == [60, 120, 240, 60]


def test_a_clock_set_back_does_not_silence_the_client_for_ever(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository, clock: Clock
) -> None:
    """R15: the clock may jump."""
    github.fail_next(status=429, retry_after=30)
    with pytest.raises(RateLimitedError):
        client.get("/repos/octo/hello")
    clock.now -= 86_400
    assert client.get("/repos/octo/hello").status == 200


def test_many_threads_share_one_client(github: FakeGitHub, client: GitHubClient, repository: FakeRepository) -> None:
    sha = str(repository.head())
    send = [
        threading.Thread(target=client.post_status, args=("octo", "hello", sha, "success", f"c{number}"))
        for number in range(24)
    ]
    for thread in send:
        thread.start()
    for thread in send:
        thread.join()
    assert {status["context"] for status in github.statuses(sha)} == {f"c{number}" for number in range(24)}


def test_any_route_can_be_posted_to(github: FakeGitHub, client: GitHubClient, repository: FakeRepository) -> None:
    path = form_path("repos", "octo", "hello", "statuses", str(repository.head()))
    assert client.post(path, {"state": "error"}).json["context"] == "default"
    assert orjson.loads(github.requests[0].body) == {"state": "error"}


def test_what_came_of_each_request_is_told(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository, clock: Clock
) -> None:
    """In the words that statistics know; what was never sent is not told."""
    told: list[tuple[str, float]] = []
    client.on_answer = lambda outcome, seconds: told.append((outcome, seconds))
    path = form_path("repos", "octo", "hello")
    client.get(path)
    client.get(path)
    with pytest.raises(GitHubRefusedError):
        client.get(form_path("repos", "octo", "gone"))
    github.fail_next(status=502)
    with pytest.raises(GitHubUnavailableError):
        client.get(path)
    github.fail_next(status=403, retry_after=30)
    for _ in range(2):
        with pytest.raises(RateLimitedError):
            client.get(path)
    outcomes = [outcome for outcome, _ in told]
    assert outcomes == ["answered", "not_modified", "refused", "unavailable", "limited"]
    assert set(outcomes) == set(GITHUB_REQUESTS.values[0])
    assert all(0 < seconds < 5 for _, seconds in told)
