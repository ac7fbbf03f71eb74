"""What people want to be told of, and the addresses that GitHub knows to be theirs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.preferences import MAX_PREFERENCES, Preference, Way, choose_preference, is_mailbox, places_of
from hubwright.domain.streaks import Turn
from hubwright.errors import ConflictError
from hubwright.store.jobs import load_parent_path
from hubwright.store.schema import build, gh_commit, gh_repository, preference

MOST = 1_000
"""People who are told of one build's end, at most."""

LOOKED_AT = 100
"""Builds of somebody in whose commits addresses are looked for."""

_MAX_ADDRESSES = 10
_MAX_PEOPLE = 200


class Kept(NamedTuple):
    """A preference, and who set it when (Unix seconds)."""

    wanted: Preference
    at: float
    by: str


def load_preferences(connection: Connection, login: str) -> list[Kept]:
    """All of somebody's, by path."""
    query = select(preference).where(preference.c.login == login.lower()).order_by(preference.c.path)
    rows = connection.execute(query.limit(MAX_PREFERENCES))
    return [Kept(_read(row), row.updated_at, row.updated_by) for row in rows]


def keep_preference(connection: Connection, login: str, wanted: Preference, by: str, now: float) -> None:
    """Set somebody's preference at its path. Raises ConflictError when they have too many."""
    known = {kept.wanted.path for kept in load_preferences(connection, login)}
    if wanted.path not in known and len(known) >= MAX_PREFERENCES:
        raise ConflictError(f"{login} has {MAX_PREFERENCES} preferences: remove one first.")
    values = {
        "events": list(wanted.events), "mine": wanted.mine, "ways": list(wanted.ways), "address": wanted.address,
        "updated_at": now, "updated_by": by[:100],
    }  # fmt: skip
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = dialect.insert(preference).values(login=login.lower(), path=wanted.path, **values)
    key = [preference.c.login, preference.c.path]
    connection.execute(added.on_conflict_do_update(index_elements=key, set_=values))


def drop_preference(connection: Connection, login: str, path: str) -> bool:
    """Forget it, so that the one above counts; False when there was none."""
    gone = delete(preference).where(preference.c.login == login.lower(), preference.c.path == path)
    return connection.execute(gone).rowcount == 1


def load_wishes(connection: Connection, job: str, involved: Collection[str]) -> dict[str, Preference]:
    """By login what counts at a job, of those `involved` (logins in lower case) and of who wants others' ends too."""
    places = places_of(job, load_parent_path(connection, job))
    others = select(preference.c.login).where(preference.c.path.in_(places), preference.c.mine.is_(False))
    found = set(connection.execute(others.distinct().order_by(preference.c.login).limit(MOST)).scalars())
    return _choose(connection, places, sorted({*found, *involved}))


def load_addresses(connection: Connection, login: str) -> list[str]:
    """The mailboxes in somebody's commits, newest first: who GitHub says wrote these has proven them to GitHub."""
    who = login.lower()
    author = func.lower(build.c.author_login)
    # a range and its order, where "is" would do: see `views_people`
    newest = (
        select(build.c.sha, build.c.repository)
        .where(author.between(who, who))
        .order_by(author.desc(), build.c.id.desc())
        .limit(LOOKED_AT)
    )
    rows = connection.execute(newest).all()
    if not rows:
        return []
    names = {row.repository.lower() for row in rows}
    repositories = select(gh_repository.c.id).where(func.lower(gh_repository.c.full_name).in_(names))
    told = select(gh_commit.c.sha, gh_commit.c.author_email).where(
        gh_commit.c.repository_id.in_(connection.execute(repositories).scalars().all()),
        gh_commit.c.sha.in_({row.sha for row in rows}),
    )
    known = {row.sha: row.author_email for row in connection.execute(told)}
    texts = dict.fromkeys(email for row in rows if (email := known.get(row.sha)) and is_mailbox(email))
    return list(texts)[:_MAX_ADDRESSES]


def _choose(connection: Connection, places: Sequence[str], logins: Sequence[str]) -> dict[str, Preference]:
    kept: dict[str, dict[str, Preference]] = {}
    for start in range(0, len(logins), _MAX_PEOPLE):
        some = logins[start : start + _MAX_PEOPLE]
        query = select(preference).where(preference.c.login.in_(some), preference.c.path.in_(places))
        for row in connection.execute(query):
            kept.setdefault(row.login, {})[row.path] = _read(row)
    return _nearest(kept, places)


def _nearest(kept: Mapping[str, Mapping[str, Preference]], places: Sequence[str]) -> dict[str, Preference]:
    chosen = {login: choose_preference(of_one, places) for login, of_one in kept.items()}
    return {login: one for login, one in chosen.items() if one is not None}


def _read(row: Row[tuple[object, ...]]) -> Preference:
    """A row as a value; words of a newer release are passed over."""
    events, ways = set(row.events), set(row.ways)
    return Preference(
        path=row.path,
        events=tuple(one for one in Turn if one.value in events),
        mine=row.mine,
        ways=tuple(one for one in Way if one.value in ways),
        address=row.address,
    )
