"""A row of the copy is the join of all that was told of it: in whatever order, however often, it ends the same.

Most fields are registers: the value with the greatest version stays. Some documents bear no version (a label, a branch
that was pushed twice within a second). Their events are steps, from a value to the next; a value that another step
replaced loses against the one that replaced it, whatever came first. Steps are kept while they can still matter, and
a document that GitHub wrote after them settles the matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from hubwright.domain.replica import DERIVED, LIFE, LIVE, RETURNING, Record, Version

ORPHANED = "orphaned"
"""Under this name `versions` tells since when the repository is gone that the thing belonged to."""

STEPS = 64
"""Steps of a field that are kept, at most; the newest ones."""

DAY = 86_400.0
_LAGS = {"branch": 60.0}
_LAG = 3 * DAY
"""Seconds by which the times of two steps may lie in the wrong order: GitHub delivers again for three days. Pushes
have GitHub's own time, to which later pushes of the same minute may have been added.

https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks
"""

_NOTHING = object()


class Step(NamedTuple):
    """A value replaced another; `before` is empty where the event does not tell which."""

    version: Version
    before: tuple[Any, ...]
    after: Any


@dataclass(slots=True)
class Row:
    """A row as it is known. `changed`: it now tells something else; `renewed`: only its versions are newer.

    `before` is what it showed when it was loaded. `witnessed` are the registers of the fields that have steps, `values`
    what the row shows. GitHub said it was deleted at `gone_at`; at `missing_at` a list did not have it; `orphaned` is
    when its repository was deleted, RFC 3339.
    """

    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    steps: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    witnessed: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] | None = None
    raw_version: Version | None = None
    raw_mark: str = ""
    deleted_at: float | None = None
    gone_at: float | None = None
    missing_at: float | None = None
    orphaned: str | None = None
    changed: bool = False
    renewed: bool = False


def merge(row: Row, *records: Record) -> None:
    """Join what records tell into the row. Many at once cost less than one after the other, and end the same."""
    gone = row.deleted_at
    unsettled: set[str] = set()  # fields with new steps: what they lead to is found once
    for record in records:
        if record.past is None:
            _witness(row, record.version, record.values, unsettled)
        else:
            _step(row, record.version, record.values, record.past, unsettled)
        if record.raw is not None:
            _keep_raw(row, record)
        _end(row, record, unsettled)
    for name in sorted(unsettled):
        _settle(row, name)
    row.deleted_at = _find_end(row)
    if row.deleted_at != gone:
        row.changed = True


def _witness(row: Row, version: Version, values: Mapping[str, Any], unsettled: set[str]) -> None:
    if not row.steps and _witness_whole(row, version, values):
        return
    versions, shown = row.versions, row.values
    for name, value in values.items():
        known = versions.get(name)
        if known is not None and version < known:
            continue
        held = row.witnessed[name] if name in row.witnessed else shown.get(name, _NOTHING)
        if version == known and (held == value or not _outdoes(row.kind, name, value, held)):
            continue
        if version != known:
            versions[name] = version
            row.renewed = True
        if name in row.steps:
            row.witnessed[name] = value
            unsettled.add(name)
        elif held is _NOTHING or held != value:
            shown[name] = value
            row.changed = True


def _witness_whole(row: Row, version: Version, values: Mapping[str, Any]) -> bool:
    """The same for all fields at once, where they have one version: most documents of a kind have the same fields."""
    known = list(map(row.versions.get, values))
    last = known[0] if known else version
    if known.count(last) < len(known) or (last is None and not row.values.keys().isdisjoint(values)):
        return False
    if last is not None and version < last:
        return True
    same = last is not None and list(map(row.values.get, values)) == list(values.values())
    if version == last:
        return same
    if not same:
        row.values.update(values)
        row.changed = True
    row.versions.update(dict.fromkeys(values, version))
    row.renewed = True
    return True


def _outdoes(kind: str, name: str, value: Any, held: Any) -> bool:
    """Which of two values of one version stays: always the same one, whatever came first."""
    return (name == LIVE and kind in DERIVED) or canonical(value) > canonical(held)


def _step(row: Row, version: Version, values: Mapping[str, Any], past: Mapping[str, Any], unsettled: set[str]) -> None:
    for name, value in values.items():
        replaced = name in past and past[name] != value
        step = Step(version, (past[name],) if replaced else (), value)
        if name not in row.steps and name not in row.versions and name not in row.values:  # the first that is told
            row.steps[name], row.values[name] = (step,), value
            row.changed = row.renewed = True
            continue
        if name not in row.steps and name in row.versions:
            row.witnessed[name] = row.values[name]
        row.steps[name] = (*row.steps.get(name, ()), step)
        unsettled.add(name)


def _settle(row: Row, name: str) -> None:
    """Leave out the steps that can't matter any more, and show what the others lead to."""
    before = row.steps[name]
    known = row.versions.get(name)
    lag = _LAGS.get(row.kind, _LAG)
    oldest = max(step.version.at for step in before) - 2 * lag
    if known is not None:
        oldest = max(oldest, known.at)
    after = sorted({_mark(step): step for step in before if step.version.at >= oldest}.items())[-STEPS:]
    steps = tuple(step for _, step in after)
    row.steps[name] = steps
    row.renewed = True
    value = _last(row, name, lag)[2]
    if not steps:
        del row.steps[name]
        row.witnessed.pop(name, None)
    if row.values.get(name, _NOTHING) != value:
        row.values[name] = value
        row.changed = True


