"""Build files of other systems, translated: the text of a recipe, and what a person has to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hubwright.domain.foreign_cirrus import read_cirrus
from hubwright.domain.foreign_files import Keys, Note, Outline, read_foreign
from hubwright.domain.foreign_travis import read_travis
from hubwright.domain.foreign_woodpecker import read_woodpecker
from hubwright.domain.foreign_workflow import read_workflow
from hubwright.domain.recipe import inspect_recipe
from hubwright.domain.recipe_writing import write_recipe
from hubwright.errors import RecipeError

KINDS = {"gha": "GitHub Actions", "travis": "Travis CI", "cirrus": "Cirrus CI", "woodpecker": "Woodpecker"}
"""What can be read, and what it is called."""

_READERS: dict[str, Callable[[Keys], Outline]] = {
    "travis": read_travis,
    "cirrus": read_cirrus,
    "woodpecker": read_woodpecker,
}


class Translation(NamedTuple):
    """`recipe` is the text of a `.hubwright.yml`; `notes` are ordered by the lines of the other file."""

    recipe: str
    notes: list[Note]


def translate(kind: str, source: str | bytes, file: str, job: str | None = None) -> Translation:
    """The file as a recipe; `job` chooses one of a workflow of GitHub Actions.

    Raises RecipeError, with lines, when the file can't be read or holds nothing to run.
    """
    given = read_foreign(source, file)
    outline = read_workflow(given, job) if kind == "gha" else _READERS[kind](given)
    if not outline.stages:
        notes = [(note.line, 1, note.text) for note in sorted(outline.notes)]
        raise RecipeError(file, [(1, 1, f"nothing to run was found: is this a file of {KINDS[kind]}?"), *notes])
    text = write_recipe(outline.recipe(), [f"Translated from {file} ({KINDS[kind]}).", "Look at: hubwright lint"])
    return Translation(text, sorted({*outline.notes, *_doubts(text)}))


def _doubts(text: str) -> list[Note]:
    """What is wrong with the recipe as it is: an odd value that was taken over."""
    try:
        inspect_recipe(text, "recipe")
    except RecipeError as error:
        lines = text.splitlines()
        return [Note(1, f"in the recipe `{lines[line - 1].strip()[:80]}`: {said}") for line, _, said in error.problems]
    return []
