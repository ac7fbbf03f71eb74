"""Alembic's door: `store.upgrade` hands it a connection in `attributes`. `tests/migration.py` writes migrations."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from hubwright.store.moments import Moment
from hubwright.store.schema import Document, Identity, metadata


def _render(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Our own types by the names that a migration gives them."""
    if kind == "type" and isinstance(item, Moment):
        return "Moment()"
    for name, ours in (("Document", Document), ("Identity", Identity)):
        if kind == "type" and type(item) is type(ours) and item._variant_mapping.keys() == ours._variant_mapping.keys():
            return name
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by building it anew
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
