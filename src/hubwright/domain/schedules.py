"""Times that jobs are built at: cron expressions in a time zone, by the rules of Debian's cron.

A time of day that the clocks skip comes when the gap ends, one that they show twice comes once, the first time; with
`*` in minute or hour it goes by real time instead. https://manpages.debian.org/bookworm/cron/cron.8.en.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from hubwright.errors import UnprocessableError

MAX_CRON = 100
"""Characters of a cron expression."""

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}\Z")
_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001  only to have an expression read


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression of five fields or a name such as @daily, and the zone whose clocks it is read on."""

    cron: str
    zone: str = "UTC"


def read_schedule(cron: str, zone: str = "UTC") -> Schedule:
    """A schedule that comes at some time. Raises UnprocessableError that says what is wrong."""
    fields = _fields(cron)
    if len(cron) > MAX_CRON or len(fields.split(" ")) != 5 or not fields.isascii():
        raise UnprocessableError(
            f"{_shown(cron)} is no cron expression: minute, hour, day of month, month and day of week are expected, as "
            f"in `30 4 * * 1-5`, or one of {', '.join(_ALIASES)}."
        )
    try:
        next(CronSim(fields, _ANY_TIME))
    except CronSimError as error:
        raise UnprocessableError(f"{_shown(cron)} is no cron expression: {_say(error)} is wrong.") from error
    except StopIteration as error:
        raise UnprocessableError(f"{_shown(cron)} never comes.") from error
    _load_zone(zone)
    return Schedule(fields, zone)


def times_after(schedule: Schedule, after: float) -> Iterator[float]:
    """The times after a moment, rising, in Unix seconds; without an end, or to that of the next fifty years."""
    start = datetime.fromtimestamp(after, _load_zone(schedule.zone))
    last = after
    for time in CronSim(_fields(schedule.cron), start):
        moment = time.timestamp()
        if moment > last:  # where clocks go back, a time of day may be given that has been
            yield moment
            last = moment


def next_time(schedule: Schedule, after: float) -> float | None:
    """The first time after a moment; None when there is none in the next fifty years."""
    return next(times_after(schedule, after), None)


def _fields(cron: str) -> str:
    """The five fields, of a name such as @daily too."""
    fields = " ".join(cron.split())
    return _ALIASES.get(fields.lower(), fields)


def _load_zone(name: str) -> ZoneInfo:
    if not _ZONE.match(name):
        raise UnprocessableError(f"{_shown(name)} is no time zone: a name such as Europe/Zurich is expected.")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnprocessableError(f"{_shown(name)} is no time zone that is known here.") from error


def _say(error: CronSimError) -> str:
    return str(error).removeprefix("Bad ").lower()


def _shown(text: str) -> str:
    return ascii(text[:60])
