# ruff: noqa: E501
"""Rows and logs as a week of work leaves them, for pages to show: `python tests/seed.py FOLDER PORT [tidy]` serves them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import create_engine, insert
from starlette.applications import Starlette

from hubwright.github.client import GitHubClient
from hubwright.hub.bell import Bell
from hubwright.hub.healing import Healing
from hubwright.hub.logs import Logs
from hubwright.storage import Storage
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.web.api.deliveries import Deliveries
from hubwright.web.attempts import Attempts
from hubwright.web.gate import Gate
from hubwright.web.logins import make_logins
from hubwright.web.pages import assemble_pages
from hubwright.web.pages.deliveries import DeliveryPages
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.site import FACTS, Site

NOW = 1_795_000_000.0
ADMIN = "an-admin-token-for-tests"
HOSTILE = 'x"><img src=x onerror=alert(1)>\u202etxt.exe'

GCC = (
    "\x1b[1m$ make -j4\x1b[0m\r\n"
    "cc -O2 -Wall -Iinclude -c -o build/lexer.o src/lexer.c\r\n"
    "cc -O2 -Wall -Iinclude -c -o build/parser.o src/parser.c\r\n"
    "cc -O2 -Wall -Iinclude -c -o build/ring.o src/ring.c\r\n"
    "\x1b[01m\x1b[Ksrc/ring.c:\x1b[m\x1b[K In function '\x1b[01m\x1b[Kring_push\x1b[m\x1b[K':\r\n"
    "\x1b[01m\x1b[Ksrc/ring.c:88:23:\x1b[m\x1b[K \x1b[01;31m\x1b[Kerror: \x1b[m\x1b[K'\x1b[01m\x1b[Kstruct ring"
    "\x1b[m\x1b[K' has no member named '\x1b[01m\x1b[Ktail\x1b[m\x1b[K'; did you mean '\x1b[01m\x1b[Ktall\x1b[m\x1b[K'?\r\n"
    "   88 |     size_t next = (ring->\x1b[01;31m\x1b[Ktail\x1b[m\x1b[K + 1) & ring->mask;\r\n"
    "      |                          \x1b[01;31m\x1b[K^~~~\x1b[m\x1b[K\r\n"
    "      |                          \x1b[32m\x1b[Ktall\x1b[m\x1b[K\r\n"
    "cc -O2 -Wall -Iinclude -c -o build/main.o src/main.c\r\n"
    "make: *** [Makefile:14: build/ring.o] Error 1\r\n"
    "make: *** Waiting for unfinished jobs....\r\n"
)
PREPARE = "\x1b[1mBuilder oak-1 on linux-x86_64\x1b[0m\nHEAD is now at 4f2a9c1 Store the ring's tail\n"
CONFIGURE = "\x1b[1m$ ./configure\x1b[0m\r\n" + "".join(
    f"checking for {name}... \x1b[32myes\x1b[0m\r\n"
    for name in ("gcc", "stdint.h", "pthread_create", "libz", "clock_gettime")
)
TESTS = "\x1b[1m$ make check\x1b[0m\r\n" + "".join(
    f"\x1b[32mok\x1b[0m {n} - {name}\r\n"
    for n, name in enumerate(("ring is empty at first", "push then pop", "wraps around", "grows at need"), 1)
)
_SUBJECTS = (
    "Tidy the grammar",
    "Accept a trailing comma",
    "Name tokens in errors",
    "Fuzz the number reader",
    "Drop a copy",
)
_PEOPLE = ("Barbara Liskov", "Grace Hopper", "Linus Å. Berg")
RECIPE_ERROR = """.hubwright.yml:7:5: unknown key 'patforms': did you mean 'platforms'?
5 |   - test: make check
6 |
7 | patforms: [linux, freebsd]
  | ^
.hubwright.yml:9:14: timeout must be a time like 10m, not 'soon'
 8 | stages:
 9 |   - build: {run: make, timeout: soon}
   |              ^
