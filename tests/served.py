"""A real site on a temporary folder: SQLite, logs, storage; served by uvicorn in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Table, insert, update

from hubwright.domain.jobs import Job, JobSettings
from hubwright.git.commands import Git
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from hubwright.hub.plans import Ground
from hubwright.hub.sealing import Keys, make_key
from hubwright.hub.secrets import Vault
from hubwright.hub.wishes import Wishes
from hubwright.storage import Storage
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.web.api import make_api
from hubwright.web.api.search import Search
from hubwright.web.assets import Assets
from hubwright.web.attempts import Attempts
from hubwright.web.feed import Feed
from hubwright.web.finder import Finder
from hubwright.web.gate import Gate
from hubwright.web.health import make_health
from hubwright.web.live import Live
from hubwright.web.logins import make_logins
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.navigation import name_pages
from hubwright.web.pages.reference import Reference
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.site import FACTS, Site
from tables import with_tables

NOW = 1_790_000_000.0
KEYS = Keys((make_key(),))
VAULT = Vault(lambda: KEYS)


class ManualClock:
    """Unix seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@contextmanager
def make_site(folder: Path, **changes: Any) -> Iterator[Site]:
    """The parts behind the doors, on `folder`; closed afterwards."""
    database = Database(with_tables(f"sqlite:///{folder}/hubwright.db"))
    bell = Bell()
    logs = Logs(folder / "logs", bell)
    site = Site(
        database=database,
        logs=logs,
        bell=bell,
        storage=Storage(f"file://{folder}/storage"),
        wake=lambda _queue: None,
        clock=ManualClock(),
        version="0.1.0",
        public_url="http://127.0.0.1:8010",
        anonymous_read=True,
        admin_token="admin-secret",
    )
    try:
        yield replace(site, **changes)
    finally:
        logs.close()
        database.close()


@contextmanager
def make_wishes(site: Site, folder: Path) -> Iterator[Wishes]:
    """Wishes whose repositories are bare ones at `folder`/OWNER/NAME.git."""
    mirrors = Mirrors(folder / "mirrors", Git("file"))
    ground = Ground(public_url=site.public_url, version=site.version, default_platform="linux", log_limit=1_000_000)

    def find_origin(job: Job) -> Origin:
        return Origin(repository=job.repository, clone_url=f"file://{folder}/{job.repository}.git")

    try:
        yield Wishes(site.database, mirrors, find_origin, ground, site.wake, JobSettings())
    finally:
        mirrors.close()


def make_app(site: Site, gate: Gate, wishes: Wishes) -> FastAPI:
    """The routes of the API and its neighbours."""
    app = FastAPI(
        title="Hubwright", version=site.version, docs_url=None, redoc_url=None, exception_handlers=PROBLEM_HANDLERS
    )
    frame = Frame(site, gate, Assets())
    app.router.routes.extend(
        [*make_health(site, gate), *make_logins(gate, Attempts(), frame), *Reference(frame).routes()]
    )
    feed = Feed(site)
    make_api(site, gate, wishes, VAULT, feed).add_to(app)
    Search(site, gate, Finder(site, name_pages)).make_router().add_to(app)
    app.router.routes.append(Live(site, gate, feed).route())
    return app


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """The address at which uvicorn serves `app`, in a thread."""
    config = uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the server died while starting"
        assert time.monotonic() < deadline, "the server did not start within 30 s"
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


class Rows:
    """Quick ways to put rows into a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, table: Table, *rows: dict[str, Any]) -> None:
        """Insert rows."""
        self._database.write(lambda connection: connection.execute(insert(table), list(rows)))

    def keep_job(self, number: int = 1, path: str = "team/app", **values: Any) -> None:
        """A job."""
        row = {"id": number, "path": path, "repository": "team/app", "settings": {}, "created_at": NOW}
        self.keep(schema.job, {**row, **values})

    def keep_build(self, number: int, **values: Any) -> None:
        """A build of job 1."""
        row = {"id": number, "job_id": 1, "number": number, "trigger": f"t{number}", "repository": "team/app"}
        row |= {"sha": f"{number:040x}", "ref": "refs/heads/main", "branch": "main", "event": "push", "queued_at": NOW}
        self.keep(schema.build, {**row, **values})

    def keep_run(self, number: int, build: int, stages: tuple[dict[str, Any], ...] = (), **values: Any) -> None:
        """A run with its stages."""
        row = {
            "id": number,
            "build_id": build,
            "platform": "linux",
            "matrix": {},
            "assignment": {"stages": []},
            "queued_at": NOW,
        }
        self.keep(schema.run, {**row, **values})
        if stages:
            named = [{"run_id": number, "position": at, **stage} for at, stage in enumerate(stages)]
            for each in named:
                self.keep(schema.stage, each)

    def keep_facts(self, count: int) -> None:
        """Facts of no build, in one go."""
        self.keep(schema.fact, *({"kind": "BuilderLost", "at": NOW, "data": {}} for _ in range(count)))


class Served:
    """A served site with a client, and its rows and logs to write to."""

    def __init__(self, site: Site, gate: Gate, url: str, client: httpx2.Client) -> None:
        self.site = site
        self.gate = gate
        self.url = url
        self.client = client
        self.rows = Rows(site.database)

    def get(self, path: str, **options: Any) -> Any:
        """The JSON of an answer that must be good."""
        answer = self.client.get(path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def keep_fact(self, kind: str = "BuildQueued", **values: Any) -> None:
        """A fact, and the bell after its commit."""
        self.rows.keep(schema.fact, {"kind": kind, "at": NOW, "data": {}, **values})
        self.site.bell.ring(FACTS)

    def write_log(self, run: int, data: bytes) -> None:
        """Add to a run's log."""
        self.site.logs.append(run, self.site.logs.size(run), data)

    def finish_run(self, run: int, result: str = "success") -> None:
        """End a run as sessions do: the log is closed, then the row says so."""
        self.site.logs.finish(run)
        ended = update(schema.run).where(schema.run.c.id == run).values(state="finished", result=result)
        self.site.database.write(lambda connection: connection.execute(ended))


@contextmanager
def served_site(folder: Path, **changes: Any) -> Iterator[Served]:
    """A site on `folder`, served, with a client."""
    with make_site(folder, **changes) as site, make_wishes(site, folder) as wishes:
        gate = Gate(site)
        with serve(make_app(site, gate, wishes)) as url, httpx2.Client(base_url=url, timeout=20) as client:
            yield Served(site, gate, url, client)
