"""The client against the fake GitHub: unchanged pages, limits of every form, pages by cursor, and who may go first."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path

import pytest

from fake_github import FakeGitHub
from fake_github_state import Fault
from fake_repository import FakeRepository
from hubwright.domain.github_budget import Limits, Priority
from hubwright.errors import GitHubRefusedError, GitHubUnavailableError, PageRefusedError, RateLimitedError
from hubwright.github.budget import MemoryGate
from hubwright.github.client import GitHubClient
from hubwright.github.credentials import fingerprint
from hubwright.hub.github_sharing import DatabaseEtags, DatabaseGate
from hubwright.store.database import Database

COMMITS = "/repos/octo/hello/commits?per_page=3"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        yield fake


@pytest.fixture
def repository(github: FakeGitHub) -> FakeRepository:
    repository = github.create_repository("octo/hello", {"a": "1"})
    repository.commit_each([({"n": str(number)}, f"c{number}") for number in range(6)])
    return repository


@pytest.fixture
def client(github: FakeGitHub) -> Iterator[GitHubClient]:
    with GitHubClient(github.api_url, github.token) as client:
        yield client


def fault(status: int, message: str = "no", **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status=status, headers=named, body={"message": message})


def test_an_answer_tells_when_where_and_how_much_is_left(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository
) -> None:
    github.set_quota(100)
    answer = client.get(COMMITS)
    assert answer.date == pytest.approx(time.time(), abs=5)
    assert (answer.last_page, answer.cursor, answer.not_modified) == (3, None, False)
    assert answer.figures is not None
    assert (answer.figures.remaining, answer.figures.resource) == (99, "core")
    assert client.look() == answer.figures
    github.rename("octo/hello", "octo/goodbye")
    assert f"/repositories/{repository.id}/" in client.get(COMMITS).url


def test_an_unchanged_page_costs_nothing_and_is_whole(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository
) -> None:
    """A 304 has no body and perhaps no links: the caller gets those that still hold, with GitHub's newer date."""
    first = client.get(COMMITS)
    used = github.state.used
    again = client.get(COMMITS)
    assert (again.status, again.not_modified) == (304, True)
    assert (again.json, again.links, again.etag) == (first.json, first.links, first.etag)
    assert (again.date or 0) >= (first.date or 0)
    assert github.state.used == used
    repository.commit({"b": "2"}, "new")
    changed = client.get(COMMITS)
    assert (changed.status, changed.json[0]["commit"]["message"]) == (200, "new")


def test_what_is_never_asked_again_is_not_remembered(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository
) -> None:
    for _ in range(2):
        assert client.get(COMMITS, remember=False).status == 200
    assert all("if-none-match" not in one.headers for one in github.requests)


def test_tags_outlive_a_restart_and_belong_to_one_token(
    github: FakeGitHub, repository: FakeRepository, database: Database
) -> None:
    """GitHub answers 200 to another token's ETag; what one token may see another may not."""
    github.state.tokens.add("ghp_other")

    def ask(token: str) -> list[int]:
        gate, etags = DatabaseGate(database), DatabaseEtags(database, 10_000_000)
        with GitHubClient(github.api_url, token, gate=gate, etags=etags) as client:
            return [client.get(f"{COMMITS}&page={page}").status for page in (1, 2, 3)]

    assert ask(github.token) == [200, 200, 200]
    assert ask("ghp_other") == [200, 200, 200]
    assert ask(github.token) == [304, 304, 304]
    assert ask("ghp_other") == [304, 304, 304]


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("off", [-86_400, 0, 86_400])
def test_a_wait_may_be_a_date(github: FakeGitHub, repository: FakeRepository, status: int, off: int) -> None:
    """RFC 9110 §10.2.3; the date is told by GitHub's clock, so it is measured by it, whatever ours says."""
    until = formatdate(time.time() + 90, usegmt=True)
    github.state.faults.append(fault(status, "You have exceeded a secondary rate limit.", retry_after=until))
    with GitHubClient(github.api_url, github.token, clock=lambda: time.time() + off) as client:
        for _ in range(2):
            with pytest.raises(RateLimitedError) as limited:
                client.get("/repos/octo/hello")
            assert limited.value.retry_after == pytest.approx(90, abs=5)
    assert len(github.requests) == 1


def test_a_refused_page_is_told_apart(github: FakeGitHub, client: GitHubClient, repository: FakeRepository) -> None:
    """Large listings are had by cursor only: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api"""
    told = (
        "Pagination with the page parameter is not supported for large datasets, please use cursor based pagination",
        "In order to keep the API fast for everyone, pagination is limited for this resource.",
    )
    github.state.faults.extend(fault(422, message) for message in told)
    for _ in told:
        with pytest.raises(PageRefusedError):
            client.get("/repos/octo/hello/issues?page=200")
    github.state.faults.append(fault(422, "Validation Failed"))
    with pytest.raises(GitHubRefusedError) as refused:
        client.get("/repos/octo/hello/issues?state=open")
    assert not isinstance(refused.value, PageRefusedError)


