"""Looks at what GitHub says it has delivered through a hook, and has what did not arrive delivered again.

https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import structlog
from sqlalchemy import Row

from hubwright.domain.github_budget import Priority
from hubwright.domain.github_hooks import DOOR, is_ours
from hubwright.errors import GitHubRefusedError, StaleLeaseError
from hubwright.github.client import GitHubClient
from hubwright.github.hook_deliveries import (
    APP_DELIVERIES,
    KEPT_FOR,
    join_tries,
    read_request,
    read_sent,
)
from hubwright.github.payloads import name_repository
from hubwright.hub.healing import GitHubSide, Rhythm
from hubwright.hub.watching import Looked
from hubwright.store import healing
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_delivery
from hubwright.store.healing import Hole

OVERLAP = 900.0
"""Seconds before the last look that are looked at again: deliveries may come late into GitHub's list."""

SETTLE = 30.0
"""Seconds in which a delivery that GitHub calls good may be on its way into the ledger."""

ASKED_AT_ONCE = 50
"""Deliveries that are loaded to be asked for."""

ASKING = 30.0
"""Seconds for which one look goes on to ask: after a long outage comparing the list again takes long."""

PAUSES = (healing.AWAITED, 120.0, 600.0, 3600.0, 21_600.0)
"""Seconds after the first, the second … time that a delivery was asked for; the last one goes on."""

FETCH_AFTER = 2
"""Times that a delivery is asked for before its body is read from GitHub's own list."""

LOOK_FOR_ANSWER = 2.0
"""Seconds between looks into the ledger while a delivery is awaited."""

MAX_HOOK_PAGES = 3

APP = "/app"
"""The place of the App's own hook."""

logger = structlog.get_logger()


