"""What is measured for a collector of OpenTelemetry: numbers with their attributes, at one moment.

https://opentelemetry.io/docs/specs/otel/metrics/data-model/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hubwright.domain.traces import Attributes


class Shape(StrEnum):
    """What a number is."""

    GAUGE = "gauge"  # it goes up and down
    LEVEL = "level"  # too, and those of different attributes may be added up
    COUNTER = "counter"  # it only grows


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """Numbers of one name. `unit` as UCUM writes it; what is counted is counted `since` then (Unix time, if known)."""

    name: str
    unit: str
    text: str
    shape: Shape
    points: Sequence[tuple[Attributes, float]]
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Observations of a histogram: how many up to each bound and, last, above all; and their sum."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """Observations of one name, since the beginning or `since` then (Unix time)."""

    name: str
    unit: str
    text: str
    points: Sequence[tuple[Attributes, Spread]]
    since: float | None = None
