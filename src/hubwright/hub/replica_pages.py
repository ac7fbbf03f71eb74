"""The steps that ask GitHub: find out whose data it is, read a page, look for one record.

A load resolves what its addresses need and adds a scan for each listing. A scan has a page below it, which adds the
other pages, all at once where GitHub tells how many there are, else one after the other; when the last has ended
`replica_scans` goes on. What hangs below an item is added to the load itself, so that no scan waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

import structlog
from sqlalchemy import Connection

from hubwright import __version__
from hubwright.domain.github_budget import Priority
from hubwright.domain.replica import Record, Version
from hubwright.errors import GitHubRefusedError, PageRefusedError
from hubwright.github.answers import Answer
from hubwright.github.listings import (
    LISTINGS,
    Listing,
    form_address,
    read_given,
    read_items,
)
from hubwright.github.record_readers import API_RANK
from hubwright.github.records import read_page
from hubwright.hub.loads import FOLLOW_UPS
from hubwright.hub.replica_plans import Page, find_following, find_until, form_page, may_hide_next, plan_listing
from hubwright.store import tasks
from hubwright.store.replica import keep_records
from hubwright.store.scans import keep_mark, load_mark
from hubwright.store.sweeps import are_alive
from hubwright.store.tasks import Held

EMPTY = 409
"""What the commits of an empty repository are answered with."""

READERS = f"hubwright {__version__}"
"""Who has read an answer: another release may read more of the same."""

GONE = frozenset({404, 410})

LOST = GONE | {422}
"""What GitHub answers where it no longer has the commit that a listing of newer ones begins at."""

LEFT_OUT = frozenset({403, 404, 409, 410, 451})
"""What GitHub answers where a repository has no such list, or the token may not see it: no fault of a whole load."""

Work = Callable[[Connection, float], None]
"""What a step writes, in one transaction; it takes Unix time."""

logger = structlog.get_logger()


class Asks(Protocol):
    """What is needed of `GitHubClient`."""

    def get(
        self, path: str, *, owner: str | None = None, priority: Priority = Priority.BUILD, remember: bool = True
    ) -> Answer:
        """Read an address; without `remember` whatever was answered before. Raises GitHubError."""


class Pages:
    """Fetches for a held step, and gives what is to be written then. All raise GitHubError."""

    def __init__(self, github: Asks, clock: Callable[[], float]) -> None:
        self._github = github
        self._clock = clock

    def begin_load(self, held: Held) -> Work:
        """Ask for what the addresses of a load need."""
        where = dict(held.payload["where"])
        known: list[tuple[Listing, Page]] = []
        for under in dict.fromkeys(name for each in held.payload["listings"] for name in LISTINGS[each].under):
            listing = LISTINGS[under]
            if not listing.gives.keys() <= where.keys():
                page = self._ask(listing, form_address(listing, where), held, where)
                where |= _read_first(listing, page.items)
                known.append((listing, page))
        return partial(_spread, held, where, known)

    def read_page(self, held: Held) -> Work:
        """Read a page, or a single record."""
        payload = held.payload
        listing = LISTINGS[payload["listing"]]
        try:
            page = self._ask(listing, payload["url"], held, payload["where"])
        except PageRefusedError as error:
            return partial(_end_page, held, {"refused": str(error)})
        except GitHubRefusedError as error:
            if listing.noted_as is not None and error.status in LOST:
                return partial(_end_page, held, {"refused": str(error)})
            if listing.many and error.status == EMPTY:
                return partial(_end_page, held, {"seen": [], "seen_at": self._clock(), "told": {"pages": 1}})
            if payload["optional"] and error.status in LEFT_OUT:
                return partial(_end_page, held, {"left_out": f"{listing.name.replace('_', ' ')}: {error}"})
            raise
        if may_hide_next(payload, page):
            page = self._ask(listing, payload["url"], held, payload["where"], remember=False)
        return partial(_keep_page, held, listing, page)

    def check_record(self, held: Held) -> Work:
        """Ask for a record that its list no longer had: it gets a tombstone when GitHub does not know it."""
        payload = held.payload
        listing = LISTINGS[payload["listing"]]
        grave = bury(payload["kind"], payload["row"], payload["seen_at"])
        try:
            page = self._ask(listing, form_address(listing, payload["where"]), held, payload["where"])
        except GitHubRefusedError as error:
            if error.status not in GONE:
                raise
            return partial(_keep_checked, held, [grave], 1)
        # a transferred issue leads to the one that it is now
        gone = not listing.bare and not any(
            (record.kind, record.key) == (grave.kind, grave.key) for record in page.records
        )
        return partial(_keep_checked, held, [*page.records, *([grave] if gone else [])], int(gone))

    def _ask(self, listing: Listing, url: str, held: Held, where: Mapping[str, Any], *, remember: bool = True) -> Page:
        owner = where.get("owner") or where.get("org")
        soon = held.queue == FOLLOW_UPS or held.payload.get("options", {}).get("soon")
        priority = Priority.SOON if soon else Priority.BULK
        answer = self._github.get(url, owner=owner, priority=priority, remember=remember)
        items = read_items(listing, answer.json)
        seen_at = answer.date or self._clock()
        readings = [read_page(listing.kind, items, parent=where, observed_at=seen_at)]
        for reason in [reason for reading in readings for reason in reading.left_out][:10]:
            logger.warning("record_left_out", listing=listing.name, url=url, reason=reason)
        return Page(answer, items, readings, seen_at)


def bury(kind: str, key: Iterable[int | str], seen_at: float) -> Record:
    """The record of a thing that GitHub no longer had at `seen_at`, by GitHub's clock."""
    return Record(kind=kind, key=tuple(key), version=Version(seen_at, seen_at, API_RANK + 1), deleted=True)