"""


class Seed:
    """Inserts rows; ids count up by table. Times are seconds before `now`."""

    def __init__(self, folder: Path, now: float = NOW) -> None:
        self.now = now
        self.url = f"sqlite:///{folder}/hubwright.db"
        self.logs_folder = folder / "logs"
        self._engine = create_engine(self.url)
        self.connection = self._engine.connect()
        self.connection.exec_driver_sql("PRAGMA synchronous=OFF")
        schema.metadata.create_all(self.connection)
        self._next: dict[str, int] = {}

    def add(self, table: str, **row: Any) -> int:
        number = self._next[table] = self._next.get(table, 0) + 1
        if "id" in schema.metadata.tables[table].c:
            row.setdefault("id", number)
        self.connection.execute(insert(schema.metadata.tables[table]).values(**row))
        return int(row.get("id", number))

    def close(self) -> None:
        self.connection.commit()
        self.connection.close()
        self._engine.dispose()

    def change(self, table: str, number: int, **values: Any) -> None:
        which = schema.metadata.tables[table]
        self.connection.execute(which.update().where(which.c.id == number).values(**values))

    def text(self, query: str, *values: Any) -> str:
        return str(self.connection.exec_driver_sql(query, values).scalar_one())

    def job(self, path: str, repository: str, **row: Any) -> int:
        given = {"settings": {}, "created_at": self.now - 9e6, "builds": 0, "folder": path.rpartition("/")[0]}
        return self.add("job", path=path, repository=repository, **given | row)

    def build(self, job: int, number: int, ago: float, **row: Any) -> int:
        given = {
            "repository": "octo/engine",
            "sha": sha1(f"{job} {number}".encode()).hexdigest(),
            "ref": "refs/heads/main",
            "branch": "main",
            "event": "push",
            "message": "Store the ring's tail\n\nThe head alone can't tell full from empty.",
            "author_name": "Ada Lovelace",
            "recipe": ".hubwright.yml",
            "state": "finished",
            "queued_at": self.now - ago,
        } | row
        if given["state"] == "finished":
            given.setdefault("finished_at", given["queued_at"] + 70)
            given.setdefault("result", "success")
        if given["state"] != "queued":
            given.setdefault("started_at", given["queued_at"] + 1)
        build = self.add("build", job_id=job, number=number, trigger=f"{job}/{number}", **given)
        table = schema.job
        self.connection.execute(table.update().where(table.c.id == job).values(builds=number))
        return build

    def run(self, build: int, stages: list[tuple[str, str, str | None, str]], ago: float, **row: Any) -> int:
        """A run with stages (name, state, result, output); every stage takes 12 s."""
        given = {
            "platform": "linux-x86_64",
            "matrix": {},
            "assignment": {"stages": []},
            "state": "finished",
            "result": "success",
            "builder": "oak-1",
            "queued_at": self.now - ago,
        } | row
        if given["state"] != "queued":
            given.setdefault("started_at", given["queued_at"] + 4)
        run = self.add("run", build_id=build, **given)
        log, at = b"", given.get("started_at") or 0.0
        if given["state"] != "queued":
            log = PREPARE.encode()
        for position, (name, state, result, output) in enumerate(stages):
            seconds = 3.0 + 9.0 * position
            stage: dict[str, Any] = {"log_start": len(log)} if state != "queued" and result != "skip" else {}
            log += output.encode("utf-8", "surrogateescape")
            if stage:
                stage |= {"started_at": at, "log_end": len(log)}
            if stage and state == "finished":
                at = stage["finished_at"] = at + seconds
            if result == "failure":
                stage["exit_code"] = 2
            self.add("stage", run_id=run, position=position, name=name, state=state, result=result, **stage)
        if log:
            self.write_log(run, log)
        return run

    def write_log(self, run: int, data: bytes) -> None:
        path = self.logs_folder / str(run // 1000) / f"{run}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)


def seed_week(seed: Seed, *, hostile: bool = True) -> dict[str, int]:
    """Jobs and builds of every colour; the ids by a short name."""
    ids = _engine(seed, hostile=hostile)
    ids |= _parser(seed)
    _others(seed, hostile=hostile)
    return ids


def green(output: str = GCC.replace("error", "note")) -> list[tuple[str, str, str | None, str]]:
    plain = "\x1b[1m$ make -j4\x1b[0m\r\n" + "".join(
        f"cc -O2 -Wall -Iinclude -c -o build/{name}.o src/{name}.c\r\n" for name in ("lexer", "parser", "ring", "main")
    )
    return [
        ("configure", "finished", "success", CONFIGURE),
        ("build", "finished", "success", plain),
        ("test", "finished", "success", TESTS),
    ]


def red() -> list[tuple[str, str, str | None, str]]:
    return [
        ("configure", "finished", "success", CONFIGURE),
        ("build", "finished", "failure", GCC),
        ("test", "finished", "skip", ""),
        ("package", "finished", "skip", ""),
    ]


def _engine(seed: Seed, *, hostile: bool) -> dict[str, int]:
    job = seed.job("core/engine", "octo/engine")
    people = ("Ada Lovelace", "Grace Hopper", "Linus Å. Berg", "Barbara Liskov")
    subjects = ("Grow the ring when it is full", "Document the lexer", "Parse raw strings", "Drop the old allocator")
    for number in range(1, 37):
        ago = (40 - number) * 9_000.0
        bad = number in {9, 10, 22, 31}
        build = seed.build(
            job, number, ago, author_name=people[number % 4], message=subjects[number % 4],
            result="failure" if bad else "cancellation" if number == 17 else "success",
            finished_at=seed.now - ago + 40 + number * 7 % 90,
            branch="main" if number % 5 else "raw-strings",
        )  # fmt: skip
        seed.run(
            build,
            red() if bad else green(),
            ago,
            result="failure" if bad else "success",
            finished_at=seed.now - ago + 60,
        )
    first = seed.build(
        job, 37, 11_400, result="failure", author_name="Grace Hopper", message="Rename tall to tail in struct ring"
    )
    seed.run(first, red(), 11_400, result="failure", finished_at=seed.now - 11_340)
    build = seed.build(job, 38, 840, result="failure", finished_at=seed.now - 762)
    broken = seed.run(
        build, red(), 840, result="failure", finished_at=seed.now - 812, detail="Stage build failed: exit code 2."
    )
    tests = [
        *green()[:2],
        ("test", "finished", "failure", TESTS + "\x1b[31mnot ok\x1b[0m 5 - survives a push from two threads\r\n"),
    ]
    mac = seed.run(
        build, tests, 840, result="failure", finished_at=seed.now - 790, platform="macos-arm64", builder="mac-mini",
        matrix={"cc": "clang-19"}, tests_total=312, tests_passed=309, tests_skipped=1, tests_failed=2,
        tests_previous=1, tests_difference={
            "now_failing": 1, "now_passing": 1, "still_failing": 1, "new": 0, "gone": 1, "flaky": 1,
            "names": {"now_failing": ["ring: survives a push from two threads"], "now_passing": ["ring: grows at need"]},
            "gone_names": ["ring: old way"]},
    )  # fmt: skip
    bsd = seed.run(
        build, green(), 840, finished_at=seed.now - 762, platform="freebsd-15", builder="beastie",
        tests_total=312, tests_passed=312, tests_skipped=0, tests_failed=0,
    )  # fmt: skip
    seed.add("test_case", run_id=mac, position=0, suite="ring", classname="ring", name="survives a push from two threads",
             result="failed", seconds=0.41, message="tests/test_ring.c:57: expected 2000, got 1999",
             file="tests/test_ring.c", line=57, change="now_failing", flaky=True)  # fmt: skip
    seed.add("test_case", run_id=mac, position=1, suite="ring", classname="ring", name="<b>not bold</b>" if hostile else "wraps around twice", result="failed",
             seconds=0.01, message="tests/test_ring.c:91: ring is full", change="still_failing")  # fmt: skip
    _add_findings(seed, broken, bsd, hostile=hostile)
    for path, size in (("engine-1.4.0.tar.gz", 1_284_411), ("docs/manual.pdf", 402_118)):
        seed.add(
            "artifact",
            run_id=bsd,
            sha="4" * 40,
            platform="freebsd-15",
            path=path,
            size=size,
            sha256="0" * 64,
            kept_at=seed.now,
        )
    return {"red": build, "red_run": broken, "mac_run": mac, "first_red": first}


def _add_findings(seed: Seed, broken: int, fine: int, *, hostile: bool) -> None:
    """Problems of the logs: an error and its line, a command, warnings of a run that went well."""
    at = len((PREPARE + CONFIGURE + GCC.partition("\r\n\x1b[01m\x1b[Ksrc/ring.c:88")[0]).encode()) + 2
    seed.add("problem", run_id=broken, position=1, severity="error", matcher="gcc", file="src/ring.c", line=88, col=23,
             message="'struct ring' has no member named 'tail'; did you mean 'tall'?", log_offset=at)  # fmt: skip
    seed.add("problem", run_id=broken, position=1, severity="error", matcher="command",
             message=HOSTILE if hostile else "The header is out of date\nRun make headers", file=None)  # fmt: skip
    for line in (12, 140):
        seed.add("problem", run_id=fine, position=1, severity="warning", matcher="gcc", file="src/lexer.c", line=line, col=9,
                 message="unused variable 'x'", code="-Wunused-variable", log_offset=200)  # fmt: skip


def _parser(seed: Seed) -> dict[str, int]:
    job = seed.job("core/parser", "octo/parser")
    for number in range(1, 9):
        good = seed.build(
            job,
            number,
            90_000.0 - number * 9_000,
            repository="octo/parser",
            message=_SUBJECTS[number % 5],
            author_name=_PEOPLE[number % 3],
        )
        seed.run(good, green(), 90_000.0 - number * 9_000, finished_at=seed.now - 89_930 + number * 9_000)
    running = seed.build(job, 9, 25, repository="octo/parser", state="running", author_name="Barbara Liskov",
                         message="Report the column of every error")  # fmt: skip
    live = seed.run(
        running,
        [
            ("configure", "finished", "success", CONFIGURE),
            ("build", "running", None, "\x1b[1m$ make\x1b[0m\r\ncc -c parser.c\r\n"),
            ("test", "queued", None, ""),
        ],
        25, state="running", result=None,
    )  # fmt: skip
    waits = seed.run(
        running,
        [("build", "queued", None, "")],
        25,
        state="queued",
        result=None,
        platform="windows-x86_64",
        builder=None,
    )
    return {"running": running, "live_run": live, "waiting_run": waits, "green": good}


def _hostile(seed: Seed) -> None:
    evil = seed.job("evil", "octo/evil")
    build = seed.build(
        evil, 1, 70_000, repository="octo/evil", message=HOSTILE, author_name=HOSTILE, branch=HOSTILE, ref=HOSTILE
    )
    seed.run(build, [(HOSTILE, "finished", "success", HOSTILE + "\r\n\x1b]8;;javascript:alert(1)\x07x\x1b]8;;\x07\r\n")], 70_000,
             platform=HOSTILE, finished_at=seed.now - 69_990)  # fmt: skip


def _others(seed: Seed, *, hostile: bool) -> None:
    job = seed.job("site", "octo/site")
    seed.build(job, 1, 400_000, repository="octo/site", message="First pages")
    wrong = seed.build(job, 2, 5_000, repository="octo/site", result="failure", problem=RECIPE_ERROR, started_at=None,
                       author_name="Linus Å. Berg", message="Build on FreeBSD too")  # fmt: skip
    assert wrong
    if hostile:
        _hostile(seed)
    queued = seed.build(job, 3, 12, repository="octo/site", state="queued", pull_request=41, branch="dark-mode",
                        author_name="Grace Hopper", message="Offer a dark theme")  # fmt: skip
    seed.run(queued, [("build", "queued", None, "")], 12, state="queued", result=None, builder=None)
    for name, platform, state in (
        ("oak-1", "linux-x86_64", "connected"),
        ("mac-mini", "macos-arm64", "connected"),
        ("beastie", "freebsd-15", "away"),
    ):
        seed.add("builder", name=name, platform=platform, labels=["fast"], slots=2, version="0.1.0", executor="process",
                 instance="i", state=state, seen_at=seed.now - 9, lag=0.012)  # fmt: skip
    for number, event in enumerate(("push", "push", "pull_request", "star")):
        seed.add("delivery", guid=f"7e1d3f0c-{number}", event=event, received_at=seed.now - 60 * number, body=b"", repository="octo/engine",
                 state="done" if number else "failed", outcome="1 build planned" if number else None, next_try_at=seed.now,
                 error=None if number else "The repository did not answer.", attempts=1)  # fmt: skip


@contextmanager
def serving(
    folder: Path, port: int = 0, clock: float | None = NOW, *, anonymous_read: bool = True, **changes: Any
) -> Iterator[tuple[str, Site]]:
    """The pages over a seeded folder, on a real server in a thread; its address and its parts."""
    bell = Bell()
    logs = Logs(folder / "logs", bell)
    database = Database(f"sqlite:///{folder}/hubwright.db")
    site = Site(
        database=database, logs=logs, bell=bell, storage=Storage(f"file://{folder}/files"), wake=lambda _queue: None,
        clock=(lambda: clock) if clock is not None else time.time, version="0.1.0", public_url="http://127.0.0.1:8010",
        anonymous_read=anonymous_read, admin_token=ADMIN, **changes,
    )  # fmt: skip
    gate = Gate(site)
    pages = assemble_pages(site, gate)
    handlers = {kind: pages.dress(handler) for kind, handler in PROBLEM_HANDLERS.items() if kind is not Exception}
    healing = Healing(database, Nobody(), {}, "seed", site.clock, site.wake)
    doors = DeliveryPages(pages.frame, Deliveries(site, gate, healing), healing)
    routes = [*pages.routes, *doors.routes(), *make_logins(gate, Attempts(), pages.frame)]
    app = Starlette(routes=routes, exception_handlers=handlers)
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
            assert thread.is_alive()
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", site
    finally:
        server.should_exit = True
        thread.join()
        healing.close()
        logs.close()
        database.close()


class Nobody:
    """A hub without credentials at GitHub."""

    client = GitHubClient()
    app = None
    is_known = False


def tell(site: Site, build: int, kind: str = "StageStarted") -> None:
    """A fact of the build, as the hub keeps and rings it."""
    row = {"kind": kind, "at": NOW, "build_id": build, "data": {}}
    site.database.write(lambda connection: connection.execute(insert(schema.fact).values(**row)))
    site.bell.ring(FACTS)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "hubwright.db").exists():
        week = Seed(place, time.time())
        print(seed_week(week, hostile="tidy" not in sys.argv))
        week.close()
    with serving(place, int(sys.argv[2]), clock=None) as (address, _):
        print(address, flush=True)
        threading.Event().wait()
