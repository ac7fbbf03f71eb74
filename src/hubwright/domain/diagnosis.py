"""What a look at a hub finds: how each thing is, and what to do when it is not well. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What one look found: what was seen, and what to do when it is not well."""

    verdict: Verdict
    seen: str
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check by its name: what was seen, and what to do when it is not well."""

    name: str
    verdict: Verdict
    seen: str
    fix: str = ""


def well(seen: str) -> Sight:
    """Nothing is to be done."""
    return Sight(verdict=Verdict.OK, seen=seen)


def doubtful(seen: str, fix: str) -> Sight:
    """It works, but a person should look."""
    return Sight(verdict=Verdict.WARN, seen=seen, fix=fix)


def wrong(seen: str, fix: str) -> Sight:
    """Something does not work until it is mended."""
    return Sight(verdict=Verdict.FAIL, seen=seen, fix=fix)


def join_sights(sights: list[Sight]) -> Sight:
    """Several as one: what is not well hides what is, and the worst of them is the verdict."""
    worst = max((one.verdict for one in sights), key=list(Verdict).index)
    shown = [one for one in sights if one.verdict is not Verdict.OK] or sights
    seen = "; ".join(dict.fromkeys(one.seen for one in shown))
    return Sight(verdict=worst, seen=seen, fix="; ".join(dict.fromkeys(one.fix for one in shown if one.fix)))
