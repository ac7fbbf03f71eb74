"""The pages of definitions: what holds for a job or folder and where each value comes from, its versions and what
each changed, and the copies of a job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.job_differences import Difference, compare_definitions, write_differences
from hubwright.domain.job_inheritance import Effective, Origin, Place, Said, Source
from hubwright.domain.job_paths import split_path
from hubwright.errors import NotFoundError, OutdatedError, UnprocessableError
from hubwright.hub.definitions import Wish, restore_definition
from hubwright.store.definitions import Subject, find_subject
from hubwright.store.jobs import load_effective, load_effective_folder, load_parent_path
from hubwright.store.versions import Change, Kind, Version, load_version, load_versions
from hubwright.store.views_jobs import load_copies
from hubwright.web.pages.forms import read_fields
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

_VERSIONS = 20
_PLACES = 6  # of a change that are named in the list of versions
_COPIES = 100
_MAX_DIGITS = 12
_MAX_REASON = 500
_OWN = {Kind.JOB: {Source.JOB, Source.COPY}, Kind.FOLDER: {Source.FOLDER}}


@dataclass(frozen=True, slots=True)
class Value:
    """A value that holds: its name, the value as text, whose it is, and that one's page, None where there is none.

    `standing` is own, inherited or default; `instead` is what it takes the place of, None when nothing else was said.
    """

    name: str
    text: str
    origin: str
    address: str | None
    standing: str
    instead: Value | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """A version, and what it says otherwise than the one before."""

    version: Version
    differences: tuple[Difference, ...]

    @property
    def places(self) -> str:
        """The first places that it changed."""
        named = [one.pointer[1:].replace("/", ".") for one in self.differences[:_PLACES]]
        more = len(self.differences) - len(named)
        return ", ".join([*named, *([f"{more} more"] if more else [])])


@dataclass(frozen=True, slots=True)
class Definition:
    """What the page shows. `shown` is the version whose differences are asked for, `report` those as lines, against
    version `against`; `undone` what would be otherwise if that version was restored, nothing when it says that now."""

    subject: Subject
    values: tuple[Value, ...]
    changes: tuple[Changed, ...]
    older: int | str | None
    shown: Version | None
    against: int
    report: tuple[str, ...]
    undone: tuple[str, ...]

    def values_of(self, *standings: str) -> list[Value]:
        """The values that stand so."""
        return [value for value in self.values if value.standing in standings]


class DefinitionPages:
    """`/definitions/jobs/PATH`, `/definitions/folders/PATH`, the button that restores a version, and `/copies/PATH`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """All routes."""
        shown = {
            "/definitions/jobs/{path:path}": self.job,
            "/definitions/folders/{path:path}": self.folder,
            "/copies/{path:path}": self.copies,
        }
        restored = {"jobs": self.restore_job, "folders": self.restore_folder}
        return [
            *(Route(path, self._frame.guard(show)) for path, show in shown.items()),
            *(
                Route(f"/definitions/{kind}/{{path:path}}/versions/{{number:int}}/restore", restore, methods=["POST"])
                for kind, restore in restored.items()
            ),
        ]

    async def job(self, request: Request) -> Response:
        """`GET /definitions/jobs/PATH?version=&against=&before=`."""
        return await self._show(request, Kind.JOB)

    async def folder(self, request: Request) -> Response:
        """`GET /definitions/folders/PATH?version=&against=&before=`; the root is the empty path."""
        return await self._show(request, Kind.FOLDER)

    async def copies(self, request: Request) -> Response:
        """`GET /copies/PATH?before=&archived=`: the copies of a job, the newest first."""
        path = request.path_params["path"].strip("/")
        cursor, archived = read_number(request, "before"), request.query_params.get("archived") == "true"

        def load(connection: Connection) -> Any:
            subject = find_subject(connection, Kind.JOB, path)
            if subject is None:
                raise NotFoundError(f"There is no job {path!r}.")
            return load_copies(connection, subject.id, _COPIES, cursor, archived=archived)

        page = await self._frame.site.database.read(load)
        return self._frame.show(
            request, "copies.html", job=path, page=page, archived=archived, stream="/fragments/stream"
        )

    async def restore_job(self, request: Request) -> Response:
        """`POST /definitions/jobs/PATH/versions/NUMBER/restore`; the field `from`: the version that was looked at."""
        return await self._restore(request, Kind.JOB)

    async def restore_folder(self, request: Request) -> Response:
        """`POST /definitions/folders/PATH/versions/NUMBER/restore`; `from` as above."""
        return await self._restore(request, Kind.FOLDER)

    async def _restore(self, request: Request, kind: Kind) -> Response:
        asker = await self._frame.require(request, "write")
        site, path, number = self._frame.site, request.path_params["path"].strip("/"), request.path_params["number"]
        fields = await read_fields(request)
        expected = fields.get("from", "")
        if not (expected.isascii() and expected.isdecimal() and len(expected) <= _MAX_DIGITS):
            raise UnprocessableError("This is not the page's form: open the versions again.")

        def check(version: int | None) -> None:
            if version != int(expected):
                raise OutdatedError("Somebody has changed this meanwhile: look at what is different now, then restore.")

        why = fields.get("reason", "").replace("\0", "").strip()[:_MAX_REASON]
        change = Change(asker.name, site.clock(), why or f"Version {number} was restored.")
        wish = Wish(kind, path, change, check)
        await site.database.write_soon(partial(restore_definition, wish=wish, number=number))
        for queue in ("deliveries", "facts"):
            site.wake(queue)
        return RedirectResponse(f"/definitions/{kind.value}s/{quote(path)}", 303)

    async def _show(self, request: Request, kind: Kind) -> Response:
        path = request.path_params["path"].strip("/")
        asked = tuple(read_number(request, name) for name in ("version", "against", "before"))
        found = await self._frame.site.database.read(lambda connection: _load(connection, kind, path, asked))
        return self._frame.show(request, "definition.html", definition=found, kind=kind.value)


