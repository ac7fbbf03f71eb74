"""What builds that run as our own user may not see of this process."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def hide_from_builds() -> None:
    """Keep other processes of the same user from reading the secrets in this one's environment or memory.

    Root still can: where builds run as root and without a sandbox, nothing on the machine is hidden from them.
    https://man7.org/linux/man-pages/man2/pr_set_dumpable.2const.html
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
