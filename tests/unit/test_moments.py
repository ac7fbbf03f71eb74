"""Time in the database: what goes in comes out, and text order is time order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.store.moments import Moment, read_moment, write_moment

SECONDS = st.floats(min_value=0, max_value=4e9, allow_nan=False)


@given(one=SECONDS, other=SECONDS)
def test_times_come_back_and_keep_their_order(one: float, other: float) -> None:
    assert read_moment(write_moment(one)) == pytest.approx(one, abs=1e-6)
    assert len(write_moment(one)) == 27
    if one + 1e-6 < other:
        assert write_moment(one) < write_moment(other)


def test_it_is_said_as_people_write_it() -> None:
    assert write_moment(1_700_000_000.5) == "2023-11-14T22:13:20.500000Z"


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()])
def test_both_databases_take_and_give_seconds(dialect: object) -> None:
    kind = Moment()
    assert kind.process_bind_param(None, dialect) is None  # type: ignore[arg-type]
    assert kind.process_result_value(None, dialect) is None  # type: ignore[arg-type]
    stored = kind.process_bind_param(12.25, dialect)  # type: ignore[arg-type]
    assert kind.process_result_value(stored, dialect) == 12.25  # type: ignore[arg-type]