def _read_first(listing: Listing, items: list[dict[str, Any]]) -> dict[str, Any]:
    given = read_given(listing, items[0]) if items else None
    if given is None:
        raise GitHubRefusedError(f"GitHub's answer lacks what a {listing.kind} has.")
    return given


def _spread(
    held: Held, where: Mapping[str, Any], known: list[tuple[Listing, Page]], connection: Connection, now: float
) -> None:
    """Add what was asked for; the load is due again when all of it has ended."""
    if not tasks.hold(connection, held, {**held.payload, "stage": "end"}):
        return
    if held.queue == FOLLOW_UPS:
        tasks.release_key(connection, held)
    for listing, page in known:
        _keep_records(connection, listing, page, now)
    wanted = [(LISTINGS[name], where) for name in held.payload["listings"]]
    _add_listings(connection, held, wanted, now, optional=False)
    tasks.go_on(connection, held, now)


def _keep_page(held: Held, listing: Listing, page: Page, connection: Connection, now: float) -> None:
    """Keep what a page tells, and add what follows from it. The load comes before the scan: locks have one order."""
    changed = _keep_records(connection, listing, page, now)
    told = {"pages": 1, "items": len(page.items), "changed": changed, "not_modified": int(page.answer.not_modified)}
    found = {
        "told": told,
        "seen": [list(key) for key in page.keys_of(listing)],
        "seen_at": page.seen_at,
        "until": find_until(listing, held.payload["number"], page.items),
    }
    if not tasks.hold(connection, held, {**held.payload, **found}):
        return
    if listing.always_below or held.payload["options"]["children"]:
        _add_listings(connection, held, _find_below(held, listing, page.items), now, optional=True)
    if (following := find_following(held.payload, listing, page)) and held.parent is not None:
        tasks.add_steps(connection, held, following, now, parent=held.parent)
    tasks.end(connection, held, now)


def _keep_records(connection: Connection, listing: Listing, page: Page, now: float) -> int:
    """Keep what a page tells; how many rows changed. What GitHub confirmed is not written again.

    That an answer is remembered does not say that its rows were kept: its mark does, written together with them.
    """
    answer, mark = page.answer, f"{READERS} {page.answer.etag}"
    if answer.not_modified and load_mark(connection, answer.url) == mark:
        kind, keys = listing.swept or listing.kind, page.keys_of(listing)
        if are_alive(connection, kind, keys):
            return 0
    changed = keep_records(connection, page.records, via="api", now=now)
    if answer.etag is not None:
        keep_mark(connection, answer.url, mark, now)
    return changed


def _end_page(held: Held, found: Mapping[str, Any], connection: Connection, now: float) -> None:
    if tasks.hold(connection, held, {**held.payload, **found}):
        tasks.end(connection, held, now)


def _keep_checked(held: Held, records: list[Record], vanished: int, connection: Connection, now: float) -> None:
    changed = keep_records(connection, records, via="api", now=now)
    _end_page(held, {"told": {"changed": changed, "vanished": vanished}}, connection, now)


def _find_below(held: Held, listing: Listing, items: list[dict[str, Any]]) -> list[tuple[Listing, Mapping[str, Any]]]:
    given = [each for item in items if (each := read_given(listing, item)) is not None]
    return [(LISTINGS[name], {**held.payload["where"], **each}) for each in given for name in listing.below]


def _add_listings(
    connection: Connection,
    held: Held,
    wanted: list[tuple[Listing, Mapping[str, Any]]],
    now: float,
    *,
    optional: bool,
) -> None:
    """Add a scan with its first page for each listing, or only the page for a single record, to the load."""
    options = held.payload["options"]
    plans = [plan_listing(connection, listing, where, options, now, optional=optional) for listing, where in wanted]
    scans = [plan for plan in plans if plan["do"] == "scan"]
    numbers = tasks.add_steps(connection, held, scans, now, parent=held.root, children=1)
    firsts = [(number, form_page(scan, scan["url"])) for number, scan in zip(numbers, scans, strict=True)]
    tasks.add_first_steps(connection, held, firsts, now)
    singles = [form_page(plan, plan["url"], leads=False) for plan in plans if plan["do"] == "page"]
    tasks.add_steps(connection, held, singles, now, parent=held.root)
