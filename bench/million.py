"""`python -m bench.million URL`: a hub on a seeded database (`bench.seed`): pages, lists, starts, retention.

Each address is asked for several times over one connection, lists at their beginning, middle and end as well. Told are
p50, p95 (R21), and the hub's processor time for each: on a machine that others use too only the last is its own. The
database is changed: builds are started and, last, a tenth of them is removed while pages are asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from bench.depths import JOB, find_deep, find_pull
from bench.repository import make_repository
from bench.walking import find_addresses, make_values

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hub_process import HubProcess
from whole_hub import find_app

TIMES = 20

CALM = 4
"""Looks at a quiet hub in a row, 3 s apart: while its database thinks, it is quiet too."""

LONG = {f"RETENTION__{what}": "9000" for what in ("BUILDS", "LOGS", "ARTIFACTS", "FACTS", "DELIVERIES")}


def main() -> None:
    """Measure and show."""
    options = _read_options()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        settings = {
            **LONG,
            "DATABASE_URL": options.url,
            "GITHUB__API_URL": "http://127.0.0.1:9",
            "LIVE__WATCHERS": "50",
        }
        if options.retain is None:
            commits = make_repository(Path(name, "clones/octo/app1.git"), options.starts, "true")
            settings["GITHUB__CLONE_BASE"] = f"file://{name}/clones"
            with HubProcess(Path(name), ("hub",), settings=settings) as hub:
                until_calm([hub])
                for line in _tell_pages(list(measure_pages([hub], options.url))) if options.pages else ():
                    print(line, flush=True)
                for line in measure_starts(hub, commits):
                    print(line, flush=True)
        else:
            settings["RETENTION__BUILDS"] = settings["RETENTION__LOGS"] = str(options.retain)
            for line in measure_retention(Path(name), settings, options.url):
                print(line, flush=True)


@dataclass(frozen=True)
class Page:
    """What one address took: seconds of its answers in order of size, and the hub's processor time for one."""

    address: str
    status: int
    taken: Sequence[float]
    cpu: float

    @property
    def p50(self) -> float:
        """The median, in seconds."""
        return median(self.taken)

    @property
    def p95(self) -> float:
        """In seconds."""
        return _share(self.taken, 0.95)


def measure_pages(hubs: Sequence[HubProcess], url: str, times: int = TIMES) -> Iterator[Page]:
    """Every address, so many times each, of the hubs in turn."""
    for address in _addresses(hubs[0], url):
        taken, before = [], hub_cpu(hubs)
        for number in range(times):
            client = hubs[number % len(hubs)].client
            begun = time.perf_counter()
            status = client.get(address, follow_redirects=False, headers={"Accept": "text/html,*/*"}).status_code
            taken.append(time.perf_counter() - begun)
        yield Page(address, status, sorted(taken), (hub_cpu(hubs) - before) / times)


def summarize(pages: Sequence[Page]) -> dict[str, float]:
    """All together; times in milliseconds."""
    every = sorted(one for page in pages for one in page.taken)
    return {
        "addresses": len(pages),
        "p50": 1000 * median(every),
        "p95": 1000 * _share(every, 0.95),
        "slowest": 1000 * max(page.p95 for page in pages),
        "slow": sum(page.p95 > 0.1 for page in pages),
        "heavy": sum(page.cpu > 0.1 for page in pages),
        "cpu": 1000 * sum(page.cpu for page in pages) / len(pages),
    }


def _tell_pages(pages: Sequence[Page]) -> Iterator[str]:
    """The slowest first, then the whole."""
    for page in sorted(pages, key=lambda one: one.p95, reverse=True)[:60]:
        yield f"{_form(page.taken)}, processor {page.cpu * 1000:5.1f} ms  {page.status} {page.address}"
    whole = summarize(pages)
    times = f"p50 {whole['p50']:.1f} ms, p95 {whole['p95']:.1f} ms"
    over = f"over 100 ms: p95 of {whole['slow']:.0f}, processor time of {whole['heavy']:.0f}"
    yield f"{whole['addresses']:.0f} addresses: {times}; {over}"
    yield _load()


