"""How much work something is, whatever else the machine has to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def costs_less_than(seconds: float) -> Iterator[None]:
    """Fails when the block takes this thread more CPU seconds. What it waits for costs nothing."""
    began = time.thread_time()
    yield
    spent = time.thread_time() - began
    assert spent < seconds, f"it cost {spent:.2f} s of CPU, not less than {seconds} s"
