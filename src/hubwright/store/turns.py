"""Fair shares of the builders between jobs: whose turn it is, as a number that a run is given when it enters the queue.

Runs go by priority, then by turn, then first come first. A run comes one turn after the last of its job that waits; one
of a job of which none waits comes at the turn of the first that waits at all. So while several jobs wait each gets its
share, and a burst of one delays the first run of another by no more than one run. Nothing is counted when a run is
leased, who comes late makes up for nothing, and what waits for ever for a builder that never comes keeps nobody behind.

This is start-time fair queueing (Goyal, Vin, Cheng 1996) for each priority of each want, with its two numbers, the last
turn of a job and the present one, read from the runs that wait: so there is nothing to keep, and to lock. Copies of a
job share its turns.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, literal, literal_column, select

from hubwright.store.schema import run

_OTHER = run.alias("other")
_WAITS = _OTHER.c.state == literal_column("'queued'")  # in the words of the partial indexes


def next_turn(family: Any, priority: Any, platform: Any, labels: Any) -> ColumnElement[float]:
    """The turn of a run that enters the queue now, as a part of the statement that lets it in."""
    alike = (_WAITS, _OTHER.c.priority == priority, _OTHER.c.platform == platform, _OTHER.c.labels == labels)
    own = select(_OTHER.c.turn + 1).where(*alike, _OTHER.c.family == family).order_by(_OTHER.c.turn.desc()).limit(1)
    first = select(_OTHER.c.turn).where(*alike).order_by(_OTHER.c.turn).limit(1)
    return func.coalesce(own.scalar_subquery(), first.scalar_subquery(), literal(0.0))
