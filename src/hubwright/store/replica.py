"""The copy of GitHub: records become rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Connection

from hubwright.domain.replica import LIVE, Record
from hubwright.domain.replica_merge import Row, find_version, merge
from hubwright.store.orphans import PLACE, bury_orphans, list_kinds, load_gone
from hubwright.store.replica_rows import Key, insert_rows, load_known, renew_rows, shape_of, touch_rows

Way = Literal["webhook", "api"]

MINUTE = 60.0

SHARED = frozenset({"organization", "repository", "user"})
"""Kinds of rows that nearly all news touch: they are locked last, for the shortest time."""

_Records = dict[Key, list[Record]]


def keep_records(connection: Connection, records: Iterable[Record], *, via: Way, now: float) -> int:
    """Merge records into their rows; how many rows now tell something else than before.

    Rows that a record says nothing new of are not written, but for the time of their replication: of what an API answer
    is about always, of all else once a minute.
    """
    kinds: defaultdict[str, _Records] = defaultdict(dict)
    for record in records:
        kinds[record.kind].setdefault(record.key, []).append(record)
    told, changed = dict(kinds), 0
    deleted: dict[int, float] = {}
    gone: dict[int, float] = {}
    if issues := kinds.pop("issue", None):
        rows = _keep_kind(connection, "issue", issues, via, now)
        changed += _count(rows)
        for record in _read_labels(issues, rows):
            kinds["issue_label"].setdefault(record.key, []).append(record)
    for kind in sorted({*kinds, "repository"}, key=_order):
        rows = _keep_kind(connection, kind, kinds[kind], via, now) if kind in kinds else {}
        changed += _count(rows)
        if kind == "repository":
            deleted = _find_gone(rows, changed=True)
            gone = _find_gone(rows, changed=False)
            places = _find_places(told) - deleted.keys() if gone or via == "api" else set()
            if via == "api":  # a webhook brings its repository
                gone |= load_gone(connection, places)
            gone = {number: gone[number] for number in places & gone.keys()}  # a fork's origin is only mentioned
    changed += bury_orphans(connection, deleted, list_kinds())
    return changed + bury_orphans(connection, gone, list_kinds() & {*told, *kinds})


def _find_gone(rows: Mapping[Key, Row], *, changed: bool) -> dict[int, float]:
    """The repositories among the rows that GitHub has deleted, and when."""
    return {int(key[0]): row.gone_at for key, row in rows.items() if row.gone_at is not None and row.changed is changed}


def _find_places(told: Mapping[str, _Records]) -> set[int]:
    """The repositories that records are of."""
    found: set[Any] = set()
    for kind in list_kinds() & told.keys():
        names = shape_of(kind).key
        if PLACE in names:
            found |= {key[names.index(PLACE)] for key in told[kind]}
        else:
            found |= {record.values.get(PLACE) for records in told[kind].values() for record in records}
    return found - {None}


def _order(kind: str) -> tuple[bool, str]:
    """One order for all, so that no two processes wait for each other."""
    return kind in SHARED, kind


def _count(rows: Mapping[Key, Row]) -> int:
    return sum(row.changed for row in rows.values())


def _keep_kind(connection: Connection, kind: str, told: _Records, via: Way, now: float) -> dict[Key, Row]:
    """The rows of one kind, merged and written."""
    way = f"last_replicated_via_{via}_at"
    known = load_known(connection, kind, list(told))
    rows = {key: known[key].row if key in known else Row(kind, changed=True) for key in told}
    for key, row in rows.items():
        merge(row, *told[key])
    new = sorted((key, rows[key]) for key in rows if key not in known) if len(known) < len(rows) else []
    if new and insert_rows(connection, kind, new, way, now) < len(new):
        return _keep_kind(connection, kind, told, via, now)  # another process added some: merge with those
    changed = [(key, rows[key]) for key in known if rows[key].changed]
    renew_rows(connection, kind, changed, way, now)
    same = [
        (key, row)
        for key, row in rows.items()
        if not row.changed and (row.renewed or _is_due(known[key].told_at[way], told[key], via, now))
    ]
    touch_rows(connection, kind, same, way, now)
    return rows


def _is_due(last: float | None, records: Sequence[Record], via: Way, now: float) -> bool:
    if last is None or last < now - MINUTE:
        return True
    return via == "api" and last < now and any(record.raw is not None for record in records)


def _read_labels(told: _Records, rows: Mapping[Key, Row]) -> Iterable[Record]:
    """Which labels each issue has and had, by the list that won; a label of an older list only is gone.

    How a label is called there is told by each list itself.
    """
    for key, row in rows.items():
        lists = [record for record in told[key] if "labels" in record.values]
        if not lists:
            continue
        version, of = find_version(row, "labels"), _repository_of(row)
        now = {label["id"] for label in row.values["labels"] or ()}
        mentioned = now | {label["id"] for label in row.before.get("labels") or ()}
        told_of = set()
        for record in lists:
            for label in record.values["labels"] or ():
                number, values = label["id"], {"label_name": label["name"]}
                if record.version == version:
                    values |= {LIVE: number in now, **of}
                    told_of.add(number)
                mentioned.add(number)
                yield Record(kind="issue_label", key=(*key, number), version=record.version, values=values)
        for number in sorted(mentioned - told_of):
            yield Record(kind="issue_label", key=(*key, number), version=version, values={LIVE: number in now, **of})


def _repository_of(row: Row) -> dict[str, Any]:
    return {"repository_id": row.values["repository_id"]} if "repository_id" in row.values else {}
