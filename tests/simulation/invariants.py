"""What must hold at the end of every schedule, whatever happened: every run ends, once, truly."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from hubwright.domain.results import Result, verdict
from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from hubwright.hub.moves import ATTEMPTS
from hubwright.store.schema import build, fact, run, stage
from simulation.simulated_builder import Work
from simulation.world import World


class Records:
    """All that the database has."""

    def __init__(self, world: World) -> None:
        connection = world.server.connection
        with connection.begin():
            self.builds = list(connection.execute(select(build).order_by(build.c.id)))
            self.runs = list(connection.execute(select(run).order_by(run.c.id)))
            self.stages = list(connection.execute(select(stage)))
            self.facts = list(connection.execute(select(fact).order_by(fact.c.id)))


def check(world: World) -> list[str]:
    """What is wrong, in words; empty when all is well. Called before the world is cleared away."""
    records = Records(world)
    problems: list[str] = []
    for row in records.runs:
        problems += [f"run {row.id}: {problem}" for problem in _check_run(world, records, row)]
    for row in records.builds:
        problems += [f"build {row.id}: {problem}" for problem in _check_build(world, records, row)]
    problems += _check_rest(world)
    return problems


def _check_run(world: World, records: Any, row: Any) -> list[str]:
    if row.state != "finished":
        return [f"never ended ({row.state}, builder {row.builder}, lease {row.lease}, cancel {row.cancel!r})"]
    problems = _check_truth(world, records, row) + _check_log(world, records, row)
    told = Counter(one.kind for one in records.facts if one.run_id == row.id)
    if told["RunFinished"] != 1:
        problems.append(f"its end was told {told['RunFinished']} times")
    if told["RunStarted"] != row.lease:
        problems.append(f"was leased {row.lease} times and {told['RunStarted']} starts were told")
    ends = Counter(one.data["stage"] for one in records.facts if one.run_id == row.id and one.kind == "StageFinished")
    problems += [f"the end of stage {name} was told {count} times" for name, count in ends.items() if count != 1]
    problems += [
        f"stage {one.name} is still {one.state}"
        for one in records.stages
        if one.run_id == row.id and one.state != "finished"
    ]
    return problems


def _work(world: World, row: Any) -> Work | None:
    builder = next((one for one in world.builders if one.name == row.builder), None)
    return builder.machine.works.get((row.id, row.lease)) if builder is not None else None


def _check_truth(world: World, records: Any, row: Any) -> list[str]:
    """The result is the one that its builder really had."""
    work = _work(world, row)
    codes = list(work.stages.values()) if work is not None else []
    stages = sum(1 for one in records.stages if one.run_id == row.id)
    match row.result:
        case "success":
            return [] if codes == [0] * stages else [f"success, but the builder had {codes} of {stages} stages"]
        case "failure":
            return [] if any(codes) else [f"failure, but the builder had {codes}"]
        case "cancellation":
            return [] if row.cancel is not None else [f"cancellation that nobody wanted: {row.detail}"]
        case "error":
            return [] if not world.gentle else [f"error, though nothing could cost a run: {row.detail}"]
    return [f"an unexpected result {row.result}: {row.detail}"]


def _check_log(world: World, records: Any, row: Any) -> list[str]:
    """The log is what the builder wrote, whole when the run ended by itself, else its beginning."""
    have = Logs(world.folder / "logs", Bell()).read(row.id, 0, 10_000_000)
    written = bytes(world.written[row.id, row.lease])
    problems = []
    if have != written[: len(have)]:
        problems.append(f"its log is not what the builder wrote: {have[-60:]!r} for {written[: len(have)][-60:]!r}")
    work = _work(world, row)
    if row.result in {"success", "failure"} and work is not None:
        if have != written:
            problems.append(f"its log has {len(have)} of {len(written)} bytes")
        lines = [line for line in have.splitlines(keepends=True) if line[:1].isdigit()]
        if lines != work.lines:
            problems.append(f"its log has {len(lines)} of {len(work.lines)} lines")
        if row.log_size != len(have):
            problems.append(f"its log has {len(have)} bytes, its row says {row.log_size}")
    return problems


def _check_build(world: World, records: Any, row: Any) -> list[str]:
    if row.state != "finished":
        return [f"never ended ({row.state}, {row.runs_left} runs left)"]
    problems = []
    latest = [one for one in records.runs if one.build_id == row.id and one.latest]
    true = verdict(Result(one.result) for one in latest if one.result)
    if row.result != true.value:
        problems.append(f"{row.result}, but its runs make it {true.value}")
    if row.runs_left != 0:
        problems.append(f"finished with {row.runs_left} runs left")
    problems += _check_attempts(world, records, row.id)
    told = [
        one.kind for one in records.facts if one.build_id == row.id and one.kind in {"BuildQueued", "BuildFinished"}
    ]
    if told[-1:] != ["BuildFinished"] or any(a == b == "BuildFinished" for a, b in pairwise(told)):
        problems.append(f"its ends were told so: {told}")
    return problems


def _check_attempts(world: World, records: Any, build_id: int) -> list[str]:
    """Numbered without a gap, one of them the newest; no more than losses and people may ask for."""
    problems = []
    chains: dict[Any, list[Any]] = defaultdict(list)
    for one in records.runs:
        if one.build_id == build_id:
            chains[one.platform].append(one)
    for platform, chain in chains.items():
        if [one.attempt for one in chain] != list(range(1, len(chain) + 1)):
            problems.append(f"attempts on {platform}: {[one.attempt for one in chain]}")
        if len(chain) > ATTEMPTS + world.reruns[build_id]:
            problems.append(f"{len(chain)} attempts on {platform}, {world.reruns[build_id]} of them wanted by people")
        if sum(one.latest for one in chain) != 1:
            problems.append(f"{platform} has not one newest attempt")
    return problems


def _check_rest(world: World) -> list[str]:
    problems = []
    for builder in world.builders:
        if builder.holds:
            problems.append(f"{builder.name} still holds {builder.holds} runs")
        living = [marker for marker, children in builder.machine.living.items() if children]
        if living:
            problems.append(f"{builder.name} left processes of {living}")
    return problems
