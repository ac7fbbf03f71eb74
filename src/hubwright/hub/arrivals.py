"""Builders that say hello: who may come in under which name, and what each was given. All that come at once share
one transaction and a handful of statements, so that a restart of the hub does not end in a storm (R24).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Row

from hubwright.domain.facts import Fact, FactKind
from hubwright.errors import ForbiddenError, RefusedError, UnauthenticatedError
from hubwright.hub import moves
from hubwright.store import builders, runs
from hubwright.store.facts import keep_facts
from hubwright.store.recordings import forget_absences
from hubwright.wire import Hello


@dataclass(frozen=True, slots=True)
class Arrival:
    """A builder that has said hello with the token of this number, and when (Unix seconds)."""

    hello: Hello
    token_id: int | None
    at: float


@dataclass(frozen=True, slots=True)
class Greeting:
    """It may come in. `hello` as its token bounds it, `held` the runs that it was given, `wish` as in `store`."""

    hello: Hello
    held: dict[int, Row[Any]]
    wish: str | None


def greet(connection: Connection, arrivals: list[Arrival]) -> list[Greeting | RefusedError]:
    """Note the builders; the runs that each was given. Those that it does not have are put back.

    Who may not come in gets the reason as its answer, and disturbs nobody else.
    """
    now = max(arrival.at for arrival in arrivals)
    names = [arrival.hello.name for arrival in arrivals]
    ids = [arrival.token_id for arrival in arrivals if arrival.token_id is not None]
    owners = builders.load_owners(connection, names, now)
    claims = builders.load_claims(connection, names, ids, now)
    judged = [_judge(arrival, owners.get(arrival.hello.name), claims) for arrival in arrivals]
    let_in = [
        (answer, arrival.token_id)
        for answer, arrival in zip(judged, arrivals, strict=True)
        if not isinstance(answer, RefusedError)
    ]
    builders.keep_connected(connection, let_in, now)
    held = _load_held(connection, [hello for hello, _ in let_in], now)
    return [answer if isinstance(answer, RefusedError) else _greeting(answer, held, owners) for answer in judged]


def _greeting(hello: Hello, held: dict[str, dict[int, Row[Any]]], owners: dict[str, Row[Any]]) -> Greeting:
    owner = owners.get(hello.name)
    return Greeting(hello, held[hello.name], None if owner is None else owner.wish)


def _judge(arrival: Arrival, owner: Row[Any] | None, claims: Sequence[Row[Any]]) -> Hello | RefusedError:
    """What it is believed to be, or why it may not come in (S22)."""
    hello, token_id = arrival.hello, arrival.token_id
    if token_id is None:
        return hello
    claim = next((row for row in claims if row.id == token_id), None)
    if claim is None:
        return UnauthenticatedError("The token of this builder was revoked or has expired.")
    if claim.builder is not None and claim.builder != hello.name:
        return ForbiddenError(f"This token is for the builder {claim.builder!r} only.")
    others = {row.id for row in claims if row.builder == hello.name} | {owner.owner if owner is not None else None}
    if others - {None, token_id}:
        return ForbiddenError(f"The name {hello.name!r} belongs to another builder's token: choose another --name.")
    return _bound(hello, claim.bounds or {})


def _bound(hello: Hello, bounds: dict[str, Any]) -> Hello | RefusedError:
    """Platform and labels that its token fixes."""
    platform, labels = bounds.get("platform"), bounds.get("labels")
    if platform is not None and hello.platform != platform:
        return ForbiddenError(f"This token is for the platform {platform} only: leave --platform out or change it.")
    if labels is None:
        return hello
    if claimed := sorted(set(hello.labels) - set(labels)):
        return ForbiddenError(f"This token does not allow the label {claimed[0]!r}: it has {', '.join(labels)}.")
    return replace(hello, labels=tuple(labels))


def _load_held(connection: Connection, let_in: Sequence[Hello], now: float) -> dict[str, dict[int, Row[Any]]]:
    hellos = {hello.name: hello for hello in let_in}
    reported = {(hello.name, one.run, one.lease) for hello in let_in for one in hello.runs}
    facts = [
        Fact(kind=FactKind.BUILDER_CONNECTED, at=now, data={"builder": hello.name, "platform": hello.platform})
        for hello in let_in
    ]
    held: dict[str, dict[int, Row[Any]]] = defaultdict(dict)
    for row in runs.load_held(connection, [hello.name for hello in let_in]):
        held[row.builder][row.id] = row
        if (row.builder, row.id, row.lease) not in reported:
            facts += moves.put_back(connection, row, now, hellos[row.builder])
    keep_facts(connection, facts)
    if reported:
        forget_absences(connection, [run for _, run, _ in reported])
    return held
