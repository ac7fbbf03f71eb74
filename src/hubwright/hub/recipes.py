"""The recipe of a commit: from the job, from the repository, or detected."""

from __future__ import annotations

from hubwright.domain.detection import detect_recipe
from hubwright.domain.job_settings import EffectiveSettings
from hubwright.domain.recipe import read_recipe
from hubwright.domain.recipe_values import Recipe
from hubwright.errors import RecipeError
from hubwright.git.mirrors import Mirrors, Origin

NOTHING_FOUND = (
    "There is no {path} and no project was recognised. "
    "Add a file {path} with the line `stages: [{{test: make check}}]`, or give the job a recipe."
)
NOTHING_DETECTED = "No project was recognised, and the job says `recipe: detect`. Give it a path or a recipe."


def find_recipe(mirrors: Mirrors, origin: Origin, settings: EffectiveSettings, sha: str) -> tuple[Recipe, str | None]:
    """The recipe and its text (None when detected). The commit must be in the mirror unless the job has its own recipe.

    Raises RecipeError, SourceError.
    """
    if settings.recipe is not None:
        return read_recipe(settings.recipe, "recipe of the job"), settings.recipe
    content = mirrors.read_file(origin, sha, settings.recipe_path) if not settings.detect else None
    if content is not None:
        return read_recipe(content, settings.recipe_path), content.decode("utf-8", "replace")
    files = mirrors.list_files(origin, sha)
    found = detect_recipe(files, lambda path: mirrors.read_file(origin, sha, path))
    if found is None and settings.detect:
        raise RecipeError("recipe of the job", [(1, 1, NOTHING_DETECTED)])
    if found is None:
        raise RecipeError(settings.recipe_path, [(1, 1, NOTHING_FOUND.format(path=settings.recipe_path))])
    return found, None
