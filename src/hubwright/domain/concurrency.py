"""Which builds may start: groups with limits, limits of jobs, pauses, and builds that a newer one makes needless.

Nothing is dropped and the order is kept: builds are looked at by priority, then by turn, and those of a group in the
order in which they came, whatever their priority. One that waits for its own job is passed over and keeps its place.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hubwright.domain.pauses import Pause, explain_hub, explain_job
from hubwright.domain.scheduling import fits
from hubwright.domain.waiting import Reason
from hubwright.domain.wording import word_count

_NAMED = 3
"""Builds that a sentence names."""


class Policy(StrEnum):
    """What a newer build does to older ones of the same branch, tag or pull request."""

    QUEUE = "queue"
    CANCEL_SUPERSEDED = "cancel-superseded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """A build that waits to be admitted, or one that is and has not ended; ids rise as builds come.

    `line` is what newer builds supersede older ones in, such as its ref; None: it neither does nor suffers that.
    `group_limit` and `job_limit` are of builds that go on at once, None without one.
    """

    id: int
    job: int
    name: str  # as people say it: `team/app #12`
    priority: int = 0
    turn: float = 0.0
    group: str | None = None
    group_limit: int | None = None
    job_limit: int | None = None
    policy: Policy = Policy.QUEUE
    line: str | None = None
    paused: Pause | None = None  # of its job


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """What becomes of the builds: `starts` in this order, why each other waits, and which newer one supersedes which.

    Builds that run may be superseded too: they are to be cancelled, and count until they have ended.
    """

    starts: tuple[int, ...] = ()
    waits: Mapping[int, Reason] = field(default_factory=dict)
    superseded: Mapping[int, int] = field(default_factory=dict)


def admit(
    waiting: Sequence[Contender], running: Sequence[Contender], hub_paused: Pause | None = None, now: float = 0.0
) -> Admission:
    """Decide about every waiting build at a moment (Unix seconds); `hub_paused`: the whole hub is paused."""
    superseded = find_superseded([*waiting, *running])
    left = [one for one in waiting if one.id not in superseded]
    counts = _Counts(left, running)
    starts: list[int] = []
    waits: dict[int, Reason] = {}
    for one in _in_order(left):
        reason = _explain_pause(one, hub_paused, now) or counts.explain(one)
        if reason is None:
            counts.add(one)
            starts.append(one.id)
        else:
            waits[one.id] = reason
    return Admission(starts=tuple(starts), waits=waits, superseded=superseded)


def find_superseded(contenders: Iterable[Contender]) -> dict[int, int]:
    """The builds that a newer one of the same line makes needless, with that one, where that one's policy says so."""
    lines: dict[tuple[int, str], list[Contender]] = defaultdict(list)
    for one in contenders:
        if one.line is not None:
            lines[one.job, one.line].append(one)
    newest = {key: max(ones, key=lambda one: one.id) for key, ones in lines.items()}
    return {
        one.id: newest[key].id
        for key, ones in lines.items()
        for one in ones
        if newest[key].policy is Policy.CANCEL_SUPERSEDED and one.id != newest[key].id
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedRun:
    """A run of an admitted build, and the platform that it asks for."""

    id: int
    job: int
    platform: str
    build: int = 0


def admit_runs(
    waiting: Sequence[PlacedRun], running: Iterable[PlacedRun], limits: Mapping[int, Mapping[str, int]]
) -> tuple[tuple[int, ...], dict[int, Reason]]:
    """The runs that may start, first come first, and why others wait: `limits` has for jobs how many of their runs may
    go on at once on platforms by name or glob."""
    counts: Counter[tuple[int, str]] = Counter()
    for run in running:
        counts.update((run.job, glob) for glob in _limiting(run, limits))
    starts: list[int] = []
    waits: dict[int, Reason] = {}
    for run in waiting:
        globs = _limiting(run, limits)
        full = next((glob for glob in globs if counts[run.job, glob] >= limits[run.job][glob]), None)
        if full is None:
            counts.update((run.job, glob) for glob in globs)
            starts.append(run.id)
        else:
            waits[run.id] = _explain_platform(full, limits[run.job][full])
    return tuple(starts), waits


def _limiting(run: PlacedRun, limits: Mapping[int, Mapping[str, int]]) -> list[str]:
    """The limits of its job that count for the run: those of the platform that it asks for."""
    return [glob for glob in limits.get(run.job, {}) if glob == run.platform or fits(glob, run.platform)]


def _in_order(waiting: Iterable[Contender]) -> Iterable[Contender]:
    """By priority and turn; where it is a group's turn, its oldest build comes."""
    line = sorted(waiting, key=lambda one: (-one.priority, one.turn, one.id))
    members: dict[str, deque[Contender]] = defaultdict(deque)
    for one in sorted(line, key=lambda one: one.id):
        if one.group is not None:
            members[one.group].append(one)
    for one in line:
        yield one if one.group is None else members[one.group].popleft()


class _Counts:
    """Who goes on, by group and job. A group's limit is the smallest that one of its builds names."""

    def __init__(self, waiting: Iterable[Contender], running: Iterable[Contender]) -> None:
        self._limits: dict[str, int] = {}
        self._groups: dict[str, list[str]] = defaultdict(list)
        self._jobs: dict[int, list[str]] = defaultdict(list)
        self._passed: Counter[str] = Counter()
        for one in running:
            self._set_limit(one)
            self.add(one)
        for one in waiting:
            self._set_limit(one)

    def _set_limit(self, one: Contender) -> None:
        if one.group is not None and one.group_limit is not None:
            self._limits[one.group] = min(one.group_limit, self._limits.get(one.group, one.group_limit))

    def add(self, one: Contender) -> None:
        self._jobs[one.job].append(one.name)
        if one.group is not None:
            self._groups[one.group].append(one.name)

    def explain(self, one: Contender) -> Reason | None:
        """Why there is no room for this build; None when there is."""
        if one.job_limit is not None and len(self._jobs[one.job]) >= one.job_limit:
            return _explain_job(one.job_limit, self._jobs[one.job])
        if one.group is None or one.group not in self._limits:
            return None
        limit, going = self._limits[one.group], self._groups[one.group]
        if len(going) < limit:
            return None
        ahead = self._passed[one.group]
        self._passed[one.group] += 1
        return _explain_group(one.group, limit, going, ahead)


def _explain_pause(one: Contender, hub_paused: Pause | None, now: float) -> Reason | None:
    if hub_paused is not None:
        return explain_hub(hub_paused, now)
    return explain_job(one.paused, now) if one.paused is not None else None


def _explain_group(group: str, limit: int, going: Sequence[str], ahead: int) -> Reason:
    sentence = f"Group {group} lets {word_count(limit, 'build')} go on at a time: {_list(going)}."
    if ahead:
        sentence += f" {word_count(ahead, 'build')} of it {'is' if ahead == 1 else 'are'} before this one."
    more = {"group": group, "limit": limit, "going": list(going[:20]), "ahead": ahead}
    return Reason(kind="group_full", sentence=sentence, more=more)


def _explain_job(limit: int, going: Sequence[str]) -> Reason:
    sentence = f"The job lets {word_count(limit, 'build')} go on at a time: {_list(going)}."
    return Reason(kind="job_full", sentence=sentence, more={"limit": limit, "going": list(going[:20])})


def _explain_platform(glob: str, limit: int) -> Reason:
    sentence = f"The job lets {word_count(limit, 'run')} go on at a time on '{glob}'."
    return Reason(kind="platform_full", sentence=sentence, more={"platform": glob, "limit": limit})


def _list(names: Sequence[str]) -> str:
    if not names:
        return "none"
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
