"""`python scripts/audit.py`: is a known weakness in what Hubwright needs? Asks PyPI's advisories through pip-audit.

Where they can't be asked, nothing is known, and it says so: that fails with AUDIT=required, which `make release` sets.
Exit code 1: a weakness that is not in `ACCEPTED`. pip-audit alone would call a package that it could not look up fine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dependencies import Dependency, find_dependencies

ACCEPTED: Mapping[str, tuple[str, str]] = {}
"""Advisories that do not concern us: why, and until which day that holds (ISO 8601)."""

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Audit:
    """How many packages there are, for how many of them somebody said what is known, and a line for each weakness."""

    packages: int
    answered: int
    weak: tuple[str, ...]
    reason: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether no weakness is known; with AUDIT=required also whether that is known of every package."""
        is_whole = self.answered == self.packages or os.environ.get("AUDIT") != "required"
        return is_whole and not self.weak


def main() -> int:
    """Ask, and say in one line how it stands."""
    return 0 if look().is_fine else 1


def look() -> Audit:
    """Ask, say how it stands, and tell it."""
    found = find_dependencies()
    told, reason = ask(found)
    weak = tuple(find_weak(told, date.today().isoformat()))  # noqa: DTZ011 - a day more or less is no matter
    asked = {name for name, advisories in told if advisories is not None}
    audit = Audit(len(found), sum(one.name in asked for one in found), weak, reason)
    for line in weak:
        print(line)
    if audit.answered < audit.packages:
        why = reason or "PyPI does not know them"
        print(f"advisories: NOT CHECKED for {audit.packages - audit.answered} of {audit.packages} packages: {why}")
        print("            run it where https://pypi.org can be reached before a release (make release insists)")
    else:
        print(f"advisories: {audit.packages} packages, {len(weak)} with a known weakness")
    return audit


Told = Sequence[tuple[str, list[dict[str, Any]] | None]]
"""The advisories for each package; None where nobody could say."""


def ask(dependencies: Sequence[Dependency]) -> tuple[Told, str]:
    """What is known of each, and why nothing is known where that is so."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.writelines(f"{one.name}=={one.version}\n" for one in dependencies)
        wanted.flush()
        argv = [sys.executable, "-m", "pip_audit", "-r", wanted.name, "--no-deps", "--disable-pip", "--format", "json",
                "--progress-spinner", "off", "--timeout", "5", "--aliases", "on"]  # fmt: skip
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return [], f"no answer within {_SECONDS} s"
    return read_answer(done.stdout, done.stderr)


def read_answer(output: str, errors: str) -> tuple[Told, str]:
    """What pip-audit said. A package that it skipped is one that nobody looked at."""
    try:
        listed = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = errors.strip().splitlines()
        return [], (lines[-1] if lines else "pip-audit said nothing")[:300]
    told = [(one["name"], None if "skip_reason" in one else one["vulns"]) for one in listed]
    return told, next((one["skip_reason"] for one in listed if "skip_reason" in one), "")


def find_weak(told: Told, today: str) -> Sequence[str]:
    """A line for each advisory that counts."""
    lines = []
    for name, one in ((name, one) for name, advisories in told for one in advisories or ()):
        names = (one["id"], *one.get("aliases", ()))
        if not any(ACCEPTED.get(known, ("", ""))[1] >= today for known in names):
            mended = ", ".join(one["fix_versions"]) or "no version yet"
            lines.append(f"{name}: {', '.join(names)}: mended in {mended}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
