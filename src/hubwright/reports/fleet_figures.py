"""Figures of builders for the monitoring system: sums and extremes, no series for each builder."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import Connection, func, select

from hubwright.store.builders import AWAY, CONNECTED, DRAINING, GONE, ON_DEMAND, PAUSE
from hubwright.store.schema import builder, run
from hubwright.store.views import RUNNING

STATES = (CONNECTED, PAUSE, DRAINING, AWAY, ON_DEMAND)

_GAUGES = (
    ("hubwright_builder_slots", "Slots of all builders that are not away."),
    ("hubwright_builder_lag_seconds_max", "How long the slowest builder takes to answer a ping."),
    ("hubwright_builder_clock_skew_seconds_max", "How far the clock that is most wrong is off."),
)


def load_figures(connection: Connection) -> tuple[dict[str, int], tuple[float, float, float], int]:
    """How many builders are in which state; slots, lag and skew of those that are not away; runs without a builder."""
    counted = select(builder.c.state, builder.c.wish, func.count()).group_by(builder.c.state, builder.c.wish)
    states = dict.fromkeys(STATES, 0)
    for state, wish, count in connection.execute(counted):
        states[wish if state == CONNECTED and wish in states else state] += count
    slots, lag, skew = connection.execute(
        select(func.sum(builder.c.slots), func.max(builder.c.lag), func.max(func.abs(builder.c.skew))).where(
            builder.c.state.not_in(GONE)
        )
    ).one()
    silent = (
        select(func.count())
        .select_from(run)
        .outerjoin(builder, builder.c.name == run.c.builder)
        .where(run.c.state == RUNNING, func.coalesce(builder.c.state, AWAY).in_(GONE))
    )
    return states, (slots or 0, lag or 0.0, skew or 0.0), connection.execute(silent).scalar_one()


def write_figures(states: dict[str, int], here: tuple[float, float, float], silent: int) -> Iterator[Metric]:
    """The same as gauges."""
    gauge = GaugeMetricFamily("hubwright_builders", "Builders by state.", labels=["state"])
    for state, count in states.items():
        gauge.add_metric([state], count)
    yield gauge
    for (name, text), value in zip(_GAUGES, here, strict=True):
        yield GaugeMetricFamily(name, text, value=value)
    text = "Runs whose builder is away: they are lost after BUILDS__LOST_AFTER."
    yield GaugeMetricFamily("hubwright_runs_silent", text, value=silent)
