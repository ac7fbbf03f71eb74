"""What is backed up of an installation, and where a backup is restored to: the places that its settings name."""

from __future__ import annotations

from pathlib import Path

from hubwright import __version__
from hubwright.config import Settings
from hubwright.hub import backups
from hubwright.hub.backups import About, Kept, Manifest, Places
from hubwright.storage import Storage
from hubwright.wiring.backup_note import Note, keep_note
from hubwright.wiring.moving import logs_of
from hubwright.wiring.secret_keys import keys_of


def back_up(settings: Settings, folder: Path, now: float, *, with_storage: bool) -> Kept:
    """Make a backup, and note that there is one. `now` in Unix seconds. Raises what `hub.backups.back_up` raises."""
    about = About(release=__version__, keys=keys_of(settings)().ids, now=now)
    kept = backups.back_up(_places(settings, with_storage=with_storage), folder, about)
    keep_note(settings, Note(kept.manifest.made_at, str(kept.folder.absolute())))
    return kept


def restore(settings: Settings, backup: Path) -> Manifest:
    """Make a backup this installation. Raises what `hub.backups.restore` raises."""
    return backups.restore(backup, _places(settings, with_storage=True))


def find_missing_keys(settings: Settings, manifest: Manifest) -> list[str]:
    """The ids of the keys that the backup's secrets need and that are not here."""
    here = keys_of(settings)().ids
    return [key for key in manifest.keys if key not in here]


def _places(settings: Settings, *, with_storage: bool) -> Places:
    return Places(
        database=settings.database_url,
        logs=logs_of(settings.data_dir),
        storage=Storage(settings.storage_url) if with_storage else None,
    )