def _last(row: Row, name: str, lag: float) -> tuple[bool, Version, Any]:
    """Whether nothing replaced it, its version, and the value that the field has in the end."""
    steps = row.steps.get(name, ())
    replaced: dict[str, list[Version]] = {}
    for step in steps:
        if step.before:
            replaced.setdefault(canonical(step.before[0]), []).append(step.version)
    judged = []
    for step in steps:
        mark = canonical(step.after)
        stands = not any(_is_after(row.kind, by, step, lag) for by in replaced.get(mark, ()))
        judged.append((stands, _age(row.kind, step.version), step.version, mark, step.after))
    told = [max(judged, key=lambda one: one[:4])] if judged else []
    last = [(stands, version, mark, value) for stands, _, version, mark, value in told]
    if name in row.versions:
        version, value = row.versions[name], row.witnessed[name] if name in row.witnessed else row.values[name]
        mark, oldest = canonical(value), Version(version.at - lag)
        last.append((not any(by >= oldest for by in replaced.get(mark, ())), version, mark, value))
    stands, version, _, value = max(last, key=lambda one: one[:3])
    return stands, version, value


def _is_after(kind: str, version: Version, step: Step, lag: float) -> bool:
    """Whether what has this version may have come after the step: GitHub's times tell, else it was not long before.

    Of a branch that was deleted, without a word of which commit it had, only what is newer tells more.
    """
    if kind in _LAGS:
        return version >= (Version(step.version.at - lag) if step.before else step.version)
    if version.seen != step.version.seen:
        return version.seen > step.version.seen
    return version >= Version(step.version.at - lag)


def _age(kind: str, version: Version) -> float:
    """By what the steps of a thing follow each other before they do by their versions: GitHub's own times."""
    return 0.0 if kind in _LAGS else version.seen


def find_version(row: Row, name: str) -> Version:
    """How new the value is that the row shows."""
    return _last(row, name, _LAGS.get(row.kind, _LAG))[1] if name in row.steps else row.versions[name]


def _mark(step: Step) -> tuple[Version, str]:
    return step.version, canonical([step.before, step.after])


def _keep_raw(row: Row, record: Record) -> None:
    known = row.raw_version
    if known is not None and record.version < known:
        return
    mark = blake2b(canonical(record.raw).encode(), digest_size=8).hexdigest()
    if known == record.version and mark <= row.raw_mark:
        return
    if mark != row.raw_mark:
        row.raw = record.raw
        row.changed = True
    row.raw_version, row.raw_mark, row.renewed = record.version, mark, True


