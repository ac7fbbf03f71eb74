"""A budget that holds nobody back, for tests of something else: their clocks stand still, and a second is long."""

from __future__ import annotations

import time
from collections.abc import Callable

from hubwright.domain.github_budget import Limits
from hubwright.github.budget import MemoryGate

_MUCH = 1_000_000


def unpaced(clock: Callable[[], float] = time.time) -> MemoryGate:
    """A gate without a pace; pauses that GitHub asks for are kept."""
    limits = Limits(points_per_minute=_MUCH, write_interval=0.0, writes_per_minute=_MUCH, content_per_hour=_MUCH)
    return MemoryGate(limits, clock)
