"""Feeds for readers of news and for tray programs: Atom entries of ended builds, and `cctray.xml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.domain.results import Result
from hubwright.domain.streaks import Turn
from hubwright.domain.wording import look_of, make_visible, word_duration
from hubwright.errors import ParameterError
from hubwright.store.standings import Stands, load_standings
from hubwright.store.streaks import load_streaks
from hubwright.store.views import MAX_PAGE, load_builds
from hubwright.store.views_jobs import load_jobs
from hubwright.store.views_values import BuildFilter, BuildView, JobView
from hubwright.web.askers import folders_of
from hubwright.web.gate import Gate
from hubwright.web.site import Site

MAX_PROJECTS = 200
"""Jobs in `cctray.xml`; `?folder=` asks for those below one."""

ENTRIES = 50
"""Builds in a feed, unless `?limit=` says otherwise, at most `MAX_PAGE`."""

_ATOM = "http://www.w3.org/2005/Atom"
_NO_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # https://www.w3.org/TR/xml/#charsets
_HEADERS = {"Cache-Control": "no-cache, max-age=0", "X-Content-Type-Options": "nosniff"}
_FILTERS = {"repo": "repository", "job": "job", "branch": "branch", "result": "result"}
_STATUS = {"success": "Success", "failure": "Failure", "error": "Exception", "timeout": "Exception"}

Streaks = Mapping[int, Mapping[str, Any]]


def make_feeds(site: Site, gate: Gate) -> list[Route]:
    """`/feeds/builds.atom` and `/cctray.xml`."""

    async def show_builds(request: Request) -> Response:
        await gate.require(request, "read")
        wanted, turns, limit = _read_query(request)
        builds, streaks = await site.database.read(lambda connection: _load_ended(connection, wanted, turns, limit))
        body = tostring(write_atom(builds, streaks, site.public_url, request.url.query), "utf-8", xml_declaration=True)
        return Response(body, media_type="application/atom+xml; charset=utf-8", headers=_HEADERS)

    async def show_projects(request: Request) -> Response:
        await gate.require(request, "read")
        folder, within = request.query_params.get("folder", "").strip("/"), folders_of(request)
        projects = await site.database.read(lambda connection: _load_projects(connection, folder, within))
        body = tostring(write_projects(projects, site.public_url), "utf-8", xml_declaration=True)
        return Response(body, media_type="application/xml; charset=utf-8", headers=_HEADERS)

    return [Route("/feeds/builds.atom", show_builds), Route("/cctray.xml", show_projects)]


def _read_query(request: Request) -> tuple[BuildFilter, frozenset[str], int]:
    """Which builds are wanted, and of these which turns. Raises ParameterError."""
    asked = dict(request.query_params)
    named = {field: asked.pop(name)[:1024] for name, field in _FILTERS.items() if name in asked}
    if (result := named.get("result")) is not None and result not in set(Result):
        raise ParameterError(f"{result!r} is none of {', '.join(Result)}.", "result")
    turns = frozenset(filter(None, asked.pop("turns", "").split(",")))
    if unknown := sorted(turns - set(Turn)):
        raise ParameterError(f"{unknown[0]!r} is none of {', '.join(Turn)}.", "turns")
    limit = asked.pop("limit", str(ENTRIES))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MAX_PAGE):
        raise ParameterError(f"A number from 1 to {MAX_PAGE} is expected.", "limit")
    if asked:
        raise ParameterError("There is no such filter: repo, job, branch, result, turns and limit are.", min(asked))
    return BuildFilter(**named, state="finished", told=True, folders=folders_of(request)), turns, int(limit)


def _load_ended(
    connection: Connection, wanted: BuildFilter, turns: frozenset[str], limit: int
) -> tuple[Sequence[BuildView], Streaks]:
    """The newest that have ended; of `turns` those among the newest `MAX_PAGE`."""
    builds = load_builds(connection, wanted, MAX_PAGE if turns else limit).items
    streaks = load_streaks(connection, [build.id for build in builds])
    kept = [build for build in builds if not turns or streaks.get(build.id, {}).get("turn") in turns]
    return kept[:limit], streaks


def _load_projects(connection: Connection, folder: str, within: tuple[str, ...] | None) -> list[tuple[JobView, Stands]]:
    """Each job that has ended a build, with the row that says how it stands."""
    jobs: list[JobView] = []
    cursor: str | None = None
    while len(jobs) < MAX_PROJECTS:
        page = load_jobs(connection, folder, MAX_PAGE, cursor, within=within)
        jobs += page.items
        if page.next is None:
            break
        cursor = str(page.next)
    stands = load_standings(connection, jobs[:MAX_PROJECTS])
    return [(one, stands[one.id]) for one in jobs[:MAX_PROJECTS] if one.id in stands]


def write_projects(projects: Sequence[tuple[JobView, Stands]], public_url: str) -> Element:
    """The document that tray programs read. https://cctray.org/v1/"""
    root = Element("Projects")
    for job, stands in projects:
        running = job.newest is not None and job.newest.state == "running"
        SubElement(
            root,
            "Project",
            name=_clean(job.path),
            activity="Building" if running else "Sleeping",
            lastBuildStatus=_STATUS.get(stands.result, "Unknown"),
            lastBuildLabel=str(stands.number),
            lastBuildTime=_moment(stands.finished_at),
            webUrl=f"{public_url}/builds/{stands.id}",
        )
    return root


