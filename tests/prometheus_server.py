"""A real Prometheus for tests, with the configuration of `examples/monitoring/` and a quicker pulse."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import yaml

from server_programs import Processes, ServerError, free_port, is_open, until_true

PROMETHEUS = Path("/usr/bin/prometheus")
PROMTOOL = Path("/usr/bin/promtool")
EXAMPLES = Path(__file__).parents[1] / "examples" / "monitoring"

_PULSE = "200ms"


@contextmanager
def prometheus_watching(target: str, token: str, folder: Path) -> Iterator[httpx2.Client]:
    """A client of its API, version 1; it asks `target` (HOST:PORT) five times a second, and judges as often."""
    if not PROMETHEUS.exists():
        raise ServerError("Prometheus is not installed: run `apt-get install prometheus`")
    (folder / "token").write_text(token)
    settings: dict[str, Any] = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text())
    (scrape,) = settings["scrape_configs"]
    scrape["authorization"]["credentials_file"] = str(folder / "token")
    scrape["static_configs"] = [{"targets": [target]}]
    settings["rule_files"] = [str(EXAMPLES / name) for name in settings["rule_files"]]
    settings["global"] = {"scrape_interval": _PULSE, "scrape_timeout": _PULSE, "evaluation_interval": _PULSE}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port, processes = free_port(), Processes(folder)
    argv = [str(PROMETHEUS), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    try:
        server = processes.start(
            [*argv, f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], end=signal.SIGTERM
        )
        until_true(lambda: server.poll() is not None or is_open(port), "Prometheus did not listen")
        if server.poll() is not None:
            raise ServerError(f"Prometheus ended: {processes.said()}")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=20, trust_env=False) as client:
            yield client
    finally:
        processes.end()
