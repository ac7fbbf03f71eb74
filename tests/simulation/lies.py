"""Words that no builder of ours would say, and that a hub must not believe (R4)."""

from __future__ import annotations

from random import Random

from sqlalchemy import Connection, select

from hubwright.store.schema import run
from hubwright.wire import Event, Output, Result, write_message, write_output


def make_lies(connection: Connection, chance: Random) -> list[tuple[str, str | bytes]]:
    """(builder, frame): about each run that was ever given away, one lie of some kind."""
    with connection.begin():
        rows = list(connection.execute(select(run).where(run.c.lease > 0).order_by(run.c.id)))
    lies: list[tuple[str, str | bytes]] = []
    for row in rows:
        other, after = row.lease + chance.choice((-1, 1)), row.seq + 1
        kinds: list[str | bytes] = [
            write_message(Result(run=row.id, lease=other, seq=after, at=0.0, result="success")),
            write_message(Event(run=row.id, lease=other, seq=after, at=0.0, event="checkout")),
            write_message(Event(run=row.id, lease=row.lease, seq=after + chance.choice((5, 50)), at=0.0, event="gap")),
            write_output(Output(run=row.id, lease=other, offset=row.log_size, data=b"a lie of another lease\n")),
            write_output(Output(run=row.id, lease=row.lease, offset=row.log_size + 50_000, data=b"a lie beyond\n")),
        ]
        if row.state == "finished":
            ended = Result(run=row.id, lease=row.lease, seq=after, at=0.0, result="failure", log=row.log_size)
            kinds += [write_message(ended)] * 3
        lies.append((row.builder, chance.choice(kinds)))
    return lies
