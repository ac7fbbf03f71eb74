"""The reporter that has ended builds filed: the relay's order, patience and restarts for something inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hubwright.domain.facts import Fact, FactKind
from hubwright.reports import Report


class FileReporter:
    """Calls `keep` with the numbers of builds that have ended, again after each end; it gives what failed, by build."""

    name = "files"
    together = 16

    def __init__(self, keep: Callable[[Sequence[int]], Mapping[int, Exception]]) -> None:
        self._keep = keep

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """One for the end of a build."""
        if fact.kind is not FactKind.BUILD_FINISHED or fact.build_id is None:
            return ()
        return (Report(f"build:{fact.build_id}"),)

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:  # noqa: ARG002  the relay's call
        """File the build. Raises StorageError."""
        for error in self.send_together({target: bodies}).values():
            raise error

    def send_together(self, told: Mapping[str, Sequence[dict[str, Any]]]) -> Mapping[str, Exception]:
        """File the builds."""
        builds = {int(target.removeprefix("build:")): target for target in told}
        return {builds[number]: error for number, error in self._keep(list(builds)).items()}
