"""How scans and loads end: what vanished gets its tombstone, but only what the scan has listed, and nothing is guessed.

What GitHub gives no second time (issues, labels, comments: they have numbers) is taken for deleted at once only when
one answer held the whole list. Lists of several pages shift while they are read, and with `state=open` what was closed
is missing too: then GitHub is asked for each missing record, and only what it does not know is deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from hubwright.github.listings import LISTINGS, Listing, form_address
from hubwright.hub.loads import LAST, form_scope
from hubwright.hub.replica_pages import Work, bury
from hubwright.hub.replica_plans import form_page, write_time
from hubwright.store import tasks
from hubwright.store.database import Database
from hubwright.store.replica import keep_records
from hubwright.store.scans import Scanned, keep_scan
from hubwright.store.sweeps import Listed, key_length, load_missing
from hubwright.store.tasks import Held

MOST_CHECKS = 1000
"""Missing records that one scan asks GitHub for; the others are left to the next."""

NOTED = 20
"""Of what was left out, so much is told."""


class Scans:
    """Ends scans and loads whose steps have all ended; each method gives what is to be written then."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def end_load(self, held: Held) -> Work:
        """A load is done when everything in it is; else it fails for the reason of the first that did."""
        children = self._load_children(held)
        failed = [child for child in children if child.state == "failed"]
        left_out = [child.payload["left_out"] for child in children if "left_out" in child.payload]
        found: dict[str, Any] = {"told": _sum(children), "left_out": left_out[:NOTED]}
        if failed:
            more = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
            found["status"] = failed[0].payload.get("status", 0)
            return partial(_end, held, found, f"{failed[0].error}{more}")
        return partial(_end_load, held, found)

    def end_scan(self, held: Held) -> Work:
        """Sweep, or read once more page by page, or end."""
        payload = held.payload
        listing = LISTINGS[payload["listing"]]
        children = self._load_children(held)
        same = {name: payload[name] for name in ("chain", "listing")}
        pages = [each for each in children if each.payload["do"] == "page" and same.items() <= each.payload.items()]
        failed = next((child for child in children if child.state == "failed"), None)
        if failed is not None:
            why = f"{listing.name.replace('_', ' ')}: {failed.error}"
            return partial(_end, held, {"status": failed.payload.get("status", 0)}, why)
        refused = next((page.payload["refused"] for page in pages if "refused" in page.payload), None)
        if refused is not None and listing.noted_as is not None:
            return partial(_read_all, held, LISTINGS[listing.noted_as])
        if refused is not None:
            return partial(_end, held, {}, refused) if payload["chain"] else partial(_read_in_turn, held)
        left_out = next((page.payload["left_out"] for page in pages if "left_out" in page.payload), None)
        if left_out is not None:
            return partial(_end, held, {"left_out": left_out}, None)
        partly = payload["since"] is not None or bool(listing.types and payload["options"]["type"])
        if payload.get("stage") == "checked" or partly or listing.swept is None:
            return partial(_end_scan, held, listing, children, 0)
        return partial(_sweep, held, listing, children)

    def _load_children(self, held: Held) -> Sequence[Row[Any]]:
        with self._database.reading() as connection:
            return tasks.load_children(connection, held.id)


def _end(held: Held, found: Mapping[str, Any], error: str | None, connection: Connection, now: float) -> None:
    if tasks.hold(connection, held, {**held.payload, **found}):
        tasks.end(connection, held, now, error)


def _end_load(held: Held, found: Mapping[str, Any], connection: Connection, now: float) -> None:
    """A load that is done needs its steps no more: of two thousand pages nobody asks again."""
    if tasks.hold(connection, held, {**held.payload, **found, "steps": tasks.count_steps(connection, held.id)}):
        tasks.forget_steps(connection, held.id)
        tasks.end(connection, held, now)


def _read_in_turn(held: Held, connection: Connection, now: float) -> None:
    """GitHub refuses numbers of pages: read all of them again, each told by the one before."""
    payload = {**held.payload, "chain": True}
    if tasks.hold(connection, held, payload):
        tasks.add_steps(connection, held, [form_page(payload, payload["url"])], now, parent=held.id)
        tasks.go_on(connection, held, now)


