"""The join of observations: whatever the order, a row ends the same, and it ends right."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.domain.replica import LIVE, Record, Version
from hubwright.domain.replica_merge import Row, merge, read_row, write_versions


def joined(records: list[Record], *, through_json: bool = False) -> Row:
    """The row of these records, in this order."""
    row = Row(records[0].kind)
    for record in records:
        merge(row, record)
        if through_json:
            row = read_row(row.kind, dict(row.values), row.deleted_at, write_versions(row))
    return row


def ends(row: Row) -> tuple[Any, ...]:
    return row.values, row.versions, row.steps, row.witnessed, row.raw_mark, row.deleted_at


def seen(at: float, rank: int = 1, **values: Any) -> Record:
    """A label as an issue's document or the API showed it at that time."""
    return Record(kind="label", key=(1,), version=Version(at, at, rank), values=values)


def edited(at: float, past: dict[str, Any], **values: Any) -> Record:
    """A label's own event, which came then."""
    return Record(kind="label", key=(1,), version=Version(at, 0, 1), values=values, past=past)


FIELDS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from([None, 0, 1, "x", [1]]), min_size=1)
VERSIONS = st.builds(Version, st.integers(0, 4).map(float), st.integers(0, 4).map(float), st.integers(0, 2))


@st.composite
def observations(draw: st.DrawFn, kind: str) -> Record:
    """Anything that a document may tell of a thing."""
    version = draw(VERSIONS)
    values = draw(FIELDS)
    if draw(st.booleans()) and kind != "issue":
        values = {**values, ("sha" if kind == "branch" else LIVE): draw(st.sampled_from(["x", None]))}
    past = draw(st.none() | FIELDS)
    raw = draw(st.none() | FIELDS)
    ending = draw(st.sampled_from(["", "", "", "missing", "gone"]))
    gone_at = version.seen if ending == "gone" else None
    return Record(kind=kind, key=(1,), version=version, values=values, past=past, raw=raw, deleted=bool(ending),
                  gone_at=gone_at)  # fmt: skip


@settings(max_examples=150)
@given(st.sampled_from(["issue", "branch", "star"]), st.data())
def test_any_order_and_duplication_ends_in_the_same_row(kind: str, data: st.DataObject) -> None:
    """A join: commutative, associative, idempotent; and what is kept between is enough."""
    records = data.draw(st.lists(observations(kind), min_size=1, max_size=8))
    again = data.draw(st.permutations([*records, *data.draw(st.lists(st.sampled_from(records), max_size=4))]))
    assert ends(joined(again)) == ends(joined(records))
    assert ends(joined(again, through_json=True)) == ends(joined(records))


@settings(max_examples=150)
@given(st.sampled_from(["issue", "branch", "star"]), st.data())
def test_joined_together_or_one_by_one_is_the_same(kind: str, data: st.DataObject) -> None:
    """What came in one batch is settled once: a branch that is pushed a lot has many steps to look through."""
    records = data.draw(st.lists(observations(kind), min_size=1, max_size=8))
    at = data.draw(st.integers(0, len(records)))
    row = joined(records[:at]) if at else Row(kind)
    merge(row, *records[at:])
    assert ends(row) == ends(joined(records))


@settings(max_examples=100)
@given(st.lists(observations("issue"), min_size=1, max_size=6))
def test_a_document_tells_the_same_whole_and_field_by_field(records: list[Record]) -> None:
    """All fields of one version are joined at once, which must be no more than quick."""
    parts = [replace(record, values={name: value}) for record in records for name, value in record.values.items()]
    assert ends(joined(records)) == ends(joined(parts))


def test_newer_wins_by_github_s_version_and_never_by_arrival() -> None:
    old, new = seen(1.0, name="bug", color="f00"), seen(2.0, name="defect")
    assert joined([new, old]).values == {"name": "defect", "color": "f00"}


def test_an_explicit_null_is_told_and_a_missing_key_tells_nothing() -> None:
    """System 4 left `closed_at` when an issue was opened again."""
    row = joined([seen(1.0, closed_at=7.0, title="t"), seen(2.0, closed_at=None)])
    assert row.values == {"closed_at": None, "title": "t"}


