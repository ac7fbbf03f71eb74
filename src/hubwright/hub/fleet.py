"""What people do with builders: let them join, pause, drain, shut out, remove. Each change is a fact.

Call these in a transaction; wake the queue `builders` afterwards, so that connected builders hear of it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from hubwright.domain.facts import Fact, FactKind
from hubwright.errors import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError, UnprocessableError
from hubwright.hub import moves
from hubwright.store import builders, runs, tokens
from hubwright.store.facts import keep_facts

NAME_LETTERS = 100

_TOLD = {
    builders.PAUSE: FactKind.BUILDER_PAUSED,
    builders.DRAIN: FactKind.BUILDER_DRAINED,
    None: FactKind.BUILDER_RESUMED,
}


@dataclass(frozen=True, slots=True)
class Joined:
    """A new builder: its name, and the text of its own token, which is shown this once."""

    name: str
    token: str
    bounds: dict[str, Any]


def join(connection: Connection, plaintext: str, secret: str, name: str, now: float) -> Joined:
    """A machine becomes the builder `name` (or what the join token says) and uses the join token up.

    Raises UnauthenticatedError, UnprocessableError, ForbiddenError, ConflictError; the join token is then as it was,
    if the caller's transaction is rolled back.
    """
    used = tokens.use_join(connection, plaintext, now)
    if used is None:
        raise UnauthenticatedError("The join token is unknown, used or expired: ask for a new one.")
    bounds = dict(used.bounds or {})
    fixed = bounds.get("name")
    name = _check_name(fixed or name)
    owners = builders.load_owners(connection, [name], now)
    if tokens.has_own_token(connection, name, now) or (name in owners and owners[name].owner is not None):
        raise ConflictError(f"A builder named {name!r} exists: choose another --name, or remove that one first.")
    text = tokens.keep_builder(connection, secret, name, bounds or None, now)
    keep_facts(connection, [Fact(kind=FactKind.BUILDER_JOINED, at=now, data={"builder": name})])
    return Joined(name, text, bounds)


def _check_name(name: str) -> str:
    if not name.isprintable() or not 0 < len(name) <= NAME_LETTERS or name != name.strip():
        raise UnprocessableError(f"A builder's name is printable and has 1 to {NAME_LETTERS} characters.")
    return name


def set_wish(connection: Connection, name: str, wish: str | None, by: str, now: float) -> None:
    """Pause or drain a builder, or (None) let it go on. What it is already changes nothing. Raises NotFoundError."""
    row = _load(connection, name)
    if row.wish == wish:
        return
    if wish == builders.DRAIN and row.state in builders.GONE:
        raise ConflictError(f"Builder {name} is away: there is nothing to end. It can be paused or removed.")
    builders.keep_wish(connection, name, wish)
    _tell(connection, _TOLD[wish], row, by, now)


def shut_out(connection: Connection, name: str, now: float) -> None:
    """Revoke the token that a builder came with. Raises NotFoundError, ForbiddenError, ConflictError."""
    row = _load(connection, name)
    claims = builders.load_claims(connection, [], [row.token_id] if row.token_id is not None else [], now)
    if not claims:
        raise ConflictError(f"The token of builder {name} is revoked already.")
    if claims[0].builder != name:
        raise ForbiddenError(
            f"Builder {name} came with the shared token {row.token_id}: `hubwright token revoke {row.token_id}` "
            "shuts out all that have it."
        )
    revoke(connection, row.token_id, now)


def revoke(connection: Connection, token_id: int, now: float) -> bool:
    """Make a token useless, and say which builders it shuts out; whether it was of use until now."""
    if not tokens.revoke_token(connection, token_id, now):
        return False
    names = builders.load_of_token(connection, token_id)
    keep_facts(connection, [Fact(kind=FactKind.BUILDER_REVOKED, at=now, data={"builder": name}) for name in names])
    return True


def remove(connection: Connection, name: str, by: str, now: float) -> None:
    """Forget a builder that is away: its runs are lost at once, its own token is revoked, its name is free.

    Raises NotFoundError, ConflictError.
    """
    row = _load(connection, name)
    if row.state not in builders.GONE:
        raise ConflictError(f"Builder {name} is connected: drain it first (`hubwright builders drain {name}`).")
    for own in builders.load_claims(connection, [name], [], now):
        tokens.revoke_token(connection, own.id, now)
    for held in runs.load_held(connection, [name]):
        keep_facts(connection, moves.lose_run(connection, held, now, f"Builder {name} was removed."))
    builders.forget_builder(connection, name)
    _tell(connection, FactKind.BUILDER_REMOVED, row, by, now)


def _load(connection: Connection, name: str) -> Row[Any]:
    row = builders.load_builder(connection, name)
    if row is None:
        raise NotFoundError(f"There is no builder {name!r}; `hubwright builders ls` lists them.")
    return row


def _tell(connection: Connection, kind: FactKind, row: Row[Any], by: str, now: float) -> None:
    data: dict[str, object] = {"builder": row.name, "platform": row.platform, "by": by}
    keep_facts(connection, [Fact(kind=kind, at=now, data=data)])
