"""Every page and list of a hub with a million builds."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.installation import running
from bench.measure import Figure, Ground, Row, Values
from bench.million import LONG, Page, hub_cpu, measure_pages, summarize, until_calm
from bench.scaled import ScaledHubwright
from bench.seed import seed
from bench.seed_world import Size
from bench.servers import Servers
from bench.subject import Hubwright
from bench.systems import NotHereError, System

from hub_process import HubProcess  # isort: skip  bench.million has found it

TIMES = 10


def measure(system: System, ground: Ground) -> Values:
    """Fill a database, start a hub or two on it, ask for everything."""
    if not isinstance(system, Hubwright):
        raise NotHereError("its pages are other ones")
    with tempfile.TemporaryDirectory(dir=ground.folder) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _filled(system, ground, folder) as (where, values):
            settings = {**LONG, **where, "GITHUB__API_URL": "http://127.0.0.1:9"}
            with running(system.hubs, folder, settings) as installation:
                if not ground.quick:
                    until_calm(installation.hubs)
                times = system.hubs if ground.quick else TIMES
                pages = list(measure_pages(installation.hubs, where["DATABASE_URL"], times))
                idle = _watch(installation.hubs, 2 if ground.quick else 10)
    return values | {"idle": idle, **summarize(pages), **_name_slowest(pages)}


@contextmanager
def _filled(system: Hubwright, ground: Ground, folder: Path) -> Iterator[tuple[dict[str, str], Values]]:
    """A database of the system's kind: the settings that name it and the broker, and what filling it took."""
    if not isinstance(system, ScaledHubwright):
        url = f"sqlite:///{folder}/million.db"
        yield {"DATABASE_URL": url}, _fill(url, ground)
        return
    kept = ground.folder / "million"  # for one hub and for two: filling it takes as long as asking
    done = kept / "filled"
    if not done.exists():
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(mode=0o755)
    servers = Servers(kept, broker=system.hubs > 1)
    try:
        values = {} if done.exists() else _fill(servers.database_url, ground)
        done.touch()
        yield servers.settings, values
    finally:
        servers.stop()


def _fill(url: str, ground: Ground) -> Values:
    begun = time.perf_counter()
    seed(url, Size(jobs=50, copies=200, builds=2_000) if ground.quick else Size(), say=lambda _: None)
    return {"filled": time.perf_counter() - begun}


def _watch(hubs: Sequence[HubProcess], seconds: float) -> float:
    """A hub's share of a core."""
    before = hub_cpu(hubs)
    time.sleep(seconds)
    return 100 * (hub_cpu(hubs) - before) / seconds / len(hubs)


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
    f"{TIMES} times in a row, of two hubs in turn. One PostgreSQL is filled for both, and the second side finds it as "
    "the first one left it; Valkey rings between its hubs, and no [read model](redis.md#figures) is filled there.",
    rows=(
        Row("addresses", "addresses"),
        Row("p50", "p50 of all answers", "ms", 1, 20),
        Row("p95", "p95 of all answers", "ms", 1, 50),
        Row("page p50", "median page for people", "ms", 1),
        Row("list p50", "median answer of the API", "ms", 1),
        Row("slowest", "the slowest address's p95", "ms", 1, 150),
        Row("slow", "addresses whose p95 is over 100 ms", "", 0),
        Row("cpu", "processor time of a hub for an answer", "ms", 1),
        Row("idle", "CPU of an idle hub", "% of a core", 1, 5),
        Row("filled", "filling the database", "s"),
    ),
    measure=measure,
    scaled=True,
    runs=1,
    limits=("framework",),
    rivals=(),
)
