"""What looks after missed deliveries, made from the settings."""

from __future__ import annotations

import time
from collections.abc import Callable

from hubwright.config import Settings
from hubwright.hub.healing import HEADS, HOOKS, GitHubSide, Healing, Rhythm
from hubwright.hub.healing_hooks import HookLooks
from hubwright.hub.polling import HeadLooks
from hubwright.store.database import Database


def make_healing(
    settings: Settings, database: Database, github: GitHubSide, owner: str, wake: Callable[[str], None]
) -> Healing:
    """Watches over hooks and heads, in the settings' rhythm."""
    rhythm = Rhythm(heal=settings.github.heal_interval, poll=settings.github.poll_interval)
    hooks = HookLooks(database, github, settings.public_url, rhythm, time.time, wake)
    heads = HeadLooks(database, github, rhythm, time.time, wake)
    return Healing(database, github, {HOOKS: hooks.look, HEADS: heads.look}, owner, time.time, wake)
