"""How many signed pushes a second are taken in, at 1, 8 and 64 at once."""

from __future__ import annotations

from bench.load import send
from bench.measure import Figure, Ground, Row, Values
from bench.pushes import Pushes
from bench.systems import System, Work, until

AT_ONCE = (1, 8, 64)
KINDS = {"kept": "kept, nothing to build", "building": "each makes a build"}


def measure(system: System, ground: Ground) -> Values:
    """Both kinds at every width; every push that was accepted must lie in the database afterwards."""
    values: Values = {}
    for kind in KINDS:
        with ground.running(system, Work(builder=False)) as folder:
            pushes = Pushes() if kind == "building" else Pushes(**system.unbuilt)
            accepted = send(ground.load, system.hooks, pushes.make_many(50), 4, folder).accepted
            for width in AT_ONCE:
                many = {1: 1500, 8: 6000, 64: 20000}[width]
                batch = pushes.make_many(ground.count(system, many, slow=150, quick=600))
                answers = send(ground.load, system.hooks, batch, width, folder)
                accepted += answers.accepted
                values[f"{kind} {width} rate"] = answers.accepted / answers.wall
                values[f"{kind} {width} p50"] = 1000 * answers.quantile(0.5)
                values[f"{kind} {width} p99"] = 1000 * answers.quantile(0.99)
            values[f"{kind} missing"] = _count_missing(system, accepted)
            if kind == "building":
                values["unbuilt"] = _count_unbuilt(system, accepted)
    return values


def _count_missing(system: System, accepted: int) -> int:
    """Accepted pushes that are not in the database; a system that replies first has a moment to write them."""
    try:
        until(lambda: system.count_kept() >= accepted, 5, "not all pushes were kept", 0.5)
    except TimeoutError:
        return accepted - system.count_kept()
    return 0


def _count_unbuilt(system: System, accepted: int) -> int:
    """Accepted pushes whose build is not queued after a minute."""
    try:
        until(lambda: system.count_builds(finished=False) >= accepted, 60, "not all builds were made", 0.5)
    except TimeoutError:
        return accepted - system.count_builds(finished=False)
    return 0


def _rows() -> tuple[Row, ...]:
    rows = []
    for kind, label in KINDS.items():
        for width in AT_ONCE:
            goal = width == 64 and kind == "kept"
            rows += [
                Row(f"{kind} {width} rate", f"{label}: {width} at once", "/s", 0, 2500 if goal else None, more=True),
                Row(f"{kind} {width} p50", "… p50", "ms", 1),
                Row(f"{kind} {width} p99", "… p99", "ms", 1, 80 if goal else None),
            ]
        rows.append(Row(f"{kind} missing", f"{label}: accepted, not in the database", "", 0, 0))
    return (*rows, Row("unbuilt", "builds not queued a minute after the last reply"))


FIGURE = Figure(
    name="pushes",
    title="Signed pushes accepted",
    how="GitHub's push of about 8 KB with its own commit, delivery id and signature each, made and signed before; sent "
    "by a load generator in C on the same processors, over connections that stay open. No builder is there. Every "
    "accepted push is counted in the database afterwards.",
    rows=_rows(),
    measure=measure,
    scaled=True,
    limits=("loopback requests", "framework", "fsync", "commit", "postgresql"),
)
