"""What a start finds."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hubwright.config import load_settings
from hubwright.errors import HubwrightError
from hubwright.wiring.first_start import prepare_ground


def test_a_database_that_is_away_is_told_in_one_sentence(tmp_path: Path) -> None:
    """Containers start in any order: the log of one that came too early must not call that a fault of Hubwright."""
    settings = load_settings({"data_dir": str(tmp_path)}, None, {})
    away = msgspec.structs.replace(settings, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(HubwrightError, match=r"^The database can't be reached: [^\n]+ Is it up\? See DATABASE_URL\.$"):
        prepare_ground(away)
