"""A whole hub in this process, on a database that is there already; served by uvicorn with all that works behind it."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from hubwright.config import load_settings
from hubwright.wiring.first_start import prepare
from hubwright.wiring.hub import Extras, Hub
from server_programs import free_port

ADMIN = "the-admin-token-of-these-tests"


@contextmanager
def whole_hub(folder: Path, database_url: str, **settings: str) -> Iterator[tuple[Hub, httpx2.Client]]:
    """The hub and a client that may do everything; `settings` are variables without `HUBWRIGHT_`."""
    port = free_port()
    given = {"DATA_DIR": str(folder), "DATABASE_URL": database_url, "PORT": str(port), "ADMIN_TOKEN": ADMIN, **settings}
    read = load_settings({}, None, {f"HUBWRIGHT_{name}": value for name, value in given.items()})
    hub = Hub(read, Extras(), prepare(read), port)
    server = uvicorn.Server(uvicorn.Config(hub.app, port=port, log_level="critical", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the hub died while starting"
        assert time.monotonic() < deadline, "the hub did not start within 30 s"
        time.sleep(0.01)
    headers = {"Authorization": f"Bearer {ADMIN}"}
    try:
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False, verify=False, headers=headers
        ) as client:
            yield hub, client
    finally:
        server.should_exit = True
        thread.join(30)


def find_app() -> Any:
    """The hub's app alone, to see its routes; nothing behind it works."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"DATA_DIR": folder, "PORT": "8010"}
        read = load_settings({}, None, {f"HUBWRIGHT_{name}": value for name, value in given.items()})
        hub = Hub(read, Extras(), prepare(read), 8010)
        hub.site.logs.close()
        hub.parts.close()
        return hub.app
