"""How commands are started: what they inherit from the thread that starts them."""

from __future__ import annotations

import os
import threading

from hubwright.builder.executors.spawn import wait_for_end


def test_a_thread_that_has_started_a_command_is_gone_for_the_kernel_too() -> None:
    """A sandbox dies with the thread that has started it: one that `join` calls ended may still end after its start."""
    for _ in range(500):
        thread = threading.Thread(target=int)
        thread.start()
        wait_for_end(thread)
        assert not os.path.exists(f"/proc/self/task/{thread.native_id}")  # noqa: PTH110  as there
