"""The copy of GitHub: records become rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Connection

from hubwright.domain.replica import LIVE, Record, Version
from hubwright.domain.replica_merge import Row, merge
from hubwright.store.replica_rows import Key, insert_rows, load_known, renew_rows, touch_rows

Way = Literal["webhook", "api"]

MINUTE = 60.0

_Records = dict[Key, list[Record]]


def keep_records(connection: Connection, records: Iterable[Record], *, via: Way, now: float) -> int:
    """Merge records into their rows; how many rows now tell something else than before.

    Rows that a record says nothing new of are not written, but for the time of their replication: of what an API answer
    is about always, of all else once a minute.
    """
    kinds: defaultdict[str, _Records] = defaultdict(dict)
    for record in records:
        kinds[record.kind].setdefault(record.key, []).append(record)
    changed = 0
    if issues := kinds.pop("issue", None):
        rows = _keep_kind(connection, "issue", issues, via, now)
        changed += _count(rows)
        for record in _read_labels(issues, rows):
            kinds["issue_label"].setdefault(record.key, []).append(record)
    for kind in sorted(kinds):  # one order for all, so that no two wait for each other
        changed += _count(_keep_kind(connection, kind, kinds[kind], via, now))
    return changed


def _count(rows: Mapping[Key, Row]) -> int:
    return sum(row.changed for row in rows.values())


def _keep_kind(connection: Connection, kind: str, told: _Records, via: Way, now: float) -> dict[Key, Row]:
    """The rows of one kind, merged and written."""
    way = f"last_replicated_via_{via}_at"
    known = load_known(connection, kind, list(told))
    rows = {key: known[key][0] if key in known else Row(kind, changed=True) for key in told}
    for key, row in rows.items():
        for record in told[key]:
            merge(row, record)
    new = sorted((key, rows[key]) for key in rows if key not in known) if len(known) < len(rows) else []
    if new and insert_rows(connection, kind, new, way, now) < len(new):
        return _keep_kind(connection, kind, told, via, now)  # another process added some: merge with those
    changed = [(key, rows[key]) for key in known if rows[key].changed]
    renew_rows(connection, kind, changed, way, now)
    same = [
        (key, rows[key])
        for key, (row, kept) in known.items()
        if not row.changed and (row.renewed or _is_due(kept[way], told[key], via, now))
    ]
    touch_rows(connection, kind, same, way, now)
    return rows


def _is_due(last: float | None, records: Sequence[Record], via: Way, now: float) -> bool:
    if last is None or last < now - MINUTE:
        return True
    return via == "api" and last < now and any(record.raw is not None for record in records)


def _read_labels(told: _Records, rows: Mapping[Key, Row]) -> Iterable[Record]:
    """Which labels each issue has and had, by the list that won; a label of an older list only is gone."""
    for key, row in rows.items():
        lists = [record.values.get("labels") for record in told[key]]
        if all(each is None for each in lists):
            continue
        version = row.versions.get("labels", Version(0.0))
        now = {label["id"]: label for label in row.values.get("labels") or ()}
        lists.append(row.before.get("labels"))
        mentioned = {label["id"]: label for each in lists for label in each or ()}
        for number, label in {**mentioned, **now}.items():
            yield Record(
                kind="issue_label",
                key=(*key, number),
                version=version,
                values={"label_name": label["name"], LIVE: number in now, **_repository_of(row)},
            )


def _repository_of(row: Row) -> dict[str, Any]:
    return {"repository_id": row.values["repository_id"]} if "repository_id" in row.values else {}