def _read_all(held: Held, listing: Listing, connection: Connection, now: float) -> None:
    """GitHub no longer has where the last load ended: read the whole list that this one was to continue."""
    where, options = held.payload["where"], held.payload["options"]
    whole = {"listing": listing.name, "url": form_address(listing, where, options), "since": None, "began": now}
    payload = {**held.payload, **whole}
    if tasks.hold(connection, held, payload):
        tasks.add_steps(connection, held, [form_page(payload, payload["url"])], now, parent=held.id)
        tasks.go_on(connection, held, now)


def _sweep(held: Held, listing: Listing, children: Sequence[Row[Any]], connection: Connection, now: float) -> None:
    """Tombstones for what vanished, or a question to GitHub for each where that is not certain."""
    payload = held.payload
    kind = str(listing.swept)
    pages = [child.payload for child in children if "seen" in child.payload]
    seen = {tuple(key) for page in pages for key in page["seen"]}
    narrowed = payload["options"]["state"] != "all" and listing.stated
    scope = {name: payload["where"][name] for name in listing.scope}
    if narrowed:
        scope["state"] = payload["options"]["state"]
    listed = Listed(kind=kind, scope=scope, began_at=payload["began"], seen=seen)
    missing = load_missing(connection, listed, list(listing.single_by.values()))
    if missing and listing.single is not None and (narrowed or len(pages) > 1):
        seen_at = max(page["seen_at"] for page in pages)
        asked = [row for row in missing if None not in row[key_length(kind) :]]
        checks = [_form_check(listing, payload, row, seen_at) for row in asked[:MOST_CHECKS]]
        if tasks.hold(connection, held, {**payload, "stage": "checked"}):
            tasks.add_steps(connection, held, checks, now, parent=held.id)
            tasks.go_on(connection, held, now)
        return
    seen_at = min(page["seen_at"] for page in pages)
    graves = [bury(kind, row[: key_length(kind)], seen_at) for row in missing]
    vanished = keep_records(connection, graves, via="api", now=now)
    _end_scan(held, listing, children, vanished, connection, now)


def _form_check(listing: Listing, payload: Mapping[str, Any], row: Row[Any], seen_at: float) -> dict[str, Any]:
    kind = str(listing.swept)
    names = zip(listing.single_by, row[key_length(kind) :], strict=True)
    return {
        "do": "check",
        "listing": listing.single,
        "where": {**payload["where"], **dict(names)},
        "kind": kind,
        "row": list(row[: key_length(kind)]),
        "seen_at": seen_at,
    }


def _end_scan(
    held: Held, listing: Listing, children: Sequence[Row[Any]], vanished: int, connection: Connection, now: float
) -> None:
    """Note how far the listing is known."""
    payload = held.payload
    told = _sum(children)
    told["vanished"] += vanished
    if not tasks.hold(connection, held, {**payload, "told": told}):
        return
    options = payload["options"]
    all_of_it = options["state"] == "all" or not listing.stated
    noted = LISTINGS[listing.noted_as or listing.name]
    scanned = Scanned(
        listing=noted.name,
        scope=form_scope(noted, payload["where"]),
        began_at=payload["began"],
        finished_at=now,
        whole_at=payload["began"] if all_of_it and payload["since"] is None else None,
        changed_until=_find_until(noted, children) if all_of_it and options["since"] in {None, LAST} else None,
        pages=told["pages"],
        items=told["items"],
        vanished=told["vanished"],
    )
    keep_scan(connection, scanned)
    tasks.end(connection, held, now)


def _find_until(listing: Listing, children: Sequence[Row[Any]]) -> str | None:
    """How far the list is known: what changed after its first page was asked for need not be in it."""
    found = max((until for child in children if (until := child.payload.get("until"))), default=None)
    if found is None or listing.newer is not None:
        return None if found is None else found[1]
    begun = min(child.payload["seen_at"] for child in children if "seen_at" in child.payload)
    return min(str(found[1]), write_time(begun))


def _sum(children: Sequence[Row[Any]]) -> Counter[str]:
    told: Counter[str] = Counter()
    for child in children:
        told.update(child.payload.get("told", {}))
    return told
