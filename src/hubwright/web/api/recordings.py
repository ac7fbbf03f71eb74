"""What was recorded of a run, as documents of the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hubwright.hub.flights import Flight
from hubwright.store.recordings import Kept
from hubwright.web.api.answers import moment
from hubwright.wire import Point, Process


def write_recording(run_id: int, kept: Kept) -> dict[str, Any]:
    """Of a run that ended as it should not: cause, sentence, samples, processes."""
    return {
        "run": run_id,
        "live": False,
        "cause": kept.cause,
        "sentence": kept.sentence,
        "builder": kept.builder,
        "seen_at": moment(kept.seen_at),
        **_write_samples(kept.data.points, kept.data.processes),
    }


def write_flight(run_id: int, flight: Flight) -> dict[str, Any]:
    """Of a run that goes on: its last minute so far."""
    told = {"run": run_id, "live": True, "cause": None, "sentence": None, "builder": None, "seen_at": None}
    return told | _write_samples(tuple(flight.points), flight.processes)


def _write_samples(points: Sequence[Point], processes: Sequence[Process]) -> dict[str, Any]:
    return {
        "samples": [_write_point(point) for point in points],
        "processes": [
            {"pid": one.pid, "parent": one.parent, "name": one.name, "cpu": one.cpu, "memory": one.memory}
            for one in processes
        ],
    }


def _write_point(point: Point) -> dict[str, Any]:
    machine, usage = point.machine, point.usage
    return {
        "at": moment(machine.at),
        "memory": machine.memory,
        "memory_total": machine.memory_total,
        "swap": machine.swap,
        "swap_total": machine.swap_total,
        "disk_free": machine.disk_free,
        "disk_total": machine.disk_total,
        "load": machine.load,
        "cpu": machine.cpu,
        "pressure": machine.pressure,
        "oom_kills": machine.oom_kills,
        "run": {
            "memory": usage.memory,
            "limit": usage.limit,
            "oom_kills": usage.oom_kills,
            "processes": usage.processes,
        },
    }
