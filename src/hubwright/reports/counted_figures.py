"""What all processes have counted, as counters and histograms of the monitoring system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from hubwright.domain.figures import KINDS, Kind, add_up, expect

Counts = Mapping[str, Mapping[tuple[str, ...], float]]
"""What is kept, by kind and labels."""


def write_counted(counts: Counts, known: Mapping[str, Iterable[str]]) -> Iterator[Metric]:
    """Every kind, also when nothing was counted yet. `known` are values of labels that will come, by label."""
    for kind in KINDS:
        length = len(kind.labels) + bool(kind.buckets)
        found = {labels: value for labels, value in counts.get(kind.name, {}).items() if len(labels) == length}
        yield _write_histogram(kind, found, known) if kind.buckets else _write_counter(kind, found, known)


def _write_counter(kind: Kind, found: Mapping[tuple[str, ...], float], known: Mapping[str, Iterable[str]]) -> Metric:
    family = CounterMetricFamily(kind.name, kind.text, labels=kind.labels)
    for labels in expect(kind, found, known):
        family.add_metric(labels, found.get(labels, 0.0))
    return family


def _write_histogram(kind: Kind, found: Mapping[tuple[str, ...], float], known: Mapping[str, Iterable[str]]) -> Metric:
    family = HistogramMetricFamily(kind.name, kind.text, labels=kind.labels)
    parts: dict[tuple[str, ...], dict[str, float]] = {}
    for (*labels, part), value in found.items():
        parts.setdefault(tuple(labels), {})[part] = value
    for shown in expect(kind, parts, known):
        buckets, total = add_up(kind, parts.get(shown, {}))
        family.add_metric(shown, buckets, total)
    return family
