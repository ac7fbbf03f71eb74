"""Questions in SQL: which database they are asked of, with the bounds of the settings."""

from __future__ import annotations

from functools import partial

from sqlalchemy import make_url

from hubwright.config import Settings
from hubwright.store.sql import Questions
from hubwright.store.sql_answers import Bounds
from hubwright.store.sql_sqlite import ask_sqlite
from hubwright.wiring.extras import load_postgresql_asker


def open_questions(settings: Settings) -> Questions:
    """What answers SQL; it connects with each question."""
    bounds = Bounds(rows=settings.sql.rows, seconds=settings.sql.seconds, size=settings.sql.size)
    return make_questions(settings.database_url, bounds, settings.sql.database_url)


def make_questions(url: str, bounds: Bounds, reader_url: str | None = None) -> Questions:
    """What answers SQL of a database, with other bounds.

    `reader_url` is a login of PostgreSQL that may read no secrets; without one a role is made.
    """
    if make_url(url).get_backend_name() == "sqlite":
        return Questions(partial(ask_sqlite, make_url(url).database or ""), bounds)
    return Questions(partial(load_postgresql_asker(), url, reader_url), bounds)
