"""Jobs and folders as people change them over the API: a definition is read as it was sent, and kept as a version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.job_definitions import read_definition, write_definition
from hubwright.domain.job_nodes import Form
from hubwright.domain.job_patches import patch_definition
from hubwright.errors import ConflictError, NotFoundError, UnprocessableError
from hubwright.hub import definitions
from hubwright.hub.definitions import Wish
from hubwright.store.definitions import find_subject
from hubwright.store.versions import Change, Kind
from hubwright.web.api.bodies import read_bytes
from hubwright.web.api.conditions import read_conditions, write_tag
from hubwright.web.gate import Gate
from hubwright.web.site import Site

T = TypeVar("T")

Reason = Annotated[str, Query(max_length=500, description="Why, for those who read the versions.")]

TRIES = 5
"""Times that a change is begun which somebody else's comes before."""

YAML = "application/yaml"
"""https://www.rfc-editor.org/rfc/rfc9512"""


class Changes:
    """Makes, changes, restores and removes jobs, or folders; `kind` says which."""

    def __init__(self, site: Site, gate: Gate, kind: Kind) -> None:
        self._site = site
        self._gate = gate
        self._kind = kind

    async def put(self, request: Request, path: str, reason: str = "") -> bool:
        """Say what the body says, instead of all that was said; whether the job or folder is new."""
        wish = await self._wish(request, path, reason)
        body, form = await read_bytes(request), read_form(request)
        said = await asyncio.to_thread(read_definition, body, form, folder=self._kind is Kind.FOLDER)
        return await self._do(partial(definitions.put_definition, wish=wish, said=said))

    async def patch(self, request: Request, path: str, reason: str = "") -> None:
        """Say what the body says, unsay what is null in it, and go on saying the rest.

        What came of it is read and checked outside the transaction, and anew if somebody was quicker.
        """
        wish = await self._wish(request, path, reason)
        body, form, folder = await read_bytes(request), read_form(request), self._kind is Kind.FOLDER
        for _ in range(TRIES):
            known = await self._site.database.read(lambda connection: find_subject(connection, self._kind, path))
            if known is None:
                raise NotFoundError(f"There is no {self._kind.value} {path!r}.")
            document = await asyncio.to_thread(patch_definition, known.document, body, form, folder=folder)
            change = partial(definitions.change_definition, wish=wish, document=document, version=known.version)
            if await self._do(change):
                return
        raise ConflictError(f"Others change {path} all the time: try again.")

    async def restore(self, request: Request, path: str, number: int, reason: str = "") -> None:
        """Say again what the version with this number has said."""
        wish = await self._wish(request, path, reason or f"Version {number} was restored.")
        await self._do(partial(definitions.restore_definition, wish=wish, number=number))

    async def remove(self, request: Request, path: str, reason: str = "") -> None:
        """Take the job or folder away."""
        wish = await self._wish(request, path, reason)
        await self._do(partial(definitions.remove_definition, wish=wish))

    async def _wish(self, request: Request, path: str, reason: str) -> Wish:
        asker = await self._gate.require(request, "write")
        if "\0" in reason or "\0" in path:
            raise UnprocessableError("There is a NUL in the path or the reason.")
        change = Change(asker.name, self._site.clock(), reason.strip())
        return Wish(self._kind, path, change, read_conditions(request), asker.folders)

    async def _do(self, work: Callable[[Connection], T]) -> T:
        done = await self._site.database.write_soon(work)
        for queue in ("deliveries", "facts"):
            self._site.wake(queue)
        return done


def read_form(request: Request) -> Form | None:
    """Whether the body is JSON or YAML, by its type; None where that tells nothing: then the text tells."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    subtype = kind.partition("/")[2].removeprefix("x-").removeprefix("vnd.")
    name = subtype.rpartition("+")[2]
    return "json" if name == "json" else "yaml" if name == "yaml" else None


def wants_yaml(request: Request) -> bool:
    """Whether the asker names YAML, and not JSON before it."""
    kinds = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    first = next((kind for kind in kinds if kind.endswith(("json", "yaml"))), "")
    return first.endswith("yaml")


def answer_yaml(document: dict[str, Any], version: int, status: int = 200) -> Response:
    """A definition as YAML that can be sent back as it is."""
    headers = {"Cache-Control": "no-store", "ETag": write_tag(version)}
    return Response(write_definition(document, "yaml"), status, headers, media_type=YAML)