def write_atom(builds: Sequence[BuildView], streaks: Streaks, public_url: str, query: str) -> Element:
    """The feed of these builds, newest first. https://www.rfc-editor.org/rfc/rfc4287"""
    root = Element("feed", xmlns=_ATOM)
    address = f"{public_url}/feeds/builds.atom" + (f"?{query}" if query else "")
    _add(root, "id", _clean(address))
    _add(root, "title", "Builds of Hubwright")
    _add(root, "updated", _moment(max((build.finished_at or 0.0 for build in builds), default=0.0)))
    SubElement(root, "link", rel="self", type="application/atom+xml", href=_clean(address))
    SubElement(root, "link", rel="alternate", type="text/html", href=f"{public_url}/")
    for build in builds:
        root.append(_write_entry(build, streaks.get(build.id, {}), public_url))
    return root


def _write_entry(build: BuildView, streak: Mapping[str, Any], public_url: str) -> Element:
    """One end of a build: begun again, it is another entry when it ends again."""
    entry, address = Element("entry"), f"{public_url}/builds/{build.id}"
    ended = build.finished_at or 0.0
    _add(entry, "id", f"tag:{urlsplit(public_url).hostname or 'localhost'},2026:build:{build.id}:{ended:.0f}")
    _add(entry, "title", f"{word_end(build, streak)}: {_subject(build.message)}")
    _add(entry, "updated", _moment(ended))
    SubElement(entry, "link", rel="alternate", type="text/html", href=address)
    _add(SubElement(entry, "author"), "name", _clean(build.author_name or build.author_login or "unknown"))
    _add(entry, "summary", "\n".join(_word_runs(build)))
    return entry


def word_end(build: BuildView, streak: Mapping[str, Any]) -> str:
    """`✕ team/app #38 main broken`: what the build's end means, else how it ended."""
    look = look_of(build.state, build.result)
    turn = streak.get("turn")
    word = str(turn).replace("-", " ") if turn in {Turn.BROKEN, Turn.FIXED, Turn.STILL_FAILING} else look.word.lower()
    return _clean(f"{look.sign} {build.job} #{build.number} {build.branch or build.ref} {word}")


def _word_runs(build: BuildView) -> Iterator[str]:
    if build.problem:
        yield _clean(build.problem)
    for run in build.runs:
        look = look_of(run.state, run.result)
        known = run.started_at is not None and run.finished_at is not None
        took = word_duration((run.finished_at or 0.0) - (run.started_at or 0.0)) if known else ""
        failed = next((stage.name for stage in run.stages if stage.result in {"failure", "timeout", "error"}), "")
        more = f", stage {failed}" if failed else ""
        axes = "".join(f" {axis}={value}" for axis, value in run.matrix.items())
        yield _clean(f"{look.sign} {run.platform}{axes}: {look.word.lower()}{more}{f' after {took}' if took else ''}")


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _subject(message: str) -> str:
    return _clean(message.strip().partition("\n")[0][:200] or "(no message)")


def _clean(text: str) -> str:
    """Text from outside with nothing hidden in it, and nothing that XML can't hold."""
    return _NO_XML.sub("\ufffd", make_visible(text))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
