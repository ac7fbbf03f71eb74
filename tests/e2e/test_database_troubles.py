"""A database that goes away or holds rubbish: nothing that was answered is lost, and one bad row stops nobody."""

from __future__ import annotations

import sqlite3
import time
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from server_programs import OwnPostgresql
from waiting import until


def test_a_database_that_is_away_loses_nothing(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R6: webhooks are kept on the hub's disk meanwhile; a build goes on, and its log stays whole."""
    first, second = make(), make()
    gate = folder / "gate"
    script = f"echo begun; while ! test -e {gate}; do sleep 0.02; done; seq 1 2000; echo ended"
    running = make({".hubwright.yml": f"stages:\n- wait: {script}\n"})
    (folder / "postgresql").mkdir()
    database = OwnPostgresql(folder / "postgresql")
    database.start()
    try:
        with HubProcess(folder, github=github, settings={"DATABASE_URL": database.url}) as hub:
            for repository in (first, running):
                hub.deliver("push", repository.push_payload())
            assert hub.finished(first)[0]["result"] == "success"
            hub.begun(running, b"begun")

            database.kill()
            assert hub.deliver("push", second.push_payload(), guid="while-away")["id"] is None
            answer = hub.client.get("/readyz")
            assert answer.status_code == 503
            assert "retry-after" in answer.headers
            assert hub.client.get("/livez").status_code == 200
            gate.touch()  # the build ends while nothing can be kept
            database.start()
            until(lambda: hub.client.get("/readyz").status_code == 200, 60)

            assert hub.finished(second, seconds=60)[0]["result"] == "success"
            assert hub.deliver("push", second.push_payload(), guid="while-away")["duplicate"] is True
            (build,) = hub.finished(running, seconds=60)
            assert (build["result"], build["runs"][0]["attempt"]) == ("success", 1)
            numbers = "".join(f"{number}\n" for number in range(1, 2001))
            assert hub.output(build["runs"][0]["id"]).decode() == f"begun\n{numbers}ended\n"
            for repository in (second, running):
                sha = str(repository.head())
                github.wait_for(
                    lambda sha=sha: [s for s in github.statuses(sha, "hubwright") if s["state"] == "success"], 60
                )
    finally:
        database.kill()


def test_a_hub_that_is_killed_while_its_database_is_away_loses_no_webhook(
    github: FakeGitHub, make: Make, folder: Path
) -> None:
    """R6: what was answered 202 is on the hub's disk, and the next process finds it there."""
    repositories = [make() for _ in range(3)]
    (folder / "postgresql").mkdir()
    database = OwnPostgresql(folder / "postgresql")
    database.start()
    try:
        with HubProcess(folder, github=github, settings={"DATABASE_URL": database.url}) as hub:
            database.kill()
            for repository in repositories:
                assert hub.deliver("push", repository.push_payload())["id"] is None
            hub.kill()
            database.start()
            hub.start()
            for repository in repositories:
                assert [build["result"] for build in hub.finished(repository, seconds=60)] == ["success"]
            until(lambda: not [*(hub.data / "spool").iterdir()])
    finally:
        database.kill()


RUBBISH: dict[str, tuple[str, str, bytes]] = {
    "not-packed": ("push", "github", b"not zlib"),
    "torn": ("push", "github", zlib.compress(b'{"a": 1}')[:-5]),
    "no-json": ("push", "github", zlib.compress(b"{")),
    "list": ("push", "github", zlib.compress(b"[]")),
    "empty": ("push", "github", zlib.compress(b"{}")),
    "no-wish": ("manual", "manual", zlib.compress(b"{}")),
    "odd-wish": ("manual", "manual", zlib.compress(b'{"repository": 7}')),
    "nul-message": ("issues", "github", zlib.compress(b'{"action": "\\u0000"}')),
}


def test_a_corrupt_row_stops_nobody(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R12: rows that nothing can read end with their reason; those behind them are understood at once (gitea#37586)."""
    repository = make()
    with HubProcess(folder, github=github) as hub:
        hub.kill()
        with closing(sqlite3.connect(hub.data / "hubwright.db")) as connection, connection:
            now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
            for guid, (event, source, body) in RUBBISH.items():
                connection.execute(
                    "INSERT INTO delivery (guid, event, source, received_at, body, next_try_at) VALUES (?,?,?,?,?,?)",
                    (guid, event, source, now, body, now),
                )
        hub.start()
        hub.deliver("push", repository.push_payload())
        assert hub.finished(repository, seconds=20)[0]["result"] == "success"

        def states() -> dict[str, Any]:
            return {one["guid"]: one["state"] for one in hub.get("deliveries", limit=200)["items"]}

        until(lambda: not {"waiting", "leased"} & {*states().values()}, 30)
        assert {guid: state for guid, state in states().items() if guid in RUBBISH} == {
            **dict.fromkeys(RUBBISH, "failed"), "nul-message": "done",
        }  # fmt: skip


def test_a_corrupt_run_stops_nobody(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R12: a run that can't be given to any builder ends as an error that says so; those behind it are built."""
    corrupt, sound = make(), make()
    with HubProcess(folder, ("up", "--no-demo", "--no-builder"), github=github) as hub:
        for repository in (corrupt, sound):
            hub.deliver("push", repository.push_payload())
            until(lambda repository=repository: hub.builds(repository) and hub.builds(repository)[0]["runs"])
        (build,) = hub.builds(corrupt)
        hub.kill()
        with closing(sqlite3.connect(hub.data / "hubwright.db")) as connection, connection:
            connection.execute("UPDATE run SET assignment = '{}' WHERE build_id = ?", (build["id"],))
        hub.arguments = ("up", "--no-demo", "--slots", "1")
        hub.start()
        assert hub.finished(sound)[0]["result"] == "success"
        (ended,) = hub.finished(corrupt)
        assert ended["result"] == "error"
        assert ended["runs"][0]["detail"]
