"""`/api/v1/secrets`: set, listed without values, removed. No route ever gives a value."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from fastapi import Path, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.secrets import EVERYWHERE, check_scope, scopes_of
from hubwright.errors import NotFoundError, UnprocessableError
from hubwright.hub.secrets import Rotation, Vault, check_job
from hubwright.store.secrets import SecretView, load_secrets
from hubwright.web.api.answers import Limit, TextCursor, answer, answer_page, moment
from hubwright.web.api.bodies import convert, read_object, takes
from hubwright.web.gate import Asker, Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

JobPath = Annotated[str | None, Query(max_length=400, description="The path of a job.")]
FolderPath = Annotated[str | None, Query(max_length=400, description="The path of a folder.")]
Name = Annotated[str, Path(max_length=200)]


class NewValue(msgspec.Struct, frozen=True):
    """What PUT takes."""

    value: str


class Secrets:
    """The routes of secrets. Those of a job or folder need the role `write`, those for all jobs `admin`."""

    def __init__(self, site: Site, gate: Gate, vault: Vault) -> None:
        self._site = site
        self._gate = gate
        self._vault = vault

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/secrets", tags=["secrets"])
        router.add_api_route("", self.list_secrets, methods=["GET"])
        router.add_api_route("/rotate", self.rotate_keys, methods=["POST"])
        router.add_api_route("/{name}", self.put_secret, methods=["PUT"], openapi_extra=takes(NewValue))
        router.add_api_route("/{name}", self.delete_secret, methods=["DELETE"], status_code=204)
        return router

    async def list_secrets(
        self,
        request: Request,
        job: JobPath = None,
        folder: FolderPath = None,
        limit: Limit = 200,
        cursor: TextCursor = None,
    ) -> Response:
        """Names, scopes, and who set them: those that a job gets, those of one folder, or all.

        With a token that has folders, those of these and of what lies below them.
        """
        folders = (await self._gate.require(request, "write")).folders
        scopes = None
        if job is not None:
            scopes = scopes_of(check_scope(job))
        elif folder is not None:
            scopes = [check_scope(folder)]
        page = await self._site.database.read(
            lambda connection: load_secrets(connection, scopes, limit, cursor, folders)
        )
        return answer_page(request, page, write_secret, self._site.public_url)

    async def put_secret(
        self, request: Request, name: Name, job: JobPath = None, folder: FolderPath = None
    ) -> Response:
        """Set the secret of a job, of a folder, or of all jobs when neither is named: `{"value"}`."""
        asker, scope = await self.require(request, job, folder)
        value = convert(await read_object(request), NewValue).value
        new = await self.keep(asker, (scope, name), value, of_job=job is not None)
        return answer({"name": name, "scope": scope, "new": new}, 201 if new else 200)

    async def keep(self, asker: Asker, place: tuple[str, str], value: str, *, of_job: bool) -> bool:
        """Set the secret at (scope, name) for who may; whether it is new. `of_job`: only where there is such a job."""
        scope, name = place

        def keep(connection: Connection) -> bool:
            if of_job:
                check_job(connection, scope)
            return self._vault.set(connection, scope, name, value, (asker.name, self._site.clock()))

        new = await self._site.database.write_soon(keep)
        self._site.wake("facts")
        return new

    async def delete_secret(
        self, request: Request, name: Name, job: JobPath = None, folder: FolderPath = None
    ) -> Response:
        """Remove it; runs that begin from now on do not get it."""
        asker, scope = await self.require(request, job, folder)
        await self.remove(asker, scope, name)
        return Response(status_code=204)

    async def remove(self, asker: Asker, scope: str, name: str) -> None:
        """Remove the secret for who may. Raises NotFoundError."""
        by = (asker.name, self._site.clock())
        await self._site.database.write_soon(lambda connection: self._vault.remove(connection, scope, name, by))
        self._site.wake("facts")

    async def rotate_keys(self, request: Request) -> Response:
        """Seal what older keys seal with the newest one: `{"resealed", "problems", "in_use"}`. For admins."""
        await self._gate.require(request, "admin")
        done = await self.rotate()
        return answer({"resealed": done.resealed, "problems": done.problems, "in_use": done.in_use})

    async def rotate(self) -> Rotation:
        """Seal all with the newest key."""
        return await asyncio.to_thread(self._vault.rotate, self._site.database)

    async def require(self, request: Request, job: str | None, folder: str | None) -> tuple[Asker, str]:
        """Who asks, and the scope that is meant. Raises UnprocessableError when both are named."""
        if job is not None and folder is not None:
            raise UnprocessableError("Name a job or a folder, not both.")
        scope = check_scope(job or folder or EVERYWHERE)
        asker = await self._gate.require(request, "write" if scope else "admin")
        if asker.folders is not None and not (scope in asker.folders and folder) and not asker.sees(scope):
            raise NotFoundError(f"There is no {'job' if job else 'folder'} {scope!r}.")
        return asker, scope


def write_secret(secret: SecretView) -> dict[str, Any]:
    """A secret without its value."""
    times = {"created_at": moment(secret.created_at), "updated_at": moment(secret.updated_at)}
    return {**asdict(secret), **times}
