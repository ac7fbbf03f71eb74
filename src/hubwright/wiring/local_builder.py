"""The builder that `up` brings along: a child process, started again when it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import structlog

from hubwright.config import Settings
from hubwright.wiring.first_start import FirstStart
from hubwright.wiring.parts import mirrors_folder

PAUSE = 2.0
"""Seconds before a builder that ended is started again."""

IN_USE = 75
"""A builder of an earlier `up` still works in the folder: it finishes its runs and serves us meanwhile."""

PATIENCE = 10.0
"""Seconds that the builder has at a stop to hand over what it holds."""

logger = structlog.get_logger()


class LocalBuilder:
    """Keeps one builder running on this machine until stopped."""

    def __init__(self, settings: Settings, start: FirstStart, port: int) -> None:
        self._command = _command(settings, start, port)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="local-builder", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the builder; it is given time, then killed (what it holds is on its disk)."""
        with self._lock:
            self._ending.set()
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(PATIENCE)

    def _keep(self) -> None:
        while not self._ending.is_set():
            with self._lock:
                if self._ending.is_set():
                    return
                self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, env=_environment())
            code = self._process.wait()
            if code not in (0, IN_USE) and not self._ending.is_set():
                logger.warning("local_builder_ended", code=code)
            self._ending.wait(PAUSE)


def _environment() -> dict[str, str]:
    """Ours without our settings: the hub's secrets are no business of a builder, nor of what it builds (S25)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HUBWRIGHT_")}


def _command(settings: Settings, start: FirstStart, port: int) -> list[str]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    reachable = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else host  # noqa: S104  compared, not bound
    options = {
        "--hub": f"http://{reachable}:{port}",
        "--token-file": str(start.builder_token),
        "--name": "local",
        "--slots": str(settings.slots),
        "--executor": settings.executor,
        "--work-dir": str(Path(settings.data_dir) / "builder"),
        "--mirrors": str(mirrors_folder(settings)),
        "--protocols": ":".join(settings.git.allow_protocols),
        "--parent-pid": str(os.getpid()),
    }
    return [sys.executable, "-P", "-m", "hubwright", "builder", *(word for pair in options.items() for word in pair)]
