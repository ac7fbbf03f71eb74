"""Counts for the monitoring system: every process adds what it has counted, and every hub tells the sums.

So a scrape of any hub tells of all hubs and workers, and no restart sets a count back.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.figures import Kind, Series, observe
from hubwright.store.schema import figure

_BETWEEN = "\x1f"
"""Stands between the values of labels: ASCII's unit separator, which no name has."""


class Tally:
    """What this process has counted and not kept yet. Every method may be called from any thread, and is quick."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Series, float] = {}

    def count(self, kind: Kind, *labels: str, amount: float = 1.0) -> None:
        """Add to a counter."""
        self.give_back({(kind.name, labels): amount})

    def observe(self, kind: Kind, *labels: str, seconds: float) -> None:
        """Add an observation to a histogram."""
        self.give_back(observe(kind, labels, seconds))

    def take(self) -> dict[Series, float]:
        """All that was counted, which counts as kept from here on."""
        with self._lock:
            counts, self._counts = self._counts, {}
        return counts

    def give_back(self, counts: Mapping[Series, float]) -> None:
        """What could not be kept is to be taken again."""
        with self._lock:
            self._counts = sum_counts(self._counts, counts)


def sum_counts(one: Mapping[Series, float], other: Mapping[Series, float]) -> dict[Series, float]:
    """Both together."""
    both = dict(one)
    for series, amount in other.items():
        both[series] = both.get(series, 0.0) + amount
    return both


def add_counts(connection: Connection, counts: Mapping[Series, float]) -> None:
    """Add to what is kept; always in the same order, so that two processes never wait for each other in a circle."""
    if not counts:
        return
    rows = [
        {"name": name, "labels": _BETWEEN.join(labels), "value": amount}
        for (name, labels), amount in sorted(counts.items())
    ]
    connection.execute(_add_up(connection.dialect.name), rows)


@cache
def _add_up(name: str) -> Any:
    """Built once for each kind of database."""
    dialect: Any = postgresql if name == "postgresql" else sqlite
    adding = dialect.insert(figure)
    grown = {"value": figure.c.value + adding.excluded.value}
    return adding.on_conflict_do_update(index_elements=["name", "labels"], set_=grown)


def keep_first(connection: Connection, series: Series, value: float) -> None:
    """Keep a number that is not there yet; one that is stays as it is."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    name, labels = series
    row = {"name": name, "labels": _BETWEEN.join(labels), "value": value}
    connection.execute(dialect.insert(figure).values(row).on_conflict_do_nothing())


def load_counts(connection: Connection) -> dict[str, dict[tuple[str, ...], float]]:
    """All that is kept, by kind and labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for row in connection.execute(select(figure)):
        found.setdefault(row.name, {})[tuple(row.labels.split(_BETWEEN)) if row.labels else ()] = row.value
    return found


def load_first_labels(connection: Connection, kind: Kind) -> set[str]:
    """The values that the first label of a kind has by now."""
    labels = connection.execute(select(figure.c.labels).where(figure.c.name == kind.name)).scalars()
    return {text.split(_BETWEEN)[0] for text in labels}
