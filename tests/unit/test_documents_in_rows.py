"""JSON columns of SQLite: read as Python's own reader reads them, only sooner."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.store.engines import read_document, write_document

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_documents_are_read_as_python_reads_them(value: Any) -> None:
    for text in (json.dumps(value), write_document(value)):
        assert _typed(read_document(text)) == _typed(json.loads(text))


@pytest.mark.parametrize("text", ['"\\ud800"', "1e400", "NaN", "[Infinity]", "123456789012345678901234567890"])
def test_odd_documents_are_read_as_python_reads_them(text: str) -> None:
    assert repr(read_document(text)) == repr(json.loads(text))


def test_a_damaged_document_is_empty() -> None:
    """It harms only its own row (R12)."""
    assert read_document('{"a": ') == {}


def _typed(value: Any) -> str:
    """Also 1 and 1.0 are told apart."""
    return repr(value)
