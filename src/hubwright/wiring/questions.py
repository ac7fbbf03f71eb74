"""Questions in SQL, with the bounds of the settings."""

from __future__ import annotations

from hubwright.config import Settings
from hubwright.store.sql import Questions
from hubwright.store.sql_answers import Bounds


def open_questions(settings: Settings) -> Questions:
    """What answers SQL; it connects with each question."""
    bounds = Bounds(rows=settings.sql.rows, seconds=settings.sql.seconds, size=settings.sql.size)
    return Questions(settings.database_url, bounds, settings.sql.database_url)
