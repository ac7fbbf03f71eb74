"""Duties: what only one of several processes may do at a time. Who has one holds it until a time, and renews that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.store.schema import duty


def take_duty(
    connection: Connection, name: str, owner: str, now: float, until: float, is_gone: Callable[[str], bool]
) -> bool:
    """Have the duty until Unix time `until`; whether it was to be had: it was free, ours, or its time was over.

    `is_gone` says whether that other owner is known to have ended.
    """
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(duty).values(name=name, owner=owner, until=until).on_conflict_do_nothing())
    holder = connection.execute(select(duty.c.owner).where(duty.c.name == name)).scalar()
    to_be_had = [duty.c.owner == owner, duty.c.until <= now]
    if holder is not None and holder != owner and is_gone(holder):
        to_be_had.append(duty.c.owner == holder)
    taken = update(duty).where(duty.c.name == name, or_(*to_be_had)).values(owner=owner, until=until)
    return connection.execute(taken).rowcount == 1


def give_back_duty(connection: Connection, name: str, owner: str) -> None:
    """Let another have it at once; nothing happens when it is not ours."""
    connection.execute(delete(duty).where(duty.c.name == name, duty.c.owner == owner))


def load_holder(connection: Connection, name: str, now: float) -> str | None:
    """Who has the duty at that moment."""
    held = select(duty.c.owner).where(duty.c.name == name, duty.c.until > now)
    holder: str | None = connection.execute(held).scalar()
    return holder
