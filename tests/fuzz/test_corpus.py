"""What the search has found is read again: no promise is broken, and the corpus reaches what it is there for."""

from __future__ import annotations

import pytest

from fuzz.choices import Choices, spoil
from fuzz.corpus import FOLDER, lines_reached, load_corpus, load_findings, minimise
from fuzz.figures import BEGIN, END, PAGE, load_figures, write_table
from fuzz.finding import BrokenPromiseError
from fuzz.log_targets import paint_log
from fuzz.targets import TARGETS, Target

ALL = pytest.mark.parametrize("name", TARGETS)


@ALL
def test_every_input_that_was_kept_is_understood_or_refused(name: str) -> None:
    """The corpus and the seeds: whatever is changed, none of them raises what was not promised."""
    inputs = [*TARGETS[name].seeds(), *load_corpus(name)]
    understood = [TARGETS[name].read(data) for data in inputs]
    assert any(understood), "a target that refuses everything looks at nothing"


@ALL
def test_no_finding_comes_back(name: str) -> None:
    """Each broke a promise once."""
    for data in load_findings(name).values():
        TARGETS[name].read(data)


def test_every_file_belongs_to_a_target() -> None:
    """A corpus that nobody reads is no corpus."""
    corpora = {path.stem for path in (FOLDER / "corpus").iterdir()}
    assert corpora == set(TARGETS)
    assert {path.name for path in (FOLDER / "findings").iterdir()} <= set(TARGETS)


def test_a_broken_promise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The targets would notice: a painter that does not escape is caught by one line of HTML."""
    monkeypatch.setattr("hubwright.domain.ansi.escape", lambda text: text)
    with pytest.raises(BrokenPromiseError):
        paint_log(b"<script>alert(1)</script>")


def test_a_corpus_is_made_small_by_what_it_reaches() -> None:
    """Of inputs that do the same the shortest stays; what raises is left out; lines are counted once."""

    def read(data: bytes) -> bool:
        if data == b"!":
            raise ValueError
        return paint_log(data)

    target = Target(read=read, about="", modules=("domain.ansi",), seeds=list)
    kept, steps = minimise(target, [b"plain text", b"text", b"!", b"\x1b[31mred"])
    assert kept == [b"text", b"\x1b[31mred"]
    reached, lines = lines_reached(target, steps)
    assert 0 < reached < lines


def test_spoiling_is_the_same_each_time() -> None:
    """An input means the same for ever, and to spoil a document leaves the document alone."""
    tree = {"a": [1, {"b": "text"}], "c": None}
    spoilt = [spoil(tree, Choices(bytes(range(40)))) for _ in range(2)]
    assert spoilt[0] == spoilt[1] != tree
    assert tree == {"a": [1, {"b": "text"}], "c": None}
    assert spoil(tree, Choices(b"")) == tree


def test_the_page_has_the_figures() -> None:
    """docs/security-testing.md says what was searched, in the words of the last search."""
    assert set(load_figures()) == set(TARGETS)
    assert PAGE.read_text().partition(BEGIN)[2].partition(END)[0] == write_table()