def _load(connection: Connection, kind: Kind, path: str, asked: tuple[int | None, ...]) -> Definition:
    number, against, cursor = asked
    subject = find_subject(connection, kind, path)
    if subject is None and kind is Kind.FOLDER and not path:
        subject = Subject(kind=kind, id=0, path="", version=0, document={})  # a hub where nobody has said anything yet
    effective = load_effective(connection, path) if kind is Kind.JOB else load_effective_folder(connection, path)
    if subject is None or effective is None:
        raise NotFoundError(f"There is no {kind.value} {path!r}.")
    page = load_versions(connection, kind, subject.id, _VERSIONS + 1, cursor)
    changes = _compare(page.items)[:_VERSIONS]
    shown, report, undone, before = None, "", "", 0
    if number is not None:
        shown = load_version(connection, kind, subject.id, number)
        before = number - 1 if against is None else against
        older = load_version(connection, kind, subject.id, before).document if before else {}
        report = write_differences(compare_definitions(older, shown.document))
        back = compare_definitions(subject.document, shown.document)
        undone = write_differences(back) if back else ""
    rest = changes[-1].version.number if len(page.items) > _VERSIONS else None
    values = _list_values(effective, _load_above(connection, subject), subject)
    return Definition(subject, values, changes, rest, shown, before, _split(report), _split(undone))


def _load_above(connection: Connection, subject: Subject) -> Effective:
    """What would hold if the subject itself said nothing."""
    parent = load_parent_path(connection, subject.path) if subject.kind is Kind.JOB else None
    if parent is not None:
        return load_effective(connection, parent) or Effective()
    if not subject.path:
        return Effective()
    return load_effective_folder(connection, split_path(subject.path)[0])


def _split(report: str) -> tuple[str, ...]:
    return tuple(report.splitlines())


def _compare(versions: Sequence[Version]) -> tuple[Changed, ...]:
    """Each against the next one, which is older; the first of all against nothing."""
    older: list[dict[str, Any]] = [one.document for one in versions[1:]]
    pairs = zip(versions, [*older, {}], strict=True) if versions else ()
    return tuple(Changed(one, compare_definitions(before, one.document)) for one, before in pairs)


def _list_values(effective: Effective, above: Effective, subject: Subject) -> tuple[Value, ...]:
    """All that holds, by name; what people have said before what is as it is by itself."""
    said = sorted(effective.said.items(), key=lambda item: (item[1].origin.source is Source.DEFAULT, item[0]))
    return tuple(_make_value(place, one, above.said.get(place), subject) for place, one in said)


def _make_value(place: Place, one: Said, above: Said | None, subject: Subject) -> Value:
    own = one.origin.path == subject.path and one.origin.source in _OWN[subject.kind]
    standing = "own" if own else "default" if one.origin.source is Source.DEFAULT else "inherited"
    told = own and above is not None and above.origin.source is not Source.DEFAULT and above.value != one.value
    instead = _make_value(place, above, None, subject) if told and above is not None else None
    address = _address_of(one.origin)
    return Value(".".join(place), _write(one.value), str(one.origin), address, standing, instead)


def _write(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"text"}:  # a recipe
        return str(value["text"])
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return "\n".join(value)
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _address_of(origin: Origin) -> str | None:
    if origin.source in {Source.DEFAULT, Source.HUB}:
        return None
    kind = "folders" if origin.source is Source.FOLDER else "jobs"
    return f"/definitions/{kind}/{quote(origin.path)}"
