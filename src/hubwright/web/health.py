"""For machines that watch the hub: is it alive, is it ready, how does it fare."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hubwright.reports.metrics import CONTENT_TYPE, Metrics
from hubwright.store.writers import is_outage
from hubwright.web.gate import Gate
from hubwright.web.site import Site

PATIENCE = 2.0
"""Seconds that a check may take."""

LEAST_FREE = 16 * 1024 * 1024
"""Bytes that the disks of the logs and of the database must have left."""

_HEADERS = {"Cache-Control": "no-store"}


def make_health(site: Site, gate: Gate) -> list[Route]:
    """`/livez`, `/readyz` (`?verbose`), `/healthz` and `/metrics`."""
    folders = {"logs": site.logs.path(0).parent.parent, "database": site.database.folder}
    metrics = Metrics(
        site.database,
        site.version,
        folders={name: folder for name, folder in folders.items() if folder is not None},
        find_reporters=site.find_reporters,
    )

    async def show_alive(_request: Request) -> Response:
        return PlainTextResponse("ok", headers=_HEADERS)

    async def show_ready(request: Request) -> Response:
        faults = {"database": await _check_database(site), "disk": await _check_disk(site)}
        good = not any(faults.values())
        lines = [f"[-]{name} failed: {fault}" if fault else f"[+]{name} ok" for name, fault in faults.items()]
        shown = lines if "verbose" in request.query_params or not good else []
        text = "\n".join([*shown, "ok" if good else "not ready"])
        return PlainTextResponse(text, 200 if good else 503, _HEADERS if good else {**_HEADERS, "Retry-After": "5"})

    async def show_metrics(request: Request) -> Response:
        await gate.require(request, "read")
        text = await asyncio.to_thread(metrics.render)
        return Response(text, headers={**_HEADERS, "Content-Type": CONTENT_TYPE})

    return [
        Route("/livez", show_alive),
        Route("/readyz", show_ready),
        Route("/healthz", show_ready),
        Route("/metrics", show_metrics),
    ]


async def _check_database(site: Site) -> str | None:
    """What keeps the database from being written, None when nothing does: the writer answers an empty transaction."""
    try:
        async with asyncio.timeout(PATIENCE):
            await site.database.write_soon(lambda connection: connection.execute(select(1)).scalar())
    except TimeoutError:
        return f"no answer within {PATIENCE:g} seconds"
    except Exception as error:
        if not is_outage(error):
            raise
        return "it can't be written"
    return None


async def _check_disk(site: Site) -> str | None:
    """What keeps logs, or the file of the database, from being written; None when nothing does."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.to_thread(_try_disks, site.logs.path(0).parent.parent, site.database.folder)
    except TimeoutError:
        return f"no answer within {PATIENCE:g} seconds"


def _try_disks(logs: Path, database: Path | None) -> str | None:
    """Each may have a disk of its own. SQLite answers an empty transaction also when its disk is full."""
    return _try_disk(logs, "logs") or (_try_disk(database, "the database") if database is not None else None)


def _try_disk(folder: Path, what: str) -> str | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"ready?")
            os.fsync(probe.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return f"{what} can't be written: {error.strerror}"
    return None if free >= LEAST_FREE else f"only {free // 1_000_000} MB are left for {what}"
