"""What a fork's pull request changes about what is run, read from the mirror for those who approve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.jobs import Job, RecipeSide
from hubwright.domain.recipe_difference import Change, compare_recipes, deciding_files, write_changes
from hubwright.domain.recipe_values import Recipe
from hubwright.domain.wording import make_visible, word_count
from hubwright.errors import HubwrightError, NotFoundError, RecipeError
from hubwright.git.history import list_changed_files
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.recipes import find_recipe
from hubwright.store.approvals import load_sides
from hubwright.store.database import Database
from hubwright.store.jobs import load_job_by_id

MAX_FILES = 20_000
_NAMED = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What is run for `sha` against `base_sha`. `problem` says why something could not be compared,
    `recipe` whose recipe the build has.

    `touched` counts the files that the pull request changes, `deciding` are those that decide what is run.
    """

    sha: str
    base_sha: str | None
    base_ref: str | None
    changes: tuple[Change, ...] = ()
    touched: int = 0
    deciding: tuple[str, ...] = ()
    problem: str | None = None
    recipe: str = "head"

    @property
    def text(self) -> str:
        """All of it for people."""
        if self.problem is not None:
            return make_visible(f"Not compared: {self.problem}") + "\n"
        told = write_changes(self.changes) if self.recipe == "head" else "It has the recipe of its base.\n"
        text = told + f"\n{word_count(self.touched, 'file')} changed"
        if not self.deciding:
            return f"{text}, none of which is known to decide what is run.\n"
        more = f"\n  and {len(self.deciding) - _NAMED} more" if len(self.deciding) > _NAMED else ""
        shown = (make_visible(path).replace("\n", "⏎") for path in self.deciding[:_NAMED])
        names = "".join(f"\n  {path}" for path in shown)
        return f"{text}; these decide what is run:{names}{more}\n"


class Differences:
    """Compares builds with their bases. Its method blocks (it runs git, and may fetch): call it in a thread."""

    def __init__(
        self,
        database: Database,
        mirrors: Mirrors,
        origin_of: Callable[[Job], Origin],
        untrusted_recipe: RecipeSide = RecipeSide.HEAD,
    ) -> None:
        self._database = database
        self._mirrors = mirrors
        self._origin_of = origin_of
        self._side = untrusted_recipe

    def compare(self, build_id: int) -> Difference:
        """The difference of a build. Raises NotFoundError."""
        with self._database.reading() as connection:
            row = load_sides(connection, build_id)
            job = load_job_by_id(connection, row.job_id) if row is not None else None
        if row is None or job is None:
            raise NotFoundError(f"There is no build {build_id}.")
        place = {"sha": row.sha, "base_sha": row.base_sha, "base_ref": row.base_ref}
        if row.base_sha is None or row.base_ref is None:
            return Difference(**place, problem="GitHub has told of no pull request for it, so no base is known.")
        origin = self._origin_of(job)
        own = job.settings.recipe is None and (job.settings.untrusted_recipe or self._side) is RecipeSide.BASE
        try:
            self._mirrors.fetch(origin, row.base_sha, f"refs/heads/{row.base_ref}")
            self._mirrors.fetch(origin, row.sha, row.ref)
            changes = () if own else self._compare(origin, job, row.base_sha, row.sha)
            files = list_changed_files(self._mirrors, origin, row.base_sha, row.sha)
        except HubwrightError as error:
            return Difference(**place, problem=str(error))
        deciding = deciding_files(files[:MAX_FILES], job.settings.recipe_path)
        if own:  # what the head says there is not read
            deciding = tuple(path for path in deciding if path != job.settings.recipe_path)
        recipe = "base" if own else "head"
        return Difference(**place, changes=changes, touched=len(files), deciding=deciding, recipe=recipe)

    def _compare(self, origin: Origin, job: DefinedJob, base_sha: str, sha: str) -> tuple[Change, ...]:
        return compare_recipes(self._base_recipe(origin, job, base_sha), self._recipe(origin, job, sha))

    def _base_recipe(self, origin: Origin, job: DefinedJob, sha: str) -> Recipe:
        """A base without a recipe runs nothing: all that the head runs is new."""
        try:
            return self._recipe(origin, job, sha)
        except RecipeError:
            return Recipe(stages=())

    def _recipe(self, origin: Origin, job: DefinedJob, sha: str) -> Recipe:
        return find_recipe(self._mirrors, origin, job.settings, sha)[0]
