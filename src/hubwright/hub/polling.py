"""Looks at a repository's branches, tags and open pull requests: what no delivery told of is built, and copied.

Where there is no hook this is how pushes are found at all: GitHub answers 304 while nothing has moved, which costs
nothing of the hour's limit. Where there is one, it finds what was lost for good; a head that has just moved is given
time, for its delivery may be on its way. What is found becomes a delivery of our own making, which asks for the same
builds as the lost one: each is built once, whichever comes first. Where the copy of GitHub has it otherwise, it is
loaded.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.builds import commits_to_build, pull_request_to_build
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.polling import find_pause
from hubwright.domain.repos import PullRequestEvent, Push
from hubwright.errors import MalformedError
from hubwright.github.heads import BRANCHES, PULLS, TAGS, Head, form_event, kind_of, name_found
from hubwright.github.hook_deliveries import KEPT_FOR
from hubwright.github.payloads import is_skipped, name_repository, read_event
from hubwright.github.requests import form_path
from hubwright.hub.followers import Circle, close_gone, find_followers, load_circle
from hubwright.hub.healing import HOOKS, GitHubSide, Rhythm
from hubwright.hub.loads import Load, ask_for
from hubwright.hub.upstream import Heads, Place, Upstream
from hubwright.hub.watching import Looked
from hubwright.store import healing, healing_heads
from hubwright.store.builds import load_triggers
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_deliveries
from hubwright.store.healing import COMPARED

SETTLE = 30.0
"""Seconds that the delivery of a head which has just moved may take, where there is a hook."""

AWAITED_FOR = 3600.0
"""Seconds for which a missed delivery that was asked for goes before what comparing finds."""

FOUND_AT_ONCE = 100
"""Heads that become deliveries in one look; the next look takes the rest."""

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Sight:
    """What a look finds out from the database: heads as they were `known`, those that are `unbuilt`, and so on.

    `polls`: what the jobs say that may be asked for while no hook tells of them (`Triggers.poll`); `hooked`: deliveries
    come; `awaited`: one that is missing may still come; `stale`: what the copy has otherwise.
    """

    circle: Circle
    polls: Sequence[bool | int]
    hooked: bool
    known: Mapping[str, str]
    unbuilt: Sequence[Head]
    awaited: bool
    stale: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """A head that is to be built, and the event that would have told of it."""

    head: Head
    guid: str
    event: dict[str, Any]


class HeadLooks:
    """Looks at the heads of a repository."""

    def __init__(
        self,
        database: Database,
        github: GitHubSide,
        rhythm: Rhythm,
        clock: Callable[[], float],
        wake: Callable[[str], None],
    ) -> None:
        self._database = database
        self._upstream = Upstream(github.client)
        self._rhythm = rhythm
        self._clock = clock
        self._wake = wake

    def look(self, row: Row[Any], told: dict[str, Any]) -> Looked:
        """Compare heads with those seen last; what moved and is not built becomes deliveries. Raises GitHubError."""
        began = self._clock()
        place = self._upstream.fetch_place(row.place)
        heads = self._upstream.fetch_heads(place)
        compared = frozenset(told.get("lists", ())) if row.looked_at is not None else frozenset[str]()
        with self._database.reading() as connection:
            sight = self._see(connection, row, place, heads, compared)
        suspects = _note_suspects(told.get("suspects", {}), sight.unbuilt if sight.hooked else [], began)
        waits = {
            head.ref
            for head in sight.unbuilt
            if sight.hooked and (sight.awaited or began - suspects[head.ref][1] < SETTLE)
        }
        lost = [head for head in sight.unbuilt if head.ref not in waits][:FOUND_AT_ONCE]
        found = [one for head in lost if (one := self._form(place, head, sight)) is not None]
        later = {head.ref for head in sight.unbuilt} - {head.ref for head in lost}
        stale = _note_stale(told.get("stale", {}), sight.stale, began)
        ripe = [kind for kind, one in stale.items() if not sight.hooked or began - one["since"] >= SETTLE]
        due = [kind for kind in ripe if began - stale[kind]["asked"] >= self._rhythm.heal]
        stale |= {kind: stale[kind] | {"asked": began} for kind in due}

        def keep(connection: Connection, now: float) -> None:
            _keep_found(connection, row.id, found, now)
            seen = {head.ref: head.sha for head in heads.every if head.ref not in later}
            gone = _keep_seen(connection, row.id, sight.known, seen, heads, compared, now)
            close_gone(connection, sight.circle, gone, now)
            _refresh(connection, place, due, now)
            for queue in ("deliveries", "facts"):
                self._wake(queue)

        if found:
            logger.warning("heads_without_delivery", place=row.place, count=len(found))
        moved_at = float(told.get("moved_at", began)) if not found else began
        noted = {
            "moved_at": moved_at,
            "suspects": {ref: suspects[ref] for ref in waits}, "hook": sight.hooked, "heads": len(heads.every),
            "stale": stale, "lists": sorted(compared | {BRANCHES, TAGS, PULLS}),
        }  # fmt: skip
        waiting = later or len(ripe) < len(stale)
        polls = [] if sight.hooked else sight.polls
        pauses = [find_pause(poll, self._rhythm.poll, began - moved_at, _roll()) for poll in polls]
        pause = SETTLE if waiting else min(pauses, default=self._rhythm.heal)
        return Looked(told=noted, looked_at=began, due=self._clock() + pause, keep=keep)

    def _see(
        self, connection: Connection, row: Row[Any], place: Place, heads: Heads, compared: frozenset[str]
    ) -> _Sight:
        hooked = self._has_hook(connection, row.place, place)
        circle = load_circle(connection, place.repository)
        if not hooked:
            circle = replace(circle, own=_polled(circle.own), others=_polled(circle.others))
        known = _load_known(connection, row, circle, compared)
        moved = [head for head in heads.every if known.get(head.ref) != head.sha]
        fresh = [head for head in moved if head.ref in known or head.kind in compared & heads.whole]
        return _Sight(
            circle=circle,
            polls=[job.settings.triggers.poll for job in circle.jobs if job.enabled],
            hooked=hooked,
            known=known,
            unbuilt=[head for head in fresh if _is_unbuilt(connection, place, circle, head, known.get(head.ref))],
            awaited=hooked
            and healing.has_awaited(connection, _hooks_of(place, row.place), self._clock() - AWAITED_FOR),
            stale=_find_stale(connection, place, heads),
        )

    def _has_hook(self, connection: Connection, name: str, place: Place) -> bool:
        """Whether deliveries come, by whatever hook; where GitHub does not say, whether one came in the last days."""
        organization = form_path("orgs", place.repository.owner.lower())
        told = [healing.load_told(connection, HOOKS, path) for path in (name, organization)]
        if any(one.get("hook") for one in told):
            return True
        if told[0].get("hook") is False and told[1].get("hook", False) is False:
            return False
        return healing.has_deliveries(connection, place.repository.full_name, self._clock() - KEPT_FOR)

    def _form(self, place: Place, head: Head, sight: _Sight) -> _Found | None:
        """The head's event; None when its commit asks for no build, and a delivery may have told so."""
        before = sight.known.get(head.ref)
        commits, status = self._upstream.fetch_commits(place, head, before) if head.kind != PULLS else ([], "")
        event = form_event(head, place.json, before, commits, status)
        message = (event.get("head_commit") or {}).get("message") or ""
        if sight.hooked and is_skipped(message):
            return None
        return _Found(head, name_found(place.repository.id or 0, head), event)


