"""Watches over hooks and heads, and the deliveries that they found missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.builds import MERGE_GROUP
from hubwright.domain.sent_deliveries import Sent
from hubwright.store import queues
from hubwright.store.schema import (
    delivery,
    gh_organization,
    gh_repository,
    job,
    link,
    missed_delivery,
    scan,
    watch,
    watched_head,
)

GITHUB, COMPARED = "github", "compared"
"""Sources of deliveries: as GitHub sent them, and as this hub made them of heads that no delivery told of."""

_OF_HEADS = ("push", "pull_request", MERGE_GROUP)
LOADED = ("branches", "hooks", "issues", "pulls")
"""Lists that are loaded of repositories which are to be kept as GitHub has them."""

AWAITED = 20.0
"""Seconds after it was asked for in which a delivery may be on its way."""

_PORTION = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Hole:
    """A delivery that did not arrive; found where and when."""

    sent: Sent
    watch_id: int
    endpoint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a look ended: what is remembered, when it began, when all was seen (None: it was not), when the next is."""

    told: Mapping[str, Any]
    tried_at: float
    looked_at: float | None
    due: float
    note: str | None


def load_built_repositories(connection: Connection) -> list[str]:
    """`owner/name` of every repository at GitHub that a job builds, or that is linked to one."""
    own = select(job.c.repository).where(job.c.enabled, job.c.clone_url.is_(None), job.c.copy_of.is_(None))
    names = [*connection.execute(own.distinct()).scalars(), *connection.execute(select(link.c.repository)).scalars()]
    return sorted({str(name).lower(): str(name) for name in names}.values())


def load_asked_jobs(connection: Connection, told_since: float | None) -> list[tuple[str, str | None]]:
    """Path and address of every job at a plain address.

    With `told_since` those at GitHub too, without an address, of whose repository nothing was delivered since then.
    """
    query = select(job.c.path, job.c.clone_url, job.c.repository).where(job.c.copy_of.is_(None), job.c.enabled)
    told: set[str] = set()
    if told_since is None:
        query = query.where(job.c.clone_url.is_not(None))
    else:
        came = select(func.lower(delivery.c.repository + "")).where(  # the time's index, not that of names
            delivery.c.received_at >= told_since, delivery.c.source == GITHUB
        )
        told = set(connection.execute(came.distinct()).scalars())
    rows = connection.execute(query.order_by(job.c.path))
    return [(row.path, row.clone_url) for row in rows if row.clone_url or row.repository.lower() not in told]


def load_replicated_repositories(connection: Connection, limit: int) -> list[str]:
    """`owner/name`, in small letters, of repositories whose lists were loaded and that are there; the latest first."""
    name = func.lower(gh_repository.c.full_name)
    alive, gone = (select(name).where(each) for each in (
        gh_repository.c.deleted_at.is_(None), gh_repository.c.deleted_at.is_not(None) & name.is_not(None)
    ))  # fmt: skip
    query = select(scan.c.scope).where(
        scan.c.listing.in_(LOADED), or_(scan.c.scope.in_(alive), scan.c.scope.not_in(gone))
    )
    query = query.group_by(scan.c.scope).order_by(func.max(scan.c.finished_at).desc())
    return list(connection.execute(query.limit(limit)).scalars())


def load_organizations(connection: Connection, owners: Iterable[str]) -> list[str]:
    """Which of the owners are organizations, as far as the copy of GitHub knows."""
    wanted = sorted({owner.lower() for owner in owners})
    found: list[str] = []
    for start in range(0, len(wanted), _PORTION):
        lowered = func.lower(gh_organization.c.login)
        query = select(lowered).where(
            lowered.in_(wanted[start : start + _PORTION]), gh_organization.c.deleted_at.is_(None)
        )
        found += connection.execute(query.distinct()).scalars()
    return found


def keep_watches(connection: Connection, kinds: Sequence[str], wanted: Iterable[tuple[str, str]], now: float) -> None:
    """Have exactly these watches of such kinds, as (what, place); new ones are due at once."""
    rows = connection.execute(select(watch.c.id, watch.c.what, watch.c.place).where(watch.c.what.in_(kinds)))
    known = {(row.what, row.place): row.id for row in rows}
    asked = set(wanted)
    gone = [known[key] for key in known.keys() - asked]
    for start in range(0, len(gone), _PORTION):
        some = gone[start : start + _PORTION]
        connection.execute(delete(watched_head).where(watched_head.c.watch_id.in_(some)))
        connection.execute(delete(watch).where(watch.c.id.in_(some)))
    fresh = [
        {"what": what, "place": place, "told": {}, "next_try_at": now} for what, place in sorted(asked - known.keys())
    ]
    if fresh:
        adding = _dialect(connection).insert(watch)
        connection.execute(adding.on_conflict_do_nothing(index_elements=[watch.c.what, watch.c.place]), fresh)