def test_a_cursor_is_told_apart_from_a_page(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository
) -> None:
    place = f"{github.api_url}/repositories/{repository.id}/issues?per_page=100"
    links = {
        f'<{place}&after=Y3Vyc29yOnYy&page=2>; rel="next"': None,
        f'<{place}&page=2>; rel="next", <{place}&page=9>; rel="last"': None,
        f'<{place}&after=Y3Vyc29yOnYy>; rel="next"': "Y3Vyc29yOnYy",
        f'<{place}&cursor=v1_1>; rel="next"': "v1_1",
    }
    for link in links:
        github.state.faults.append(Fault(status=200, headers={"link": link}, body={}))
    assert [client.get(COMMITS, remember=False).cursor for _ in links] == list(links.values())


def test_a_build_passes_while_a_bulk_load_waits(
    github: FakeGitHub, client: GitHubClient, repository: FakeRepository
) -> None:
    """The load is told when to come back; the status of a build goes out."""
    github.state.quota, github.state.used = 1000, 850
    client.get(COMMITS, priority=Priority.BULK)
    with pytest.raises(RateLimitedError, match="kept for builds") as limited:
        client.get(f"{COMMITS}&page=2", priority=Priority.BULK)
    assert 0 < limited.value.retry_after <= 3600
    assert client.get(f"{COMMITS}&page=2", priority=Priority.SOON).status == 200
    client.post_status("octo", "hello", str(repository.head()), "success", "c")
    assert len(github.statuses(str(repository.head()))) == 1


def test_writes_of_two_processes_are_apart(github: FakeGitHub, repository: FakeRepository, database: Database) -> None:
    """Reads go out meanwhile. Half a second here; the rule is tested in test_github_gates.py."""
    sha, limits = str(repository.head()), Limits(write_interval=0.5)
    clients = [GitHubClient(github.api_url, github.token, gate=DatabaseGate(database, limits)) for _ in range(2)]
    threads = [
        threading.Thread(target=clients[number % 2].post_status, args=("octo", "hello", sha, "success", f"c{number}"))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for client in clients:
        assert client.get(COMMITS).json
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    sent = sorted(one.at for one in github.requests if one.method == "POST")
    assert len(sent) == 4
    assert sent[-1] - sent[0] >= 1.4
    assert all(later - earlier > 0.3 for earlier, later in pairwise(sent))


def test_a_limit_that_comes_while_a_write_waits_stops_it(github: FakeGitHub, repository: FakeRepository) -> None:
    """Whoever sleeps until its turn looks again before it asks."""
    gate = MemoryGate(Limits(write_interval=5.0))
    sha = str(repository.head())

    def sleep(_seconds: float) -> None:
        gate.pause(fingerprint(github.token), 60)

    with GitHubClient(github.api_url, github.token, gate=gate, sleep=sleep) as client:
        client.post_status("octo", "hello", sha, "pending", "c")
        with pytest.raises(RateLimitedError) as limited:
            client.post_status("octo", "hello", sha, "success", "c")
    assert limited.value.retry_after == pytest.approx(60, abs=1)
    assert len(github.statuses(sha)) == 1


def test_a_process_that_stops_waits_for_no_turn(github: FakeGitHub, repository: FakeRepository) -> None:
    """A hub with forty statuses to post ends at once; they are rows, and go out after the next start."""
    sha = str(repository.head())
    told: list[Exception] = []

    def post(client: GitHubClient) -> None:
        try:
            client.post_status("octo", "hello", sha, "success", "c")
        except GitHubUnavailableError as error:
            told.append(error)

    with GitHubClient(github.api_url, github.token, gate=MemoryGate(Limits(write_interval=20.0))) as client:
        client.post_status("octo", "hello", sha, "pending", "c")
        waiting = threading.Thread(target=post, args=(client,))
        waiting.start()
        client.stop_waiting()
        waiting.join(10)
        assert not waiting.is_alive()
    assert len(told) == 1
    assert len(github.statuses(sha)) == 1


def test_the_step_to_a_new_name_is_a_request_too(github: FakeGitHub, repository: FakeRepository) -> None:
    github.rename("octo/hello", "octo/goodbye")
    gate = MemoryGate()
    with GitHubClient(github.api_url, github.token, gate=gate) as client:
        client.get("/repos/octo/hello")
    assert sum(points for _, points in gate.look(fingerprint(github.token)).points) == 2
