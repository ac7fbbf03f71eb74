"""The page of a commit: every job, platform and stage of it in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.grids import find_worst
from hubwright.domain.refs import check_owner, check_repository
from hubwright.errors import NotFoundError
from hubwright.store.views import load_builds
from hubwright.store.views_values import BuildFilter, BuildView
from hubwright.web.askers import folders_of
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

_BUILDS = 60


@dataclass(frozen=True, slots=True)
class Matrix:
    """The newest build of each job, the others, and the names of all stages in their order."""

    newest: tuple[BuildView, ...]
    earlier: tuple[BuildView, ...]
    stages: tuple[str, ...]

    @property
    def state(self) -> tuple[str, str | None]:
        """State and result of the whole commit."""
        return find_worst((one.state, one.result) for one in self.newest)


def arrange(builds: Sequence[BuildView]) -> Matrix:
    """The builds of a commit, newest first, as a matrix; jobs are sorted by their paths."""
    newest: dict[str, BuildView] = {}
    for one in builds:
        newest.setdefault(one.job, one)
    shown = tuple(newest[path] for path in sorted(newest))
    earlier = tuple(one for one in builds if newest[one.job].id != one.id)
    stages = [[stage.name for stage in run.stages] for one in shown for run in one.runs]
    return Matrix(shown, earlier, merge_names(stages))


def merge_names(runs: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Every name once, each behind those that come before it in the run where it was met first."""
    names: list[str] = []
    for stages in runs:
        place = 0
        for name in stages:
            if name in names:
                place = names.index(name) + 1
            else:
                names.insert(place, name)
                place += 1
    return tuple(names)


class CommitPages:
    """`/commits/{owner}/{repo}/{sha}`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, request: Request) -> Response:
        """`GET /commits/{owner}/{repo}/{sha}?before=ID`."""
        owner, name = check_owner(request.path_params["owner"]), check_repository(request.path_params["repo"])
        sha: str = request.path_params["sha"]
        if not 7 <= len(sha) <= 64 or not set(sha.lower()) <= set("0123456789abcdef"):
            raise NotFoundError("A commit is named by 7 to 64 hexadecimal digits.")
        wanted = BuildFilter(repository=f"{owner}/{name}", sha=sha, folders=folders_of(request))
        before = read_number(request, "before")
        page = await self._frame.site.database.read(lambda connection: load_builds(connection, wanted, _BUILDS, before))
        if not page.items:
            raise NotFoundError(f"No build of {owner}/{name} at {sha} is known.")
        shown: dict[str, Any] = {"matrix": arrange(page.items), "first": page.items[0], "older": page.next}
        return self._frame.show(request, "commit.html", **shown, stream="/fragments/stream")
