"""What an event tells of GitHub's own things: rows of the copy, and facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from hubwright.domain.builds import BUILDING_ACTIONS
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.repos import Commit, Event, PullRequestEvent, Push, RefEvent
from hubwright.hub.approvals import rearm
from hubwright.store import approvals, repos
from hubwright.store.facts import keep_facts

MAX_TOLD = 4
"""Commits of a push that its fact tells of."""

MAX_SUBJECT, MAX_AUTHOR = 300, 100
"""Characters of what it says of each."""


def keep_event(connection: Connection, event: Event, now: float) -> None:
    """Keep what the event says of commits, branches and pull requests."""
    late = isinstance(event, PullRequestEvent) and repos.is_old_news(connection, event)
    keep_events(connection, [(event, late)], now)


def keep_events(connection: Connection, events: Sequence[tuple[Event, bool]], now: float) -> None:
    """Keep what events say, in their order; each with whether GitHub has told later news of its pull request before."""
    numbers = {event.number for event, late in events if isinstance(event, PullRequestEvent) and not late}
    guarded = approvals.find_guarded(connection, numbers) if numbers else []
    facts: list[Fact] = []
    for event, late in events:
        match event:
            case Push():
                facts.append(Fact(kind=FactKind.PUSH_RECEIVED, at=now, data=tell_push(event)))
            case PullRequestEvent() if not late:
                if any(_is_about(event, row) for row in guarded):
                    keep_facts(connection, facts)
                    facts = []
                    rearm(connection, event, now)
                if event.action in BUILDING_ACTIONS:
                    facts.append(_moved(event, now))
            case RefEvent():
                facts.append(_ref_fact(event, now))
    keep_facts(connection, facts)


def _is_about(event: PullRequestEvent, row: Row[Any]) -> bool:
    repository = event.repository
    numbered = repository.id is not None and bool(row.repository_id == repository.id)
    return bool(row.pull_request == event.number) and (numbered or bool(row.repository == repository.full_name))


def tell_push(push: Push) -> dict[str, object]:
    """What the fact of a push says: what was moved from where, by whom, and its first new commits."""
    return {
        "repository": push.repository.full_name,
        "ref": push.ref,
        "before": push.before,
        "after": push.after,
        "count": len(push.commits),
        "pusher": push.pusher,
        "created": push.created,
        "deleted": push.deleted,
        "forced": push.forced,
        "base": push.base_ref,
        "url": push.repository.html_url,
        "private": push.repository.private,
        **_tell_commits(push.commits),
    }


def _tell_commits(commits: Sequence[Commit]) -> dict[str, object]:
    """The first few commits that were not pushed before, in short, and how many such there are: enough for a line each.

    GitHub calls those `distinct`; the others came with another branch.
    """
    new = [commit for commit in commits if commit.distinct]
    return {"new": len(new), "commits": [_tell_commit(commit) for commit in new[:MAX_TOLD]]}


def _tell_commit(commit: Commit) -> dict[str, object]:
    first, _, rest = commit.message.strip().partition("\n")
    return {
        "sha": commit.sha,
        "author": (commit.author_name or commit.author_login or "")[:MAX_AUTHOR],
        "subject": first.rstrip("\r")[:MAX_SUBJECT],
        "lines": len(rest.splitlines()),
        "added": len(commit.added),
        "modified": len(commit.modified),
        "removed": len(commit.removed),
    }


def _moved(event: PullRequestEvent, now: float) -> Fact:
    data: dict[str, object] = {
        "repository": event.repository.full_name,
        "number": event.number,
        "action": event.action,
        "sha": event.head_sha,
        "sha7": event.head_sha[:7],
        "branch": event.head_ref,
    }
    return Fact(kind=FactKind.PULL_REQUEST_CHANGED, at=now, data=data)


def _ref_fact(event: RefEvent, now: float) -> Fact:
    kind = FactKind.REF_CREATED if event.action == "create" else FactKind.REF_DELETED
    data: dict[str, object] = {
        "repository": event.repository.full_name,
        "ref_type": event.ref_type,
        "ref": event.ref,
    }
    return Fact(kind=kind, at=now, data=data)
