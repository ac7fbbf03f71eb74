"""All doors on one page: which address leads where."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from hubwright.github.client import GitHubClient
from hubwright.hub.addresses import AddressRules
from hubwright.hub.github_app_hook import AppHook
from hubwright.hub.github_hooks import GitHubHooks
from hubwright.hub.github_setup import GitHubSetup
from hubwright.hub.healing import Healing
from hubwright.hub.replica import Replica
from hubwright.hub.secrets import Vault
from hubwright.hub.sessions import Sessions
from hubwright.hub.wishes import Wishes
from hubwright.store.sql import Questions
from hubwright.web.api import make_api
from hubwright.web.api.deliveries import Deliveries
from hubwright.web.api.demand import Demand
from hubwright.web.api.examples import describe
from hubwright.web.api.github_hooks import HookDoors
from hubwright.web.api.identity import IdentityDoors
from hubwright.web.api.info import Info
from hubwright.web.api.links import Links
from hubwright.web.api.search import Search
from hubwright.web.api.secrets import Secrets
from hubwright.web.attempts import Attempts
from hubwright.web.audit import Audit
from hubwright.web.badges import make_badges
from hubwright.web.builders import make_builder_routes
from hubwright.web.etags import ETags
from hubwright.web.feed import Feed
from hubwright.web.feeds import make_feeds
from hubwright.web.finder import Finder
from hubwright.web.gate import Gate
from hubwright.web.healing import HealingDoors
from hubwright.web.health import make_health
from hubwright.web.hooks import Hooks
from hubwright.web.joining import make_join_route
from hubwright.web.live import Live
from hubwright.web.load import LoadDoors
from hubwright.web.logins import make_logins
from hubwright.web.pages import assemble_pages
from hubwright.web.pages.deliveries import DeliveryPages
from hubwright.web.pages.github import GitHubPages
from hubwright.web.pages.links import LinkPages
from hubwright.web.pages.loads import LoadPages
from hubwright.web.pages.navigation import name_pages
from hubwright.web.pages.reference import Reference
from hubwright.web.pages.registering import RegisterForm
from hubwright.web.pages.repositories import RepositoryPages
from hubwright.web.pages.secrets import SecretPages
from hubwright.web.pages.starts import StartPages
from hubwright.web.peers import make_peer_route
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.recipe_schema import make_job_schemas, make_recipe_schema
from hubwright.web.register import make_register_routes
from hubwright.web.repetitions import Repetitions
from hubwright.web.request_ids import identify
from hubwright.web.shelves import shelve
from hubwright.web.site import Site
from hubwright.web.sql import SqlDoors

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

HOOKS = frozenset({"/hooks/github", "/build"})


class Doors:
    """The hub as an ASGI app. Webhooks go straight to their own door, past every middleware and router."""

    def __init__(self, hooks: ASGIApp, rest: ASGIApp) -> None:
        self._hooks = hooks
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lead one connection to its door."""
        if scope["type"] == "lifespan":
            await self._rest(scope, receive, send)
            return
        number, send_on = identify(scope, send)
        bound = bind_contextvars(request=number)  # `bound_contextvars` does the same in three times the time
        try:
            if scope["type"] == "http" and _is_hook(scope["path"]):
                await self._hooks(scope, receive, send_on)
            else:
                await self._rest(scope, receive, send_on)
        finally:
            reset_contextvars(**bound)


@dataclass(frozen=True, kw_only=True)
class Works:
    """What the doors that act lead to."""

    hooks: Hooks
    sessions: Sessions
    wishes: Wishes
    vault: Vault
    rules: AddressRules
    replica: Replica
    github: GitHubClient
    github_hooks: GitHubHooks
    github_setup: GitHubSetup
    app_hook: AppHook
    healing: Healing
    questions: Questions


def make_app(site: Site, gate: Gate, works: Works, lifespan: Lifespan) -> ASGIApp:
    """Every route of the hub. `lifespan` starts what works behind them and stops it again."""
    app = FastAPI(
        title="Hubwright",
        version=site.version,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=lifespan,
    )
    attempts = Attempts()
    pages = assemble_pages(site, gate)
    for kind, handler in PROBLEM_HANDLERS.items():
        app.add_exception_handler(kind, pages.dress(handler))
    app.router.routes.extend([make_peer_route(site), make_join_route(site, gate, attempts)])
    app.router.routes.extend(make_builder_routes(site, gate, works.sessions))
    app.router.routes.extend(make_register_routes(site, gate, works.wishes, works.rules))
    feed = Feed(site)
    make_api(site, gate, works.wishes, works.vault, feed).add_to(app)
    for doors in (Info(site, gate), Demand(site, gate), Search(site, gate, Finder(site, name_pages))):
        doors.make_router().add_to(app)
    app.router.routes.append(Live(site, gate, feed).route())
    loads = LoadDoors(site, gate, works.replica, works.github)
    loads.make_router().add_to(app)
    HookDoors(site, gate, works.github_hooks).make_router().add_to(app)
    IdentityDoors(gate, works.github_setup, works.app_hook).make_router().add_to(app)
    sql = SqlDoors(gate, pages.frame, works.questions)
    sql.make_router().add_to(app)
    app.router.routes.extend(sql.routes())
    HealingDoors(site, gate, works.healing).make_router().add_to(app)
    deliveries = Deliveries(site, gate, works.healing)
    deliveries.make_router().add_to(app)
    app.router.routes.extend(DeliveryPages(pages.frame, deliveries, works.healing).routes())
    app.router.routes.extend(make_health(site, gate))
    app.router.routes.extend(make_badges(site, gate))
    app.router.routes.extend(make_feeds(site, gate))
    app.router.routes.extend([make_recipe_schema(site), *make_job_schemas(site)])
    app.router.routes.extend(make_logins(gate, attempts, pages.frame, lambda: works.github_setup.can_log_in))
    app.router.routes.extend(Reference(pages.frame).routes())
    app.router.routes.extend(StartPages(pages.frame, works.wishes).routes())
    app.router.routes.extend(RegisterForm(pages.frame, works.wishes, works.rules).routes())
    app.router.routes.extend(pages.routes)
    app.router.routes.extend(LoadPages(pages.frame, loads).routes())
    app.router.routes.extend(SecretPages(pages.frame, Secrets(site, gate, works.vault)).routes())
    app.router.routes.extend(LinkPages(pages.frame, Links(site, gate)).routes())
    app.router.routes.extend(RepositoryPages(pages.frame, works.github_hooks).routes())
    github = GitHubPages(pages.frame, gate, works.github_setup, attempts, works.app_hook)
    app.router.routes.extend(github.routes())
    describe(app)
    shelve(app)
    return Doors(works.hooks, Repetitions(site, gate, Audit(site, ETags(app))))


def _is_hook(path: str) -> bool:
    """System 4's hooks pointed at `/replication/…`, one address for each kind."""
    return path in HOOKS or path == "/replication" or path.startswith("/replication/")
