"""OpenSearch for tests: `osmem-server`, an emulator; no real engine can be had from a package index."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from osmem_server import resolve_binary

from server_programs import Processes, free_port
from waiting import until


@contextmanager
def search_engine_at(port: int, folder: Path) -> Iterator[str]:
    """The address of an engine of one test's own, empty at first."""
    processes = Processes(folder)
    url = f"http://127.0.0.1:{port}"
    try:
        processes.start([resolve_binary(), "-addr", f"127.0.0.1:{port}", "-no-ja", "-no-stdin-watch"])
        until(lambda: _answers(url), 30, "the search engine to answer")
        yield url
    finally:
        processes.end()


def new_port() -> int:
    """A free port for an engine that comes and goes."""
    return free_port()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
