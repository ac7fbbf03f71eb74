"""The newest facts, read once for all drains of a process that follow them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from hubwright.domain.facts import Fact
from hubwright.store.reports import load_facts

Facts = list[tuple[int, Fact | None]]
FactLoader = Callable[[Connection, int, int], Facts]
"""As `store.reports.load_facts`: those after a number, at most so many."""


@dataclass(frozen=True, slots=True)
class _Read:
    """All facts after the number `after` that there were, when `heard` was the newest that had been heard."""

    heard: object
    after: int
    facts: Facts


class FactReader:
    """Every method may be called from any thread.

    What was read serves until the next `note`; a drain that is woken after its `note` misses nothing.
    """

    def __init__(self) -> None:
        self._heard = object()
        self._read: _Read | None = None
        self._reading = threading.Lock()  # drains are woken together: who comes second has what the first reads

    def note(self) -> None:
        """There are new facts. Costs nothing; call it before drains are woken."""
        self._heard = object()

    def load(self, connection: Connection, after: int, limit: int) -> Facts:
        """As `load_facts`, out of memory where another drain has read the same."""
        with self._reading:
            heard, known = self._heard, self._read
            if known is not None and known.heard is heard and known.after <= after:
                there = [one for one in known.facts if one[0] > after]
                if there and len(there) < limit:
                    return there
            facts = load_facts(connection, after, limit)
            if facts and len(facts) < limit:
                self._read = _Read(heard, after, facts)
            return facts
