"""One builder, as pages and the API show it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from hubwright.errors import NotFoundError
from hubwright.store.schema import builder, run, token
from hubwright.store.views import MAX_PAGE, RUNNING, load_rows
from hubwright.store.views_values import BuilderView

_COLUMNS = [column for column in builder.c if column.name not in {"instance", "token_id"}]


def load_builder(connection: Connection, name: str) -> BuilderView:
    """A builder with the runs that it holds. Raises NotFoundError."""
    rows = load_rows(connection, select(*_COLUMNS).where(builder.c.name == name))
    if not rows:
        raise NotFoundError(f"There is no builder {name!r}.")
    held = select(run.c.id).where(run.c.state == RUNNING, run.c.builder == name).order_by(run.c.id).limit(MAX_PAGE)
    running = tuple(connection.execute(held).scalars())
    return BuilderView(**{**rows[0], "labels": tuple(rows[0]["labels"])}, running=running)


def has_own_token(connection: Connection, name: str) -> bool:
    """Whether the builder came with a token that is for it alone and still of use."""
    query = (
        select(token.c.id)
        .join(builder, builder.c.token_id == token.c.id)
        .where(builder.c.name == name, token.c.builder == name, token.c.revoked_at.is_(None))
    )
    return connection.execute(query).first() is not None
