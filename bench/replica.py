"""`python -m bench.replica [--url URL] [--workers N] [--events N] [--latency]`: how fast deliveries become rows.

Real payloads of every event (tests/payloads), each about a thing of its own, wait as deliveries; the hub's own intake
drains them, in as many processes as asked for. Nothing is built: the owner is not one of GITHUB__OWNERS. With
`--latency` a whole hub on SQLite gets one webhook after another, each timed until its row can be read.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import os
import random
import resource
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import func, select

from bench.pushes import Push
from bench.subject import Hubwright
from bench.systems import Work
from hubwright.git.commands import Git
from hubwright.git.mirrors import Mirrors
from hubwright.hub.intake import Intake
from hubwright.hub.plans import Ground
from hubwright.hub.pressure import Pressure
from hubwright.hub.rules import Rules
from hubwright.hub.understanding import Understanding
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_deliveries
from hubwright.store.schema import delivery, metadata

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from payload_corpus import all_payloads

EVENTS = """push create delete pull_request pull_request_review pull_request_review_comment issues issue_comment
    commit_comment label milestone release repository status check_run check_suite team membership organization
    member fork star"""
_MAIN = ("comment", "review", "check_run", "check_suite", "issue", "pull_request", "label", "milestone", "release")
_GROUND = Ground(public_url="http://localhost", version="1", default_platform="linux", log_limit=1_000_000)


def main() -> None:
    """Measure and show."""
    options = _read_options()
    if options.latency:
        print(_time_rows(200))
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        url = options.url or f"sqlite:///{name}/hubwright.db"
        count = _fill(url, options.events)
        processes = [multiprocessing.Process(target=_drain, args=(url, name, n)) for n in range(options.workers)]
        begun = time.perf_counter()
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        seconds = time.perf_counter() - begun
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cost = (used.ru_utime + used.ru_stime) / count * 1000
        print(f"{count} events in {seconds:.2f} s with {options.workers} workers: {count / seconds:.0f} a second")
        print(f"{cost:.2f} ms of processor time each; load average {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
        print(_look(url))


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.replica", description="Deliveries to rows of the copy.")
    parser.add_argument("--url", help="an empty database; a SQLite file of its own")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--latency", action="store_true")
    return parser.parse_args()


def _time_rows(count: int) -> str:
    """From the first byte of the webhook to the committed row, as another process reads it."""
    hub = Hubwright()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        hub.start(Path(name), Work(builder=False))
        try:
            taken = sorted(_time_row(hub, Path(name) / "data/hubwright.db", number) for number in range(count))
        finally:
            hub.stop()
    return (
        f"webhook to row: p50 {taken[count // 2] * 1000:.1f} ms, p95 {taken[count * 95 // 100] * 1000:.1f} ms;"
        f" load average {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores"
    )


def _time_row(hub: Hubwright, database: Path, number: int) -> float:
    payload = next(
        payload for event, payload in all_payloads() if (event, payload.get("action")) == ("issues", "opened")
    )
    payload["issue"]["id"] += 1_000_003 * (number + 1)
    body = orjson.dumps(payload)
    headers = {**Push(f"issue-{number}", "", body).headers(), "X-GitHub-Event": "issues"}
    time.sleep(0.05)
    with closing(sqlite3.connect(database)) as reader, closing(HTTPConnection("127.0.0.1", hub.port)) as door:
        begun = time.perf_counter()
        door.request("POST", "/hooks/github", body, headers)
        while not reader.execute("SELECT 1 FROM gh_issue WHERE id = ?", (payload["issue"]["id"],)).fetchone():
            time.sleep(0.001)
        seconds = time.perf_counter() - begun
        assert door.getresponse().status == 202
    return seconds


def make_events(count: int) -> list[tuple[str, bytes]]:
    """Mixed events, in no order."""
    known = [(event, payload) for event, payload in all_payloads() if event in EVENTS.split()]
    chance = random.Random(1)
    made = []
    for number in range(count):
        event, payload = chance.choice(known)
        payload = copy.deepcopy(payload)
        main: Any = next((payload[name] for name in _MAIN if isinstance(payload.get(name), dict)), payload)
        if isinstance(main.get("id"), int):
            main["id"] += number * 1_000_003
        made.append((event, orjson.dumps(payload)))
    return made


def _fill(url: str, count: int) -> int:
    database = Database(url)
    database.write(metadata.create_all)
    now = time.time()
    items = [Incoming(f"g{n}", event, "github", body, now) for n, (event, body) in enumerate(make_events(count))]
    for start in range(0, count, 500):
        database.write(lambda connection, some=items[start : start + 500]: keep_deliveries(connection, some))
    database.close()
    return count


def _drain(url: str, folder: str, number: int) -> None:
    database = Database(url)
    mirrors = Mirrors(Path(folder) / f"mirrors{number}", Git("file"), timeout=5)
    rules = Rules(clone_base="file:///nowhere", ground=_GROUND, owners=("nobody",))
    understanding = Understanding(database, mirrors, rules)
    intake = Intake(database, understanding, f"bench{number}", time.time, lambda _queue: None, Pressure())
    while intake.drain() is not None:
        time.sleep(0.02)
    intake.close()
    mirrors.close()
    database.close()


def _look(url: str) -> str:
    """What is there now."""
    database = Database(url)
    with database.reading() as connection:
        states = connection.execute(select(delivery.c.state, func.count()).group_by(delivery.c.state)).all()
        rows = sum(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            if table.name.startswith("gh_")
        )
    database.close()
    return f"deliveries {dict(states)}, {rows} rows of the copy"


if __name__ == "__main__":
    main()
