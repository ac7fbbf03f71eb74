"""PostgreSQL and Valkey for a measured system, as durable as their defaults make them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from server_programs import (
    Processes,
    as_ordinary_user,
    free_port,
    make_postgresql,
    postgresql_binaries,
    start_valkey,
    until_true,
)

_SOCKET_TABLE = ["-h", "127.0.0.1", "-k", ""]


class Servers:
    """One of each, in a folder of their own, or on what others have left there; both end with `stop`."""

    def __init__(self, folder: Path, *, broker: bool) -> None:
        """Start them; without a `broker` only PostgreSQL."""
        self._folder = folder
        self._database = Processes(_made(folder / "postgresql"))
        self._broker = Processes(_made(folder / "valkey"))
        self.broker_url: str | None = None
        self.database_url, self.database_pid = self._start_postgresql()
        if broker:
            port = free_port()
            start_valkey(self._broker, port)
            self.broker_url = f"redis://127.0.0.1:{port}/0"

    def stop(self) -> None:
        """End both; PostgreSQL's data stays in the folder."""
        self._database.end()
        self._broker.end()

    @property
    def settings(self) -> dict[str, str]:
        """What tells a hub where they are."""
        broker = {"BROKER_URL": self.broker_url} if self.broker_url else {}
        return {"DATABASE_URL": self.database_url, **broker}

    def _start_postgresql(self) -> tuple[str, int]:
        """With its own defaults: `fsync` and `synchronous_commit` are on."""
        folder, binaries, port = self._database.folder, postgresql_binaries()[0], free_port()
        if not (folder / "data").exists():
            make_postgresql(folder, binaries)
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), *_SOCKET_TABLE, "-p", str(port)]
        server = self._database.start([*as_ordinary_user(folder), *command], end=signal.SIGQUIT)
        ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        until_true(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL did not answer")
        return f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres", server.pid


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
