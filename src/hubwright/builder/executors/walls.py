"""Which of a builder's walls this machine can have; `docs/builders.md` says what each holds back."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from hubwright.builder.executors.terms import Policy

if sys.platform == "linux":
    from hubwright.builder.executors.cgroups import Groups
    from hubwright.builder.executors.landlock import find_version
    from hubwright.builder.executors.seccomp import make_filter

LIMITS = frozenset({"memory", "pids", "cpu"})


def find_gaps(policy: Policy) -> Iterator[tuple[str, str]]:
    """The walls that are wished for and not to be had, each with what helps."""
    if sys.platform != "linux":
        yield "no walls on this system", "build strangers' code on Linux only"
        return
    if policy.landlock and not find_version():
        yield "no Landlock: plain builds read what their user may", "take Linux 5.19 or newer with lsm=landlock"
    if policy.seccomp and make_filter(network=True) is None:
        yield "no filter of system calls for this processor", "none: x86_64 and aarch64 have one"
    lacks = LIMITS - Groups().controllers
    if lacks:
        helps = "run the builder by its unit (Delegate=yes), or give its container a writable control group"
        yield f"no limits of {', '.join(sorted(lacks))}: one build may take all of it", helps
