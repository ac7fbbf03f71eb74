"""The reporter that has ended builds filed: the relay's order, patience and restarts for something inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hubwright.domain.facts import Fact, FactKind
from hubwright.reports import Report


class FileReporter:
    """Calls `keep` with the number of each build that has ended, again after each end."""

    name = "files"
    together = 16

    def __init__(self, keep: Callable[[int], None]) -> None:
        self._keep = keep

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """One for the end of a build."""
        if fact.kind is not FactKind.BUILD_FINISHED or fact.build_id is None:
            return ()
        return (Report(f"build:{fact.build_id}"),)

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:  # noqa: ARG002  the relay's call
        """File the build. Raises StorageError."""
        self._keep(int(target.removeprefix("build:")))