class HookLooks:
    """Looks at the hooks of a place; `public_url` tells which are ours."""

    def __init__(
        self,
        database: Database,
        github: GitHubSide,
        public_url: str,
        rhythm: Rhythm,
        clock: Callable[[], float],
        wake: Callable[[str], None],
    ) -> None:
        self._database = database
        self._github = github
        self._url = public_url.rstrip("/") + DOOR
        self._rhythm = rhythm
        self._clock = clock
        self._wake = wake

    def look(self, row: Row[Any], told: dict[str, Any]) -> Looked:
        """Settle what came, compare GitHub's list when it is time, ask for what is missing. Raises GitHubError."""
        self._database.write(lambda connection: healing.settle_holes(connection, row.id))
        if self._is_due(row, told, self._clock()):
            self._compare(row, told)
        began = self._clock()
        while self._ask_again(row):
            told["asked_at"] = self._clock()
            if not 0 <= told["asked_at"] - began < ASKING:
                break
        told.pop("failures", None)
        due = self._find_due(row, told)
        return Looked(told=told, looked_at=told.get("whole_at"), due=due, note=told.get("why"))

    def _is_due(self, row: Row[Any], told: Mapping[str, Any], now: float) -> bool:
        compared_at = told.get("compared_at")
        if compared_at is None or told.get("left"):
            return True
        return bool(now - compared_at >= self._rhythm.heal or (row.asked_at or 0.0) > compared_at)

    def _find_due(self, row: Row[Any], told: Mapping[str, Any]) -> float:
        """The next look at the list, or sooner when something may be asked for again or may be in the ledger by now."""
        now = self._clock()
        with self._database.reading() as connection:
            next_try = healing.load_next_try(connection, row.id)
        due = float(told["compared_at"] + self._rhythm.heal)
        if next_try is None:
            return due
        awaited = 0 <= now - told.get("asked_at", 0.0) < healing.AWAITED
        return min(due, max(now, next_try), now + LOOK_FOR_ANSWER if awaited else due)

    def _compare(self, row: Row[Any], told: dict[str, Any]) -> None:
        """Read the lists of all hooks; how far it is stands in `told`. Raises RateLimitedError, GitHubUnavailableError.

        A list that GitHub refuses is left out, and why is noted: then not all was seen.
        """
        client, owner = self._client_of(row.place)
        if not told.get("left"):
            since = max(self._clock() - self._rhythm.reach, (row.looked_at or 0.0) - OVERLAP)
            told |= {"began": self._clock(), "since": since, "why": None, "refused": False, "left": []}
            told |= self._find_endpoints(row, client, owner)
        while told["left"]:
            endpoint, url = told["left"][0]
            try:
                following = self._compare_page(row, client, endpoint, url, told["since"], owner)
            except GitHubRefusedError as error:
                following = None
                told |= {"why": f"GitHub does not show all deliveries: {error}", "refused": True}
            told["left"] = [[endpoint, following], *told["left"][1:]] if following else told["left"][1:]
            self._note_progress(row, told)
        told["compared_at"] = told["began"]
        if told["why"] is None:
            told["whole_at"] = told["began"]

    def _note_progress(self, row: Row[Any], told: Mapping[str, Any]) -> None:
        """Whoever goes on after this process was killed begins here. Raises StaleLeaseError."""
        if not told["left"]:
            return  # the look's end notes it
        if not self._database.write(lambda connection: healing.note_progress(connection, row, told)):
            raise StaleLeaseError(f"Another process looks at {row.place} now.")

    def _compare_page(
        self, row: Row[Any], client: GitHubClient, endpoint: str, url: str, since: float, owner: str | None
    ) -> str | None:
        """Keep what a page lists and the ledger does not hold; the next page's address while it may tell more."""
        first = "cursor=" not in url
        answer = client.get(url, owner=owner, priority=Priority.SOON, remember=first)
        items = answer.json if isinstance(answer.json, list) else []
        sent = [one for one in map(read_sent, items) if one is not None]
        now = self._clock()
        wanted = {one.guid: one for one in join_tries(sent) if one.delivered_at >= now - self._rhythm.reach}
        with self._database.reading() as connection:
            arrived = healing.load_arrived(connection, list(wanted))
        holes = [
            Hole(sent=one, watch_id=row.id, endpoint=endpoint)
            for guid, one in wanted.items()
            if guid not in arrived and not (one.arrived and now - one.delivered_at < SETTLE)
        ]
        if holes:
            count = self._database.write(lambda connection: healing.keep_holes(connection, holes, now))
            logger.warning("deliveries_missing", place=row.place, new=count)
        oldest = min((one.delivered_at for one in sent), default=0.0)
        return answer.next_url if oldest >= since else None

    def _find_endpoints(self, row: Row[Any], client: GitHubClient, owner: str | None) -> Mapping[str, Any]:
        """Where the deliveries of our hooks are listed, and whether there is a hook at all (None: it is not told)."""
        if row.place == APP:
            return {"left": [[APP_DELIVERIES, f"{APP_DELIVERIES}?per_page=100"]], "hook": True}
        covered = self._is_covered(owner)
        try:
            hooks = self._fetch_hooks(row, client, owner)
        except GitHubRefusedError as error:
            if error.status not in {401, 403, 404}:
                raise
            if covered:
                return {"hook": True}
            if self._is_foreign(row.place):
                return {"hook": False}
            return {"hook": None, "why": f"GitHub does not show the hooks: {error}", "refused": True}
        paths = [f"{row.place}/hooks/{hook['id']}/deliveries" for hook in hooks]
        sends = any(hook.get("active") is not False for hook in hooks)
        return {"left": [[path, f"{path}?per_page=100"] for path in paths], "hook": covered or sends}

    def _fetch_hooks(self, row: Row[Any], client: GitHubClient, owner: str | None) -> list[Mapping[str, Any]]:
        """The hooks of the place that send to this hub."""
        place: str | None = f"{row.place}/hooks?per_page=100"
        found: list[Mapping[str, Any]] = []
        for _ in range(MAX_HOOK_PAGES):
            if place is None:
                break
            answer = client.get(place, owner=owner, priority=Priority.SOON)
            listed = answer.json if isinstance(answer.json, list) else []
            named = (hook for hook in listed if isinstance(hook, dict) and type(hook.get("id")) is int)
            found += [hook for hook in named if is_ours(hook, self._url)]
            place = answer.next_url
        return found

    def _is_covered(self, owner: str | None) -> bool:
        """Whether the App's own hook tells of the owner's repositories."""
        app = self._github.app
        return app is not None and owner is not None and owner.lower() in app.fetch_installations()

    def _is_foreign(self, place: str) -> bool:
        """Whether nothing of the place is built here and nothing came from it: then no hook of it sends here."""
        name = "/".join(unquote(part) for part in place.split("/")[2:])
        with self._database.reading() as connection:
            return not healing.is_concerned(connection, name, self._clock() - KEPT_FOR)

    def _client_of(self, place: str) -> tuple[GitHubClient, str | None]:
        app = self._github.app
        if place == APP:
            if app is None:
                raise GitHubRefusedError("This hub is no GitHub App any more.")
            return app.client, None
        return self._github.client, place.split("/")[2]

    def _ask_again(self, row: Row[Any]) -> bool:
        """Ask for what is missing and due; whether there was any. Raises RateLimitedError, GitHubUnavailableError."""
        with self._database.reading() as connection:
            holes = healing.load_holes(connection, row.id, self._clock(), ASKED_AT_ONCE)
        client, owner = self._client_of(row.place)
        for hole in holes:
            if hole.delivered_at < self._clock() - KEPT_FOR:
                self._note(hole, None, "GitHub sends a delivery again for three days only.")
            elif hole.asked >= FETCH_AFTER and not _was_refused(hole.status_code):
                self._fetch(hole, client, owner)
            else:
                self._ask(hole, client, owner)
        return bool(holes)

    def _ask(self, hole: Row[Any], client: GitHubClient, owner: str | None) -> None:
        """Have it sent again; GitHub sends it within seconds."""
        path = f"{hole.endpoint}/{hole.delivery_id}/attempts"
        try:
            client.post(path, owner=owner, priority=Priority.SOON)
        except GitHubRefusedError as error:
            if _was_refused(hole.status_code):
                self._note(hole, self._clock() + PAUSES[-1], str(error))
            else:
                self._fetch(hole, client, owner)
            return
        why = f"This hub, or what stands before it, answered {hole.status_code}." if hole.status_code >= 300 else None
        self._note(hole, self._clock() + PAUSES[min(hole.asked, len(PAUSES) - 1)], why)

    def _fetch(self, hole: Row[Any], client: GitHubClient, owner: str | None) -> None:
        """Take the body from GitHub's own record: whatever stands between GitHub and us lets nothing through."""
        try:
            answer = client.get(
                f"{hole.endpoint}/{hole.delivery_id}", owner=owner, priority=Priority.SOON, remember=False
            )
        except GitHubRefusedError as error:
            self._note(hole, None, str(error))
            return
        found = read_request(answer.json)
        if found is None:
            self._note(hole, None, "GitHub no longer has its body.")
            return
        repository = name_repository(found.event, found.payload)
        incoming = Incoming(
            hole.guid, found.event, healing.GITHUB, found.body, self._clock(), found.headers, repository
        )

        def keep(connection: Any) -> None:
            keep_delivery(connection, incoming)
            healing.note_fetched(connection, hole.guid)
            healing.settle_holes(connection, hole.watch_id)

        self._database.write(keep)
        self._wake("deliveries")

    def _note(self, hole: Row[Any], next_try_at: float | None, why: str | None) -> None:
        self._database.write(lambda connection: healing.note_try(connection, hole.guid, next_try_at, why))


def _was_refused(status_code: int | None) -> bool:
    """Whether we said no to the delivery: then its body is not taken by another way."""
    return status_code is not None and 400 <= status_code < 500
