"""What changed in the tests of a run since the run before: system 1's test diff. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple


class Change(StrEnum):
    """How a test stands against the run before. Tests that stand as they stood have none."""

    NOW_FAILING = "now_failing"  # also a new test that fails: somebody must look at it
    NOW_PASSING = "now_passing"
    STILL_FAILING = "still_failing"
    NEW = "new"  # not there before, and it does not fail


class Reported(NamedTuple):
    """A test case of a run: its row, what it is compared by, the position of its stage, its result."""

    id: int
    identity: int
    position: int
    result: str


@dataclass(frozen=True)
class Difference:
    """The rows of each change, one for each test; `gone` are identities that the run before had and this one has not.

    Only stages that reported in both are looked at for `gone`: a stage that did not run lost no test.
    """

    changes: Mapping[Change, Sequence[int]]
    gone: Sequence[int]

    def count(self, change: Change) -> int:
        """How many tests changed so."""
        return len(self.changes.get(change, ()))


_WORST = {"failed": 3, "error": 3, "passed": 2, "skipped": 1}
_FAILED, _PASSED = 3, 2


def identify(suite: str, classname: str, name: str) -> int:
    """What a test is compared by: a number of 63 bits from its names."""
    digest = blake2b(f"{suite}\0{classname}\0{name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def compare(now: Sequence[Reported], before: Iterable[Reported]) -> Difference:
    """The difference of two runs. Of several cases of one name the worst counts: so a person would say it."""
    standing = _stand(now)
    stages = {case.position for case in now}
    past: dict[int, int] = {}
    gone: dict[int, None] = {}
    for case in before:
        past[case.identity] = max(past.get(case.identity, 0), _WORST.get(case.result, _FAILED))
        if case.identity not in standing and case.position in stages:
            gone.setdefault(case.identity)
    changes: dict[Change, list[int]] = {change: [] for change in Change}
    for identity, (worst, row) in standing.items():
        change = _judge(worst, past.get(identity))
        if change is not None:
            changes[change].append(row)
    return Difference(changes, list(gone))


def _stand(cases: Iterable[Reported]) -> dict[int, tuple[int, int]]:
    """The worst result of each test, and the row that has it."""
    standing: dict[int, tuple[int, int]] = {}
    for case in cases:
        worst = _WORST.get(case.result, _FAILED)
        known = standing.get(case.identity)
        if known is None or worst > known[0]:
            standing[case.identity] = (worst, case.id)
    return standing


def _judge(now: int, before: int | None) -> Change | None:
    if now == _FAILED:
        return Change.STILL_FAILING if before == _FAILED else Change.NOW_FAILING
    if before is None:
        return Change.NEW
    return Change.NOW_PASSING if before == _FAILED and now == _PASSED else None


def find_flaky(now: Iterable[Reported], others: Iterable[Reported]) -> list[int]:
    """The rows of this run whose tests have both failed and passed on one commit, taking its other runs in."""
    failed: set[int] = set()
    passed: set[int] = set()
    for case in others:
        worst = _WORST.get(case.result, _FAILED)
        (failed if worst == _FAILED else passed if worst == _PASSED else set()).add(case.identity)
    return [
        row
        for identity, (worst, row) in _stand(now).items()
        if (worst == _FAILED and identity in passed) or (worst == _PASSED and identity in failed)
    ]


def name_test(classname: str, name: str) -> str:
    """A test's name for people: with its class where that is not said in the name already."""
    return name if not classname or classname in name else f"{classname}: {name}"


_WORDS = {
    Change.NOW_FAILING: ("test now fails", "tests now fail"),
    Change.NOW_PASSING: ("test passes again", "tests pass again"),
    Change.STILL_FAILING: ("test still fails", "tests still fail"),
}


def word_difference(counts: Mapping[str, object], names: Sequence[str] = ()) -> str:
    """`2 tests now fail (a, b), 1 test passes again`; "" when nothing of that kind changed."""
    said: list[str] = []
    for change, (one, many) in _WORDS.items():
        count = counts.get(change.value)
        if not isinstance(count, int) or count < 1:
            continue
        words = f"{count:,} {one if count == 1 else many}"
        if change is Change.NOW_FAILING and names:
            words += f" ({', '.join(names)}{', …' if count > len(names) else ''})"
        said.append(words)
    return ", ".join(said)
