"""Search over a whole log: right, bounded in time, whatever is asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from hubwright.errors import ParameterError
from hubwright.hub.bell import Bell
from hubwright.hub.log_search import MOST, Hits, LogSearch, Wanted
from hubwright.hub.logs import Logs

TEXT = b"make\r\ncc -c ring.c\r\n\x1b[31mER\x1b[1mROR\x1b[0m: tail\r\n" + "größe: Ärger\r\n".encode() + b"the \xff end"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    logs = Logs(tmp_path_factory.mktemp("logs"), Bell())
    logs.append(1, 0, TEXT)
    logs.append(2, 0, b"".join(b"%d a line\n" % number for number in range(1, 200_001)))
    logs.append(3, 0, b"a" * 5_000 + b"!\n")
    yield logs
    logs.close()


def find(logs: Logs, run: int, wanted: Wanted, seconds: float = 30.0) -> Hits:
    return asyncio.run(LogSearch(logs, seconds).find(run, wanted))


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        (Wanted(text="error"), (3,)),  # an escape in the word is not in the way
        (Wanted(text="error", case=True), ()),
        (Wanted(text="ÄRGER"), (4,)),
        (Wanted(text=r"^cc .*\.c$", regex=True), (2,)),
        (Wanted(text=r"^the", regex=True), (5,)),
        (Wanted(text=".c", case=True), (2,)),  # words are no expression
        (Wanted(text=r"make\s+cc", regex=True), ()),  # a line at a time
        (Wanted(text="e"), (1, 3, 4, 5)),
        (Wanted(text=""), ()),
    ],
)
def test_lines_are_found_by_words_and_expressions(logs: Logs, wanted: Wanted, lines: tuple[int, ...]) -> None:
    found = find(logs, 1, wanted)
    assert (found.lines, found.complete) == (lines, True)


def test_a_search_looks_at_every_line_of_a_long_log(logs: Logs) -> None:
    """Over the borders of blocks; and at the end of what is found most, it says so."""
    assert find(logs, 2, Wanted(text="199999 a")).lines == (199_999,)
    assert find(logs, 2, Wanted(text="^1?5000 ", regex=True)).lines == (5_000, 15_000)
    many = find(logs, 2, Wanted(text="line"))
    assert (many.lines, many.complete) == (tuple(range(1, MOST + 1)), False)


def test_an_expression_that_would_take_for_ever_ends_in_time(logs: Logs) -> None:
    """Catastrophic backtracking: what was found until then is told, and that it is not all."""
    begun = time.monotonic()
    found = find(logs, 3, Wanted(text="(a+)+$", regex=True), 0.5)
    assert (found.lines, found.cut) == ((), "it took longer than 0.5 s")
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("text", ["(", "a{2,1}", "*", "(?P<n"])
def test_what_is_no_expression_is_refused_with_the_reason(logs: Logs, text: str) -> None:
    with pytest.raises(ParameterError, match="can't be searched"):
        find(logs, 1, Wanted(text=text, regex=True))


def test_a_log_that_is_not_there_has_nothing(logs: Logs) -> None:
    assert find(logs, 99, Wanted(text="x")).lines == ()
