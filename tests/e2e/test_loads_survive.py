"""Loads with real processes: a hub that is killed, a worker that is killed, the command that asks for them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select

from command_line import run
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from github_items import issue, pull_file
from hub_process import HubProcess, Make, Program
from hubwright.store.schema import gh_issue, gh_pull_request_file
from waiting import until

_numbers = itertools.count(1)


def list_issues(github: FakeGitHub, repository: FakeRepository, count: int) -> list[int]:
    """Have so many issues of the repository listed; their ids."""
    first = 1_000_000 * next(_numbers)
    items = [issue(number, id=first + number) for number in range(1, count + 1)]
    github.set_quota(1_000_000)
    github.list_at(f"/repos/{repository.full_name}/issues", items, by="number")
    return [item["id"] for item in items]


def ask(hub: HubProcess, path: str) -> str:
    """Ask for a load; where its state is."""
    answer = hub.client.post(f"/load{path}")
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def state_of(hub: HubProcess, location: str) -> dict[str, Any]:
    return dict(hub.client.get(location).raise_for_status().json())


def begun(hub: HubProcess, location: str) -> dict[str, Any]:
    """The load once some of its pages are kept and some are not."""

    def look() -> dict[str, Any] | None:
        state = state_of(hub, location)
        return state if 3 < state["done"] < state["total"] - 3 else None

    found = until(look, 60, "a load in its midst")
    assert found is not None
    return found


def ended(hub: HubProcess, location: str) -> dict[str, Any]:
    return until(lambda: (s := state_of(hub, location))["state"] in {"done", "failed"} and s, 90, "the end of a load")


def kept(hub: HubProcess, repository: FakeRepository) -> list[int]:
    """The ids of the repository's issues without a tombstone, read past the hub."""
    engine = create_engine(hub.database_url)
    try:
        with engine.connect() as connection:
            of = (gh_issue.c.repository_id == repository.id, gh_issue.c.deleted_at.is_(None))
            return list(connection.execute(select(gh_issue.c.id).where(*of).order_by(gh_issue.c.id)).scalars())
    finally:
        engine.dispose()


@pytest.mark.timeout(240)
def test_a_load_survives_the_death_of_its_hub(github: FakeGitHub, make: Make, folder: Path) -> None:
    """kill -9 in mid-scan: the next start goes on with the pages that were not kept, and the load ends whole."""
    repository = make()
    ids = list_issues(github, repository, 2450)
    with HubProcess(folder, github=github) as hub:
        github.fail_next(30, status=0, latency=0.3)
        location = ask(hub, f"/repos/{repository.full_name}/issues")
        begun(hub, location)
        hub.restart()
        state = ended(hub, location)

        assert (state["state"], state["done"]) == ("done", state["total"])
        assert state["told"]["items"] == 2450
        assert kept(hub, repository) == ids


@pytest.mark.timeout(300)
def test_a_load_survives_the_death_of_a_worker(
    github: FakeGitHub, make: Make, folder: Path, postgres_url: str, valkey_url: str
) -> None:
    """With Celery the same drains: two workers share the pages, and what a killed one held another does."""
    repository = make()
    ids = list_issues(github, repository, 2450)
    settings = {"DATABASE_URL": postgres_url, "BROKER_URL": valkey_url}
    with HubProcess(folder, ("hub",), github=github, settings=settings) as hub:
        workers = [
            Program(folder, name, ("worker",), hub.environment | {"HUBWRIGHT_DATA_DIR": str(folder / name)})
            for name in ("first", "second")
        ]
        try:
            for worker in workers:
                worker.begin()
            github.fail_next(30, status=0, latency=0.3)
            location = ask(hub, f"/repos/{repository.full_name}/issues")
            begun(hub, location)
            workers[0].kill()
            state = ended(hub, location)

            assert (state["state"], state["done"]) == ("done", state["total"])
            assert kept(hub, repository) == ids
        finally:
            for worker in workers:
                worker.end()


@pytest.mark.timeout(240)
def test_the_second_load_after_a_restart_costs_nothing(github: FakeGitHub, make: Make, folder: Path) -> None:
    """GitHub confirms every page (304) to another process than the one that read it, and no row is changed."""
    repository = make()
    ids = list_issues(github, repository, 250)
    with HubProcess(folder, ("hub",), github=github) as hub:
        first = ended(hub, ask(hub, f"/repos/{repository.full_name}/issues"))
        hub.restart()
        second = ended(hub, ask(hub, f"/repos/{repository.full_name}/issues"))

        assert first["told"]["changed"] >= 250
        assert (second["told"]["pages"], second["told"]["not_modified"], second["told"]["changed"]) == (3, 3, 0)
        assert kept(hub, repository) == ids


def test_the_command_loads_and_tells(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """Data on stdout, progress on stderr, an exit code for scripts."""
    repository = make()
    list_issues(github, repository, 120)

    loaded = run(hub, "replica", "load", f"{repository.full_name}/issues", "--wait")
    status = run(hub, "replica", "status", repository.full_name)
    failed = run(hub, "replica", "load", "no/body", "--wait")
    wrong = run(hub, "replica", "load", "nobody")

    assert (loaded.returncode, failed.returncode, wrong.returncode) == (0, 1, 2), (loaded, failed)
    assert "120 items on 2 pages" in loaded.stdout
    assert "pages and sweeps" in loaded.stderr
    assert "issues" in status.stdout
    assert "120 items" in status.stdout
    assert "GitHub answered 404" in failed.stderr


def test_children_reach_every_list(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """One command, and what the token may not see is told."""
    repository = make()
    ids = list_issues(github, repository, 12)

    loaded = run(hub, "replica", "load", repository.full_name, "--children", "--wait")

    assert loaded.returncode == 0, loaded
    assert "Left out: collaborators" in loaded.stderr
    assert kept(hub, repository) == ids


def test_two_askers_share_one_load(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """And the count of rows is that of one."""
    repository = make()
    list_issues(github, repository, 30)
    github.fail_next(2, status=0, latency=0.3)

    first, second = (ask(hub, f"/repos/{repository.full_name}/issues") for _ in range(2))
    ended(hub, first)
    engine = create_engine(hub.database_url)
    with engine.connect() as connection:
        of = gh_issue.c.repository_id == repository.id
        count = connection.execute(select(func.count()).select_from(gh_issue).where(of)).scalar_one()
    engine.dispose()

    assert first == second
    assert count == 30


def test_what_a_delivery_leaves_open_comes_at_once(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """A pull request's files are in no payload: their queue is woken by the delivery, not found by a round."""
    repository = make()
    repository.push({"README": "more"}, branch="topic")
    payload = repository.pull_request_payload(next(_numbers) + 1000, "topic")
    pull_request = payload["pull_request"]
    github.list_at(f"/repos/{repository.full_name}/pulls/{pull_request['number']}/files", [pull_file(1), pull_file(2)])
    github.put_at(f"/repos/{repository.full_name}/pulls/{pull_request['number']}", pull_request)
    of = select(func.count()).select_from(gh_pull_request_file)
    of = of.where(gh_pull_request_file.c.pull_request_id == pull_request["id"])
    engine = create_engine(hub.database_url)

    def count() -> int:
        with engine.connect() as connection:
            return int(connection.execute(of).scalar_one())

    try:
        hub.deliver("pull_request", payload)
        until(lambda: count() == 2, 15, "the files of a pull request")
    finally:
        engine.dispose()
