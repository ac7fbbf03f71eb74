"""How often an address may try with a wrong token (S44): only failures count, and they are forgotten by and by."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from hubwright.errors import TooManyAttemptsError, UnauthenticatedError

ALLOWED = 10
"""Failures in a row that an address may have."""

FORGIVEN_EVERY = 6.0
"""Seconds after which one failure is forgotten."""

MAX_ADDRESSES = 10_000


class Attempts:
    """Counts failures by address, in this process. `steady` gives seconds that never jump."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._clear_at: OrderedDict[str, float] = OrderedDict()  # address -> when its last failure will be forgotten

    @contextmanager
    def counted(self, request: HTTPConnection) -> Iterator[None]:
        """Try something with a token; an UnauthenticatedError counts. Raises TooManyAttemptsError before trying."""
        address = request.client.host if request.client is not None else ""
        left = self._clear_at.get(address, 0.0) - self._steady()
        if left > (ALLOWED - 1) * FORGIVEN_EVERY:
            wait = max(1, round(left - (ALLOWED - 1) * FORGIVEN_EVERY))
            raise TooManyAttemptsError(f"Too many wrong tokens came from {address}: wait {wait} seconds.", wait)
        try:
            yield
        except UnauthenticatedError:
            self._note(address)
            raise

    def _note(self, address: str) -> None:
        self._clear_at[address] = max(self._clear_at.pop(address, 0.0), self._steady()) + FORGIVEN_EVERY
        while len(self._clear_at) > MAX_ADDRESSES:
            self._clear_at.popitem(last=False)