def have_watches(connection: Connection, kinds: Sequence[str], wanted: Iterable[tuple[str, str]]) -> bool:
    """Whether there are exactly these of such kinds."""
    rows = connection.execute(select(watch.c.what, watch.c.place).where(watch.c.what.in_(kinds)))
    return {(row.what, row.place) for row in rows} == set(wanted)


def ask_for_look(connection: Connection, kinds: Sequence[str], now: float) -> int:
    """Have everything of such kinds looked at now, and what is missing asked for; how many watches.

    What is to be asked for within `AWAITED` seconds anyway has just been: it may be on its way.
    """
    ours = update(watch).where(watch.c.what.in_(kinds))
    connection.execute(ours.values(asked_at=now))
    missing = (missed_delivery.c.recovered_at.is_(None), missed_delivery.c.next_try_at > now + AWAITED)
    connection.execute(update(missed_delivery).where(*missing).values(next_try_at=now))
    return connection.execute(ours.where(watch.c.state == "waiting").values(next_try_at=now)).rowcount


def note_look(connection: Connection, row: Row[Any], ended: Ended) -> bool:
    """The look of a held watch has ended; False when it is no longer held. A wish that came meanwhile is due now."""
    values: dict[str, Any] = {"told": dict(ended.told), "tried_at": ended.tried_at}
    if ended.looked_at is not None:
        values["looked_at"] = ended.looked_at
    noted = connection.execute(update(watch).where(*_is_held(row)).values(values).returning(watch.c.asked_at))
    asked_at, due = noted.scalar_one_or_none(), ended.due
    if asked_at is not None and asked_at != row.asked_at:
        due = asked_at
    return queues.retry_at(connection, watch, row.id, row.lease_owner, due, ended.note)


def note_progress(connection: Connection, row: Row[Any], told: Mapping[str, Any]) -> bool:
    """Remember how far a look is; False when the watch is no longer held."""
    return connection.execute(update(watch).where(*_is_held(row)).values(told=dict(told))).rowcount == 1


def load_told(connection: Connection, what: str, place: str) -> Mapping[str, Any]:
    """What another watch found."""
    found = connection.execute(select(watch.c.told).where(watch.c.what == what, watch.c.place == place)).scalar()
    return found or {}


def load_arrived(connection: Connection, guids: Sequence[str]) -> set[str]:
    """Which of the deliveries are in the ledger."""
    found: set[str] = set()
    for start in range(0, len(guids), _PORTION):
        query = select(delivery.c.guid).where(delivery.c.guid.in_(guids[start : start + _PORTION]))
        found.update(connection.execute(query).scalars())
    return found


def has_deliveries(connection: Connection, repository: str, since: float) -> bool:
    """Whether GitHub has delivered anything about the repository since then."""
    query = select(delivery.c.id).where(
        delivery.c.received_at >= since,
        delivery.c.source == GITHUB,
        func.lower(delivery.c.repository) == repository.lower(),
    )
    return connection.execute(query.limit(1)).scalar() is not None


def is_concerned(connection: Connection, name: str, since: float) -> bool:
    """Whether anything of `owner/name`, or of an `owner`, is built here or was delivered since then."""

    def is_of(column: Any) -> Any:
        lowered, wanted = func.lower(column), name.lower()
        return lowered == wanted if "/" in name else lowered.startswith(f"{wanted}/", autoescape=True)

    own = (job.c.enabled, job.c.clone_url.is_(None), job.c.copy_of.is_(None))
    built = select(job.c.id).where(*own, is_of(job.c.repository))
    linked = select(link.c.id).where(is_of(link.c.repository))
    came = select(delivery.c.id).where(
        delivery.c.received_at >= since, delivery.c.source == GITHUB, is_of(delivery.c.repository)
    )
    return any(connection.execute(query.limit(1)).first() is not None for query in (built, linked, came))


def keep_holes(connection: Connection, holes: Sequence[Hole], now: float) -> int:
    """Keep what did not arrive; how much of it is new. What a watch that is no more had found is taken over."""
    if not holes:
        return 0
    rows = [
        {
            "guid": hole.sent.guid, "watch_id": hole.watch_id, "endpoint": hole.endpoint, "delivery_id": hole.sent.id,
            "event": hole.sent.event, "status_code": hole.sent.status_code, "delivered_at": hole.sent.delivered_at,
            "found_at": now, "next_try_at": now,
        }
        for hole in holes
    ]  # fmt: skip
    adding = _dialect(connection).insert(missed_delivery)
    taken = {name: adding.excluded[name] for name in ("watch_id", "endpoint", "delivery_id", "next_try_at")}
    forsaken = missed_delivery.c.watch_id.not_in(select(watch.c.id)) & missed_delivery.c.recovered_at.is_(None)
    adding = adding.on_conflict_do_update(index_elements=["guid"], set_=taken, where=forsaken)
    adding = adding.returning(missed_delivery.c.guid)
    return sum(len(connection.execute(adding.values(row)).all()) for row in rows)


