"""`python -m bench.replica_load [--issues N] [--database URL]`: how fast a repository's issues become rows of the copy.

A replay server, a process of its own, has every page in GitHub's shape ready as bytes; a real hub loads them through
its own doors, then loads them again unchanged. Told are issues and rows a second, the hub's memory and processor time,
and what it costs to ask and parse without writing: the bound that the server sets.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import multiprocessing
import os
import socketserver
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import orjson
import psutil
from sqlalchemy import create_engine, func, select

from hubwright.store.schema import metadata

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fake_repository import FakeRepository
from github_items import issue
from hub_process import HubProcess

PLACE = "/repos/octo/hello"


def main() -> None:
    """Measure and show."""
    options = _read_options()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, Replay(options.issues, Path(name)) as replay:
        bound = replay.read_all()
        print(f"asked and parsed, nothing written: {options.issues / bound:,.0f} issues/s ({bound:.2f} s)")
        settings = {"GITHUB__API_URL": replay.url, "GITHUB__TOKEN": "ghp_bench", "GITHUB__POINTS_PER_MINUTE": "1000000"}
        if options.database:
            settings["DATABASE_URL"] = options.database
        with HubProcess(Path(name), ("hub",), settings=settings) as hub:
            assert hub.process is not None
            process = psutil.Process(hub.process.pid)
            rows = count_rows(hub)
            for title in ("first load", "second load, unchanged"):
                before, cpu = _memory(process), _cpu(process)
                seconds, told, peak = _load(hub, process)
                written = count_rows(hub) - rows
                rows += written
                spent, grown = _cpu(process) - cpu, _memory(process)
                print(
                    f"{title}: {seconds:.2f} s, {told['items'] / seconds:,.0f} issues/s, {written / seconds:,.0f} "
                    f"rows/s ({written:,} rows), {told['not_modified']} of {told['pages']} pages unchanged, "
                    f"{told['changed']:,} changed; hub: {spent:.1f} s of processor, {before:,.0f} -> {grown:,.0f} MB, "
                    f"at most {peak:,.0f}; load average {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores"
                )


class Replay:
    """The pages as GitHub would send them, served by a process of its own."""

    def __init__(self, issues: int, folder: Path) -> None:
        repository = FakeRepository(folder / "hello.git", number=2**40, full_name="octo/hello", base_url="http://x")
        numbers = range(1, issues + 1)
        self.pages = [
            orjson.dumps([issue(number) for number in numbers[start : start + 100]]) for start in range(0, issues, 100)
        ]
        self.repository = orjson.dumps(repository.describe())
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.pages, self.server.repository = self.pages, self.repository
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.process = multiprocessing.get_context("fork").Process(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Replay:
        self.process.start()
        self.server.socket.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join()

    def read_all(self) -> float:
        """Seconds to ask for every page one after the other and parse it."""
        begun = time.perf_counter()
        with httpx2.Client() as client:
            for number in range(1, len(self.pages) + 1):
                orjson.loads(client.get(f"{self.url}{PLACE}/issues", params={"page": number}).content)
        return time.perf_counter() - begun


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    pages: list[bytes]
    repository: bytes


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        """A page, or the repository; 304 to who knows it."""
        parts = urlsplit(self.path)
        number = int(parse_qs(parts.query).get("page", ["1"])[0])
        pages = self.server.pages
        is_list = parts.path.endswith("/issues")
        body = (pages[number - 1] if number <= len(pages) else b"[]") if is_list else self.server.repository
        etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        same = self.headers.get("if-none-match") == etag
        self.send_response(304 if same else 200)
        self.send_header("ETag", etag)
        if is_list and number < len(pages):
            base = f"http://{self.headers['host']}{parts.path}?per_page=100&state=all"
            links = {"next": number + 1, "last": len(pages)}
            self.send_header("Link", ", ".join(f'<{base}&page={at}>; rel="{rel}"' for rel, at in links.items()))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "0" if same else str(len(body)))
        self.end_headers()
        if not same:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def _load(hub: HubProcess, process: psutil.Process) -> tuple[float, dict[str, int], float]:
    """Seconds, what was done, and the most memory that the hub was seen with."""
    begun, peak = time.perf_counter(), 0.0
    location = hub.client.post(f"/load{PLACE}/issues").raise_for_status().headers["location"]
    while (state := hub.client.get(location).json())["state"] not in {"done", "failed"}:
        peak = max(peak, _memory(process))
        time.sleep(0.05)
    assert state["state"] == "done", state
    return time.perf_counter() - begun, state["told"], max(peak, _memory(process))


def count_rows(hub: HubProcess) -> int:
    """Rows of the copy."""
    engine = create_engine(hub.database_url)
    try:
        with engine.connect() as connection:
            tables = [table for name, table in metadata.tables.items() if name.startswith("gh_")]
            counts = (connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)
            return int(sum(counts))
    finally:
        engine.dispose()


def _memory(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--issues", type=int, default=10_000)
    parser.add_argument("--database", help="SQLAlchemy's URL of an empty PostgreSQL (default: SQLite in a new folder).")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    main()
