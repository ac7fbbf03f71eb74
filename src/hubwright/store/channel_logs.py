"""What happened in channels of IRC: kept line by line, read by day, searched in bounded walks from the newest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, or_, select, tuple_

from hubwright.domain.channel_logs import SAID, ChannelLine, Kind, person_of
from hubwright.domain.irc_names import MAX_NAME, fold_name
from hubwright.store.moments import moment, write_moment
from hubwright.store.schema import channel_line, irc_opt_out
from hubwright.store.views_values import Page

MAX_CHANNELS = 100
"""Channels that a list has."""

SEARCHED = 10_000
"""Lines of a channel that one search looks at; the next one goes on below them."""

PORTION = 500
"""Lines that are forgotten in one transaction."""

_LINE = channel_line.c
_ORDER = tuple_(_LINE.at, _LINE.id)
_COLUMNS = (_LINE.id, _LINE.channel, _LINE.at, _LINE.kind, _LINE.nick, _LINE.account, _LINE.text, _LINE.other)
_MAX_TEXT = 4_000
"""More than a line of IRC can have."""


def keep_lines(connection: Connection, lines: Sequence[ChannelLine]) -> int:
    """Keep what happened, but nothing of people who opted out, and nothing twice; how many lines that were."""
    lines = [_clean_line(line) for line in lines]
    people = {person for line in lines for person in _people_of(line)}
    query = select(irc_opt_out.c.name).where(irc_opt_out.c.name.in_(people))
    silent = set(connection.execute(query).scalars()) if people else set()
    known = _load_known(connection, lines)
    rows = [_row(line) for line in lines if not _people_of(line) & silent and _key(line) not in known]
    if rows:
        connection.execute(insert(channel_line), rows)
    return len(rows)


def load_channels(connection: Connection) -> list[tuple[str, float]]:
    """The channels that have a log, with the moment of the newest line; at most `MAX_CHANNELS`."""
    found: list[tuple[str, float]] = []
    last = ""
    while len(found) < MAX_CHANNELS:
        query = select(_LINE.channel).where(_LINE.channel > last).order_by(_LINE.channel).limit(1)
        if (name := connection.execute(query).scalar()) is None:
            break
        found.append((name, connection.execute(_newest(name)).scalar_one()))
        last = name
    return found


def load_lines(
    connection: Connection,
    channel: str,
    bounds: tuple[float, float],
    limit: int,
    after: int | None = None,
) -> Page[ChannelLine]:
    """What happened from the one moment to before the other, in its order; `after` is the `next` of the page before."""
    since, until = bounds
    query = select(*_COLUMNS).where(_LINE.channel == channel, _LINE.at >= since, _LINE.at < until)
    if after is not None and (mark := _mark(connection, after)) is not None:
        query = query.where(mark < _ORDER)
    rows = connection.execute(query.order_by(_LINE.at, _LINE.id).limit(limit + 1)).all()
    return Page(tuple(map(_read, rows[:limit])), rows[limit - 1].id if len(rows) > limit else None)


def load_newest(connection: Connection, channel: str, since: float, limit: int) -> tuple[ChannelLine, ...]:
    """The newest of what has happened since that moment, in its order."""
    query = select(*_COLUMNS).where(_LINE.channel == channel, _LINE.at >= since)
    rows = connection.execute(query.order_by(_LINE.at.desc(), _LINE.id.desc()).limit(limit)).all()
    return tuple(map(_read, reversed(rows)))


def load_finds(
    connection: Connection, channel: str, text: str, limit: int, before: int | None = None
) -> Page[ChannelLine]:
    """What was said with these words in it, or by this nick, the newest first, out of the next `SEARCHED` lines.

    On SQLite capitals count as small letters in ASCII alone. `next` goes on where this search has ended.
    """
    walked: Select[Any] = select(*_COLUMNS).where(_LINE.channel == channel)
    if before is not None and (mark := _mark(connection, before)) is not None:
        walked = walked.where(mark > _ORDER)
    walked = walked.order_by(_LINE.at.desc(), _LINE.id.desc())
    part = walked.limit(SEARCHED).subquery()
    said = part.c.kind.in_([kind.value for kind in SAID])
    wanted = or_(part.c.text.icontains(text, autoescape=True), func.lower(part.c.nick) == text.lower())
    query = select(part).where(said, wanted).order_by(part.c.at.desc(), part.c.id.desc()).limit(limit + 1)
    rows = connection.execute(query).all()
    if len(rows) > limit:
        return Page(tuple(map(_read, rows[:limit])), rows[limit - 1].id)
    end = connection.execute(walked.with_only_columns(_LINE.id).offset(SEARCHED - 1).limit(1)).scalar()
    return Page(tuple(map(_read, rows)), end)


def load_neighbours(connection: Connection, channel: str, bounds: tuple[float, float]) -> tuple[float | None, ...]:
    """When something happened last before these moments, and first after them."""
    since, until = bounds
    before = _newest(channel).where(_LINE.at < since)
    after: Select[Any] = select(_LINE.at).where(_LINE.channel == channel, _LINE.at >= until).order_by(_LINE.at).limit(1)
    return connection.execute(before).scalar(), connection.execute(after).scalar()


def forget_opted_out(connection: Connection) -> int:
    """Drop a portion of what was kept of people before they opted out; how many lines: none when all are gone."""
    names = select(irc_opt_out.c.name)
    ids = list(connection.execute(select(_LINE.id).where(_LINE.person.in_(names)).limit(PORTION)).scalars())
    connection.execute(delete(channel_line).where(_LINE.id.in_(ids)))
    return len(ids)


def _load_known(connection: Connection, lines: Sequence[ChannelLine]) -> set[tuple[str, ...]]:
    """Those of the lines that are kept already: a write whose answer was lost is done again."""
    channels, moments = {line.channel for line in lines}, {line.at for line in lines}
    query = select(*_COLUMNS).where(_LINE.channel.in_(channels), _LINE.at.in_(moments))
    return {_key(_read(row)) for row in connection.execute(query)} if lines else set()


def _key(line: ChannelLine) -> tuple[str, ...]:
    return line.channel, write_moment(line.at), line.kind.value, line.nick, line.text, line.other


def _newest(channel: str) -> Select[Any]:
    return select(_LINE.at).where(_LINE.channel == channel).order_by(_LINE.at.desc()).limit(1)


def _mark(connection: Connection, number: int) -> ColumnElement[Any] | None:
    at = connection.execute(select(_LINE.at).where(_LINE.id == number)).scalar()
    return None if at is None else tuple_(moment(at), number)


def _people_of(line: ChannelLine) -> set[str]:
    """Of whom it tells: who took another name is there under both."""
    people = {person_of(line.nick, line.account)}
    return people | {person_of(line.other, line.other_account)} if line.other else people


def _clean_line(line: ChannelLine) -> ChannelLine:
    return replace(
        line,
        channel=fold_name(_clean(line.channel)),
        nick=_clean(line.nick)[:MAX_NAME],
        account=_clean(line.account)[:MAX_NAME] if line.account else None,
        text=_clean(line.text)[:_MAX_TEXT],
        other=_clean(line.other)[:MAX_NAME],
    )


def _row(line: ChannelLine) -> dict[str, object]:
    row = asdict(line) | {"kind": line.kind.value, "person": person_of(line.nick, line.account)}
    del row["id"], row["other_account"]
    return row


def _clean(text: str) -> str:
    """PostgreSQL takes no NUL, and no half of a pair of UTF-16."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _read(row: Any) -> ChannelLine:
    return ChannelLine(**{**row._mapping, "kind": Kind(row.kind)})