def _polled(jobs: Sequence[DefinedJob]) -> list[DefinedJob]:
    """Those on whose account GitHub may be asked; the repositories of the others are asked elsewhere, or never."""
    return [job for job in jobs if job.clone_url is None and job.settings.triggers.poll is not False]


def _note_suspects(known: Mapping[str, Any], heads: Sequence[Head], now: float) -> dict[str, tuple[str, float]]:
    """Since when each head is known and not built."""
    before = {ref: (sha, float(since)) for ref, (sha, since) in known.items()}
    return {
        head.ref: before[head.ref] if before.get(head.ref, ("",))[0] == head.sha else (head.sha, now) for head in heads
    }


def _hooks_of(place: Place, path: str) -> list[str]:
    """Where hooks may be that tell of the repository."""
    return [path, form_path("orgs", place.repository.owner.lower()), "/app"]


def _load_known(connection: Connection, row: Row[Any], circle: Circle, compared: frozenset[str]) -> dict[str, str]:
    """The heads that were seen last.

    Of a list that is compared for the first time those that were built: what is new then is as old as it is.
    """
    seen = healing_heads.load_heads(connection, row.id) if compared else {}
    if compared >= {BRANCHES, PULLS, TAGS}:
        return seen
    families = [job.id for job in circle.jobs if job.enabled]
    built = healing_heads.load_built_heads(connection, families, circle.repository)
    return {ref: sha for ref, sha in built.items() if kind_of(ref) not in compared} | seen


