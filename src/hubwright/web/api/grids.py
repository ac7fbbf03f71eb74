"""`/api/v1/repositories/…`: commits by platforms, branches, pull requests; and `/api/v1/blame`: who broke what."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.errors import NotFoundError
from hubwright.store.grid_values import (
    BlameBuild,
    BranchRow,
    Breakage,
    Cell,
    CommitRow,
    GridBuild,
    PullRow,
    PullView,
    platforms_of,
)
from hubwright.store.views_blame import BlameFilter, load_breakages
from hubwright.store.views_branches import find_grid, load_branches, load_pull, load_pulls, rows_of
from hubwright.store.views_grid import load_grid
from hubwright.store.views_values import Page
from hubwright.web.api.answers import Cursor, Limit, Number, answer_page, moment
from hubwright.web.askers import folders_of
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class GridQuery(BaseModel):
    """Which commits are wanted. A filter that is not known is refused: it would silently show everything."""

    model_config = ConfigDict(extra="forbid")

    branch: Annotated[str | None, Query(max_length=1024, description="Only those built for this branch.")] = None
    failed: Annotated[bool, Query(description="Only those of which a build ended badly.")] = False
    limit: Limit = 50
    cursor: Cursor = None


class Grids:
    """The routes. A page may be shorter than its `limit` and have a next one."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._public = site.public_url

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(tags=["repositories"])
        place = "/repositories/{owner}/{repo}"
        router.add_api_route(f"{place}/grid", self.list_commits, methods=["GET"])
        router.add_api_route(f"{place}/branches", self.list_branches, methods=["GET"])
        router.add_api_route(f"{place}/pulls", self.list_pulls, methods=["GET"])
        router.add_api_route(f"{place}/pulls/{{number}}", self.list_pushes, methods=["GET"])
        router.add_api_route("/blame", self.list_breakages, methods=["GET"])
        return router

    async def list_commits(
        self, request: Request, owner: str, repo: str, wanted: Annotated[GridQuery, Query()]
    ) -> Response:
        """Commits with what became of them on each platform, that which came last first; `platforms` has the columns.

        Of each job the newest build counts, of each of its runs the newest attempt; in a cell the worst run is first.
        """
        folders = folders_of(request)

        def load(connection: Connection) -> Page[CommitRow]:
            found = find_grid(connection, f"{owner}/{repo}", folders, branch=wanted.branch, failed=wanted.failed)
            return load_grid(connection, found, wanted.limit, wanted.cursor)

        page = await self._site.database.read(load)
        more = {"platforms": platforms_of(page.items)}
        return answer_page(request, page, self._write_commit, self._public, more)

    async def list_branches(
        self, request: Request, owner: str, repo: str, limit: Limit = 50, cursor: Cursor = None
    ) -> Response:
        """Branches that were built, each with its newest commit, that of the newest build first."""
        folders = folders_of(request)

        def load(connection: Connection) -> Page[BranchRow]:
            return load_branches(connection, find_grid(connection, f"{owner}/{repo}", folders), limit, cursor)

        page = await self._site.database.read(load)
        more = {"platforms": platforms_of(rows_of(page.items))}
        return answer_page(request, page, self._write_branch, self._public, more)

    async def list_pulls(
        self, request: Request, owner: str, repo: str, limit: Limit = 50, cursor: Cursor = None
    ) -> Response:
        """Pull requests that were built, each with its newest push, the highest number first."""
        folders = folders_of(request)

        def load(connection: Connection) -> Page[PullRow]:
            return load_pulls(connection, find_grid(connection, f"{owner}/{repo}", folders), limit, cursor)

        page = await self._site.database.read(load)
        more = {"platforms": platforms_of(rows_of(page.items))}
        return answer_page(request, page, self._write_pull, self._public, more)

    async def list_pushes(
        self, request: Request, owner: str, repo: str, number: Number, limit: Limit = 50, cursor: Cursor = None
    ) -> Response:
        """The pushes to a pull request, newest first, as commits of the grid; `pull_request` is what GitHub told."""
        folders = folders_of(request)

        def load(connection: Connection) -> tuple[PullView | None, Page[CommitRow]]:
            wanted = find_grid(connection, f"{owner}/{repo}", folders, pull_request=number)
            page = load_grid(connection, wanted, limit, cursor)
            told = None if folders is not None and not page.items else load_pull(connection, wanted.repository, number)
            if told is None and not page.items and cursor is None:
                raise NotFoundError(f"No pull request {number} of {wanted.repository} is known.")
            return told, page

        told, page = await self._site.database.read(load)
        shown = self._write_pull_view(told or PullView(number=number))
        more = {"pull_request": shown, "platforms": platforms_of(page.items)}
        return answer_page(request, page, self._write_commit, self._public, more)

    async def list_breakages(
        self,
        request: Request,
        repo: Annotated[str | None, Query(max_length=201, description="Only in this repository, OWNER/NAME.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """Who broke which job on which branch, newest first, and who mended it after how many `seconds`.

        `id` is the number of the build that broke it; `fixed` is null, and `seconds` are until now, while it is broken.
        """
        folders, now = folders_of(request), self._site.clock()

        def load(connection: Connection) -> Page[Breakage]:
            of = None if repo is None else find_grid(connection, repo, folders)
            return load_breakages(connection, BlameFilter(of, folders), limit, cursor)

        page = await self._site.database.read(load)
        return answer_page(request, page, lambda one: self._write_breakage(one, now), self._public)

    def _write_commit(self, row: CommitRow) -> dict[str, Any]:
        first, (state, result) = row.first, row.state
        return {
            "id": row.id,
            "sha": first.sha,
            "message": first.message,
            "author_name": first.author_name,
            "author_login": first.author_login,
            "branches": list(row.branches),
            "pull_requests": list(row.pull_requests),
            "told_at": moment(row.told_at),
            "state": state,
            "result": result,
            "builds": [self._write_build(one) for one in row.builds],
            "cells": [self._write_cell(row.cells[name]) for name in platforms_of([row])],
            "url": f"{self._public}/commits/{quote(first.repository)}/{first.sha}",
        }

    def _write_build(self, one: GridBuild) -> dict[str, Any]:
        told = {name: getattr(one, name) for name in ("id", "number", "job", "state", "result", "problem", "again")}
        return {**told, "url": f"{self._public}/builds/{one.id}"}

    def _write_cell(self, cell: Cell) -> dict[str, Any]:
        runs = [
            {
                "id": run.id,
                "build": run.build_id,
                "matrix": run.matrix,
                "attempt": run.attempt,
                "state": run.state,
                "result": run.result,
                "url": f"{self._public}/builds/{run.build_id}/runs/{run.id}",
            }
            for run in cell.runs
        ]
        return {"platform": cell.platform, "state": cell.worst.state, "result": cell.worst.result, "runs": runs}

    def _write_branch(self, row: BranchRow) -> dict[str, Any]:
        commit = self._write_commit(row.commit)
        return {"name": row.name, "default": row.is_default, "deleted": row.is_gone, "commit": commit}

    def _write_pull(self, row: PullRow) -> dict[str, Any]:
        return {**self._write_pull_view(row.pull), "commit": self._write_commit(row.commit)}

    @staticmethod
    def _write_pull_view(pull: PullView) -> dict[str, Any]:
        return {name: getattr(pull, name) for name in PullView.__dataclass_fields__}

    def _write_breakage(self, one: Breakage, now: float) -> dict[str, Any]:
        return {
            "id": one.broke.id,
            "job": one.job,
            "repo": one.repository,
            "branch": one.branch,
            "broke": self._write_blamed(one.broke),
            "fixed": None if one.fixed is None else self._write_blamed(one.fixed),
            "seconds": round(one.lasted(now), 1),
        }

    def _write_blamed(self, one: BlameBuild) -> dict[str, Any]:
        names = ("id", "number", "sha", "message", "author_name", "author_login", "result")
        told = {name: getattr(one, name) for name in names}
        return {**told, "at": moment(one.at), "url": f"{self._public}/builds/{one.id}"}
