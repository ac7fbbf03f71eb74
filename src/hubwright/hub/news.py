"""What an event tells of GitHub's own things: rows of the copy, and facts."""

from __future__ import annotations

from sqlalchemy import Connection

from hubwright.domain.builds import BUILDING_ACTIONS
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.repos import Event, PullRequestEvent, Push, RefEvent
from hubwright.hub.approvals import rearm
from hubwright.store import repos
from hubwright.store.facts import keep_facts


def keep_event(connection: Connection, event: Event, now: float) -> None:
    """Keep what the event says of repositories, commits, branches and pull requests."""
    match event:
        case Push():
            keep_facts(connection, [_pushed(event, now)])
        case PullRequestEvent():
            if not repos.is_old_news(connection, event):
                rearm(connection, event, now)
                if event.action in BUILDING_ACTIONS:
                    keep_facts(connection, [_moved(event, now)])
        case RefEvent():
            keep_facts(connection, [_ref_fact(event, now)])


def _pushed(push: Push, now: float) -> Fact:
    data: dict[str, object] = {
        "repository": push.repository.full_name,
        "ref": push.ref,
        "before": push.before,
        "after": push.after,
        "count": len(push.commits),
        "pusher": push.pusher,
        "created": push.created,
        "deleted": push.deleted,
        "forced": push.forced,
    }
    return Fact(kind=FactKind.PUSH_RECEIVED, at=now, data=data)


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
