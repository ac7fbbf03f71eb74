"""How far reporters are behind, for the monitoring system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from hubwright.store.reports import Lag

_GAUGES = (
    ("hubwright_reporter_lag_seconds", "Age of the oldest fact that the reporter has not told."),
    ("hubwright_reporter_facts_behind", "Facts that the reporter has not read."),
    ("hubwright_reporter_reports_waiting", "Reports that wait, for the first or another try."),
    ("hubwright_reporter_reports_given_up", "Reports given up, that nobody has told again."),
)


def write_lags(lags: Iterable[Lag], now: float) -> Iterator[Metric]:
    """A series for each reporter in each of four gauges."""
    gauges = [GaugeMetricFamily(name, text, labels=["reporter"]) for name, text in _GAUGES]
    for lag in lags:
        late = 0.0 if lag.since is None else max(now - lag.since, 0.0)
        for gauge, value in zip(gauges, (late, lag.behind, lag.waiting, lag.failed), strict=True):
            gauge.add_metric([lag.name], value)
    yield from gauges
