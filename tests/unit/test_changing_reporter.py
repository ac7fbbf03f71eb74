"""What tells GitHub is another one as soon as the hub is somebody else to GitHub; all that it can passes through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from hubwright.domain.facts import Fact
from hubwright.reports import Recalling, Report
from hubwright.wiring.reporters import Changing


class Plain:
    """A reporter that can't ask what was told."""

    name = "statuses"

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        raise NotImplementedError

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:
        raise NotImplementedError


class Asking(Plain):
    """One that can."""

    def recall(self, target: str, said: dict[str, Any]) -> None:
        said[target] = "told"


@pytest.mark.parametrize(("reporter", "found"), [(Plain(), {}), (Asking(), {"here": "told"})])
def test_what_was_told_is_recalled_by_whoever_can(reporter: Plain, found: dict[str, Any]) -> None:
    """Else a status is told twice after its teller was killed."""
    changing, said = Changing(lambda _app: reporter, lambda: (None, "somebody")), dict[str, Any]()
    assert isinstance(changing, Recalling)
    changing.recall("here", said)
    assert said == found
