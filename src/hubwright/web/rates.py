"""How many requests one token may send: a minute's worth at once, then evenly. Counted in this process.

https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from hubwright.errors import TooManyRequestsError

WINDOW = 60.0
"""Seconds whose worth of requests may come at once."""

MAX_KEYS = 10_000


class Rates:
    """Counts requests by who sends them. `steady` gives seconds that never jump; without `per_minute` all may."""

    def __init__(self, per_minute: int | None, steady: Callable[[], float] = time.monotonic) -> None:
        self._each = None if per_minute is None else WINDOW / per_minute
        self._steady = steady
        self._full_at: OrderedDict[str, float] = OrderedDict()  # who -> when nothing of it counts any more

    def count(self, key: str) -> None:
        """One more request. Raises TooManyRequestsError, which says when to come again; that one does not count."""
        if self._each is None:
            return
        now = self._steady()
        full_at = max(self._full_at.pop(key, 0.0), now)
        wait = full_at + self._each - now - WINDOW
        self._full_at[key] = full_at if wait > 0 else full_at + self._each
        while len(self._full_at) > MAX_KEYS:
            self._full_at.popitem(last=False)
        if wait > 0:
            seconds = max(1, round(wait + 0.5))
            raise TooManyRequestsError(
                f"Too many requests came with this token (ACCESS__REQUESTS_PER_MINUTE): wait {seconds} s.", seconds
            )
