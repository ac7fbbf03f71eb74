"""Bounds on what builders say of their runs (S26): the hub believes none of them, whatever their own code promises.

Words are cut, numbers and times brought into what can be, items counted; a log that is longer than its run may have
ends the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import structlog
from msgspec.structs import replace
from sqlalchemy import Connection

from hubwright.domain.results import Result
from hubwright.hub import moves
from hubwright.store import runs
from hubwright.store.facts import keep_facts
from hubwright.wire import Case, Event, Image, Images, Job, Problem, Problems, Scrub, Tests
from hubwright.wire import Result as ResultMessage

LOG_BEYOND = 4 * 1024 * 1024
"""Bytes beyond its limit that a log may have: its last MiB, and the builder's own lines."""

ITEMS, ITEMS_OF_RUN = 500, 200_000
"""Test cases and problems of a message, and of a run in the life of one connection."""

WORDS, DETAIL, MESSAGE = 1_000, 4_000, 64 * 1024
"""Characters of a name, of a sentence, and of what a test said."""

IMAGES, DIGEST = 64, 100
"""Images of a run, and characters of the digest of one."""

SMALL, LONGEST = 2**31 - 1, 10.0**7
"""The largest number that a column holds, and the most seconds that a test takes."""

Item = TypeVar("Item", Case, Problem)

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Terms:
    """What times and offsets can be: a run's begin, now, how far the builder's clock is ahead, the log's bound."""

    since: float
    now: float
    ahead: float
    log: int
    items: int = ITEMS_OF_RUN


def tame(message: moves.Telling, terms: Terms) -> moves.Telling:
    """The message with everything in it within its bounds."""
    match message:
        case Job():
            return replace(
                message, at=_time(message.at, terms), stage=_small(message.stage), attempt=_small(message.attempt),
                log=_within(message.log, 0, terms.log),
            )  # fmt: skip
        case ResultMessage():
            return replace(
                message, at=_time(message.at, terms), stage=_maybe_small(message.stage),
                exit_code=_maybe_small(message.exit_code), detail=cut(message.detail, DETAIL),
                log=_within(message.log, 0, terms.log),
            )  # fmt: skip
        case Event():
            return replace(message, at=_time(message.at, terms), text=cut(message.text, DETAIL))
        case Images() | Scrub():
            if isinstance(message, Images):
                message = replace(message, images=tuple(_tame_image(one) for one in message.images[:IMAGES]))
            return message  # what is to be scrubbed was checked when it was done
        case Tests():
            cases = tuple(_tame_case(case) for case in message.cases[: min(ITEMS, max(terms.items, 0))])
            return replace(message, stage=_small(message.stage), cases=cases)
        case Problems():
            problems = tuple(_tame_problem(one) for one in message.problems[: min(ITEMS, max(terms.items, 0))])
            return replace(message, at=_time(message.at, terms), stage=_small(message.stage), problems=problems)


def count_items(message: moves.Telling) -> int:
    """Test cases and problems in it."""
    match message:
        case Tests():
            return len(message.cases)
        case Problems():
            return len(message.problems)
    return 0


def end_flood(connection: Connection, run: int, lease: int, limit: int, now: float) -> None:
    """A builder sends more log than its run may have: the run ends as an error, if it is still held so."""
    for row in runs.load_runs(connection, [run]):
        if row.state == runs.RUNNING and row.lease == lease:
            detail = f"The builder sent more log than the {limit} bytes that the run may have; it was stopped."
            logger.warning("log_too_long", run=run, builder=row.builder, limit=limit)
            keep_facts(connection, moves.end_run(connection, row, Result.ERROR, now, detail))


def cut(text: str, most: int) -> str:
    """At most so many characters, without the one that PostgreSQL does not take."""
    return (text if len(text) <= most else text[: most - 1] + "…").replace("\0", "�")


def _tame_case(case: Case) -> Case:
    seconds = None if case.seconds is None else _within(case.seconds, 0.0, LONGEST)
    return replace(
        case, suite=cut(case.suite, WORDS), classname=cut(case.classname, WORDS), name=cut(case.name, WORDS),
        result=cut(case.result, 10), seconds=seconds, message=cut(case.message, MESSAGE), file=cut(case.file, WORDS),
        line=_maybe_small(case.line),
    )  # fmt: skip


def _tame_image(image: Image) -> Image:
    return replace(image, name=cut(image.name, WORDS), id=cut(image.id, DIGEST), digest=cut(image.digest, DIGEST))


def _tame_problem(problem: Problem) -> Problem:
    offset = None if problem.offset is None else _within(problem.offset, 0, 2**62)
    return replace(
        problem, severity=cut(problem.severity, 10), message=cut(problem.message, DETAIL),
        file=cut(problem.file, WORDS), line=_maybe_small(problem.line), column=_maybe_small(problem.column),
        code=cut(problem.code, 100), matcher=cut(problem.matcher, 40), offset=offset,
    )  # fmt: skip


Number = TypeVar("Number", int, float)


def _within(value: Number, least: Number, most: Number) -> Number:
    return min(max(value, least), most)


def _small(value: int) -> int:
    return _within(value, -SMALL, SMALL)


def _maybe_small(value: int | None) -> int | None:
    return None if value is None else _small(value)


def _time(at: float, terms: Terms) -> float:
    """By our clock, and neither before the run was given away nor in the future."""
    return _within(at - terms.ahead, min(terms.since, terms.now), terms.now)
