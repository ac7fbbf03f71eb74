"""`hubwright redis`: what other programs read in Redis."""

from __future__ import annotations

from pathlib import Path

import click

from hubwright.cli.options import settings_of, settings_options
from hubwright.cli.output import tell
from hubwright.domain.wording import word_count
from hubwright.wiring.extras import load_redis_parts


@click.group()
def redis() -> None:
    """Look after what is kept in Redis."""


@redis.command()
@settings_options
def rebuild(*, config: Path | None, data_dir: str | None) -> None:
    """Build what is kept in Redis anew from the database; hubs and readers go on meanwhile."""
    stale: int = load_redis_parts().rebuild_view(settings_of(config, data_dir=data_dir))
    tell(f"Redis has it all again; {word_count(stale, 'stale key')} went.")
