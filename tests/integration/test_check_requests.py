"""What people ask for at our check runs: begun again or cancelled, when GitHub says that they may write."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_parts import Desk, open_desk
from hubwright.github.client import GitHubClient
from hubwright.hub.permissions import find_refusal
from hubwright.store.database import Database
from hubwright.store.schema import build, run

APP = {"id": 4711, "client_id": "Iv234711", "slug": "hubwright"}
TWO = "platforms: [debian, freebsd]\nstages:\n  - build: make\n"


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """grace, GitHub's user 7, may write."""
    with FakeGitHub() as fake:
        fake.state.permissions["grace"] = (7, "write")
        yield fake


@pytest.fixture
def desk(database: Database, tmp_path: Path, github: FakeGitHub) -> Iterator[Desk]:
    with (
        GitHubClient(github.api_url, github.token) as client,
        open_desk(
            database, tmp_path, refusal_of=partial(find_refusal, client), app_id_of=lambda: str(APP["id"])
        ) as opened,
    ):
        yield opened


@pytest.fixture
def repository(desk: Desk) -> FakeRepository:
    """Its first commit is built: debian has failed, freebsd has passed."""
    made = desk.repository()
    made.commit({".hubwright.yml": TWO})
    desk.understand("push", made.push_payload())
    end(desk, {"debian": "failure", "freebsd": "success"})
    return made


def end(desk: Desk, results: dict[str, str]) -> None:
    """Let queued runs end."""

    def work(connection: Any) -> None:
        for row in queued:
            connection.execute(
                run.update().where(run.c.id == row.id).values(state="finished", result=results[row.platform])
            )
        connection.execute(build.update().values(state="finished", runs_left=0, result="failure"))

    queued = desk.runs(state="queued")
    desk.database.write(work)


def ask(
    desk: Desk, repository: FakeRepository, action: str, button: str = "", *, event: str = "check_run",
    about: str = "commit", sha: str | None = None, app: dict[str, Any] | None = APP, **sender: Any,
) -> str:  # fmt: skip
    """Deliver what GitHub sends when grace asks; the delivery's outcome."""
    check = {"id": 5, "name": "hubwright", "external_id": about, "head_sha": sha or repository.head(), "app": app}
    payload = {
        "action": action,
        event: check,
        "repository": repository.describe(),
        "sender": {"login": "grace", "id": 7, "type": "User"} | sender,
        **({"requested_action": {"identifier": button}} if button else {}),
    }
    number = desk.deliver(event, payload)
    desk.work()
    return str(desk.delivery(number).outcome)


def attempts(desk: Desk) -> dict[str, tuple[int, str]]:
    return {row.platform: (row.attempt, row.state) for row in desk.runs(latest=True)}


def test_one_check_run_again_is_one_run_again(desk: Desk, repository: FakeRepository) -> None:
    (first, _) = desk.runs()
    assert ask(desk, repository, "rerequested", about=f"run-{first.id}") == (
        "begun again: 1 run, asked for by grace (GitHub user 7)"
    )
    assert attempts(desk) == {"debian": (2, "queued"), "freebsd": (1, "finished")}


def test_an_old_attempts_check_run_begins_the_newest_again(desk: Desk, repository: FakeRepository) -> None:
    (first, _) = desk.runs()
    ask(desk, repository, "rerequested", about=f"run-{first.id}")
    assert "no finished run" in ask(desk, repository, "rerequested", about=f"run-{first.id}")
    end(desk, {"debian": "failure"})
    ask(desk, repository, "rerequested", about=f"run-{first.id}")
    assert attempts(desk)["debian"] == (3, "queued")


@pytest.mark.parametrize("event", ["check_run", "check_suite"])
def test_all_of_a_commit_again(desk: Desk, repository: FakeRepository, event: str) -> None:
    """The roll-up's check run, and GitHub's button for all checks."""
    ask(desk, repository, "rerequested", event=event)
    assert attempts(desk) == {"debian": (2, "queued"), "freebsd": (2, "queued")}


@pytest.mark.parametrize("about", ["commit", "run-1"])
def test_the_failed_ones_again(desk: Desk, repository: FakeRepository, about: str) -> None:
    ask(desk, repository, "requested_action", "rerun_failed", about=about)
    assert attempts(desk) == {"debian": (2, "queued"), "freebsd": (1, "finished")}


def test_cancel(desk: Desk, repository: FakeRepository) -> None:
    """At the roll-up: all that has not ended."""
    ask(desk, repository, "rerequested")
    assert ask(desk, repository, "requested_action", "cancel").startswith("cancelled: 1 build")
    assert {state for _, state in attempts(desk).values()} == {"finished"}
    assert {row.detail for row in desk.runs(result="cancellation")} == {"cancelled at GitHub by grace"}
    assert ask(desk, repository, "requested_action", "cancel").startswith("cancelled: 0 builds")


