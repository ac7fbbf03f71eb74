"""Hubs of the tests' kind: one, or several on one database with a worker and the beat."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from bench.subject import READY
from bench.systems import until
from hubwright.hub.sealing import make_key

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hub_process import HubProcess, Program


@dataclass(frozen=True)
class Installation:
    """What runs; `others` are the worker and the beat, where there are several hubs."""

    hubs: Sequence[HubProcess]
    others: Sequence[Program] = ()

    def pids(self) -> list[int]:
        """Of all processes."""
        return [one.process.pid for one in (*self.hubs, *self.others) if one.process is not None]


@contextmanager
def running(count: int, folder: Path, settings: Mapping[str, str]) -> Iterator[Installation]:
    """So many hubs, each with a folder of its own in `folder`, when they and their worker are there."""
    shared = {"STORAGE_URL": (folder / "storage").as_uri(), "SECRETS__KEYS": make_key()}
    with ExitStack() as stack:
        hubs = [
            stack.enter_context(HubProcess(folder / f"hub-{number}", ("hub",), settings={**shared, **settings}))
            for number in range(count)
        ]
        others = []
        for name in ("worker", "beat") if count > 1 else ():
            environment = {**hubs[0].environment, "HUBWRIGHT_DATA_DIR": str(folder / name)}
            others.append(Program(folder / name, name, (name,), environment))
            stack.callback(others[-1].end)
            others[-1].begin()
        if others:
            until(lambda: _has_worker(hubs[0].database_url), READY, "the worker was not there", 0.05)
        yield Installation(hubs, others)


def _has_worker(url: str) -> bool:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM process WHERE kind = 'worker'")).scalar_one())
