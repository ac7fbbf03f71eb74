"""What a search engine knows of a failure: it keeps what the database has forgotten, and counts by month."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from hubwright.errors import OutletError, OutletRefusedError
from hubwright.outlets.search_engine import SearchEngine

MONTHS = 24
"""Months that are told, at most: the newest."""

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class History:
    """In how many runs a failure was seen, since when (Unix seconds), and in how many of each month, `2026-11`."""

    times: int
    first_at: float | None
    months: tuple[tuple[str, int], ...]


class SearchHistory:
    """Asks an engine for what `reports.search` keeps there, in indices whose names begin with `prefix`."""

    def __init__(self, engine: SearchEngine, prefix: str) -> None:
        self._engine = engine
        self._prefix = prefix

    def find(self, failure: int) -> History | None:
        """The history of a known failure, by its number; None when the engine does not answer. Blocks."""
        try:
            return read_history(self._engine.ask(f"{self._prefix}-failure-*", write_question(failure)))
        except (OutletError, OutletRefusedError) as error:
            logger.warning("history_not_found", failure=failure, error=str(error))
            return None


def write_question(failure: int) -> dict[str, Any]:
    """How often it was seen, since when, and how often in each month."""
    months = {"field": "@timestamp", "calendar_interval": "month", "format": "yyyy-MM", "min_doc_count": 1}
    return {
        "size": 0,
        "track_total_hits": True,
        "query": {"bool": {"filter": [{"term": {"known": failure}}]}},
        "aggs": {"first": {"min": {"field": "@timestamp"}}, "months": {"date_histogram": months}},
    }


def read_history(answer: Any) -> History:
    """The answer to that question; what is not as engines have it counts as nothing."""
    hits, found = _part(answer, "hits"), _part(answer, "aggregations")
    total, first = _part(hits, "total").get("value"), _part(found, "first").get("value")
    return History(
        total if isinstance(total, int) else 0,
        first / 1000 if isinstance(first, int | float) else None,
        tuple(_read_months(_part(found, "months").get("buckets")))[-MONTHS:],
    )


def _read_months(buckets: Any) -> Iterator[tuple[str, int]]:
    for one in buckets if isinstance(buckets, list) else ():
        month, count = _part({"one": one}, "one").get("key_as_string"), _part({"one": one}, "one").get("doc_count")
        if isinstance(month, str) and isinstance(count, int) and count > 0:
            yield month[:7], count


def _part(thing: Any, name: str) -> Mapping[str, Any]:
    part = thing.get(name) if isinstance(thing, dict) else None
    return part if isinstance(part, dict) else {}