def test_cancel_at_one_check_run_is_for_that_run(desk: Desk, repository: FakeRepository) -> None:
    """The other platform goes on; an older attempt's button is for the newest one."""
    (_, freebsd) = desk.runs()
    ask(desk, repository, "rerequested")
    assert ask(desk, repository, "requested_action", "cancel", about=f"run-{freebsd.id}") == (
        "cancelled: 1 run, asked for by grace (GitHub user 7)"
    )
    assert attempts(desk) == {"debian": (2, "queued"), "freebsd": (2, "finished")}
    assert [row.detail for row in desk.runs(result="cancellation")] == ["cancelled at GitHub by grace"]
    assert [row.state for row in desk.builds()] == ["queued"]
    assert "is finished already" in ask(desk, repository, "requested_action", "cancel", about=f"run-{freebsd.id}")
    end(desk, {"debian": "success"})


def test_a_running_run_is_told_to_end(desk: Desk, repository: FakeRepository) -> None:
    ask(desk, repository, "rerequested")
    (first, _) = desk.runs(state="queued")
    running = run.update().where(run.c.id == first.id).values(state="running")
    desk.database.write(lambda connection: connection.execute(running))
    ask(desk, repository, "requested_action", "cancel", about=f"run-{first.id}")
    (row,) = desk.runs(id=first.id)
    assert (row.state, row.cancel) == ("running", "cancelled at GitHub by grace")
    assert [one.cancel for one in desk.runs(state="queued")] == [None]


@pytest.mark.parametrize("app", [None, {}, {"id": 15368, "client_id": "Iv1", "slug": "github-actions"}])
@pytest.mark.parametrize("event", ["check_run", "check_suite"])
def test_what_is_asked_of_another_app_is_theirs(
    desk: Desk, repository: FakeRepository, event: str, app: dict[str, Any] | None
) -> None:
    """Its check runs may have our names and ids."""
    assert "another App" in ask(desk, repository, "rerequested", event=event, about="run-1", app=app)
    assert attempts(desk) == {"debian": (1, "finished"), "freebsd": (1, "finished")}


def test_a_hub_without_an_app_is_asked_nothing(database: Database, tmp_path: Path, github: FakeGitHub) -> None:
    """A hook of a repository tells of every App's check runs."""
    with (
        GitHubClient(github.api_url, github.token) as client,
        open_desk(database, tmp_path, refusal_of=partial(find_refusal, client)) as desk,
    ):
        made = desk.repository()
        made.commit({".hubwright.yml": TWO})
        desk.understand("push", made.push_payload())
        assert "another App" in ask(desk, made, "requested_action", "cancel", app=APP)
        assert {state for _, state in attempts(desk).values()} == {"queued"}


def test_who_may_not_write_changes_nothing(desk: Desk, repository: FakeRepository, github: FakeGitHub) -> None:
    """GitHub's number is what is known of a user; what they may is asked at that moment."""
    github.state.permissions["grace"] = (7, "read")
    assert "may not write" in ask(desk, repository, "rerequested")
    github.state.permissions["grace"] = (8, "admin")
    assert "is not GitHub user 7 by now" in ask(desk, repository, "rerequested")
    assert attempts(desk) == {"debian": (1, "finished"), "freebsd": (1, "finished")}


def test_what_is_no_request_of_a_person_is_kept(desk: Desk, repository: FakeRepository) -> None:
    """A suite that comes with a push (the push is built), others' buttons, bots."""
    assert ask(desk, repository, "requested", event="check_suite") == "kept"
    assert ask(desk, repository, "requested_action", "deploy") == "kept"
    assert ask(desk, repository, "completed") == "kept"
    assert ask(desk, repository, "rerequested", type="Bot") == "kept"
    assert attempts(desk) == {"debian": (1, "finished"), "freebsd": (1, "finished")}


def test_runs_of_others_are_not_touched(desk: Desk, repository: FakeRepository) -> None:
    """An id from outside leads only to a run of that commit in that repository."""
    other = desk.repository("octo/other")
    other.commit({".hubwright.yml": TWO})
    desk.understand("push", other.push_payload())
    before = attempts(desk)
    assert "is not known here" in ask(desk, repository, "requested_action", "cancel", about="run-3")
    assert "is not known here" in ask(desk, repository, "rerequested", about="run-1", sha="c" * 40)
    assert "is not known here" in ask(desk, repository, "rerequested", about="run-999")
    assert "0 builds" in ask(desk, repository, "rerequested", sha="c" * 40)
    assert attempts(desk) == before


def test_while_github_does_not_answer_the_request_waits(
    desk: Desk, repository: FakeRepository, github: FakeGitHub
) -> None:
    """Nobody has to press again."""
    github.down()
    number = desk.deliver(
        "check_suite",
        {"action": "rerequested", "check_suite": {"head_sha": repository.head(), "app": APP},
         "repository": repository.describe(), "sender": {"login": "grace", "id": 7, "type": "User"}},
    )  # fmt: skip
    desk.work()
    assert desk.delivery(number).state == "waiting"
    github.up()
    desk.clock.now += 60
    desk.work()
    assert attempts(desk) == {"debian": (2, "queued"), "freebsd": (2, "queued")}
