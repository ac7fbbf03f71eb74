"""What commands print: nothing from outside may steer a terminal or a file system."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.cli.artifacts import place_of
from hubwright.cli.failures import MAX_LINES, choose_lines
from hubwright.cli.output import print_table, shown, signed, wants_colour
from hubwright.cli.terminal_text import Cleaner
from hubwright.errors import HubwrightError

COLOUR = re.compile(rb"\x1b\[[0-9;:]*m")


def cleaned(pieces: list[bytes], *, colours: bool) -> bytes:
    cleaner = Cleaner(colours=colours)
    return b"".join(map(cleaner.clean, pieces)) + cleaner.finish()


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x1b]52;c;ZXZpbA==\x07",  # writes the clipboard
        b"\x1b]0;title\x1b\\",  # sets the window's title
        b"\x1b[2J\x1b[H",  # clears the screen
        b"\x1b[6n",  # makes the terminal type an answer
        b"\x1bc",  # resets it
        b"\x1b[?1049h",  # goes to the other screen
        b"\x1bP1$r0m\x1b\\",  # a device control string
        b"\xc2\x9b31m",  # the 8-bit form of an escape, in UTF-8
        b"\x07\x08\x0e",
    ],
)
def test_a_log_cannot_steer_the_terminal(hostile: bytes) -> None:
    """A build prints what its author likes; on the reader's terminal only its colours count (S33)."""
    out = cleaned([b"before" + hostile + b"after\n"], colours=True)

    assert out.replace(b"31m", b"") == b"beforeafter\n\x1b[0m"


def test_colours_stay_where_they_are_wanted() -> None:
    """They are half of what a compiler says; a pipe gets plain text."""
    log = b"\x1b[1;31merror:\x1b[0m no\n"

    assert cleaned([log], colours=True) == log + b"\x1b[0m"
    assert cleaned([log], colours=False) == b"error: no\n"


@given(
    st.binary(max_size=60) | st.text("\x1b[]Pm0;AB\x07\n\\\x9bx", max_size=40).map(str.encode),
    st.lists(st.integers(0, 60), max_size=4),
)
def test_it_does_not_matter_where_a_log_is_cut_into_pieces(log: bytes, cuts: list[int]) -> None:
    """Pieces of a live log end anywhere, in the middle of an escape too."""
    log = log.replace(b"A", b"\x1b[31m").replace(b"B", b"\x1b]0;x\x07")
    places = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    out = cleaned([log[start:end] for start, end in pairwise(places)], colours=True)

    assert out == cleaned([log], colours=True)
    rest = COLOUR.sub(b"", out)
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]", rest)


@given(st.text())
def test_names_from_outside_stay_on_their_line_and_show_what_hides(name: str) -> None:
    """S15: a branch may be called anything that git allows; in a table it is one line without an escape (S31)."""
    out = shown(name)

    assert "\n" not in out
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out)


def test_colour_follows_the_usual_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org wins over FORCE_COLOR; without either a pipe gets none."""
    for no, force, wanted in (("1", "1", False), ("", "1", True), ("", "", False)):
        monkeypatch.setenv("NO_COLOR", no)
        monkeypatch.setenv("FORCE_COLOR", force)
        assert wants_colour() is wanted


def test_a_state_is_a_shape_and_a_word_not_only_a_colour() -> None:
    """One man in twelve can't tell red from green."""
    looks = {click.unstyle(signed("finished", result)) for result in ("success", "failure", "error", "timeout")}

    assert len(looks) == 4
    assert all(len(look.split()[0]) == 1 for look in looks)


def test_tables_stand_in_columns_whatever_the_colours(capsys: pytest.CaptureFixture[str]) -> None:
    """Escapes have no width."""
    print_table([("a", click.style("long", fg="red"), "x"), ("bb", "s", "y")])

    assert capsys.readouterr().out == "a   long  x\nbb  s     y\n"
    print_table([])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a\0b"])
def test_an_artifact_is_never_written_outside_of_its_folder(path: str) -> None:
    """Paths are named by builds, that is by anybody (zip slip)."""
    with pytest.raises(HubwrightError, match="it is not fetched"):
        place_of(Path("out"), path)


def test_artifacts_of_several_platforms_do_not_overwrite_each_other() -> None:
    """Each gets a folder; a platform's name is data as well."""
    assert place_of(Path("out"), "dist/a.tgz", "linux-x86_64") == Path("out/linux-x86_64/dist/a.tgz")
    assert place_of(Path("out"), "a", "x/y") == Path("out/x_y/a")
    with pytest.raises(HubwrightError):
        place_of(Path("out"), "a", "..")


def test_of_a_long_failure_the_lines_around_the_first_error_are_shown() -> None:
    """The last lines of a parallel build are seldom the ones that tell why."""
    lines = [f"line {number}" for number in range(200)]
    lines[100] = "src/ini.c:12:5: error: expected ';'"

    chosen = choose_lines(lines)

    assert len(chosen) == MAX_LINES
    assert lines[100] in chosen[:5]
    assert choose_lines(["x"] * 100) == ["x"] * MAX_LINES
    assert choose_lines(["only"]) == ["only"]
