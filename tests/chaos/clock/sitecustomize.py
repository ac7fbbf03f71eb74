"""Python's wall clock may jump: what `time.time` tells is off by as many seconds as the file says.

The file (`CHAOS_CLOCK`) holds one double and is mapped, so a jump is seen at once and costs nothing. Clocks that never
jump (`time.monotonic`) are left alone, as the kernel leaves them. Loaded by Python at its start, from PYTHONPATH: with
libfaketime 0.9.10 every `time.sleep` of Python 3.11 ends with EINVAL.
"""

import mmap
import os
import struct
import time


def _let_jump(path: str) -> None:
    with open(path, "rb") as file:  # noqa: PTH123  as little as possible is imported here
        offset = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    true, true_ns, read = time.time, time.time_ns, struct.Struct("d").unpack_from
    time.time = lambda: true() + read(offset)[0]
    time.time_ns = lambda: true_ns() + int(read(offset)[0] * 1e9)


if "CHAOS_CLOCK" in os.environ:
    _let_jump(os.environ["CHAOS_CLOCK"])