def _end(row: Row, record: Record, unsettled: set[str]) -> None:
    """Note that the thing is gone, where the record says so."""
    if record.gone_at is not None:
        row.gone_at = record.gone_at if row.gone_at is None else min(row.gone_at, record.gone_at)
        row.renewed = True
    elif record.deleted and row.kind in RETURNING:
        life = LIFE.get(row.kind, LIVE)
        _witness(row, record.version, {life: False if life == LIVE else None}, unsettled)
    elif record.deleted:
        row.missing_at = max(row.missing_at or 0.0, record.version.seen)
        row.renewed = True


def _find_end(row: Row) -> float | None:
    """Since when it is gone, Unix seconds; None while it is there."""
    if row.gone_at is not None:
        return row.gone_at
    if row.missing_at is not None and all(version.seen <= row.missing_at for version in row.versions.values()):
        return row.missing_at
    life = LIFE.get(row.kind, LIVE)
    if life in row.values and row.values[life] in (None, False):
        version = find_version(row, life)
        return max(version.at, version.seen)
    return None if row.orphaned is None else datetime.fromisoformat(row.orphaned).timestamp()


def canonical(value: Any) -> str:
    """The same text for the same JSON."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # a number beyond 64 bits
        return json.dumps(value, sort_keys=True)


def write_versions(row: Row) -> dict[str, Any]:
    """What merging needs of the row beside its columns, as JSON."""
    document: dict[str, Any] = {"fields": _write_fields(row.versions)}
    if row.steps:
        document["steps"] = {name: _write_steps(steps) for name, steps in row.steps.items()}
        document["witnessed"] = {name: row.witnessed[name] for name in row.steps if name in row.witnessed}
    if LIVE in row.values:
        document[LIVE] = row.values[LIVE]
    if row.raw_version is not None:
        document["raw"] = [*row.raw_version, row.raw_mark]
    ends = {"gone": row.gone_at, "missing": row.missing_at, ORPHANED: row.orphaned}
    return document | {name: at for name, at in ends.items() if at is not None}


def _write_fields(versions: Mapping[str, Version]) -> list[list[Any]]:
    """The fields of each version, mostly of one."""
    known = list(versions.values())
    if known and known.count(known[0]) == len(known):
        return [[*known[0], _join(tuple(versions))]]
    groups: dict[Version, list[str]] = {}
    for name, version in versions.items():
        groups.setdefault(version, []).append(name)
    return [[*version, _join(tuple(groups[version]))] for version in sorted(groups)]


@lru_cache(maxsize=1024)
def _join(names: tuple[str, ...]) -> str:
    return " ".join(sorted(names))


def read_row(kind: str, values: Mapping[str, Any], deleted_at: float | None, document: Mapping[str, Any] | None) -> Row:
    """The row of these columns. Without `document` (somebody else wrote the row) all news are newer."""
    if not document:
        return Row(kind, {name: value for name, value in values.items() if value is not None}, deleted_at=deleted_at)
    row = Row(kind, deleted_at=deleted_at, gone_at=document.get("gone"), missing_at=document.get("missing"))
    row.orphaned = document.get(ORPHANED)
    for at, seen, rank, names in document.get("fields", ()):
        version = Version(at, seen, rank)
        for name in names.split(" "):
            row.versions[name] = version
    for name, steps in document.get("steps", {}).items():
        row.steps[name] = tuple(_read_steps(steps))
    row.witnessed = dict(document.get("witnessed", {}))
    row.values = {name: values.get(name) for name in (*row.versions, *row.steps)}
    if LIVE in document:
        row.values[LIVE] = document[LIVE]
    if "raw" in document:
        *version, row.raw_mark = document["raw"]
        row.raw_version = Version(*version)
    row.before = row.values.copy()
    return row


def _write_steps(steps: Iterable[Step]) -> list[list[Any]]:
    return [[*step.version, list(step.before), step.after] for step in steps]


def _read_steps(steps: Iterable[list[Any]]) -> Iterable[Step]:
    return (Step(Version(at, seen, rank), tuple(before), after) for at, seen, rank, before, after in steps)
