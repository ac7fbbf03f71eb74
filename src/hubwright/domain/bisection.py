"""Which commit broke it: a search over commits whose builds cost time and whose tests may lie.

A search has targets, each searched for by itself over the same builds: a failing test, or a failing stage where no
test is known. A failure that does not repeat at the bad end, or that happens at the good end too, has no culprit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

REPEATS = 2
"""How often each end must show what it is said to be: the build that told of it, and one more."""

TRIES = 2
"""Builds of one commit that tell nothing of a target before the search goes round that commit."""


class Sight(StrEnum):
    """What one build of a commit says of one target."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"  # it never came to it: an earlier stage failed, the builder was lost, there is no such test


class Verdict(StrEnum):
    """How a search for one target ended."""

    CULPRIT = "culprit"
    SUSPECTS = "suspects"  # the commits between can't be told apart
    FLAKY = "flaky"  # one commit both passed and failed
    PASSING = "passing"  # it does not fail at the bad end
    STANDING = "standing"  # it fails at the good end too: no commit of these broke it
    UNKNOWN = "unknown"  # an end can't be built


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was found for a target. `suspects` are in order; one of them where the verdict is `culprit`."""

    target: str
    verdict: Verdict
    suspects: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """Commits from the good end to the bad one, and all that builds have said: sha → target → sights in their order."""

    commits: tuple[str, ...]
    targets: tuple[str, ...]
    sights: Mapping[str, Mapping[str, Sequence[Sight]]] = field(default_factory=dict)


def next_commit(search: Search) -> str | None:
    """The commit to build now; None when every target's search has ended."""
    for target in search.targets:
        step = _step(search, target)
        if isinstance(step, str):
            return step
    return None


def findings(search: Search) -> list[Finding]:
    """What is known of each target whose search has ended, in the order of the targets."""
    steps = (_step(search, target) for target in search.targets)
    return [step for step in steps if isinstance(step, Finding)]


def give_up(search: Search) -> list[Finding]:
    """Every target's finding, now: where the search has not ended, all commits that may still be it."""
    answer = []
    for target in search.targets:
        step = _step(search, target)
        if isinstance(step, str):
            low, high = _bounds(search, target)
            step = Finding(target=target, verdict=Verdict.SUSPECTS, suspects=search.commits[low + 1 : high + 1])
        answer.append(step)
    return answer


def most_builds(commits: int) -> int:
    """How many builds a search over so many commits (the good end counted) needs for one target when all go well."""
    return 2 + max(commits - 2, 0).bit_length()


def _step(search: Search, target: str) -> Finding | str:
    """The commit that this target's search wants built, or how it ended. The ends come first: they prove the rest."""
    for commit, wanted, otherwise in (
        (search.commits[-1], Sight.BAD, Verdict.FLAKY),
        (search.commits[0], Sight.GOOD, Verdict.STANDING),
    ):
        seen = _known(search, commit, target)
        if any(sight is not wanted for sight in seen):
            never = wanted is Sight.BAD and Sight.BAD not in seen
            return Finding(target=target, verdict=Verdict.PASSING if never else otherwise)
        if len(seen) < REPEATS:
            if _is_mute(search, commit, target):
                return Finding(target=target, verdict=Verdict.UNKNOWN)
            return commit
    if any(len(set(_known(search, commit, target))) > 1 for commit in search.commits):
        return Finding(target=target, verdict=Verdict.FLAKY)
    return _narrow(search, target)


def _narrow(search: Search, target: str) -> Finding | str:
    low, high = _bounds(search, target)
    middle = (low + high) / 2
    open_places = [
        place
        for place in range(low + 1, high)
        if not _known(search, search.commits[place], target) and not _is_mute(search, search.commits[place], target)
    ]
    if open_places:
        return search.commits[min(open_places, key=lambda place: (abs(place - middle), place))]
    suspects = search.commits[low + 1 : high + 1]
    verdict = Verdict.CULPRIT if len(suspects) == 1 else Verdict.SUSPECTS
    return Finding(target=target, verdict=verdict, suspects=suspects)


def _bounds(search: Search, target: str) -> tuple[int, int]:
    """The last commit known to be good, and the first known to be bad after it: the break that is there now."""
    low = max(
        (place for place, commit in enumerate(search.commits) if Sight.GOOD in _known(search, commit, target)),
        default=0,
    )
    low = min(low, len(search.commits) - 2)
    after = range(low + 1, len(search.commits))
    high = min(
        (place for place in after if Sight.BAD in _known(search, search.commits[place], target)),
        default=len(search.commits) - 1,
    )
    return low, high


def _known(search: Search, commit: str, target: str) -> list[Sight]:
    sights = search.sights.get(commit, {}).get(target, ())
    return [sight for sight in sights if sight is not Sight.UNKNOWN]


def _is_mute(search: Search, commit: str, target: str) -> bool:
    sights = search.sights.get(commit, {}).get(target, ())
    return sum(sight is Sight.UNKNOWN for sight in sights) >= TRIES
