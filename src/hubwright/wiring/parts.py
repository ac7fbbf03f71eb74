"""The parts that a hub and a worker share, made from the settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hubwright import __version__
from hubwright.config import Settings
from hubwright.domain.jobs import Approval, Commits, JobSettings, RecipeSide
from hubwright.domain.scheduling import ANY_PLATFORM
from hubwright.git.commands import Git
from hubwright.git.mirrors import Mirrors
from hubwright.github.credentials import TokenOf
from hubwright.hub.bisections import Bisections, Bounds, Grounds
from hubwright.hub.copying import follow_nothing
from hubwright.hub.differences import Differences
from hubwright.hub.doubts import Doubts
from hubwright.hub.intake import Intake
from hubwright.hub.loads import follow_up
from hubwright.hub.permissions import find_refusal
from hubwright.hub.plans import Ground
from hubwright.hub.pressure import Pressure
from hubwright.hub.replica import LANES, Replica
from hubwright.hub.understanding import Rules, Understanding
from hubwright.hub.wishes import Wishes
from hubwright.reports.relay import Relay
from hubwright.store.database import Database
from hubwright.wire import ReportLimits
from hubwright.wiring.github import GitHubAccess, open_github
from hubwright.wiring.owners import hand_back, make_owner, take_back_from_the_dead
from hubwright.wiring.reporters import make_reporters

Wake = Callable[[str], None]

QUEUES = ("deliveries", "facts", "reports", "bisections", "approvals", *LANES)
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
    relay: Relay
    github: GitHubAccess
    owner: str

    def drains(self) -> dict[str, Callable[[], float | None]]:
        """What drains which queue; facts that nobody reports need no drain."""
        told: dict[str, Callable[[], float | None]] = {
            "facts": self.relay.drain_facts,
            "reports": self.relay.drain_reports,
        }
        always: dict[str, Callable[[], float | None]] = {
            "deliveries": self.intake.drain,
            "bisections": self.bisections.drain,
            "approvals": self.doubts.drain,
        }
        return {**always, **self.replica.drains(), **(told if self.relay.names else {})}

    def take_back(self) -> None:
        """Have at once what a killed process of this machine was about to do. Call it before the first drain."""
        take_back_from_the_dead(self.database, self.owner, time.time())

    def close(self) -> None:
        """Let what is being done end, then close everything."""
        self.github.client.stop_waiting()
        self.intake.close()
        self.replica.close()
        self.relay.close()
        hand_back(self.database, self.owner, time.time())
        self.mirrors.close()
        self.github.close()
        self.database.close()


def open_parts(
    settings: Settings, wake: Wake, *, pressure: Pressure | None = None, default_platform: str | None = None
) -> Parts:
    """Open what both a hub and a worker need."""
    owner = make_owner()
    database = Database(settings.database_url)
    mirrors = Mirrors(mirrors_folder(settings), make_git(settings), settings.git.fetch_timeout)
    github = open_github(settings, database)
    platform = settings.builds.default_platform or default_platform or ANY_PLATFORM
    rules = _make_rules(settings, platform, github.tokens or _no_token)
    if github.tokens is not None:
        rules = replace(rules, refusal_of=partial(find_refusal, github.client))
    understanding = Understanding(database, mirrors, rules)
    follow = follow_nothing if github.tokens is None else follow_up
    intake = Intake(database, understanding, owner, time.time, wake, pressure or Pressure(), follow)
    wishes = Wishes(database, mirrors, understanding.origin_of, rules.ground, wake, rules.defaults)
    # GitHub lets nobody post statuses anonymously
    reporters = [] if github.tokens is None else make_reporters(settings, database, github.client)
    relay = Relay(database, reporters, owner, time.time, wake)
    relay.enroll()
    return Parts(
        database=database,
        mirrors=mirrors,
        intake=intake,
        wishes=wishes,
        differences=Differences(database, mirrors, understanding.origin_of, rules.ground.untrusted_recipe),
        bisections=Bisections(database, _make_grounds(settings, mirrors, understanding, rules), time.time, wake),
        replica=Replica(database, github.client, owner, time.time, wake),
        doubts=Doubts(database, rules.refusal_of, time.time, wake),
        relay=relay,
        github=github,
        owner=owner,
    )


def _make_grounds(settings: Settings, mirrors: Mirrors, understanding: Understanding, rules: Rules) -> Grounds:
    builds = settings.builds
    bounds = Bounds(builds=builds.bisect_builds, commits=builds.bisect_commits, targets=builds.bisect_targets)
    return Grounds(mirrors=mirrors, origin_of=understanding.origin_of, ground=rules.ground, bounds=bounds)


def mirrors_folder(settings: Settings) -> Path:
    """Where the mirrors lie; a builder on this machine shares them."""
    return settings.data_dir / "mirrors"


def _no_token(_owner: str | None) -> str | None:
    return None


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
