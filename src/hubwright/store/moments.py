"""Time in the database: Unix seconds in Python, a real timestamp for people who query with SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, DateTime, String, literal
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


@lru_cache(4096)  # a page names few moments, often
def write_moment(seconds: float) -> str:
    """Unix seconds as RFC 3339 in UTC with six digits, so that text order is time order."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


@lru_cache(4096)  # … and pages are asked for again
def read_moment(text: str) -> float:
    """RFC 3339 text as Unix seconds. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()


class Moment(TypeDecorator[float]):
    """`timestamptz` on PostgreSQL, RFC 3339 text on SQLite, Unix seconds (float) in Python."""

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type in this database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: float | None, dialect: Dialect) -> Any:
        """Seconds to the database's own form."""
        if value is None:
            return None
        return datetime.fromtimestamp(value, UTC) if dialect.name == "postgresql" else write_moment(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:
        """The database's own form to seconds."""
        if value is None:
            return None
        return float(value.timestamp()) if dialect.name == "postgresql" else read_moment(value)


def moment(seconds: float) -> BindParameter[float]:
    """Unix seconds as a value inside an SQL expression, where no column tells its type."""
    return literal(seconds, Moment())
