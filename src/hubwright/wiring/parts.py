"""The parts that a hub and a worker share, made from the settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from hubwright import __version__
from hubwright.config import Settings
from hubwright.domain.figures import DRAIN_FAILURES
from hubwright.domain.jobs import Approval, Commits, JobSettings, RecipeSide
from hubwright.domain.replica import FollowUp
from hubwright.domain.repos import Repository
from hubwright.domain.scheduling import ANY_PLATFORM
from hubwright.git.commands import Git
from hubwright.git.mirrors import Mirrors
from hubwright.github.credentials import TokenOf
from hubwright.hub.addresses import AddressRules
from hubwright.hub.admission import ADMISSION, Admitting
from hubwright.hub.bisection_grounds import Bounds, Grounds
from hubwright.hub.bisections import Bisections
from hubwright.hub.dependencies import DEPENDENCIES, Dependencies
from hubwright.hub.differences import Differences
from hubwright.hub.doubts import Doubts
from hubwright.hub.healing import HEALING, Healing
from hubwright.hub.intake import Intake
from hubwright.hub.loads import follow_up
from hubwright.hub.permissions import find_refusal
from hubwright.hub.plans import Ground
from hubwright.hub.pressure import Pressure
from hubwright.hub.rebuilding import REBUILDING, Sources, make_rebuilder
from hubwright.hub.replica import LANES, Replica
from hubwright.hub.rules import Rules, refuse
from hubwright.hub.schedules import SCHEDULES, Schedules
from hubwright.hub.understanding import Understanding
from hubwright.hub.watching import Watching
from hubwright.hub.wishes import Wishes
from hubwright.reports.counting import Counting
from hubwright.reports.relay import Relay
from hubwright.store.database import Database
from hubwright.store.fact_reader import FactReader
from hubwright.store.figures import Tally
from hubwright.store.jobs import HUB
from hubwright.wire import ReportLimits
from hubwright.wiring.github import GitHubAccess, open_github
from hubwright.wiring.healing import make_healing, poll_interval
from hubwright.wiring.job_defaults import make_hub_layer
from hubwright.wiring.owners import hand_back, make_owner, take_back_from_the_dead
from hubwright.wiring.reporters import make_reporters

Wake = Callable[[str], None]

FIGURES = "figures"
"""The queue of what is counted for the monitoring system: of each process, for it has counted some of it."""

QUEUES = (
    "deliveries",
    "facts",
    "reports",
    "bisections",
    "approvals",
    ADMISSION,
    HEALING,
    REBUILDING,
    SCHEDULES,
    DEPENDENCIES,
    *LANES,
)
"""What rows wait in."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Database, mirrors, and the drains of every queue that rows wait in."""

    database: Database
    mirrors: Mirrors
    intake: Intake
    wishes: Wishes
    differences: Differences
    bisections: Bisections
    replica: Replica
    doubts: Doubts
    admitting: Admitting
    healing: Healing
    rebuilder: Watching
    schedules: Schedules
    dependencies: Dependencies
    relay: Relay
    github: GitHubAccess
    tally: Tally
    counting: Counting
    facts: FactReader
    owner: str
    wake: Wake

    def drains(self) -> dict[str, Callable[[], float | None]]:
        """What drains which queue."""
        return {
            "deliveries": self.intake.drain,
            "bisections": self.bisections.drain,
            "approvals": self.doubts.drain,
            ADMISSION: self.admitting.drain,
            HEALING: self.healing.drain,
            REBUILDING: self.rebuilder.drain,
            SCHEDULES: self.schedules.drain,
            DEPENDENCIES: self.dependencies.drain,
            **self.replica.drains(),
            "facts": self.relay.drain_facts,
            "reports": self.relay.drain_reports,
        }

    def note_failure(self, queue: str) -> None:
        """Count that the drain of a queue has failed."""
        self.tally.count(DRAIN_FAILURES, queue)

    def take_back(self) -> None:
        """Have at once what a killed process of this machine was about to do. Call it before the first drain."""
        take_back_from_the_dead(self.database, self.owner)

    def close(self) -> None:
        """Let what is being done end, then close everything."""
        self.github.client.stop_waiting()
        self.intake.close()
        self.replica.close()
        self.healing.close()
        self.rebuilder.close()
        self.relay.close()
        hand_back(self.database, self.owner)
        self.mirrors.close()
        self.github.close()
        self.counting.close()
        self.database.close()


