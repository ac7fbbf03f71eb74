"""No delivery is missed: hooks and heads are watched, each as a row under a lease, and looked at when its time comes.

What GitHub lists as delivered and the ledger does not hold is asked for again; branch heads, tags and open pull
requests that no delivery told of are built. A look that a limit or a failure stops goes on where it was, in whatever
process; until it has ended well the figures say that they do not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from sqlalchemy import Connection

from hubwright.errors import ConflictError, NotFoundError
from hubwright.github.client import GitHubClient
from hubwright.github.hook_deliveries import KEPT_FOR
from hubwright.github.requests import form_path
from hubwright.hub.watching import Beat, Look, Watching
from hubwright.store import healing
from hubwright.store.database import Database
from hubwright.store.healing_figures import HealFigures

HEALING = "healing"
"""The queue's name."""

HOOKS, HEADS, GIT = "hooks", "heads", "git"
"""What is watched: the deliveries of hooks, where branches and pull requests are, and repositories of plain git."""

LANES = 4
"""Looks at once: most of their time they wait for GitHub."""

MAX_REPLICATED = 500
"""Repositories that are watched for the copy of GitHub only: more would use up what GitHub allows."""

DAY = 86_400.0


class AppSide(Protocol):
    """The App's own access; see `AppTokens`."""

    client: GitHubClient

    def fetch_installations(self) -> dict[str, int]:
        """The numbers of the App's installations by the owner's login in lower case. Raises GitHubError."""


class GitHubSide(Protocol):
    """How GitHub is asked; see `wiring.github`."""

    @property
    def client(self) -> GitHubClient:
        """For all that is about repositories and organizations."""

    @property
    def app(self) -> AppSide | None:
        """The App, where there is one by now."""

    @property
    def is_known(self) -> bool:
        """Whether there are credentials by now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """Seconds between two looks: at hooks and what they cover, and at repositories without a hook.

    Deliveries are compared `reach` seconds back, so far as the ledger itself goes back.
    """

    heal: float = 600.0
    poll: float = 60.0
    reach: float = KEPT_FOR


class Healing(Watching):
    """The drain of the watches over GitHub; `looks` has one look for each kind; not `on`: no looks."""

    def __init__(
        self,
        database: Database,
        github: GitHubSide,
        looks: Mapping[str, Look],
        owner: str,
        clock: Callable[[], float],
        wake: Callable[[str], None],
        *,
        on: bool = True,
    ) -> None:
        beat = Beat(queue=HEALING, looks=looks, find=self._find_places, lanes=LANES)
        super().__init__(database, beat, owner, clock, wake)
        self.on = on
        self._github = github

    def drain(self) -> float | None:
        """Look at all that is due; when the next is due, Unix seconds."""
        return super().drain() if self.on else None

    def ask(self, now: float) -> int:
        """A person wants everything looked at now; how many watches. Raises ConflictError where nothing is to be."""
        if not self.on:
            raise ConflictError("Looking for missed deliveries is switched off: set GITHUB__HEAL to true.")
        return super().ask(now)

    def ask_for(self, connection: Connection, guid: str, now: float) -> None:
        """A person wants GitHub asked for one that is missing. Raises ConflictError, NotFoundError."""
        if not self.on:
            raise ConflictError("Looking for missed deliveries is switched off: set GITHUB__HEAL to true.")
        if not healing.ask_for_hole(connection, guid, now):
            raise NotFoundError("There is no such delivery that is missing and that GitHub lists.")

    def look_soon(self) -> None:
        """Something was made due."""
        self._wake(HEALING)

    def _find_places(self, connection: Connection) -> list[tuple[str, str]]:
        if not self._github.is_known:
            return []
        built = {name.lower() for name in healing.load_built_repositories(connection)}
        names = sorted(built.union(healing.load_replicated_repositories(connection, MAX_REPLICATED)))
        owners = {name.partition("/")[0] for name in names}
        repositories = [form_path("repos", *name.split("/", 1)).lower() for name in names]
        organizations = [form_path("orgs", login) for login in healing.load_organizations(connection, owners)]
        app = ["/app"] if self._github.app is not None else []
        return [(HOOKS, place) for place in (*app, *organizations, *repositories)] + [
            (HEADS, place) for place in repositories
        ]


def word_healing(figures: HealFigures, *, on: bool = True) -> str:
    """The figures of a day in a line: `last 24 h: 20 delivered, 3 recovered, 0 missing`, and how far they are known."""
    line = f"last 24 h: {figures.delivered:,} delivered, {figures.recovered:,} recovered, {figures.missing:,} missing"
    if not on:
        return f"{line} as far as is known: looking for missed ones is switched off (GITHUB__HEAL)"
    if figures.watches == 0:
        return f"{line} as far as is known: GitHub is not asked, for want of credentials or jobs"
    doubts = []
    if figures.unseen:
        first = figures.unseen[0]
        more = f" (and at {figures.unseen_count - 1:,} more)" if figures.unseen_count > 1 else ""
        doubts.append(f"could not look at {word_place(first.what, first.place)}{more}: {first.why.rstrip('.')}")
    if figures.unlooked:
        doubts.append(f"{figures.unlooked:,} of {figures.watches:,} places were not looked at yet")
    return f"{line} as far as is known: {'; '.join(doubts)}" if doubts else line


def word_place(what: str, place: str) -> str:
    """What is watched, in words: `the hooks of octo/hello`, `the branches of octo/hello`, `the App's deliveries`."""
    if what == GIT:
        return f"the repository of {place}"
    name = "/".join(unquote(part) for part in place.split("/")[2:])
    if not name:
        return "the App's deliveries"
    return f"the {'hooks' if what == HOOKS else 'branches'} of {name}"
