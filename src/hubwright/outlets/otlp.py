"""OTLP over HTTP, as every collector of OpenTelemetry takes it; needs the extra `otel`.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

import httpx2
import structlog
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from hubwright.domain.measurements import Histogram, Measurement
from hubwright.domain.traces import Attributes, Line, Span
from hubwright.errors import OutletError, OutletRefusedError
from hubwright.outlets.otlp_messages import write_attributes, write_line, write_measurement, write_span

MAX_REQUEST = 1024 * 1024
"""Bytes of a request before it is packed, unless a single item is larger; collectors take 4 MiB and more."""

AT_ONCE = 100
"""Spans or lines that share one description of where they come from."""

TIMEOUT = 30.0
"""Seconds for each step of a request."""

_LATER = frozenset({401, 403, 404, 408, 429, 502, 503, 504})
"""Statuses that say nothing of what was sent: it is full or away, or our key or its address is wrong."""

logger = structlog.get_logger()

Part = TypeVar("Part", bound=Message)


@dataclass(frozen=True, slots=True)
class Told:
    """Spans and lines that come from one source, which `source` describes."""

    source: Attributes
    spans: Sequence[Span] = field(default=())
    lines: Sequence[Line] = field(default=())


class Collector:
    """A collector at `url`, to which `/v1/traces` and the like are added; `version` is the hub's. Thread-safe."""

    def __init__(
        self,
        url: str,
        version: str,
        headers: Sequence[tuple[str, str]] = (),
        *,
        ca_file: Path | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        """`ca_file` has the certificates (PEM) to believe in, instead of those of the system. Raises OutletError."""
        try:
            trust = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise OutletError(f"{ca_file} has no certificates that can be read: {error}") from error
        self._scope = InstrumentationScope(name="hubwright", version=version)
        self._service = {"service.name": "hubwright", "service.version": version}
        self._http = httpx2.Client(
            base_url=url.rstrip("/"),
            headers=[*headers, ("User-Agent", f"Hubwright/{version}"), ("Content-Type", "application/x-protobuf")],
            timeout=timeout,
            trust_env=False,
            verify=trust,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def probe(self) -> None:
        """Send a request with nothing in it, which every collector takes. Raises OutletError, OutletRefusedError."""
        self._post("/v1/traces", ExportTraceServiceRequest(), ExportTraceServiceResponse())

    def tell_spans(self, told: Iterable[Told]) -> None:
        """Send the spans. Raises OutletError, OutletRefusedError."""
        for few in _pack(self._write_spans(told)):
            answer = ExportTraceServiceResponse()
            self._post("/v1/traces", ExportTraceServiceRequest(resource_spans=few), answer)
            _warn("spans_refused", answer.partial_success.rejected_spans, answer.partial_success.error_message)

    def tell_lines(self, told: Iterable[Told]) -> None:
        """Send the lines of logs. Raises OutletError, OutletRefusedError."""
        for few in _pack(self._write_lines(told)):
            answer = ExportLogsServiceResponse()
            self._post("/v1/logs", ExportLogsServiceRequest(resource_logs=few), answer)
            _warn(
                "log_lines_refused", answer.partial_success.rejected_log_records, answer.partial_success.error_message
            )

    def tell_measurements(self, measured: Iterable[Measurement | Histogram], at: float) -> None:
        """Send what was measured at a moment (Unix seconds). Raises OutletError, OutletRefusedError."""
        for few in _pack(write_measurement(one, at) for one in measured):
            answer = ExportMetricsServiceResponse()
            scope = metrics_pb2.ScopeMetrics(scope=self._scope, metrics=few)
            part = metrics_pb2.ResourceMetrics(resource=self._write_source({}), scope_metrics=[scope])
            self._post("/v1/metrics", ExportMetricsServiceRequest(resource_metrics=[part]), answer)
            _warn(
                "measurements_refused",
                answer.partial_success.rejected_data_points,
                answer.partial_success.error_message,
            )

    def _write_spans(self, told: Iterable[Told]) -> Iterator[trace_pb2.ResourceSpans]:
        for one in told:
            for start in range(0, len(one.spans), AT_ONCE):
                spans = [write_span(span) for span in one.spans[start : start + AT_ONCE]]
                yield trace_pb2.ResourceSpans(
                    resource=self._write_source(one.source),
                    scope_spans=[trace_pb2.ScopeSpans(scope=self._scope, spans=spans)],
                )

    def _write_lines(self, told: Iterable[Told]) -> Iterator[logs_pb2.ResourceLogs]:
        for one in told:
            for start in range(0, len(one.lines), AT_ONCE):
                records = [write_line(line) for line in one.lines[start : start + AT_ONCE]]
                yield logs_pb2.ResourceLogs(
                    resource=self._write_source(one.source),
                    scope_logs=[logs_pb2.ScopeLogs(scope=self._scope, log_records=records)],
                )

    def _write_source(self, source: Attributes) -> Resource:
        return Resource(attributes=write_attributes({**self._service, **source}))

    def _post(self, path: str, request: Message, answer: Message) -> None:
        """Send a request, and read what was said to it into `answer`."""
        body = gzip.compress(request.SerializeToString(), compresslevel=1)
        try:
            response = self._http.post(path, content=body, headers={"Content-Encoding": "gzip"})
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise OutletError(f"The collector does not answer: {str(error) or type(error).__name__}") from error
        if response.status_code >= 300:
            message = f"The collector answered {response.status_code} to {path}."
            raise OutletError(message) if response.status_code in _LATER else OutletRefusedError(message)
        try:
            answer.ParseFromString(response.content)
        except DecodeError as error:
            raise OutletError(f"What answers at {path} is no collector: its answer is not OTLP.") from error


def _pack(items: Iterable[Part]) -> Iterator[list[Part]]:
    few: list[Part] = []
    size = 0
    for one in items:
        more = one.ByteSize()
        if few and size + more > MAX_REQUEST:
            yield few
            few, size = [], 0
        few.append(one)
        size += more
    if few:
        yield few


def _warn(event: str, count: int, why: str) -> None:
    """Some of it was refused for good; that must not keep the rest waiting."""
    if count:
        logger.warning(event, count=count, reason=why[:500])
