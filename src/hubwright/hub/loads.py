"""Asking for GitHub's data: what is to be loaded becomes a row of work, once while the same is under way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from hubwright.domain.replica import FollowUp
from hubwright.errors import ConflictError, UnprocessableError
from hubwright.github.listings import LISTINGS, Listing
from hubwright.store.tasks import cancel_load, keep_load, load_progress

LOADS, FOLLOW_UPS = "loads", "follow-ups"
"""The queues: what people ask for, and what deliveries leave open; the second never waits behind the first."""

DELAY = 1.0
"""Seconds that a follow-up waits, so that those of one burst are one."""

LAST = "last"
"""As `since`: from where the last load has ended."""

_LONGEST_KEY = 300

STATES = ("open", "closed", "all")


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What is to be loaded: `listings` with the parameters `where`, with `children` all that hangs below them.

    `state` narrows listings that have states, `type` those of repositories. With `since` (ISO 8601, or `last`) only
    what changed from then on is loaded, as far as GitHub tells; then nothing is taken for deleted. Somebody
    waits for a load that is wanted `soon`: it goes before others.
    """

    listings: tuple[str, ...]
    where: Mapping[str, Any] = field(default_factory=dict)
    state: str = "all"
    type: str | None = None
    children: bool = False
    since: str | None = None
    soon: bool = False

    @property
    def key(self) -> str:
        """The same for the same wish."""
        named = (f"{name}={str(value).casefold()}" for name, value in sorted(self.where.items()))
        options = (self.state, self.type or "", "children" if self.children else "", self.since or "")
        key = " ".join(filter(None, (*self.listings, *named, *options)))
        return key if len(key) <= _LONGEST_KEY else sha256(key.encode()).hexdigest()

    @property
    def title(self) -> str:
        """For people: `octo/hello: issues`."""
        first = LISTINGS[self.listings[0]]
        return f"{name_scope(first, self.where)}: {', '.join(self.listings).replace('_', ' ')}"


def name_scope(listing: Listing, where: Mapping[str, Any]) -> str:
    """Whose list it is: `octo/hello`, `octo/hello#7`, `octo`, `` for one's own."""
    named = [str(where[name]) for name in listing.parameters if name in where]
    if listing.parameters[:2] == ("owner", "repo"):
        return "/".join(named[:2]) + "".join(f"#{part}" for part in named[2:])
    return "/".join(named)


def form_scope(listing: Listing, where: Mapping[str, Any]) -> str:
    """The scope as scans are noted under it."""
    return name_scope(listing, where).casefold()[:_LONGEST_KEY]


def check_load(load: Load) -> Load:
    """The load itself. Raises UnprocessableError when an option has no meaning."""
    if load.state not in STATES:
        raise UnprocessableError(f"state is one of {', '.join(STATES)}.")
    types = {each for name in load.listings for each in LISTINGS[name].types}
    if load.type is not None and load.type not in types:
        raise UnprocessableError(f"type is one of {', '.join(sorted(types))}." if types else "There are no types here.")
    if load.since not in {None, LAST}:
        try:
            datetime.fromisoformat(str(load.since))
        except ValueError:
            raise UnprocessableError("since is a time like 2026-01-31T12:00:00Z, or `last`.") from None
    return load


def ask_for(connection: Connection, load: Load, now: float) -> int:
    """Have it loaded; its number. The same load that has not ended is joined."""
    number, _ = keep_load(connection, LOADS, _write(load), load.key, now)
    return number


def cancel(connection: Connection, number: int, by: str, now: float) -> None:
    """End a load before it is done; what was read stays. Raises NotFoundError, and ConflictError when it has ended."""
    load_progress(connection, number)
    if not cancel_load(connection, number, now, f"It was cancelled by {by}."):
        raise ConflictError(f"Load {number} has ended already.")


def follow_up(connection: Connection, follow_ups: Iterable[FollowUp], now: float) -> int:
    """Have loaded what deliveries leave open; how many are new. The same that has not begun yet is joined."""
    count = 0
    for wish in follow_ups:
        load = Load(listings=(wish.listing,), where=dict(wish.where))
        _, new = keep_load(connection, FOLLOW_UPS, _write(load), f"after {load.key}", now, due=now + DELAY)
        count += new
    return count


def read_load(payload: Mapping[str, Any]) -> Load:
    """The load that a row was made of."""
    return Load(listings=tuple(payload["listings"]), where=payload["where"], **payload["options"])


def _write(load: Load) -> dict[str, Any]:
    return {
        "do": "load",
        "listings": list(load.listings),
        "where": dict(load.where),
        "options": {
            "state": load.state,
            "type": load.type,
            "children": load.children,
            "since": load.since,
            "soon": load.soon,
        },
    }
