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
class Finding:
    """One check: what was seen, and what to do when it is not well."""

    name: str
    verdict: Verdict
    seen: str
    fix: str = ""