def _keep_seen(
    connection: Connection,
    watch_id: int,
    known: Mapping[str, str],
    seen: Mapping[str, str],
    heads: Heads,
    compared: frozenset[str],
    now: float,
) -> list[str]:
    """Remember what is otherwise than it was; what is gone. What a list that was cut lacks may be there."""
    listed = {head.ref for head in heads.every}
    gone = sorted(ref for ref in known if ref not in listed and kind_of(ref) in heads.whole)
    news = {ref: sha for ref, sha in seen.items() if kind_of(ref) not in compared or known.get(ref) != sha}
    healing_heads.keep_heads(connection, watch_id, news, gone, now)
    return gone


def _note_stale(known: Mapping[str, Any], stale: Mapping[str, str], now: float) -> dict[str, dict[str, Any]]:
    """Since when each list is stale in this way, and when it was asked for on that account."""
    return {
        kind: known[kind] if known.get(kind, {}).get("of") == of else {"of": of, "since": now, "asked": 0.0}
        for kind, of in stale.items()
    }


def _find_stale(connection: Connection, place: Place, heads: Heads) -> Mapping[str, str]:
    """The lists of which the copy of GitHub has something else, each with what stands for all that is wrong there.

    What the copy never had is no fault unless the list was loaded.
    """
    listed = {head.ref: head.sha for head in heads.every}
    if place.repository.id is None:
        return {}
    copied = healing_heads.load_copied_heads(connection, place.repository.id, listed)
    loaded = healing_heads.load_loaded(connection, place.repository.full_name.lower(), (BRANCHES, PULLS))
    wrong = {ref for ref, sha in copied.items() if ref in listed and listed[ref] != sha}
    wrong |= {ref for ref, sha in copied.items() if sha and ref not in listed and kind_of(ref) in heads.whole}
    wrong |= {ref for ref in listed if ref not in copied and kind_of(ref) in loaded}
    found: dict[str, list[str]] = {}
    for ref in sorted(wrong):
        found.setdefault(kind_of(ref), []).append(f"{ref} {listed.get(ref)} {copied.get(ref)}")
    return {kind: sha256("\n".join(lines).encode()).hexdigest() for kind, lines in found.items()}


def _is_unbuilt(connection: Connection, place: Place, circle: Circle, head: Head, before: str | None) -> bool:
    """Whether a job of the repository or a copy wants the head and has no build for it."""
    try:
        event = read_event(head.event, form_event(head, place.json, before))
    except MalformedError:  # a name that we build nothing of
        return False
    if not isinstance(event, Push | PullRequestEvent):
        return False
    for follower in find_followers(connection, circle, event, event.repository.default_branch):
        settings = follower.job.settings
        wanted = commits_to_build(event, settings) if isinstance(event, Push) else pull_request_to_build(event)
        triggers = [one.trigger for one in wanted[:1]]
        if triggers and not load_triggers(connection, follower.job.id, triggers):
            return True
    return False


def _keep_found(connection: Connection, watch_id: int, found: Sequence[_Found], now: float) -> None:
    """Have the heads understood as if a delivery had come."""
    if not found:
        return
    keep_deliveries(connection, [_form_incoming(one, now) for one in found])
    for one in found:
        healing.keep_compared(connection, watch_id, one.guid, one.head.event, now)


def _form_incoming(one: _Found, now: float) -> Incoming:
    name = name_repository(one.head.event, one.event)
    return Incoming(one.guid, one.head.event, COMPARED, orjson.dumps(one.event), now, repository=name)


def _refresh(connection: Connection, place: Place, listings: Sequence[str], now: float) -> None:
    """The copy of GitHub missed something here: these lists are loaded again."""
    where: Mapping[str, Any] = {"owner": place.repository.owner, "repo": place.repository.name}
    for listing in listings:
        ask_for(connection, Load(listings=(listing,), where=where), now)


def _roll() -> float:
    return random.random()  # noqa: S311  nobody gains by guessing it
