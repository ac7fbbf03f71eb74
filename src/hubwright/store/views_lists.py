"""Artifacts, deliveries, commits and facts, read for people and programs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, false, func, literal, literal_column, select

from hubwright.domain.facts import Fact, FactKind, sentence
from hubwright.errors import NotFoundError
from hubwright.store.moments import read_moment, write_moment
from hubwright.store.repos import find_repository
from hubwright.store.schema import artifact, build, delivery, fact, gh_commit, job, missed_delivery
from hubwright.store.views import bounded, load_rows
from hubwright.store.views_records import BuiltView, CommitView, DeliveryView, FactView
from hubwright.store.views_values import ArtifactView, Page

Item = TypeVar("Item")

MAX_BODY = 64 * 1024 * 1024
"""Bytes of an unpacked delivery that are shown; the door takes less than half of it."""

MAX_BUILT = 50

_DELIVERY_COLUMNS = [
    column for column in delivery.c if column.name not in {"body", "lease_owner", "lease_until", "next_try_at"}
]
ARTIFACT_COLUMNS = [artifact.c[name] for name in ArtifactView.__dataclass_fields__]
_COMMIT_COLUMNS = [
    gh_commit.c[{"url": "html_url"}.get(name, name)].label(name)
    for name in CommitView.__dataclass_fields__
    if name != "repository"
]


def load_files(connection: Connection, run: int, limit: int, cursor: str | None) -> Page[ArtifactView]:
    """The files that a run kept, by path; the cursor is one."""
    limit = bounded(limit)
    query = select(*ARTIFACT_COLUMNS).where(artifact.c.run_id == run).order_by(artifact.c.path).limit(limit + 1)
    if cursor is not None:
        query = query.where(artifact.c.path > cursor)
    views = tuple(ArtifactView(**row) for row in load_rows(connection, query))
    return Page(views[:limit], views[limit - 1].path if len(views) > limit else None)


def load_artifacts(connection: Connection, runs: list[int], limit: int = 200) -> tuple[ArtifactView, ...]:
    """The first of the files that the runs kept, by path."""
    query = select(*ARTIFACT_COLUMNS).where(artifact.c.run_id.in_(runs)).order_by(artifact.c.path, artifact.c.id)
    return tuple(ArtifactView(**row) for row in load_rows(connection, query.limit(bounded(limit))))


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryFilter:
    """Which deliveries: each part that is given must fit. `missed`: only those that had to be recovered.

    `since`, Unix seconds: from the first on that was received then; deliveries are numbered as they come.
    """

    state: str | None = None
    event: str | None = None
    repository: str | None = None
    guid: str | None = None
    missed: bool = False
    since: float | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for the database."""
        exact = ((delivery.c.event, self.event), (delivery.c.guid, self.guid))
        found = [column == value for column, value in exact if value is not None]
        if self.state is not None:
            found += _is_state(self.state)
        if self.since is not None:
            later = select(delivery.c.id).where(delivery.c.received_at >= self.since)
            found.append(delivery.c.id >= later.order_by(delivery.c.received_at).limit(1).scalar_subquery())
        if self.repository is not None:
            found.append(func.lower(delivery.c.repository) == self.repository.lower())
        if self.missed:
            found.append(delivery.c.guid.in_(select(missed_delivery.c.guid)))
        return found


def _is_state(state: str) -> list[ColumnElement[bool]]:
    """Said in the words of the partial indexes, so that they are used."""
    if state == "failed":
        return [delivery.c.state == literal_column("'failed'")]
    if state in {"waiting", "leased"}:
        words: list[ColumnElement[str]] = [literal_column("'waiting'"), literal_column("'leased'")]
        return [delivery.c.state.in_(words), delivery.c.state == state]
    return [delivery.c.state == state]


def load_deliveries(
    connection: Connection,
    limit: int = 50,
    cursor: int | None = None,
    chosen: DeliveryFilter = DeliveryFilter(),
) -> Page[DeliveryView]:
    """The webhooks, newest first, without their bodies."""
    query = select(*_DELIVERY_COLUMNS).order_by(delivery.c.id.desc())
    if cursor is not None:
        query = query.where(delivery.c.id < cursor)
    return _page(connection, query.where(*chosen.conditions()), DeliveryView, limit)


