"""How often a repository is asked that no webhook tells of."""

from __future__ import annotations

CALM = 60.0
"""A repository is asked again after the sixtieth part of the time for which nothing has moved there …"""

SLOWEST = 8.0
"""… but at the latest after so many intervals."""

JITTER = 0.1
"""By so much of itself a pause is longer or shorter, so that a thousand repositories are not asked at once."""


def find_pause(poll: bool | int, interval: float, quiet: float, chance: float) -> float:  # noqa: FBT001  what jobs say
    """Seconds until a repository is asked again where nothing has moved for `quiet` seconds.

    `poll` is what its job says: so many seconds, or as the hub sees fit (True). `interval` is the hub's; `chance` lies
    between 0 and 1.
    """
    pause = min(max(interval, quiet / CALM), interval * SLOWEST) if isinstance(poll, bool) else float(poll)
    return pause * (1 + JITTER * (2 * chance - 1))
