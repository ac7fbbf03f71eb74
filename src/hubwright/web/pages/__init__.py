"""The HTML pages: server-made, readable without scripts, alive with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.web.api.preferences import Preferences
from hubwright.web.assets import Assets
from hubwright.web.gate import Gate
from hubwright.web.pages.admin import AdminPages
from hubwright.web.pages.artifacts import ArtifactPages
from hubwright.web.pages.audit import AuditPage
from hubwright.web.pages.bisections import BisectionPages
from hubwright.web.pages.blame import BlamePage
from hubwright.web.pages.build_orders import BuildOrders
from hubwright.web.pages.builders import BuilderPages
from hubwright.web.pages.builds import BuildPages
from hubwright.web.pages.channels import ChannelPages
from hubwright.web.pages.commits import CommitPages
from hubwright.web.pages.definitions import DefinitionPages
from hubwright.web.pages.downloads import DownloadPages
from hubwright.web.pages.failures import FailurePages
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.grids import GridPages
from hubwright.web.pages.home import HomePage
from hubwright.web.pages.irc_links import IrcLinkPages
from hubwright.web.pages.jobs import JobPages
from hubwright.web.pages.lists import ListPages
from hubwright.web.pages.log_lines import LogLines
from hubwright.web.pages.logs import LogPages
from hubwright.web.pages.notices import Notices
from hubwright.web.pages.pauses import PausePages
from hubwright.web.pages.preferences import PreferencePages
from hubwright.web.pages.search import SearchPage
from hubwright.web.pages.stream import Stream
from hubwright.web.pages.tests import CasePages
from hubwright.web.pages.tokens import TokenPages
from hubwright.web.pages.trends import TrendPages
from hubwright.web.pages.tv import TvPage
from hubwright.web.site import Site

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Pages:
    """The routes of the pages, and the way that errors look to a browser."""

    routes: list[Route]
    frame: Frame

    def dress(self, answer: Handler) -> Handler:
        """`answer`, which makes problem documents, as a page in the look of the others where a browser asks."""

        async def answer_dressed(request: Request, error: Exception) -> Response:
            found = answer(request, error)
            response = found if isinstance(found, Response) else await found
            if not wants_page(request) or response.media_type != "application/problem+json":
                return response
            told = orjson.loads(response.body)
            page = self.frame.show(
                request,
                "error.html",
                status=response.status_code,
                code=response.status_code,
                title=told["title"],
                detail=told["detail"],
            )
            kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
            page.headers.update(kept)
            return page

        return answer_dressed


def wants_page(request: Request) -> bool:
    """Whether a browser asks (it names `text/html`) for something that is not the API's."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def make_pages(site: Site, gate: Gate) -> list[Route]:
    """The routes of all pages, fragments and static files."""
    return assemble_pages(site, gate).routes


def assemble_pages(site: Site, gate: Gate) -> Pages:
    """As `make_pages`, with what dresses errors for browsers."""
    assets = Assets()
    frame = Frame(site, gate, assets)
    logs = LogLines(site.logs)
    home, jobs, builds, lists = HomePage(frame), JobPages(frame), BuildPages(frame, logs), ListPages(frame)
    stream, builders, log_pages = Stream(frame, logs), BuilderPages(frame), LogPages(frame, logs)
    read = {
        "/": home.show,
        "/queue": home.queue,
        "/jobs": jobs.list,
        "/jobs/{path:path}": jobs.show,
        "/downloads/{path:path}": DownloadPages(frame).show,
        "/commits/{owner}/{repo}/{sha}": CommitPages(frame).show,
        "/blame": BlamePage(frame).show,
        "/builds/{id:int}": builds.show,
        "/builds/{id:int}/runs/{run:int}": builds.show,
        "/builders": builders.list,
        "/builders/{name:path}": builders.show,
        "/help": lists.help,
        "/fragments/runs/{run:int}/log": log_pages.fragment,
        "/fragments/runs/{run:int}/errors": log_pages.errors,
        "/fragments/runs/{run:int}/groups": log_pages.groups,
        "/fragments/runs/{run:int}/search": log_pages.search,
        "/search": SearchPage(frame).show,
        "/tv": TvPage(frame).show,
        "/fragments/stream": stream.open,
        "/fragments/ended": Notices(frame, assets).show,
    }
    routes = [
        *(Route(path, frame.guard(show)) for path, show in read.items()),
        Route("/audit", AuditPage(frame).show),
        *ArtifactPages(frame).routes(),
        *BuildOrders(frame).routes(),
        *IrcLinkPages(frame).routes(),
        *builders.routes(),
        *AdminPages(frame).routes(),
        *TokenPages(frame, gate).routes(),
        *GridPages(frame).routes(),
        *PausePages(frame).routes(),
        *PreferencePages(frame, Preferences(site, gate)).routes(),
        *BisectionPages(frame).routes(),
        *DefinitionPages(frame).routes(),
        *CasePages(frame).routes(),
        *FailurePages(frame).routes(),
        *TrendPages(frame).routes(),
        *ChannelPages(frame).routes(),
        *assets.routes(),
    ]
    return Pages(routes, frame)
