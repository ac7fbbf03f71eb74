"""Every page and list of a hub with a million builds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Figure, Ground, Row, Values
from bench.million import LONG, Page, hub_cpu, measure_pages, summarize, until_calm
from bench.repository import make_repository
from bench.scaled import ScaledHubwright
from bench.seed import seed
from bench.seed_world import Size
from bench.servers import Servers
from bench.subject import Hubwright
from bench.systems import NotHereError, System

from hub_process import HubProcess  # isort: skip  bench.million has found it

TIMES = 10


def measure(system: System, ground: Ground) -> Values:
    """Fill a database, start a hub on it, ask for everything."""
    if not isinstance(system, Hubwright) or (isinstance(system, ScaledHubwright) and system.hubs > 1):
        raise NotHereError("pages are asked of one hub")
    size = Size(jobs=50, copies=200, builds=2_000) if ground.quick else Size()
    with tempfile.TemporaryDirectory(dir=ground.folder) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _database(system, folder) as url:
            begun = time.perf_counter()
            seed(url, size, say=lambda _: None)
            filled = time.perf_counter() - begun
            make_repository(folder / "clones/octo/app1.git", 1, "true")
            settings = {**LONG, "DATABASE_URL": url, "GITHUB__API_URL": "http://127.0.0.1:9"}
            with HubProcess(folder, ("hub",), settings=settings) as hub:
                if not ground.quick:
                    until_calm(hub)
                pages = list(measure_pages(hub, url, 1 if ground.quick else TIMES))
                idle = _watch(hub, 2 if ground.quick else 10)
    return {"filled": filled, "idle": idle, **summarize(pages), **_name_slowest(pages)}


@contextmanager
def _database(system: Hubwright, folder: Path) -> Iterator[str]:
    """An empty one of the system's kind."""
    if not isinstance(system, ScaledHubwright):
        yield f"sqlite:///{folder}/million.db"
        return
    servers = Servers(folder, broker=False)
    try:
        yield servers.database_url
    finally:
        servers.stop()


def _watch(hub: HubProcess, seconds: float) -> float:
    before = hub_cpu(hub)
    time.sleep(seconds)
    return 100 * (hub_cpu(hub) - before) / seconds


def _name_slowest(pages: list[Page]) -> Values:
    """By kind: what starts with /api is for programs."""
    kinds = {"page": [page for page in pages if not page.address.startswith("/api/")]}
    kinds["list"] = [page for page in pages if page.address.startswith("/api/")]
    return {f"{kind} p50": 1000 * sorted(page.p50 for page in of)[len(of) // 2] for kind, of in kinds.items() if of}


FIGURE = Figure(
    name="million",
    title="Pages at 1,000,000 builds",
    how="A database with 1,000,000 builds of 5,000 jobs and 200,000 copies ([what is in it](performance-jobs.md)). "
    f"Every GET address with every filter, lists at their beginning, middle and end too, is asked for "
    f"{TIMES} times in a row.",
    rows=(
        Row("addresses", "addresses"),
        Row("p50", "p50 of all answers", "ms", 1, 20),
        Row("p95", "p95 of all answers", "ms", 1, 50),
        Row("page p50", "median page for people", "ms", 1),
        Row("list p50", "median answer of the API", "ms", 1),
        Row("slowest", "the slowest address's p95", "ms", 1, 150),
        Row("slow", "addresses whose p95 is over 100 ms", "", 0),
        Row("cpu", "processor time of the hub for an answer", "ms", 1),
        Row("idle", "CPU of the idle hub", "% of a core", 1, 5),
        Row("filled", "filling the database", "s"),
    ),
    measure=measure,
    scaled=True,
    runs=1,
    limits=("framework",),
    rivals=(),
)
