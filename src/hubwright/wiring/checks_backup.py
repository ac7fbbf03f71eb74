"""Whether there is a backup that is young enough."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from hubwright.config import LOOPBACK, Settings
from hubwright.domain.diagnosis import Sight, doubtful, well
from hubwright.domain.wording import word_age
from hubwright.wiring.backup_note import load_note
from hubwright.wiring.checks_database import is_unmade

OLD = 2 * 86_400.0
"""Seconds after which a backup of each night is missing."""


def check_backup(settings: Settings) -> Sight:
    """Was a backup made in the last two days, and is it still there?"""
    if is_unmade(settings):
        return well("there is nothing to back up yet")
    note = load_note(settings)
    if note is None and _is_for_others(settings):
        return doubtful("none was ever made", "have cron call `hubwright backup FOLDER --keep 14` each night")
    if note is None:
        return well("none was ever made")
    age = time.time() - datetime.fromisoformat(note.made_at).timestamp()
    if age > OLD:
        return doubtful(f"the newest was made {word_age(age)}", "see why `hubwright backup` is not called any more")
    if not Path(note.folder).is_dir():
        return well(f"made {word_age(age)}; {note.folder} is not here any more")
    return well(f"made {word_age(age)} in {note.folder}")


def _is_for_others(settings: Settings) -> bool:
    """Whether other machines reach the hub; one that is tried out on a desk needs no backup."""
    return settings.host not in LOOPBACK or (urlsplit(settings.public_url).hostname or "") not in LOOPBACK
