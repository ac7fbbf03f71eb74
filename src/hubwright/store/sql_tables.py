"""Which tables people may ask with SQL. What is not named here can't be read that way: a new table begins closed."""

from __future__ import annotations

from hubwright.store.schema import metadata

_BUILDS = (
    "approval", "artifact", "bisection", "build", "builder", "culprit", "delivery", "fact", "flaky_test", "job",
    "known_failure", "known_failure_place", "problem", "recording", "run", "run_failure", "scan", "stage", "test_case",
)  # fmt: skip

GITHUB = tuple(sorted(name for name in metadata.tables if name.startswith("gh_")))
"""The copy of GitHub."""

READABLE = frozenset((*GITHUB, *_BUILDS))
"""What may be read: the copy of GitHub, and the builds with what they left."""

HIDDEN = frozenset(metadata.tables) - READABLE
"""Tokens, sealed secrets, GitHub's answers, and how the hub organizes its own work."""
