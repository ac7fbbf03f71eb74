"""The dashboard that operators import knows the fields that we write, and holds together."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hubwright.reports.search_documents import FIELDS

FILE = Path(__file__).parents[2] / "examples/search/dashboard.ndjson"


def test_every_reference_is_there_and_every_field_is_written() -> None:
    objects = [json.loads(line) for line in FILE.read_text().splitlines()]
    known = {(one["type"], one["id"]) for one in objects}
    assert len(known) == len(objects)
    for one in objects:
        assert {(to["type"], to["id"]) for to in one["references"]} <= known
        state = json.loads(one["attributes"].get("visState", "{}"))
        for aggregation in state.get("aggs", ()):
            assert _is_known(aggregation["params"]), aggregation
        meta = one["attributes"].get("kibanaSavedObjectMeta", {}).get("searchSourceJSON", "{}")
        asked = json.loads(meta).get("query", {}).get("query", "")
        assert set(re.findall(r"(\w+):", asked)) <= set(FIELDS)


def _is_known(params: dict[str, Any]) -> bool:
    return "field" not in params or params["field"].partition(".")[0] in FIELDS
