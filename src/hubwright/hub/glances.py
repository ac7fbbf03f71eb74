"""What the database alone tells of many events at once: most lead to no build, and nobody need be asked for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hubwright.domain.builds import MERGE_GROUP, commits_to_build, pull_request_to_build
from hubwright.domain.job_events import Builds
from hubwright.domain.jobs import Job
from hubwright.domain.repos import Event, Other, PullRequestEvent, Push, RefEvent, Repository
from hubwright.github.payloads import is_skipped
from hubwright.hub.followers import Circle, complete_circle, end_any
from hubwright.store.links import load_links_of
from hubwright.store.moments import read_moment
from hubwright.store.repos import load_change_times

MayBuild = Callable[[Repository], bool]


@dataclass(frozen=True, slots=True)
class Seen:
    """An event that leads to no more than news: its outcome in words, and whether GitHub has told later ones before."""

    outcome: str
    late: bool = False


def glance(connection: Connection, events: Sequence[Event], may_build: MayBuild) -> list[Seen | Circle | None]:
    """An answer to each event, in order: no `Seen` where it takes more than a look, such as a commit that is to be had.

    Then it is the circle of its repository, where that was looked at.
    """
    circles: dict[tuple[int | None, str], Circle] = {}
    outcomes = _find_outcomes(connection, events, may_build, circles)
    pulls = [
        event for event, told in zip(events, outcomes, strict=True) if told and isinstance(event, PullRequestEvent)
    ]
    times = load_change_times(connection, {_name(pull) for pull in pulls}) if pulls else {}
    seen: list[Seen | Circle | None] = []
    for event, outcome in zip(events, outcomes, strict=True):
        late = False
        if outcome and isinstance(event, PullRequestEvent) and event.updated_at is not None:
            at = read_moment(event.updated_at)
            last = times.get(_name(event), at)
            late = at < last
            times[_name(event)] = max(at, last)
        seen.append(Seen(outcome, late) if outcome else _find_circle(event, circles))
    return seen


def _find_circle(event: Event, circles: Mapping[tuple[int | None, str], Circle]) -> Circle | None:
    if not isinstance(event, Push | PullRequestEvent):
        return None
    return circles.get((event.repository.id, event.repository.full_name))


def _name(event: PullRequestEvent) -> tuple[int, int]:
    return event.repository.id or 0, event.number


def _find_outcomes(
    connection: Connection,
    events: Sequence[Event],
    may_build: MayBuild,
    circles: dict[tuple[int | None, str], Circle],
) -> list[str | None]:
    """What is said of each event; None of one that leads to more. A repository is looked for once, links at once."""
    named = {
        (event.repository.id, event.repository.full_name): event.repository
        for event in events
        if isinstance(event, Push | PullRequestEvent | RefEvent) and event.repository.id is not None
    }
    links = load_links_of(connection, list(named.values()))
    linked_names = {one.full_name for one in links}
    outcomes: list[str | None] = []
    for event in events:
        if isinstance(event, Push | PullRequestEvent) and event.repository.id is not None:
            name = (event.repository.id, event.repository.full_name)
            if name not in circles:
                circles[name] = complete_circle(connection, named[name], links.get(named[name], ()))
            outcomes.append(_find_outcome(connection, event, circles[name], may_build))
        elif isinstance(event, RefEvent):
            linked = event.action == "delete" and event.repository.full_name in linked_names
            outcomes.append(None if linked else "kept")
        else:
            outcomes.append("kept" if isinstance(event, Other) else None)
    return outcomes


def _find_outcome(
    connection: Connection, event: Push | PullRequestEvent, circle: Circle, may_build: MayBuild
) -> str | None:
    if not circle.jobs:
        return None if may_build(event.repository) else "the owner is not one of GITHUB__OWNERS"
    effects = circle.follow(event, event.repository.default_branch)
    builds = [one for one in effects if isinstance(one.what, Builds)]
    if end_any(connection, effects):
        return None
    if not builds and not any(job.enabled for job in circle.jobs):
        return "every job of the repository is disabled"
    return None if circle.has_moved or any(_wants_builds(event, one.job) for one in builds) else "0 builds"


def _wants_builds(event: Push | PullRequestEvent, job: Job) -> bool:
    wanted = commits_to_build(event, job.settings) if isinstance(event, Push) else pull_request_to_build(event)
    return any(wish.event == MERGE_GROUP or not is_skipped(wish.message) for wish in wanted)
