"""Why a run was lost: what was recorded of it, the verdict, and what is learnt later. All inside a transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.verdicts import Back, Cause, Evidence, Figures, Verdict, judge
from hubwright.hub.flights import KEPT, clip_recording
from hubwright.hub.session import Session
from hubwright.store import recordings, runs
from hubwright.store.recordings import Data, Kept
from hubwright.wire import Hello, Recorder, Recording

_SILENT = 2  # heartbeats; whose connection ends after less silence was closed

logger = structlog.get_logger()


def keep_flights(connection: Connection, session: Session, heartbeat: float, now: float) -> None:
    """A builder's connection has ended: keep the last minute of the runs that it holds, until more is known."""
    silence = max(session.steady() - session.heard_at, 0.0)
    for run, holding in session.holdings.items():
        flight = holding.flight
        if not flight.points:
            continue
        recordings.keep_recording(
            connection,
            Kept(
                run_id=run,
                lease=holding.lease,
                builder=session.hello.name,
                seen_at=now - silence,
                closed=silence < _SILENT * heartbeat,
                boot=session.hello.boot[:64],
                process=session.hello.process[:64],
                data=Data(points=tuple(flight.points), processes=flight.processes),
            ),
        )


def conclude(connection: Connection, row: Row[Any], now: float, hello: Hello | None = None) -> str:
    """A run is lost: judge by what is kept, and keep the verdict; its sentence.

    `hello` is what its builder said on coming back without the run.
    """
    kept = _load_of(connection, row) or Kept(run_id=row.id, lease=row.lease, builder=row.builder)
    if kept.seen_at is None:
        verdict = Verdict(cause=Cause.UNKNOWN, sentence="Unknown: the hub has no samples of the builder's last minute.")
    else:
        verdict = judge(
            Evidence(
                figures=_find_figures(kept.data),
                lost=True,
                back=_find_back(kept, hello),
                silence=now - kept.seen_at,
                closed=kept.closed,
            )
        )
    recordings.keep_recording(connection, replace(kept, cause=verdict.cause.value, sentence=verdict.sentence))
    return verdict.sentence


def keep_told(connection: Connection, row: Row[Any], recording: Recording, now: float) -> None:
    """A builder has told with a run's result what it recorded."""
    told = clip_recording(recording)
    kept = _load_of(connection, row) or Kept(run_id=row.id, lease=row.lease, builder=row.builder)
    data = recordings.merge(kept.data, told, KEPT)
    seen_at = kept.seen_at if kept.seen_at is not None else now
    known = replace(kept, cause=told.cause, sentence=told.sentence, seen_at=seen_at, data=data)
    recordings.keep_recording(connection, known)


def refine(connection: Connection, builder: str, message: Recorder, now: float) -> None:
    """A builder that is back tells what it recorded of a run that was given up: the verdict becomes the true one."""
    for row in runs.load_runs(connection, [message.run]):
        kept = _load_of(connection, row)
        if row.lease == message.lease and row.builder == builder and kept is not None and kept.cause is not None:
            logger.info("verdict_refined", run=row.id, builder=builder, cause=message.recording.cause)
            keep_told(connection, row, message.recording, now)
            detail = (row.detail or "").removesuffix(kept.sentence or "") + message.recording.sentence[:500]
            runs.keep_detail(connection, row.id, detail)


def _load_of(connection: Connection, row: Row[Any]) -> Kept | None:
    """What is kept of the run under its present lease."""
    kept = recordings.load_recording(connection, row.id)
    return kept if kept is not None and kept.lease == row.lease else None


def _find_back(kept: Kept, hello: Hello | None) -> Back:
    if hello is None or not hello.process:
        return Back.NOBODY
    if hello.boot != kept.boot:
        return Back.MACHINE
    return Back.SAME if hello.process == kept.process else Back.PROCESS


def _find_figures(data: Data) -> Figures | None:
    if not data.points:
        return None
    last, recent = data.points[-1], data.points[-5:]
    largest = data.processes[0] if data.processes else None
    return Figures(
        memory=max(point.machine.memory for point in recent),
        memory_total=last.machine.memory_total,
        run_memory=max(point.usage.memory for point in recent),
        limit=last.usage.limit,
        largest=(largest.pid, largest.name, largest.memory) if largest else None,
        disk_free=min(point.machine.disk_free for point in recent),
        disk_total=last.machine.disk_total,
        load=last.machine.load,
    )
