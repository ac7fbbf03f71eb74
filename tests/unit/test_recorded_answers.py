"""Every recorded answer of GitHub's API, 2013 to 2024, through our readers."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import JSON, BigInteger, Boolean, Float, Integer

from hubwright.domain.replica import LIVE, Reading, Record
from hubwright.domain.replica_merge import Row, merge
from hubwright.github.record_fields import KINDS
from hubwright.store.moments import Moment
from hubwright.store.schema import metadata
from recorded import all_tapes
from recorded_items import items_of, read, recorded_items

OURS = {"id", "raw", "versions"}
"""Columns that are the key, or our own."""


def check(record: Record) -> None:
    """Its values fit their columns."""
    columns = metadata.tables[f"gh_{record.kind}"].c
    for column, value in record.values.items():
        assert column == LIVE or value is None or fits(columns[column].type, value), (record.kind, column, value)


def fits(kind: Any, value: Any) -> bool:
    """Whether PostgreSQL takes it."""
    if isinstance(kind, Moment | Float):
        return isinstance(value, float | int)
    if isinstance(kind, Integer):
        return type(value) is int and abs(value) < (2**63 if isinstance(kind, BigInteger) else 2**31)
    if isinstance(kind, Boolean):
        return isinstance(value, bool)
    return isinstance(kind, JSON) or (isinstance(value, str) and "\x00" not in value)


def own_record(kind: str, reading: Reading) -> Record:
    """The record that an item is; the organization, where it stands among people."""
    kinds = {kind, "organization"} if kind == "user" else {kind}
    return [record for record in reading.records if record.kind in kinds][-1]


def is_pull_request_among_issues(kind: str, item: dict[str, Any]) -> bool:
    return kind == "issue" and bool(item.get("pull_request"))


def test_every_recorded_item_is_read_whole() -> None:
    """10,000 items of 25 kinds: none is left out, no value of theirs either, and all fit their columns."""
    count, kinds = 0, set()
    for kind, one, item in recorded_items():
        reading = read(kind, one, item)
        assert set(reading.left_out) <= {"milestone: it has no id"}, one.url  # those of 2012 had none
        if not is_pull_request_among_issues(kind, item):
            assert own_record(kind, reading), one.url
        for record in reading.records:
            check(record)
        count += 1
        kinds.add(kind)
    assert count >= 9900
    assert len(kinds) == 25


def test_each_column_has_what_github_said_under_its_name() -> None:
    """Compared with the documents themselves, not with what the readers make of them: about 50,000 values."""
    compared = 0
    for kind, one, item in recorded_items():
        if is_pull_request_among_issues(kind, item):
            continue
        record = own_record(kind, read(kind, one, item))
        columns = metadata.tables[f"gh_{record.kind}"].c
        for name, value in item.items():
            if name not in record.values or isinstance(value, dict | list):
                continue
            is_time = isinstance(columns[name].type, Moment) and isinstance(value, str)
            wanted = datetime.fromisoformat(value).timestamp() if is_time else value
            assert record.values[name] == wanted, (kind, name, one.url)
            compared += 1
        if type(item.get("id")) is int and record.key == (item["id"],):
            missing = (set(item) & set(columns.keys())) - set(record.values) - OURS
            assert not missing, (kind, missing, one.url)
    assert compared >= 49_000


def test_nothing_that_was_recorded_troubles_any_reader() -> None:
    """Whatever was answered to whatever request, errors too, is given to the readers of every kind."""
    bodies = 0
    for one in all_tapes():
        items = items_of(one)
        bodies += bool(items)
        for item in items[:2]:
            for kind in KINDS:
                for record in read(kind, one, item).records:
                    check(record)
    assert bodies >= 2500


@pytest.mark.parametrize("seed", [1, 2])
def test_recorded_items_end_in_the_same_rows_in_any_order(seed: int) -> None:
    """The same repositories and people were recorded for eleven years; what GitHub said last stands."""
    records = [record for kind, one, item in recorded_items() for record in read(kind, one, item).records]
    shuffled = records + random.Random(seed).sample(records, len(records) // 4)
    random.Random(seed).shuffle(shuffled)

    def join(some: list[Record]) -> dict[Any, Any]:
        rows: dict[Any, Row] = {}
        for record in some:
            merge(rows.setdefault((record.kind, record.key), Row(record.kind)), record)
        return {key: (row.values, row.deleted_at, row.raw) for key, row in rows.items()}

    assert join(records) == join(shuffled)
