"""What a build of a commit says of a failure that is searched for: it is there, it is not, or nobody can tell. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from hubwright.domain.bisection import TRIES, Finding, Sight, Verdict
from hubwright.domain.results import Result
from hubwright.domain.wording import word_count

MAX_TARGETS = 5
"""Tests that one search looks for: they share its builds, and hundreds that fail at once have few causes."""

UNTESTABLE = 125
"""The exit code of an own command that says of a commit: it can't be told. As of `git bisect run`."""

_NAMES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A failure that is searched for: of a test, or of a stage. `stage` is where it shows, None: wherever.

    `identity` is what the test is compared by; without one it is known by its name alone.
    """

    stage: str | None = None
    test: str | None = None
    identity: int | None = None

    @property
    def key(self) -> str:
        """What findings call it."""
        if self.test is None:
            return f"stage:{self.stage}"
        return f"test:{self.test if self.identity is None else self.identity}"

    @property
    def words(self) -> str:
        """What people call it."""
        return f"stage {self.stage}" if self.test is None else self.test

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


def name_own_stage(search: int) -> str:
    """The stage in which a search runs a command of its own; no other build has one of that name."""
    return f"bisect-{search}"


def read_targets(stored: Iterable[Mapping[str, Any]]) -> tuple[Target, ...]:
    """Targets as they were stored."""
    return tuple(Target(stage=one["stage"], test=one["test"], identity=one["identity"]) for one in stored)


class FailedCase(NamedTuple):
    """A failed test of a run: position of its stage, what it is compared by, its name for people."""

    position: int
    identity: int | None
    name: str
    fresh: bool  # it did not fail in the run before
    flaky: bool


class StageEnd(NamedTuple):
    """How a stage of a run ended."""

    position: int
    name: str
    result: str | None
    allow_failure: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A run that has ended, as far as the targets go: its stages' results, and those of the targets' tests by key.

    `own`: the search has asked for it. What it could not tell then counts as a try; other people's mishaps do not.
    `cut`: another search has asked for it, and for the stages that it looks at only.
    """

    sha: str
    result: str | None
    own: bool
    cut: bool = False
    stages: Mapping[str, str | None] = field(default_factory=dict)
    cases: Mapping[str, str] = field(default_factory=dict)


def look(target: Target, seen: Seen) -> tuple[Sight, ...]:
    """What the run says of the target. A failure that came before it would come again: that counts as all tries."""
    told = _look_at_stage(target, seen) if target.test is None else _look_at_test(target, seen)
    if told is not Sight.UNKNOWN:
        return (told,)
    if seen.result in {Result.SUCCESS, Result.SKIP}:
        return () if seen.cut else (Sight.GOOD,)  # there is no such test or stage at that commit, so it does not fail
    if seen.result == Result.FAILURE:
        return (Sight.UNKNOWN,) * TRIES
    return (Sight.UNKNOWN,) if seen.own else ()


def _look_at_stage(target: Target, seen: Seen) -> Sight:
    result = seen.stages.get(target.stage or "")
    return {Result.SUCCESS.value: Sight.GOOD, Result.FAILURE.value: Sight.BAD}.get(result or "", Sight.UNKNOWN)


def _look_at_test(target: Target, seen: Seen) -> Sight:
    case = seen.cases.get(target.key)
    if case in {"failed", "error"}:
        return Sight.BAD
    passed = case == "passed" or (target.stage is not None and seen.stages.get(target.stage) == Result.SUCCESS)
    return Sight.GOOD if passed else Sight.UNKNOWN


def choose_targets(
    stages: Sequence[StageEnd], cases: Iterable[FailedCase], failed_before: Collection[str], most: int = MAX_TARGETS
) -> list[Target]:
    """What to search for when a run has failed: the tests that fail only now, else the stage if it did not fail before.

    Tests known to be flaky are left out, and of more than `most` the first are taken.
    """
    guilty = next((one for one in stages if one.result == Result.FAILURE and not one.allow_failure), None)
    if guilty is None:
        return []
    failed = [case for case in cases if case.position == guilty.position]
    if failed:
        wanted = {
            case.identity: Target(stage=guilty.name, test=case.name, identity=case.identity)
            for case in failed
            if case.fresh and not case.flaky
        }
        return list(wanted.values())[:most]
    return [] if guilty.name in failed_before else [Target(stage=guilty.name)]


def word_targets(names: Sequence[str]) -> str:
    """`test_a, test_b and 4 more`."""
    rest = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {rest} more" if rest > 0 else "")


_ENDS = {
    Verdict.FLAKY: "{what} both failed and passed on one commit: it is flaky",
    Verdict.PASSING: "{what} does not fail at the bad end",
    Verdict.STANDING: "{what} fails at the good end too",
    Verdict.UNKNOWN: "an end could not be built so far that {what} showed",
}


def word_finding(finding: Finding, what: str) -> str:
    """How the search for one target ended, as a part of a sentence. A culprit is told by its commit instead."""
    if finding.verdict in _ENDS:
        return _ENDS[finding.verdict].format(what=what)
    if finding.verdict is Verdict.SUSPECTS:
        first, last = finding.suspects[0][:7], finding.suspects[-1][:7]
        return f"{what} was broken by one of {word_count(len(finding.suspects), 'commit')} from {first} to {last}"
    return f"{what} was broken by {finding.suspects[0][:7]}"
