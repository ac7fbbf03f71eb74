"""Every fact is one sentence, whatever it lacks."""

from __future__ import annotations

import pytest

from hubwright.domain.facts import Fact, FactKind, sentence


@pytest.mark.parametrize("kind", list(FactKind))
def test_every_kind_has_a_sentence_even_when_it_knows_nothing(kind: FactKind) -> None:
    text = sentence(Fact(kind=kind, at=0.0))
    assert text.endswith(".")
    assert "{" not in text
    assert text[0].isupper() or text[0] == "?"


def test_what_is_known_is_said() -> None:
    data: dict[str, object] = {"job": "team/app", "number": 7, "result": "success"}
    assert sentence(Fact(kind=FactKind.BUILD_FINISHED, at=0.0, data=data)) == "team/app #7 finished: success."


def test_words_from_outside_are_data() -> None:
    """A branch may be called anything; it is no template."""
    data: dict[str, object] = {"job": "{number}", "number": "{0.__class__}", "sha7": "{", "ref": "}{%s"}
    said = sentence(Fact(kind=FactKind.BUILD_QUEUED, at=0.0, data=data))
    assert said == "{number} #{0.__class__} queued for { on }{%s."
