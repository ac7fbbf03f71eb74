"""Who has jobs, copies and builds in a seeded database: all of it follows from a number.

One job (number 1) has more than half of all copies, and its family more than half of all builds. Elsewhere a few jobs
have most and most have few, as with people's own.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from hubwright.domain.job_copies import CopyKey, CopyKind, copy_paths

TEAM, GROUP = 25, 200  # jobs of a folder and of a folder of folders
OF_FIRST = 0.565  # of the copies
BRANCHES = 0.3  # of the copies; the others are of pull requests
FIRST, COPIES_OF_FIRST, COPIES_OF_OTHERS = (
    0.27,
    0.27,
    0.16,
)  # of the builds; the rest are those of other jobs themselves
OPEN = 0.05  # of the copies, the newest: the rest are closed, most are archived
REPOSITORY = 700_000_000  # GitHub's number of job 1's repository, less 1
DAYS = 600.0
"""Over which all came, the newest today."""

MONTH = 30.0
"""Days over which deliveries came, which are kept no longer."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much there is."""

    jobs: int = 5_000
    copies: int = 200_000
    builds: int = 1_000_000


@dataclass(slots=True)
class Subject:
    """A job, or a copy of one."""

    id: int
    path: str
    family: int
    key: CopyKey | None = None
    builds: int = 0
    turn: float = 0.0

    @property
    def branch(self) -> str:
        """That its builds are of."""
        if self.key is None:
            return "main"
        return self.key.name if self.key.kind is CopyKind.BRANCH else f"topic-{self.key.name}"

    @property
    def pull_request(self) -> int | None:
        """That its builds are of."""
        return int(self.key.name) if self.key is not None and self.key.kind is CopyKind.PULL_REQUEST else None

    @property
    def repository(self) -> str:
        """`owner/name`."""
        return f"octo/app{self.family}"


@dataclass
class World:
    """Jobs and copies, and whose builds came in which order. `now`: Unix seconds."""

    size: Size
    seed: int
    now: float
    jobs: list[Subject] = field(init=False)
    copies: list[Subject] = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._weights = list(accumulate(1 / at for at in range(1, self.size.jobs)))  # of the jobs but the first
        self.jobs = [Subject(at, self.path_of(at), at) for at in range(1, self.size.jobs + 1)]
        self.copies = [self._make_copy(at) for at in range(1, self.size.copies + 1)]
        self._of_first = [copy for copy in self.copies if copy.family == 1]
        self._of_others = [copy for copy in self.copies if copy.family != 1]

    def path_of(self, job: int) -> str:
        """A job's path; the folders above are what is before its slashes."""
        return f"group{job // GROUP}/team{job // TEAM}/app{job}"

    def at(self, share: float) -> float:
        """The moment before which this share of everything came."""
        return self.now - DAYS * 86_400 * (1 - share) - 60

    def lately(self, share: float) -> float:
        """The same of what is kept for a month only, as deliveries are."""
        return self.at(1 - MONTH * (1 - share) / DAYS)

    def builders(self) -> Iterator[tuple[int, Subject]]:
        """Each build, oldest first, with the job or copy that it is of."""
        for number in range(1, self.size.builds + 1):
            yield number, self._choose(number / self.size.builds)

    def _choose(self, share: float) -> Subject:
        drawn = self.chance.random()
        if drawn < FIRST:
            return self.jobs[0]
        if drawn < FIRST + COPIES_OF_FIRST:
            return self._near(self._of_first, share)
        if drawn < FIRST + COPIES_OF_FIRST + COPIES_OF_OTHERS:
            return self._near(self._of_others, share)
        return self.jobs[self._draw_job() - 1]

    def _near(self, copies: list[Subject], share: float) -> Subject:
        """One that was new then."""
        at = int(len(copies) * (share - self.chance.random() ** 4 * 0.05))
        return copies[min(max(at, 0), len(copies) - 1)]

    def _draw_job(self) -> int:
        """Any but the first, those with small numbers more often."""
        return 2 + bisect.bisect_left(self._weights, self.chance.random() * self._weights[-1])

    def _make_copy(self, at: int) -> Subject:
        family = 1 if self.chance.random() < OF_FIRST else self._draw_job()
        branch = self.chance.random() < BRANCHES
        key = CopyKey(CopyKind.BRANCH, f"fix-{at}") if branch else CopyKey(CopyKind.PULL_REQUEST, str(at))
        return Subject(self.size.jobs + at, copy_paths(self.path_of(family), key)[0], family, key)
