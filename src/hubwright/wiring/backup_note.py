"""When the last backup was made: known without all that makes one, for a hub must start in a moment."""

from __future__ import annotations

import msgspec

from hubwright.config import Settings

NOTE = "backup.json"
"""In the data folder: when the last backup was made, and where it is."""


class Note(msgspec.Struct, frozen=True):
    """The last backup: its moment (RFC 3339) and its folder."""

    made_at: str
    folder: str


def keep_note(settings: Settings, note: Note) -> None:
    """Write it down in place of the older one. Raises OSError."""
    (settings.data_dir / NOTE).write_bytes(msgspec.json.encode(note) + b"\n")


def load_note(settings: Settings) -> Note | None:
    """The last backup that was made of this installation; None when there is none."""
    try:
        return msgspec.json.decode((settings.data_dir / NOTE).read_bytes(), type=Note)
    except (OSError, msgspec.DecodeError):
        return None
