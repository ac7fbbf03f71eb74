"""The points of a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from itertools import product
from math import prod

from hubwright.domain.recipe_values import Matrix


def expand_matrix(matrix: Matrix) -> list[dict[str, str]]:
    """All points: every combination of the axes, the last axis fastest, then `include`, without doubles and exclusions.

    Without axes and `include` there is one empty point. Exclusions that name `platform` are left to `is_excluded`.
    """
    if not matrix.axes and not matrix.include:
        return [{}]
    points = [dict(zip(matrix.axes, values, strict=True)) for values in product(*matrix.axes.values())]
    points = (points if matrix.axes else []) + [dict(point) for point in matrix.include]
    distinct: dict[frozenset[tuple[str, str]], dict[str, str]] = {}
    for point in points:
        distinct.setdefault(frozenset(point.items()), point)
    return [point for point in distinct.values() if not is_excluded(matrix, point)]


def count_points(matrix: Matrix) -> int:
    """How many points there are before exclusions, found without making them."""
    combinations = prod(len(values) for values in matrix.axes.values()) if matrix.axes else 0
    return max(1, combinations + len(matrix.include))


def is_excluded(matrix: Matrix, point: Mapping[str, str]) -> bool:
    """Whether an exclusion matches the point in all its keys; values are globs, `platform` is one more key."""
    return any(
        all(key in point and fnmatchcase(point[key], value) for key, value in exclusion.items())
        for exclusion in matrix.exclude
    )
