"""The points of a matrix."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.recipe_matrix import count_points, expand_matrix, is_excluded
from hubwright.domain.recipe_values import Matrix

_names = st.sampled_from(["a", "b", "c"])
_values = st.sampled_from(["1", "2", "3"])
_points = st.dictionaries(_names, _values, min_size=1)
_matrices = st.builds(
    Matrix,
    axes=st.dictionaries(_names, st.lists(_values, min_size=1, unique=True).map(tuple)),
    include=st.lists(_points, max_size=3).map(tuple),
    exclude=st.lists(_points, max_size=3).map(tuple),
)


def test_no_matrix_is_one_empty_point() -> None:
    assert expand_matrix(Matrix()) == [{}]


def test_points_are_in_the_order_written_the_last_axis_fastest() -> None:
    matrix = Matrix(axes={"cc": ("gcc", "clang"), "opt": ("0", "2")})

    assert [" ".join(point.values()) for point in expand_matrix(matrix)] == ["gcc 0", "gcc 2", "clang 0", "clang 2"]


def test_include_adds_and_alone_replaces_the_empty_point() -> None:
    assert expand_matrix(Matrix(axes={"a": ("1",)}, include=({"b": "2"},))) == [{"a": "1"}, {"b": "2"}]
    assert expand_matrix(Matrix(include=({"b": "2"},))) == [{"b": "2"}]


def test_exclude_drops_what_matches_all_its_keys() -> None:
    matrix = Matrix(axes={"a": ("1", "2"), "b": ("1", "2")}, exclude=({"a": "1", "b": "2"}, {"a": "2", "b": "*"}))

    assert expand_matrix(matrix) == [{"a": "1", "b": "1"}]


def test_an_exclusion_with_a_platform_waits_for_the_platform() -> None:
    matrix = Matrix(axes={"a": ("1", "2")}, exclude=({"a": "1", "platform": "win*"},))

    assert expand_matrix(matrix) == [{"a": "1"}, {"a": "2"}]
    assert is_excluded(matrix, {"a": "1", "platform": "windows-2025"})
    assert not is_excluded(matrix, {"a": "1", "platform": "debian-13"})


@given(_matrices)
def test_points_are_distinct_not_excluded_and_no_more_than_counted(matrix: Matrix) -> None:
    points = expand_matrix(matrix)

    assert len({frozenset(point.items()) for point in points}) == len(points) <= count_points(matrix)
    assert not any(is_excluded(matrix, point) for point in points)


@given(_matrices)
def test_every_combination_is_a_point_or_excluded(matrix: Matrix) -> None:
    whole = expand_matrix(Matrix(axes=matrix.axes, include=matrix.include))

    assert [point for point in whole if not is_excluded(matrix, point)] == expand_matrix(matrix)
    assert all(
        set(values) == {p[axis] for p in whole if axis in p} or matrix.include for axis, values in matrix.axes.items()
    )
