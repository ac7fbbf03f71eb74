"""What a recipe may ask of builders by labels."""

from __future__ import annotations

import pytest

from hubwright.domain.recipe import read_recipe
from hubwright.errors import RecipeError

STAGES = "stages:\n- test: make\n"


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("labels: big gpu\n", (1, 9), "letters, digits"),
        ("labels: 'gpu,big'\n", (1, 9), "letters, digits"),
        ("labels:\n- gpu\n- ' big'\n", (3, 3), "letters, digits"),
        ("labels: [gpu, $MATRIX_BOARD]\n", (1, 15), "'board', which is no axis of the matrix"),
        ("labels: $HOME\n", (1, 9), "$MATRIX_AXIS"),
        ("matrix: {board: [pi, 'a board']}\nlabels: on-$MATRIX_BOARD\n", (2, 9), "`a board` of the axis 'board'"),
        ("matrix: {a: [x], include: [{b: '1,2'}]}\nlabels: $MATRIX_B\n", (2, 9), "`1,2` of the axis 'b'"),
    ],
)
def test_a_label_that_no_builder_can_have_is_refused_with_its_place(
    text: str, where: tuple[int, int], words: str
) -> None:
    """Labels are joined by commas in a column and name a queue: one with a blank or comma would wait for ever."""
    with pytest.raises(RecipeError) as caught:
        read_recipe(text + STAGES)

    ((line, column, message),) = caught.value.problems
    assert (line, column) == where
    assert words in message
