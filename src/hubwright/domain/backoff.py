"""How long to wait before trying again."""

from __future__ import annotations


def backoff(attempts: int, base: float, cap: float, jitter: float) -> float:
    """Seconds to wait after `attempts` failures: `base` doubled each time, at most `cap`, less a random part.

    `jitter` is a random number from 0 up to 1 that the caller draws; it takes away up to a quarter, so that those who
    failed together don't come back together.
    """
    return min(cap, base * 2.0 ** min(max(attempts - 1, 0), 60)) * (1 - jitter / 4)