def test_edits_without_a_version_are_a_chain() -> None:
    """Two renamings that came in the wrong order: what another replaced is not the last."""
    first, second = edited(9.0, {"name": "a"}, name="b"), edited(8.0, {"name": "b"}, name="c")
    assert joined([second, first]).values == joined([first, second]).values == {"name": "c"}


def test_a_later_document_settles_what_the_steps_left_open() -> None:
    steps = [edited(8.0, {"name": "b"}, name="c"), edited(9.0, {"name": "c"}, name="b")]
    row = joined([*steps, seen(10.0, name="c")])
    assert (row.values, row.steps) == ({"name": "c"}, {})


def test_creation_tells_less_than_any_edit() -> None:
    created = Record(kind="label", key=(1,), version=Version(0, 0, 0), values={"name": "a"}, past={})
    assert joined([edited(1.0, {"name": "x"}, name="y"), created]).values == {"name": "y"}


def test_pushes_of_one_second_are_told_apart_by_what_they_replaced() -> None:
    """GitHub's `pushed_at` has whole seconds."""
    shas = [None, *(f"{number:040x}" for number in range(1, 40))]
    steps = [
        Record(kind="branch", key=(1, "main"), version=Version(5.0, 5.0, 1), values={"sha": to}, past={"sha": before})
        for before, to in itertools.pairwise(shas)
    ]
    random.Random(3).shuffle(steps)
    assert joined(steps).values == {"sha": shas[-1]}


def test_a_branch_that_was_deleted_and_pushed_again_in_a_second_is_there() -> None:
    moves = [("a", None), (None, "b")]
    steps = [
        Record(kind="branch", key=(1, "x"), version=Version(5.0, 5.0, 1), values={"sha": to}, past={"sha": before})
        for before, to in moves
    ]
    for order in (steps, steps[::-1]):
        row = joined(order)
        assert (row.values["sha"], row.deleted_at) == ("b", None)


def test_a_branch_that_was_made_and_deleted_in_a_second_is_gone() -> None:
    """Event `delete` does not say which commit the branch had."""

    def step(came: float, past: dict[str, Any], sha: str | None) -> Record:
        rank = 2 if sha is None else 1
        return Record(kind="branch", key=(1, "x"), version=Version(5.0, came, rank), values={"sha": sha}, past=past)

    made, gone, again = step(6, {"sha": None}, "a"), step(7, {}, None), step(8, {"sha": None}, "b")
    assert joined([gone, made]).deleted_at == joined([made, gone]).deleted_at == 7.0
    assert joined([gone, again, made]).values == joined([again, made, gone]).values == {"sha": "b"}


def test_late_news_fills_in_and_never_undoes_a_deletion() -> None:
    gone = Record(kind="issue", key=(1,), version=Version(3, 3, 2), values={"title": "t"}, deleted=True, gone_at=9.0)
    late = Record(kind="issue", key=(1,), version=Version(8, 8, 1), values={"title": "u", "body": "b"})
    for order in ([gone, late], [late, gone]):
        row = joined(order)
        assert (row.values, row.deleted_at) == ({"title": "u", "body": "b"}, 9.0)


def test_what_a_list_did_not_have_lives_again_when_github_tells_of_it_later() -> None:
    """Lists of several pages shift while they are read, and rights come and go."""
    there = Record(kind="issue", key=(1,), version=Version(1, 5, 1), values={"title": "t"})
    missing = Record(kind="issue", key=(1,), version=Version(6, 6, 2), deleted=True)
    again = Record(kind="issue", key=(1,), version=Version(1, 7, 3), values={"title": "t"})
    assert joined([there, missing]).deleted_at == 6.0
    assert joined([missing, again, there]).deleted_at is None


def test_an_unchanged_document_changes_nothing() -> None:
    """The second load of an unchanged repository: only its versions are newer."""
    row = joined([seen(1.0, name="bug")])
    row = read_row("label", dict(row.values), None, write_versions(row))
    merge(row, seen(2.0, 3, name="bug"))
    assert (row.changed, row.renewed) == (False, True)
    row = read_row("label", dict(row.values), None, write_versions(row))
    merge(row, seen(2.0, 3, name="bug"))
    assert (row.changed, row.renewed) == (False, False)