def keep_compared(connection: Connection, watch_id: int, guid: str, event: str, now: float) -> None:
    """Note that a head was found which no delivery had told of."""
    values = {
        "guid": guid, "watch_id": watch_id, "event": event, "delivered_at": now, "found_at": now, "recovered_at": now,
        "way": COMPARED,
    }  # fmt: skip
    adding = _dialect(connection).insert(missed_delivery).on_conflict_do_nothing(index_elements=["guid"])
    connection.execute(adding.values(values))


def settle_holes(connection: Connection, watch_id: int, way: str = "redelivered") -> int:
    """What is in the ledger by now is recovered; how many."""
    open_holes = select(missed_delivery.c.guid).where(_is_open(watch_id))
    rows = connection.execute(
        select(delivery.c.guid, delivery.c.received_at).where(delivery.c.guid.in_(open_holes))
    ).all()
    for row in rows:
        settled = {"recovered_at": row.received_at, "next_try_at": None, "error": None}
        settled["way"] = func.coalesce(missed_delivery.c.way, way)
        connection.execute(update(missed_delivery).where(missed_delivery.c.guid == row.guid).values(settled))
    return len(rows)


def load_holes(connection: Connection, watch_id: int, now: float, limit: int) -> list[Row[Any]]:
    """What may be asked for now, oldest first."""
    due = missed_delivery.c.next_try_at <= now
    query = select(missed_delivery).where(_is_open(watch_id), due).order_by(missed_delivery.c.delivered_at)
    return list(connection.execute(query.limit(limit)))


def has_awaited(connection: Connection, places: Sequence[str], since: float) -> bool:
    """Whether deliveries of these places are missing that were found since then and may still come."""
    of_places = select(watch.c.id).where(watch.c.what == "hooks", watch.c.place.in_(places))
    query = select(missed_delivery.c.guid).where(
        missed_delivery.c.watch_id.in_(of_places),
        missed_delivery.c.recovered_at.is_(None),
        missed_delivery.c.next_try_at.is_not(None),
        missed_delivery.c.found_at >= since,
    )
    return connection.execute(query.limit(1)).scalar() is not None


def load_next_try(connection: Connection, watch_id: int) -> float | None:
    """When the next of what is missing may be asked for."""
    query = select(func.min(missed_delivery.c.next_try_at)).where(_is_open(watch_id))
    at: float | None = connection.execute(query).scalar()
    return at


def note_try(connection: Connection, guid: str, next_try_at: float | None, error: str | None) -> None:
    """GitHub was asked for it once more; without a next try nothing more is done."""
    values = {"asked": missed_delivery.c.asked + 1, "next_try_at": next_try_at, "error": error and error[:1000]}
    connection.execute(update(missed_delivery).where(missed_delivery.c.guid == guid).values(values))


def ask_for_hole(connection: Connection, guid: str, now: float) -> bool:
    """Have GitHub asked for what is missing now, whatever pause it has; whether it is missing and GitHub lists it."""
    named = (missed_delivery.c.guid == guid, missed_delivery.c.recovered_at.is_(None))
    asked = update(missed_delivery).where(*named, missed_delivery.c.endpoint.is_not(None)).values(next_try_at=now)
    found = connection.execute(asked.returning(missed_delivery.c.watch_id)).scalar_one_or_none()
    if found is None:
        return False
    due = update(watch).where(watch.c.id == found)
    connection.execute(due.values(asked_at=now))
    connection.execute(due.where(watch.c.state == "waiting").values(next_try_at=now))
    return True


def note_fetched(connection: Connection, guid: str) -> None:
    """It was had from GitHub itself, and is in the ledger."""
    connection.execute(update(missed_delivery).where(missed_delivery.c.guid == guid).values(way="fetched"))


def drop_old_holes(connection: Connection, before: float) -> int:
    """Forget what was delivered before that moment."""
    old = or_(missed_delivery.c.delivered_at < before, missed_delivery.c.found_at < before)
    return connection.execute(delete(missed_delivery).where(old)).rowcount


def _is_held(row: Row[Any]) -> Sequence[Any]:
    return (watch.c.id == row.id, watch.c.lease_owner == row.lease_owner, watch.c.state == "leased")


def _is_open(watch_id: int) -> Any:
    return (missed_delivery.c.watch_id == watch_id) & missed_delivery.c.recovered_at.is_(None)


def _dialect(connection: Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
