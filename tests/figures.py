"""Reading what `/metrics` says."""

from __future__ import annotations

import re

from hubwright.domain.figures import Kind
from hubwright.store.database import Database
from hubwright.store.figures import load_counts

_LINE = re.compile(r"^([a-z][^{ ]*(?:\{.*\})?) (\S+)$", re.MULTILINE)


def read_figures(text: bytes) -> dict[str, float]:
    """Every series by its name and labels, as they are written."""
    return {name: float(value) for name, value in _LINE.findall(text.decode())}


def kept(database: Database, kind: Kind) -> dict[tuple[str, ...], float]:
    """What is counted of one kind."""
    with database.reading() as connection:
        return load_counts(connection).get(kind.name, {})
