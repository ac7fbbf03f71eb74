"""The messages of OTLP: spans, lines of logs and measurements.

https://github.com/open-telemetry/opentelemetry-proto
"""

from __future__ import annotations

import math

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from hubwright.domain.measurements import Histogram, Measurement, Shape, Spread
from hubwright.domain.traces import Attributes, Line, Span

_SAMPLED = 1

_CUMULATIVE = metrics_pb2.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def write_span(span: Span) -> trace_pb2.Span:
    """A span; what went wrong is its status."""
    status = trace_pb2.Status()
    if span.error is not None:
        status = trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message=_clean(span.error))
    kinds = trace_pb2.Span
    return trace_pb2.Span(
        trace_id=bytes.fromhex(span.trace),
        span_id=bytes.fromhex(span.id),
        parent_span_id=bytes.fromhex(span.parent or ""),
        name=_clean(span.name),
        kind=kinds.SPAN_KIND_SERVER if span.served else kinds.SPAN_KIND_INTERNAL,
        start_time_unix_nano=_nanoseconds(span.start),
        end_time_unix_nano=_nanoseconds(span.end),
        attributes=write_attributes(span.attributes),
        status=status,
        flags=_SAMPLED,
    )


def write_line(line: Line) -> logs_pb2.LogRecord:
    """A line of a log as a record."""
    return logs_pb2.LogRecord(
        time_unix_nano=_nanoseconds(line.at),
        observed_time_unix_nano=_nanoseconds(line.at),
        body=AnyValue(string_value=_clean(line.text)),
        attributes=write_attributes(line.attributes),
        trace_id=bytes.fromhex(line.trace),
        span_id=bytes.fromhex(line.span),
        flags=_SAMPLED,
    )


def write_attributes(attributes: Attributes) -> list[KeyValue]:
    """Attributes, each with a value of its own type."""
    return [KeyValue(key=key, value=_write_value(value)) for key, value in attributes.items()]


def _write_value(value: str | int | float) -> AnyValue:
    match value:
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=_clean(value))


def _clean(text: str) -> str:
    """Half of a pair of surrogates, which no UTF-8 has, becomes a question mark."""
    return text.encode(errors="replace").decode()


def _nanoseconds(moment: float) -> int:
    whole = math.floor(moment)
    return whole * 1_000_000_000 + round((moment - whole) * 1_000_000) * 1000


def write_measurement(one: Measurement | Histogram, at: float) -> metrics_pb2.Metric:
    """A metric with its points, measured at Unix time `at`; what is counted is counted since the beginning."""
    made = metrics_pb2.Metric(name=one.name, unit=one.unit, description=one.text)
    since = 0 if one.since is None else _nanoseconds(one.since)
    if isinstance(one, Histogram):
        spreads = [_write_spread(attributes, spread, since, at) for attributes, spread in one.points]
        made.histogram.CopyFrom(metrics_pb2.Histogram(data_points=spreads, aggregation_temporality=_CUMULATIVE))
        return made
    numbers = [_write_number(attributes, value, since, at) for attributes, value in one.points]
    if one.shape is Shape.GAUGE:
        made.gauge.CopyFrom(metrics_pb2.Gauge(data_points=numbers))
    else:
        grows = one.shape is Shape.COUNTER
        made.sum.CopyFrom(metrics_pb2.Sum(data_points=numbers, aggregation_temporality=_CUMULATIVE, is_monotonic=grows))
    return made


def _write_number(attributes: Attributes, value: float, since: int, at: float) -> metrics_pb2.NumberDataPoint:
    return metrics_pb2.NumberDataPoint(
        attributes=write_attributes(attributes),
        start_time_unix_nano=since,
        time_unix_nano=_nanoseconds(at),
        as_double=value,
    )


def _write_spread(attributes: Attributes, spread: Spread, since: int, at: float) -> metrics_pb2.HistogramDataPoint:
    return metrics_pb2.HistogramDataPoint(
        attributes=write_attributes(attributes),
        start_time_unix_nano=since,
        time_unix_nano=_nanoseconds(at),
        count=sum(spread.counts),
        sum=spread.total,
        bucket_counts=spread.counts,
        explicit_bounds=spread.bounds,
    )
