"""What follows from a page: the pages after it, and the payloads of scans and pages. No I/O but a look at old scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection

from hubwright.domain.replica import Reading, Record
from hubwright.github.answers import Answer
from hubwright.github.listings import (
    LISTINGS,
    MOST_PAGES,
    PER_PAGE,
    Increment,
    Listing,
    form_address,
    form_further_pages,
    form_page_address,
    read_changed_at,
)
from hubwright.hub.loads import LAST, form_scope
from hubwright.store.scans import load_changed_until

OVERLAP = timedelta(seconds=60)
"""By how much a load of what changed since the last one reaches back before it."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer and what its items tell; `seen_at` is GitHub's clock."""

    answer: Answer
    items: list[dict[str, Any]]
    readings: list[Reading]
    seen_at: float

    @property
    def is_full(self) -> bool:
        """Whether another page may follow, whatever the links say.

        GitHub confirms a page by what is on it, without its links: a 304 does not tell that one more has come.
        """
        return len(self.items) == PER_PAGE and self.answer.next_url is None

    @property
    def records(self) -> list[Record]:
        """What they tell, in the order of the items."""
        return [record for reading in self.readings for record in reading.records]

    def keys_of(self, listing: Listing) -> list[tuple[int | str, ...]]:
        """The keys of what is listed."""
        kind = listing.swept or listing.kind
        return list(dict.fromkeys(record.key for record in self.records if record.kind == kind))


def form_page(scan: Mapping[str, Any], url: str, number: int = 1, *, leads: bool = True) -> dict[str, Any]:
    """The payload of a page; one that leads adds those that follow."""
    kept = {name: scan[name] for name in ("listing", "where", "options", "optional", "chain", "since")}
    return {"do": "page", "url": url, "number": number, "leads": leads, **kept}


def find_following(payload: Mapping[str, Any], listing: Listing, page: Page) -> list[dict[str, Any]]:
    """The pages that this one leads to: all from the first one where GitHub numbers them, else the next."""
    if not (payload["leads"] and listing.many) or _is_past(payload["since"], listing, page.items):
        return []
    number = payload["number"]
    further = form_further_pages(page.answer.links.get("last", "")) if number == 1 and not payload["chain"] else []
    if further:
        return [form_page(payload, url, at, leads=url == further[-1]) for at, url in enumerate(further, 2)]
    following = page.answer.next_url
    if following is None and page.is_full and _is_numbered(payload):
        following = form_page_address(payload["url"], number + 1)
    if following is None or following == payload["url"] or number >= MOST_PAGES:
        return []
    return [form_page(payload, following, number + 1)]


def _is_past(since: str | None, listing: Listing, items: list[dict[str, Any]]) -> bool:
    """Whether a list that has the latest changes first has come to what is known."""
    if since is None or listing.increment is not Increment.SORTED or not items:
        return False
    return (read_changed_at(items[-1]) or "") < since


def find_until(listing: Listing, number: int, items: list[dict[str, Any]]) -> list[Any] | None:
    """How far the listing is known by this page, after what makes the greatest of all pages the one that counts.

    That is GitHub's time of the latest change. Commits have none: of them it is the newest, the first of the first page
    of all or the last of the last page of new ones.
    """
    if listing.newer is not None:
        return [number, items[0].get("sha")] if number == 1 and items else None
    if listing.noted_as is not None:
        return [number, items[-1].get("sha")] if items else None
    at = max((at for item in items if (at := read_changed_at(item))), default=None)
    return None if at is None else [0, at]


def may_hide_next(payload: Mapping[str, Any], page: Page) -> bool:
    """Whether only an answer with its links can tell if there is one more page: those by cursor have no numbers."""
    return page.answer.not_modified and page.is_full and not _is_numbered(payload)


def _overlap(known: str) -> str:
    """A little earlier: GitHub's lists may lag behind its changes."""
    return write_time((datetime.fromisoformat(known) - OVERLAP).timestamp())


def write_time(at: float) -> str:
    """Unix time as GitHub writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_numbered(payload: Mapping[str, Any]) -> bool:
    first = payload["number"] == 1
    return not payload["chain"] and (first or "page" in parse_qs(urlsplit(payload["url"]).query))


def plan_listing(
    connection: Connection,
    listing: Listing,
    where: Mapping[str, Any],
    options: Mapping[str, Any],
    now: float,
    *,
    optional: bool,
) -> dict[str, Any]:
    """The payload of a scan, or of the page of a single record."""
    since = options["since"] if listing.increment is not None else None
    if since == LAST:
        since = load_changed_until(connection, listing.name, form_scope(listing, where))
        if since is not None and listing.newer is not None:
            listing, where = LISTINGS[listing.newer], {**where, "before": since}
        elif since is not None:
            since = _overlap(since)
    return {
        "do": "scan" if listing.many else "page",
        "listing": listing.name,
        "where": dict(where),
        "options": dict(options),
        "optional": optional,
        "chain": since is not None and listing.increment is Increment.SORTED,
        "since": since,
        "url": form_address(listing, where, options, since=since),
        "began": now,
    }