def open_parts(
    settings: Settings, wake: Wake, *, pressure: Pressure | None = None, default_platform: str | None = None
) -> Parts:
    """Open what both a hub and a worker need."""
    owner = make_owner()
    database = Database(settings.database_url, given={HUB: make_hub_layer(settings)})
    guard = make_address_rules(settings).pin
    mirrors = Mirrors(mirrors_folder(settings), make_git(settings), settings.git.fetch_timeout, guard)
    tally = Tally()
    github = open_github(settings, database, tally)
    platform = settings.builds.default_platform or default_platform or ANY_PLATFORM
    rules = replace(
        _make_rules(settings, platform, github.token_of),
        refusal_of=partial(_find_refusal, github),
        app_id_of=lambda: github.identity.app_id,
    )
    understanding = Understanding(database, mirrors, rules)
    intake = Intake(database, understanding, owner, time.time, wake, pressure or Pressure(), partial(_follow, github))
    wishes = Wishes(database, mirrors, understanding.origin_of, rules.ground, wake, rules.defaults)
    reporters = make_reporters(settings, database, github)
    # GitHub lets nobody post statuses anonymously
    relay = Relay(database, reporters, owner, time.time, wake, is_heard=lambda: github.is_known, tally=tally)
    relay.enroll()
    facts = FactReader()
    counting = Counting(database, tally, facts.load)
    counting.enroll()
    return Parts(
        database=database,
        mirrors=mirrors,
        intake=intake,
        wishes=wishes,
        differences=Differences(database, mirrors, understanding.origin_of, rules.ground.untrusted_recipe),
        bisections=Bisections(database, _make_grounds(settings, mirrors, understanding, rules), time.time, wake),
        replica=Replica(database, github.client, owner, time.time, wake),
        doubts=Doubts(database, rules.refusal_of, time.time, wake),
        admitting=Admitting(database, time.time, wake),
        healing=make_healing(settings, database, github, owner, wake),
        schedules=Schedules(database, time.time, wake),
        dependencies=Dependencies(database, time.time, wake),
        rebuilder=make_rebuilder(
            database,
            Sources(
                mirrors=mirrors,
                origin_of=understanding.origin_of,
                rules=make_address_rules(settings),
                interval=poll_interval(settings),
            ),
            owner,
            time.time,
            wake,
            github_is_asked=lambda: settings.github.heal and github.is_known,
        ),
        relay=relay,
        github=github,
        tally=tally,
        counting=counting,
        facts=facts,
        owner=owner,
        wake=wake,
    )


def _make_grounds(settings: Settings, mirrors: Mirrors, understanding: Understanding, rules: Rules) -> Grounds:
    builds = settings.builds
    bounds = Bounds(
        builds=builds.bisect_builds,
        commits=builds.bisect_commits,
        targets=builds.bisect_targets,
        searches=builds.bisect_searches,
    )
    return Grounds(mirrors=mirrors, origin_of=understanding.origin_of, ground=rules.ground, bounds=bounds)


def mirrors_folder(settings: Settings) -> Path:
    """Where the mirrors lie; a builder on this machine shares them."""
    return settings.data_dir / "mirrors"


def _find_refusal(github: GitHubAccess, repository: Repository, login: str, user_id: int) -> str | None:
    return (
        find_refusal(github.client, repository, login, user_id)
        if github.is_known
        else refuse(repository, login, user_id)
    )


def _follow(github: GitHubAccess, connection: Connection, follow_ups: Iterable[FollowUp], now: float) -> int:
    """Have loaded what deliveries leave open; not anonymously, for that limit is sixty requests an hour."""
    return follow_up(connection, follow_ups, now) if github.is_known else 0


def make_address_rules(settings: Settings) -> AddressRules:
    """Where repositories may lie that people name."""
    return AddressRules(
        clone_base=settings.github.clone_base,
        protocols=settings.git.allow_protocols,
        hosts=settings.git.allow_hosts,
    )


def make_git(settings: Settings) -> Git:
    """git, with the protocols that the settings allow."""
    return Git(":".join(settings.git.allow_protocols))


def _make_rules(settings: Settings, platform: str, tokens: TokenOf) -> Rules:
    return Rules(
        clone_base=settings.github.clone_base,
        ground=Ground(
            public_url=settings.public_url,
            version=__version__,
            default_platform=platform,
            log_limit=settings.builds.log_limit,
            approval=Approval(settings.builds.approval),
            untrusted_recipe=RecipeSide(settings.builds.untrusted_recipe),
            untrusted_labels=settings.builds.untrusted_labels,
            reports=ReportLimits(
                files=settings.builds.report_files,
                size=settings.builds.report_size,
                cases=settings.builds.report_cases,
            ),
        ),
        token_of=tokens,
        owners=settings.github.owners,
        defaults=JobSettings(
            commits=Commits(settings.builds.commits),
            max_commits_per_push=settings.builds.max_commits_per_push,
            timeout=settings.builds.timeout,
        ),
    )
