"""No delivery is missed: hooks and heads are watched, each as a row under a lease, and looked at when its time comes.

What GitHub lists as delivered and the ledger does not hold is asked for again; branch heads, tags and open pull
requests that no delivery told of are built. A look that a limit or a failure stops goes on where it was, in whatever
process; until it has ended well the figures say that they do not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from urllib.parse import unquote

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.backoff import backoff
from hubwright.errors import ConflictError, GitHubRefusedError, HubwrightError, RateLimitedError
from hubwright.github.client import GitHubClient
from hubwright.github.hook_deliveries import KEPT_FOR
from hubwright.github.requests import form_path
from hubwright.hub.lanes import Lanes
from hubwright.hub.leases import LeaseKeeper
from hubwright.store import healing, queues
from hubwright.store.database import Database, is_outage
from hubwright.store.healing_figures import HealFigures
from hubwright.store.schema import watch

HEALING = "healing"
"""The queue's name."""

HOOKS, HEADS = "hooks", "heads"
"""What is watched: the deliveries of hooks, and where branches and pull requests are."""

LEASE = 30.0
BATCH = 8
LANES = 4
"""Looks at once: most of their time they wait for GitHub."""

PLACES_EVERY = 10.0
"""Seconds between two looks for repositories that are new to the hub."""

MAX_REPLICATED = 500
"""Repositories that are watched for the copy of GitHub only: more would use up what GitHub allows."""

DAY = 86_400.0

logger = structlog.get_logger()


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What came of a look: what is remembered, when all was seen, when the next is due, what is to be written."""

    told: Mapping[str, Any]
    looked_at: float | None
    due: float
    note: str | None = None
    keep: Callable[[Connection, float], None] | None = None


Look = Callable[[Row[Any], dict[str, Any]], Looked]
"""Looks at what a held watch is about. What it notes in `told` is remembered also when it raises HubwrightError."""


class Healing:
    """The drain of the watches; `looks` has one look for each kind, `owner` holds the leases; not `on`: no looks."""

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
        self.on = on
        self._database = database
        self._github = github
        self._looks = looks
        self._owner = owner
        self._clock = clock
        self._wake = wake
        self._placed_at = 0.0
        self._lanes: Lanes[Row[Any]] = Lanes(self._handle, threads=LANES, room=2 * LANES)
        self._leases = LeaseKeeper(database, watch, owner, clock, LEASE)

    def close(self) -> None:
        """Let the looks that go on end; leases bring the rest back."""
        self._lanes.close()
        self._leases.close()

    def drain(self) -> float | None:
        """Look at all that is due; when the next is due, Unix seconds."""
        if not self.on:
            return None
        if not 0 <= self._clock() - self._placed_at < PLACES_EVERY:
            self._place()
        while not self._lanes.closing:
            rows = self._database.write(
                partial(
                    queues.claim,
                    table=watch,
                    owner=self._owner,
                    now=self._clock(),
                    lease_seconds=LEASE,
                    limit=BATCH,
                )
            )
            for row in rows:
                self._lanes.enter(str(row.id), row)
            if len(rows) < BATCH:
                break
        with self._database.reading() as connection:
            return queues.next_due(connection, watch)

    def ask(self, now: float) -> int:
        """A person wants everything looked at now; how many watches. Raises ConflictError where nothing is to be."""
        if not self.on:
            raise ConflictError("Looking for missed deliveries is switched off: set GITHUB__HEAL to true.")
        self._place()
        count = self._database.write(lambda connection: healing.ask_for_look(connection, now))
        self._wake(HEALING)
        return count

    def _place(self) -> None:
        """Watch what is built or copied here, and nothing else."""
        with self._database.reading() as connection:
            wanted = self._find_places(connection)
            same = healing.have_watches(connection, wanted)
        self._placed_at = self._clock()
        if not same:
            self._database.write(lambda connection: healing.keep_watches(connection, wanted, self._clock()))

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

    def _handle(self, rows: list[Row[Any]]) -> None:
        for row in rows:
            self._look(row)
            self._wake(HEALING)

    def _look(self, row: Row[Any]) -> None:
        began, told = self._clock(), dict(row.told)
        try:
            looked = self._looks[row.what](row, told)
        except Exception as error:  # noqa: BLE001  a look that can't go on must not stop the others
            if is_outage(error):
                logger.warning("look_waits_for_database", place=row.place)
                return  # its lease ends, and another look begins
            looked = self._failed(row, told, error)
        self._database.write(partial(_keep, row, looked, began, self._clock))

    def _failed(self, row: Row[Any], told: dict[str, Any], error: Exception) -> Looked:
        """What to do after a look that could not go on; `refused`: it is not for GitHub to be well again."""
        now, seen = self._clock(), told.get("whole_at")
        told["refused"] = isinstance(error, GitHubRefusedError)
        if isinstance(error, RateLimitedError):
            return Looked(told=told, looked_at=seen, due=now + error.retry_after, note=str(error))
        if not isinstance(error, HubwrightError):
            logger.error("look_failed", place=row.place, exc_info=error)
        told["failures"] = int(told.get("failures", 0)) + 1
        pause = backoff(told["failures"], base=5.0, cap=600.0, jitter=(row.id % 100) / 100)
        why = str(error) if isinstance(error, HubwrightError) else f"{type(error).__name__}: {error}"
        return Looked(told=told, looked_at=seen, due=now + pause, note=why)


def _keep(row: Row[Any], looked: Looked, began: float, clock: Callable[[], float], connection: Connection) -> None:
    """Write what came of a look, and when the next is; nothing of it when another process has the watch by now."""
    ended = healing.Ended(
        told=looked.told, tried_at=began, looked_at=looked.looked_at, due=looked.due, note=looked.note
    )
    held = healing.note_look(connection, row, ended)
    if held and looked.keep is not None:
        looked.keep(connection, clock())


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
    name = "/".join(unquote(part) for part in place.split("/")[2:])
    if not name:
        return "the App's deliveries"
    return f"the {'hooks' if what == HOOKS else 'branches'} of {name}"
