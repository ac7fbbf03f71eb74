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
from hubwright.github.client import GitHubClient, TokenOf
from hubwright.hub.bisection_grounds import Bounds, Grounds
from hubwright.hub.bisections import Bisections
from hubwright.hub.differences import Differences
from hubwright.hub.doubts import Doubts
from hubwright.hub.intake import Intake
from hubwright.hub.permissions import find_refusal
from hubwright.hub.plans import Ground
from hubwright.hub.pressure import Pressure
from hubwright.hub.understanding import Rules, Understanding
from hubwright.hub.wishes import Wishes
from hubwright.reports.relay import Relay
from hubwright.reports.statuses import StatusReporter
from hubwright.store.database import Database
from hubwright.wire import ReportLimits
from hubwright.wiring.extras import make_app_tokens
from hubwright.wiring.owners import hand_back, make_owner, take_back_from_the_dead

Wake = Callable[[str], None]

QUEUES = ("deliveries", "facts", "reports", "bisections", "approvals")
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
    doubts: Doubts
    relay: Relay
    github: GitHubClient | None
    tokens: TokenOf | None
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
        return {**always, **(told if self.relay.names else {})}

    def take_back(self) -> None:
        """Have at once what a killed process of this machine was about to do. Call it before the first drain."""
        take_back_from_the_dead(self.database, self.owner, time.time())

    def close(self) -> None:
        """Let what is being done end, then close everything."""
        self.intake.close()
        self.relay.close()
        hand_back(self.database, self.owner, time.time())
        self.mirrors.close()
        if self.github is not None:
            self.github.close()
        self.database.close()


def open_parts(
    settings: Settings, wake: Wake, *, pressure: Pressure | None = None, default_platform: str | None = None
) -> Parts:
    """Open what both a hub and a worker need."""
    owner = make_owner()
    database = Database(settings.database_url)
    mirrors = Mirrors(mirrors_folder(settings), make_git(settings), settings.git.fetch_timeout)
    tokens = make_tokens(settings)
    # GitHub lets nobody post statuses anonymously, so without a token there is no client
    github = GitHubClient(settings.github.api_url, tokens, clock=time.time) if tokens is not None else None
    platform = settings.builds.default_platform or default_platform or ANY_PLATFORM
    rules = _make_rules(settings, platform, tokens or _no_token)
    if github is not None:
        rules = replace(rules, refusal_of=partial(find_refusal, github))
    understanding = Understanding(database, mirrors, rules)
    intake = Intake(database, understanding, owner, time.time, wake, pressure or Pressure())
    wishes = Wishes(database, mirrors, understanding.origin_of, rules.ground, wake, rules.defaults)
    reporters = [] if github is None else [StatusReporter(database, github, settings.public_url)]
    relay = Relay(database, reporters, owner, time.time, wake)
    relay.enroll()
    return Parts(
        database=database,
        mirrors=mirrors,
        intake=intake,
        wishes=wishes,
        differences=Differences(database, mirrors, understanding.origin_of, rules.ground.untrusted_recipe),
        bisections=Bisections(database, _make_grounds(settings, mirrors, understanding, rules), time.time, wake),
        doubts=Doubts(database, rules.refusal_of, time.time, wake),
        relay=relay,
        github=github,
        tokens=tokens,
        owner=owner,
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


def make_tokens(settings: Settings) -> TokenOf | None:
    """Whose token to use for an owner's repositories: the App's installation there, or the one token; None for none."""
    github = settings.github
    if github.app_id and github.app_private_key:
        return make_app_tokens(github.api_url, github.app_id, github.app_private_key)
    token = github.token
    return (lambda _owner: token) if token else None
