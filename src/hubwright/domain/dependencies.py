"""Jobs that are built after others: whose end is one, and circles, which would go on for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hubwright.domain.results import Result

_MEANT = {
    "success": frozenset({Result.SUCCESS}),
    "failure": frozenset({Result.FAILURE, Result.ERROR, Result.TIMEOUT}),
    "always": frozenset({Result.SUCCESS, Result.FAILURE, Result.ERROR, Result.TIMEOUT}),
}


def is_meant(condition: str, result: str | None) -> bool:
    """Whether a build that ended so is what `after` waits for (success, failure or always).

    One that was cancelled or had nothing to do has found out nothing, so nothing comes after it.
    """
    return result in {one.value for one in _MEANT.get(condition, ())}


def find_circle(after: Mapping[str, Sequence[str]], starts: Iterable[str]) -> list[str] | None:
    """A way from a job back to itself over the jobs that each comes after, first and last the same; None if none is.

    `after` has for the path of a job the paths of those that it comes after. Only ways from `starts` are looked at.
    """
    done: set[str] = set()
    for start in starts:
        way: list[str] = []
        open_ends = [iter([start])]
        while open_ends:
            path = next(open_ends[-1], None)
            if path is None:
                open_ends.pop()
                if way:
                    done.add(way.pop())
            elif path in way:
                return [*way[way.index(path) :], path]
            elif path not in done:
                way.append(path)
                open_ends.append(iter(after.get(path, ())))
    return None