def _addresses(hub: HubProcess, url: str) -> list[str]:
    """All of them, and the lists further down."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        builds = int(_one(connection, "SELECT max(id) FROM build"))
        run = _one(connection, "SELECT min(id) FROM run WHERE build_id = :at", at=builds // 2)
        sha = _one(connection, "SELECT sha FROM build WHERE id = :at", at=builds // 2)
        values = make_values(builds, run, sha, find_pull(connection))
        found = find_addresses(find_app(), hub.client.get("/openapi.json").json(), values)
        return [*found, *find_deep(connection, builds)]


def measure_starts(hub: HubProcess, commits: Sequence[str]) -> Iterator[str]:
    """From asking for a build of a commit to the answer with its row, a few times a second and as fast as it goes."""
    process = _process(hub)
    for title, pause in (("five a second", 0.2), ("as fast as it goes", 0.0)):
        until_calm([hub])
        taken, before = [], _cpu(process)
        for sha in commits:
            time.sleep(pause)
            begun = time.perf_counter()
            answer = hub.client.post(f"/api/v1/jobs/{JOB}/builds", json={"sha": sha, "ref": "refs/heads/main"})
            taken.append(time.perf_counter() - begun)
            assert answer.status_code == 202, answer.text
        cost = (_cpu(process) - before) / len(commits) * 1000
        yield f"POST …/builds of the job with most builds, {title}: {_form(taken)}, processor {cost:.1f} ms; {_load()}"


def measure_retention(folder: Path, settings: dict[str, str], url: str) -> Iterator[str]:
    """How long it takes, and how pages fare meanwhile."""
    before = _count(url)
    with HubProcess(folder, ("hub",), settings=settings) as hub:
        process, begun, taken, most = _process(hub), time.perf_counter(), [], 0.0
        left, same = before, 0.0
        asked = ("/api/v1/builds?repo=octo/app1", f"/jobs/{JOB}", "/", "/api/v1/jobs", f"/api/v1/builds?job={JOB}")
        while same < 10.0:
            for address in asked:
                at = time.perf_counter()
                hub.client.get(address, headers={"Accept": "text/html,*/*"})
                taken.append(time.perf_counter() - at)
            most = max(most, process.memory_info().rss / 1e6)
            now = _count(url)
            if now != left:
                left, ended, same = now, time.perf_counter(), 0.0
            else:
                same = time.perf_counter() - ended if left != before else 0.0
            time.sleep(0.2)
        yield f"{before - left:,} builds removed in {ended - begun:.1f} s; meanwhile {len(taken)} pages, {_form(taken)}"
        yield f"memory at most {most:.0f} MB; processor {_cpu(process):.1f} s; {_load()}"


def _count(url: str) -> int:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return int(_one(connection, "SELECT count(*) FROM build"))


def _one(connection: Connection, query: str, **values: Any) -> Any:
    return connection.execute(text(query), values).scalar()


def until_calm(hubs: Sequence[HubProcess]) -> None:
    """What a hub does first after a start, such as a look at what is old, is not to be measured."""
    deadline, calm = time.monotonic() + 180, 0
    while time.monotonic() < deadline and calm < CALM:
        before = hub_cpu(hubs)
        time.sleep(3)
        calm = calm + 1 if hub_cpu(hubs) - before < 0.1 * len(hubs) else 0


def hub_cpu(hubs: Sequence[HubProcess]) -> float:
    """Processor seconds of the hubs so far, all together."""
    return sum(_cpu(_process(hub)) for hub in hubs)


def _process(hub: HubProcess) -> psutil.Process:
    assert hub.process is not None
    return psutil.Process(hub.process.pid)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _share(taken: Sequence[float], share: float) -> float:
    return sorted(taken)[ceil(len(taken) * share) - 1]


def _form(taken: Sequence[float]) -> str:
    return f"p50 {median(taken) * 1000:6.1f} ms, p95 {_share(taken, 0.95) * 1000:6.1f} ms"


def _load() -> str:
    return f"load average {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores"


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.million", description="A hub on a seeded database.")
    parser.add_argument("url", help="a database that bench.seed has filled; it is changed")
    parser.add_argument("--starts", type=int, default=100)
    parser.add_argument("--no-pages", dest="pages", action="store_false", help="measure only how builds start")
    parser.add_argument("--retain", type=int, help="only this: remove builds and logs that are older than so many days")
    return parser.parse_args()


if __name__ == "__main__":
    main()
