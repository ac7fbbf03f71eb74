"""What searches for culprits stand on, and their bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hubwright.domain.jobs import Job
from hubwright.domain.sights import MAX_TARGETS
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.breaks import MAX_OPEN
from hubwright.hub.plans import Ground


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How many builds one search may ask for, how many commits back it looks, for how many tests at most.

    `searches` of one job go on at a time.
    """

    builds: int = 20
    commits: int = 2000
    targets: int = MAX_TARGETS
    searches: int = MAX_OPEN


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounds:
    """What searches stand on: the mirrors, where a job's commits are fetched from, what plans are told."""

    mirrors: Mirrors
    origin_of: Callable[[Job], Origin]
    ground: Ground
    bounds: Bounds = Bounds()
