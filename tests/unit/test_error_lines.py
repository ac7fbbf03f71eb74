"""The first line that tells what went wrong, among many that only mention it."""

from __future__ import annotations

import pytest

from hubwright.domain.error_lines import find_error, is_error

NOISE = b"gcc -Werror -c error.c\nchecking for strerror... yes\n0 errors so far\ntests/failure_cases.py ok\n"


@pytest.mark.parametrize(
    "line",
    [
        b"src/ring.c:88:23: error: no member named 'tail'",
        b"main.cpp:3: fatal error: missing.h: No such file or directory",
        b"ring.c:(.text+0x1f): undefined reference to `pop'",
        b"src/app.ts(12,7): error TS2322: Type 'string' is not assignable",
        b"./main.go:7:2: undefined: fmt.Printn",
        b"--- FAIL: TestRing (0.00s)",
        b"panic: runtime error: index out of range",
        b"error[E0382]: borrow of moved value: `ring`",
        b"thread 'ring::grows' panicked at src/lib.rs:9:5:",
        b"test ring::grows ... FAILED",
        b"E       assert 1 == 2",
        b"Traceback (most recent call last):",
        b"FAILED tests/test_ring.py::test_grows - assert 1 == 2",
        b"not ok 5 - survives two threads",
        b"  3/17 Test  #3: ring ......***Failed    0.02 sec",
        b"ring_test: ring.c:57: main: Assertion `n == 2' failed.",
        b"[  FAILED  ] Ring.Grows (0 ms)",
        b"==4242==ERROR: AddressSanitizer: heap-use-after-free",
        b"Segmentation fault (core dumped)",
        b"::error file=a.c,line=1::broken",
    ],
)
def test_what_tools_say_is_found_before_what_follows_from_it(line: bytes) -> None:
    """ux.md 1.2.1: the log opens there; make's own complaint comes later and means less."""
    text = NOISE + b"make: *** [Makefile:1: all] Error 1\n" + line + b"\nmake: *** Waiting\n"

    assert is_error(line)
    assert find_error(text) == text.index(line)


@pytest.mark.parametrize(
    "line",
    [
        b"make: *** [Makefile:14: all] Error 1",
        b"sh: 1: frobnicate: not found",
        b"fatal: not a git repository",
        b"npm ERR! code 1",
    ],
)
def test_a_general_complaint_is_better_than_nothing(line: bytes) -> None:
    """When no tool says more, what the shell or make said is the place to look."""
    text = NOISE + line + b"\n"

    assert find_error(text) == text.index(line)


def test_noise_is_no_error() -> None:
    """Options, file names and counts mention errors all the time."""
    assert find_error(NOISE) is None
    assert find_error(b"") is None
    assert not is_error(b"x" * 5_000 + b" error: y")


def test_an_error_behind_megabytes_is_found_at_its_place() -> None:
    """The search goes by windows; a line on their border is one line."""
    filler = b"cc -c some/file.c with error.h\n" * 70_000
    text = filler + b"a.c:1:1: error: x\n" + filler

    assert find_error(text) == len(filler)
