"""What two versions of a definition say differently, place by place, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from hubwright.domain.job_inheritance import NAMED
from hubwright.domain.pointers import write_pointer
from hubwright.domain.wording import make_visible, word_count

MAX_LINES = 2_000
"""Lines of a difference that are shown; it says when there are more."""

_COMPARED = 400


@dataclass(frozen=True, slots=True)
class Difference:
    """A place that is not as it was: JSON pointer, value before and after; None: nothing was or is said there.

    Parameters have their name in the pointer, their order is the difference at `/parameters`.
    """

    pointer: str
    before: Any
    after: Any

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def compare_definitions(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The differences of two canonical documents, in the order of the newer one, what is gone last."""
    return tuple(
        Difference(write_pointer(path), old, new) for path, old, new in _compare(_open(before), _open(after), ())
    )


def write_differences(differences: Sequence[Difference]) -> str:
    """The differences for people: each place, then lines with `-` and `+`; nothing looks like what it is not."""
    if not differences:
        return "Both say the same.\n"
    lines: list[str] = []
    for one in differences:
        lines += [f"{one.pointer} {one.kind}", *_mark(_lines(one.before), _lines(one.after)), ""]
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"… and {word_count(len(lines) - MAX_LINES, 'line')} more."]
    return "\n".join(make_visible(line) for line in lines).rstrip("\n") + "\n"


def _open(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its parameters by name, and their order where there are several."""
    parameters = document.get(NAMED)
    if parameters is None:
        return dict(document)
    named = {one["name"]: {key: said for key, said in one.items() if key != "name"} for one in parameters}
    return {**document, NAMED: _Ordered(named)}


class _Ordered(dict[str, Any]):
    """A mapping whose order is part of what it says."""


def _compare(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Any]:
    for key in [*after, *(key for key in before if key not in after)]:
        old, new, inner = before.get(key), after.get(key), (*path, key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            if isinstance(new, _Ordered) and (order := _order(old, new)):
                yield inner, *order
            yield from _compare(old, new, inner)
        elif old != new or type(old) is not type(new):
            yield inner, _plain(old), _plain(new)


def _order(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[str], list[str]] | None:
    """The names before and after, when those that stayed do not stand as they did."""
    stayed = [[name for name in names if name in old and name in new] for names in (old, new)]
    return None if stayed[0] == stayed[1] else (list(old), list(new))


def _plain(value: Any) -> Any:
    return [{"name": name, **said} for name, said in value.items()] if isinstance(value, _Ordered) else value


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.split("\n")
    if isinstance(value, list):
        return [one if isinstance(one, str) else _json(one) for one in value]
    return [_json(value)]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _mark(before: list[str], after: list[str]) -> list[str]:
    if max(len(before), len(after)) > _COMPARED:
        return [*(f"- {line}" for line in before), *(f"+ {line}" for line in after)]
    marked = list(unified_diff(before, after, n=2, lineterm=""))[2:]
    return [f"{line[0]} {line[1:]}" for line in marked if not line.startswith("@@")]
