"""What looks after missed deliveries, made from the settings."""

from __future__ import annotations

import time
from collections.abc import Callable

from hubwright.config import Settings
from hubwright.github.hook_deliveries import KEPT_FOR
from hubwright.hub.healing import DAY, HEADS, HOOKS, GitHubSide, Healing, Rhythm
from hubwright.hub.healing_hooks import HookLooks
from hubwright.hub.polling import HeadLooks
from hubwright.store.database import Database

HOUR = 3600.0


def make_healing(
    settings: Settings, database: Database, github: GitHubSide, owner: str, wake: Callable[[str], None]
) -> Healing:
    """Watches over hooks and heads, in the settings' rhythm."""
    kept = settings.retention.deliveries * DAY - HOUR  # what was dropped is not missing
    rhythm = Rhythm(heal=settings.github.heal_interval, poll=poll_interval(settings), reach=min(KEPT_FOR, kept))
    hooks = HookLooks(database, github, settings.public_url, rhythm, time.time, wake)
    heads = HeadLooks(database, github, rhythm, time.time, wake)
    looks = {HOOKS: hooks.look, HEADS: heads.look}
    return Healing(database, github, looks, owner, time.time, wake, on=settings.github.heal)


def poll_interval(settings: Settings) -> float:
    """Seconds between two looks at a repository that no webhook tells of."""
    return settings.rebuild.interval or settings.github.poll_interval
