"""Everything that was recorded of GitHub as rows, in both databases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import func, select

from hubwright.domain.replica import Record
from hubwright.store.database import Database
from hubwright.store.replica import keep_records
from hubwright.store.schema import metadata
from recorded_items import read, recorded_items

NOW = 1_800_000_000.0


def keep(database: Database, records: Sequence[Record]) -> int:
    """As pages would bring them; how many rows changed."""
    pages = [records[start : start + 400] for start in range(0, len(records), 400)]
    return sum(
        database.write(lambda connection, page=page: keep_records(connection, page, via="api", now=NOW))
        for page in pages
    )


def test_all_recorded_items_are_kept_and_in_another_order_change_nothing(database: Database) -> None:
    """Texts of all lengths, numbers beyond 32 bits, emoji, ghosts: what one database takes the other takes too."""
    records = [record for kind, one, item in recorded_items() for record in read(kind, one, item).records]
    keys = {(record.kind, record.key) for record in records}

    first = keep(database, records)
    random.Random(1).shuffle(records)
    again = keep(database, records)

    assert again == 0
    counts = Counter(kind for kind, _ in keys)
    with database.reading() as connection:
        for kind, count in counts.items():
            table = metadata.tables[f"gh_{kind}"]
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == count, kind
    assert first >= len(keys) >= 3500
