"""The REST API: `make_api` joins its resources under one router."""

from __future__ import annotations

from fastapi import Depends
from starlette.requests import HTTPConnection

from hubwright.hub.secrets import Vault
from hubwright.hub.wishes import Wishes
from hubwright.web.api.administration import Administration
from hubwright.web.api.approvals import Approvals
from hubwright.web.api.archives import Archives
from hubwright.web.api.artifacts import Artifacts
from hubwright.web.api.audit import AuditLog
from hubwright.web.api.bisections import Bisections
from hubwright.web.api.builders import Builders
from hubwright.web.api.builds import Builds
from hubwright.web.api.downloads import Downloads
from hubwright.web.api.events import Events
from hubwright.web.api.folders import Folders
from hubwright.web.api.grids import Grids
from hubwright.web.api.jobs import Jobs
from hubwright.web.api.known_failures import KnownFailures
from hubwright.web.api.links import Links
from hubwright.web.api.lists import Lists
from hubwright.web.api.log_views import LogViews
from hubwright.web.api.pauses import Pauses
from hubwright.web.api.preferences import Preferences
from hubwright.web.api.provenance import Provenance
from hubwright.web.api.replica import ReplicaReads
from hubwright.web.api.reports import Reports
from hubwright.web.api.runs import Runs
from hubwright.web.api.secrets import Secrets
from hubwright.web.api.starts import Starts
from hubwright.web.api.takes import Takes
from hubwright.web.api.tests import JobTests
from hubwright.web.api.tokens import Sessions, Tokens
from hubwright.web.api.trends import Trends
from hubwright.web.feed import Feed
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


def make_api(site: Site, gate: Gate, wishes: Wishes, vault: Vault, feed: Feed) -> Routes:
    """Everything below `/api/v1` but the builders' door, and `/artifacts` and `/download`; all need the role `read`."""

    async def require_reader(request: HTTPConnection) -> None:
        await gate.require(request, "read")

    api = Routes(prefix="/api/v1")
    for resource in (
        Archives(site),
        Builds(site, gate),
        Runs(site, gate),
        Starts(site, gate, wishes),
        Jobs(site, gate),
        Lists(site, gate),
        Events(feed, gate),
    ):
        api.include(resource.make_router())
    api.include(LogViews(site).make_router())
    api.include(Folders(site, gate).make_router())
    api.include(Links(site, gate).make_router())
    api.include(Approvals(site, gate).make_router())
    api.include(Takes(site, gate).make_router())
    api.include(Builders(site, gate).make_router())
    api.include(Pauses(site, gate).make_router())
    api.include(Preferences(site, gate).make_router())
    api.include(JobTests(site).make_router())
    api.include(KnownFailures(site, gate).make_router())
    api.include(Trends(site).make_router())
    api.include(Bisections(site, gate).make_router())
    api.include(Grids(site).make_router())
    api.include(ReplicaReads(site, gate).make_router())
    api.include(Reports(site, gate).make_router())
    api.include(Administration(site, gate).make_router())
    api.include(AuditLog(site, gate).make_router())
    api.include(Tokens(site, gate).make_router())
    api.include(Sessions(site, gate).make_router())
    api.include(Secrets(site, gate, vault).make_router())
    router = Routes(dependencies=[Depends(require_reader)])
    router.include(api)
    provenance = Provenance(site)
    for part in (Artifacts(site, provenance), Downloads(site), provenance):
        router.include(part.make_router())
    return router
