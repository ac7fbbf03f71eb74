"""Requests that may come a second time: what was asked under an Idempotency-Key, and how it was answered."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from hubwright.store.schema import repetition

REMEMBERED = 86_400.0
"""Seconds for which an answer is given again."""

WORKED_AT = 120.0
"""Seconds after which a request that was never answered may be done by another: its hub was killed."""

MOST = 1000
"""Keys of one asker that are remembered; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of a key: `is_new`, it was not used; `fits`, it was for the same; `answer`, once there is one."""

    is_new: bool
    fits: bool = True
    answer: bytes | None = None


def claim_key(connection: Connection, key: str, owner: str, body: str, now: float) -> Claim:
    """Take the key for this request, or say what became of it. All but `now` are hashes.

    Raises IntegrityError when another hub has just taken it.
    """
    row = connection.execute(select(repetition).where(repetition.c.key == key)).one_or_none()
    if row is not None and (row.asked_at > now - REMEMBERED):
        if row.body != body:
            return Claim(is_new=False, fits=False)
        if row.answer is not None or row.asked_at > now - WORKED_AT:
            return Claim(is_new=False, answer=row.answer)
    if row is not None:
        connection.execute(delete(repetition).where(repetition.c.id == row.id))
    connection.execute(insert(repetition).values(key=key, owner=owner, body=body, asked_at=now))
    own = select(repetition.c.id).where(repetition.c.owner == owner).order_by(repetition.c.id.desc())
    last = connection.execute(own.offset(MOST).limit(1)).scalar()
    if last is not None:
        connection.execute(delete(repetition).where(repetition.c.owner == owner, repetition.c.id <= last))
    return Claim(is_new=True)


def keep_answer(connection: Connection, key: str, answer: bytes) -> None:
    """Keep how the request was answered, sealed."""
    connection.execute(update(repetition).where(repetition.c.key == key).values(answer=answer))


def drop_key(connection: Connection, key: str) -> None:
    """Nothing was made: the request may come again."""
    connection.execute(delete(repetition).where(repetition.c.key == key))