def load_delivery(connection: Connection, delivery_id: int) -> tuple[DeliveryView, bytes]:
    """A webhook and its body, JSON. Raises NotFoundError."""
    query = select(*_DELIVERY_COLUMNS, delivery.c.body).where(delivery.c.id == delivery_id)
    found = load_rows(connection, query)
    if not found:
        raise NotFoundError(f"There is no delivery {delivery_id}.")
    body = found[0].pop("body")
    return DeliveryView(**found[0]), _unpack(body)


def load_built(connection: Connection, repository: str, shas: Sequence[str]) -> tuple[BuiltView, ...]:
    """The newest builds of these commits of `owner/name`, at most `MAX_BUILT`."""
    columns = (build.c.id, job.c.path.label("job"), build.c.number, build.c.sha, build.c.state, build.c.result)
    query = select(*columns, build.c.queued_at).join(job, job.c.id == build.c.job_id)
    query = query.where(build.c.repository == repository, build.c.sha.in_(shas)).order_by(build.c.id.desc())
    return tuple(BuiltView(**row) for row in load_rows(connection, query.limit(MAX_BUILT)))


def load_commits(
    connection: Connection, repository: str, limit: int = 50, cursor: str | None = None
) -> Page[CommitView]:
    """The commits of `owner/name` that are known, latest authored first; the cursor is a time and a sha."""
    limit = bounded(limit)
    order = (gh_commit.c.authored_at.desc().nulls_last(), gh_commit.c.sha.desc())
    query = select(*_COMMIT_COLUMNS, literal(repository).label("repository"))
    query = query.where(gh_commit.c.repository_id == find_repository(repository)).order_by(*order)
    if cursor is not None:
        query = query.where(_authored_before(*cursor.rpartition(" ")[::2]))
    commits = tuple(CommitView(**row) for row in load_rows(connection, query.limit(limit + 1)))
    last = commits[limit - 1] if len(commits) > limit else None
    return Page(commits[:limit], None if last is None else f"{_write(last.authored_at)} {last.sha}")


def load_facts(
    connection: Connection, after: int = 0, limit: int = 200, build_id: int | None = None
) -> tuple[FactView, ...]:
    """What happened after the fact of this id, oldest first."""
    query = select(*fact.c).where(fact.c.id > after).order_by(fact.c.id).limit(bounded(limit))
    if build_id is not None:
        query = query.where(fact.c.build_id == build_id)
    return tuple(FactView(**row, sentence=_sentence(row)) for row in load_rows(connection, query))


def load_last_fact(connection: Connection) -> int:
    """The id of the newest fact, nought when nothing has happened."""
    return connection.execute(select(fact.c.id).order_by(fact.c.id.desc()).limit(1)).scalar() or 0


def _page(connection: Connection, query: Select[Any], view: Callable[..., Item], limit: int) -> Page[Item]:
    limit = bounded(limit)
    rows = load_rows(connection, query.limit(limit + 1))
    return Page(tuple(view(**row) for row in rows[:limit]), rows[limit - 1]["id"] if len(rows) > limit else None)


def _sentence(row: dict[str, Any]) -> str:
    try:
        kind = FactKind(row["kind"])
    except ValueError:  # kept by a newer version
        return f"{row['kind']}."
    return sentence(Fact(kind=kind, at=row["at"], data=row["data"]))


def _authored_before(at: str, sha: str) -> ColumnElement[bool]:
    """Behind this commit in the order of `load_commits`; no time is last."""
    authored = gh_commit.c.authored_at
    if not at:
        return authored.is_(None) & (gh_commit.c.sha < sha)
    try:
        when = read_moment(at)
    except ValueError:  # no cursor of ours: nothing is behind it
        return false()
    return (authored < when) | ((authored == when) & (gh_commit.c.sha < sha)) | authored.is_(None)


def _write(moment: float | None) -> str:
    return "" if moment is None else write_moment(moment)


def _unpack(body: bytes) -> bytes:
    return zlib.decompressobj().decompress(body, MAX_BODY)
