"""Heads: as they were seen last, as they were built, and as the copy of GitHub has them; by ref.

A ref is `refs/heads/…`, `refs/tags/…` or, for a pull request, `refs/pull/N`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, func, insert, or_, select

from hubwright.domain.repos import Repository
from hubwright.store.schema import build, gh_branch, gh_pull_request, job, scan, watched_head

_PORTION = 500


def load_heads(connection: Connection, watch_id: int) -> dict[str, str]:
    """The heads that were seen last, by ref."""
    query = select(watched_head.c.ref, watched_head.c.sha).where(watched_head.c.watch_id == watch_id)
    return {row.ref: row.sha for row in connection.execute(query)}


def keep_heads(
    connection: Connection, watch_id: int, heads: Mapping[str, str], gone: Sequence[str], now: float
) -> None:
    """Remember heads, and forget those that are gone."""
    refs = [*gone, *heads]
    for start in range(0, len(refs), _PORTION):
        of_watch = (watched_head.c.watch_id == watch_id, watched_head.c.ref.in_(refs[start : start + _PORTION]))
        connection.execute(delete(watched_head).where(*of_watch))
    if heads:
        rows = [{"watch_id": watch_id, "ref": ref, "sha": sha, "seen_at": now} for ref, sha in heads.items()]
        connection.execute(insert(watched_head), rows)


MOST_BUILDS = 20_000

TOLD = ("push", "tag", "pull_request")
"""Events that tell of heads."""


def load_built_heads(
    connection: Connection, families: Sequence[int], repository: Repository, events: Sequence[str] = TOLD
) -> dict[str, str]:
    """A commit that was built of each branch, tag and pull request of the repository by jobs or copies, a late one.

    Of each job and its copies the newest `MOST_BUILDS` are looked through.
    """
    key = func.coalesce(build.c.branch, build.c.ref)
    heads: dict[str, str] = {}
    columns = (build.c.event, build.c.ref, build.c.branch, build.c.pull_request, build.c.sha)
    for family in families:
        newest = (
            select(build.c.id).where(build.c.family == family).order_by(build.c.id.desc()).limit(MOST_BUILDS).subquery()
        )
        last = (
            select(func.max(build.c.id))
            .join(newest, newest.c.id == build.c.id)
            .join(job, job.c.id == build.c.job_id)
            .where(build.c.event.in_(events))
            .where(or_(job.c.repository_id.is_(None), job.c.repository_id == repository.id))
            .group_by(key, build.c.pull_request)
        )
        for row in connection.execute(select(*columns).where(build.c.id.in_(last))):
            of_branch = f"refs/heads/{row.branch}" if row.pull_request is None else f"refs/pull/{row.pull_request}"
            heads[row.ref if row.branch is None else of_branch] = row.sha
    return heads


def load_copied_heads(connection: Connection, repository_id: int, listed: Iterable[str]) -> dict[str, str | None]:
    """What the copy has of branches, of open pull requests and of those that are `listed`; None: it is over there."""
    branches = select(gh_branch.c.name, gh_branch.c.sha, gh_branch.c.deleted_at)
    copied: dict[str, str | None] = {
        f"refs/heads/{row.name}": row.sha if row.deleted_at is None else None
        for row in connection.execute(branches.where(gh_branch.c.repository_id == repository_id))
    }
    pull = gh_pull_request.c
    is_open = (pull.state == "open") & pull.deleted_at.is_(None)
    columns = (pull.number, pull.head_sha, is_open.label("is_open"))
    numbers = [int(ref.removeprefix("refs/pull/")) for ref in listed if ref.startswith("refs/pull/")]
    for start in range(0, max(len(numbers), 1), _PORTION):
        wanted = or_(is_open, pull.number.in_(numbers[start : start + _PORTION]))
        rows = connection.execute(select(*columns).where(pull.repository_id == repository_id, wanted))
        copied |= {f"refs/pull/{row.number}": row.head_sha if row.is_open else None for row in rows}
    return copied


def load_loaded(connection: Connection, scope: str, listings: Sequence[str]) -> set[str]:
    """Which of the lists of `owner/name`, in small letters, were read whole at some time."""
    of = (scan.c.listing.in_(listings), scan.c.scope == scope, scan.c.whole_at.is_not(None))
    return set(connection.execute(select(scan.c.listing).where(*of)).scalars())
