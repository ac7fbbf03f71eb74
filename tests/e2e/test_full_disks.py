"""R16: real small file systems that are full: nothing is corrupt, one sentence says it, and space again heals it."""

from __future__ import annotations

import hashlib
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from fake_github import FakeGitHub
from full_disk import MB, fill, on_a_disk_of, seen_by
from hub_process import SECRET, HubProcess, Make
from separate_builder import builder_of, new_token
from waiting import until


def test_a_full_disk_of_logs_costs_no_byte(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R16, R2: the builder keeps what it has; the hub stays up and says it; with space again every byte arrives."""
    gate = folder / "gate"
    script = f"echo begun; while ! test -e {gate}; do sleep 0.02; done; seq 1 60000; echo ended"
    repository = make({".hubwright.yml": f"stages:\n- print: {script}\n"})
    logs = folder / "data" / "logs"
    with HubProcess(folder, github=github) as hub:
        hub.end()
        hub.prefix = on_a_disk_of(96 * MB, logs)
        hub.start()
        hub.deliver("push", repository.push_payload())
        run = hub.begun(repository, b"begun")["id"]
        filler = fill(seen_by(hub, logs))
        gate.touch()
        until(lambda: "disk of the hub's logs is full" in hub.said, 30, "the hub to say that its disk is full")
        answer = hub.client.get("/readyz")
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert "[-]disk failed: logs can't be written" in answer.text
        assert hub.client.get("/livez").status_code == 200
        assert hub.client.get("/").status_code == 200
        spools = folder / "data" / "builder" / "runs"
        until(lambda: any(b"ended\n" in log.read_bytes() for log in spools.glob("*/log")), 30, "the build to end")
        assert hub.build(1)["state"] == "running"

        filler.unlink()
        (build,) = hub.finished(repository, seconds=60)
        assert (build["result"], [one["attempt"] for one in build["runs"]]) == ("success", [1])
        numbers = "".join(f"{number}\n" for number in range(1, 60001)).encode()
        whole = b"begun\n" + numbers + b"ended\n"
        assert hashlib.sha256(hub.output(run)).hexdigest() == hashlib.sha256(whole).hexdigest()
        until(lambda: hub.client.get("/readyz").status_code == 200, 20)
        assert "Traceback" not in hub.said


def test_a_full_disk_of_the_database_loses_nothing_accepted(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R16, R6: the spool takes webhooks until it is full too, then it is 503; what was answered 202 is there after."""
    gate = folder / "gate"
    script = f"echo begun; while ! test -e {gate}; do sleep 0.02; done; seq 1 2000; echo ended"
    running, later = make({".hubwright.yml": f"stages:\n- wait: {script}\n"}), make()
    disk = folder / "database"
    settings = {"DATABASE_URL": f"sqlite:///{disk}/hubwright.db", "HOOKS__SPOOL": "100000"}
    disk.mkdir()
    with HubProcess(folder, github=github, settings=settings) as hub:
        hub.end()
        hub.prefix = on_a_disk_of(24 * MB, disk)
        hub.start()
        hub.deliver("push", running.push_payload())
        run = hub.begun(running, b"begun")["id"]
        filler = fill(seen_by(hub, disk))
        accepted, spooled, refused = flood(github, hub, later.push_payload()["repository"])
        assert refused == 503
        assert spooled > 10
        ready = hub.client.get("/readyz")
        assert ready.status_code == 503
        assert "[-]disk failed: the database can't be written" in ready.text
        assert hub.client.get("/livez").status_code == 200
        gate.touch()  # the build ends while nothing can be kept

        filler.unlink()
        until(lambda: hub.client.get("/readyz").status_code == 200, 30)
        hub.deliver("push", later.push_payload())
        assert hub.finished(later, seconds=60)[0]["result"] == "success"
        (build,) = hub.finished(running, seconds=60)
        assert (build["result"], build["runs"][0]["attempt"]) == ("success", 1)
        assert hub.output(run).decode() == "begun\n" + "".join(f"{one}\n" for one in range(1, 2001)) + "ended\n"
        until(lambda: not [*(hub.data / "spool").iterdir()])
        with closing(sqlite3.connect(copied(hub, disk, folder / "copy"))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            kept = {guid for (guid,) in connection.execute("SELECT guid FROM delivery")}
        assert accepted <= kept
        assert "Traceback" not in hub.said


def flood(github: FakeGitHub, hub: HubProcess, about: dict[str, Any]) -> tuple[set[str], int, int | None]:
    """Webhooks until one is not accepted: which were, how many of them wait on the hub's disk, and the other answer."""
    accepted, spooled = set(), 0
    for number in range(500):
        payload = {"action": "opened", "noise": "x" * 5000, "number": number, "repository": about}
        guid = f"guid-{number}"
        status, answer = github.deliver(hub.hook, "issues", payload, secret=SECRET, guid=guid)
        if status != 202:
            return accepted, spooled, status
        accepted.add(guid)
        spooled += answer["id"] is None
    return accepted, spooled, None


def copied(hub: HubProcess, disk: Path, to: Path) -> Path:
    """The hub's database as a power failure at this moment would leave it; SQLite looks for its log beside it."""
    assert hub.process is not None
    to.mkdir()
    hub.process.send_signal(signal.SIGSTOP)
    try:
        for file in seen_by(hub, disk).glob("hubwright.db*"):
            shutil.copy(file, to)
    finally:
        hub.process.send_signal(signal.SIGCONT)
    return to / "hubwright.db"


def test_a_full_spool_ends_the_run_and_the_builder_goes_on(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R16: the builder's disk can't take the log: `error` that says so, and the next build is green."""
    noisy = make({".hubwright.yml": "stages:\n- shout: yes 0123456789 | head -c 40000000\n"})
    other = make()
    work = folder / "small"
    with HubProcess(folder, ("hub",), github=github) as hub, builder_of(
        hub, folder, "small", new_token(hub, "small"), "--mirrors", str(folder / "mirrors"),
        prefix=on_a_disk_of(8 * MB, work),
    ) as builder:  # fmt: skip
        hub.deliver("push", noisy.push_payload())
        (build,) = hub.finished(noisy, seconds=60)
        (run,) = build["runs"]
        assert (build["result"], run["attempt"]) == ("error", 1)
        assert "disk is full" in run["detail"]
        assert hub.output(run["id"]).startswith(b"0123456789\n" * 1000)
        hub.deliver("push", other.push_payload())
        assert hub.finished(other)[0]["result"] == "success"
        assert builder.is_running()
