"""A collector of OpenTelemetry for tests: rotel, which hands on what it takes to a receiver that keeps it.

with receiving_otlp() as telemetry, collector_at(new_port(), folder, telemetry) as url:
    ...
    until(telemetry.spans, 20, "spans")
"""

from __future__ import annotations

import gzip
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import rotel
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from server_programs import Processes, free_port
from waiting import until

REQUESTS = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}


def read_attributes(attributes: Any) -> dict[str, Any]:
    """Attributes of OTLP as a dictionary."""
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in attributes}


@dataclass
class Telemetry:
    """What came: requests by their path. `answers` are statuses and bodies for the next ones."""

    port: int
    answers: deque[tuple[int, bytes]] = field(default_factory=deque)
    came: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def spans(self) -> list[tuple[dict[str, Any], Any]]:
        """Every span, with what its resource says."""
        return [
            (read_attributes(part.resource.attributes), span)
            for path, _, request in list(self.came)
            if path == "/v1/traces"
            for part in request.resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]

    def lines(self) -> list[tuple[dict[str, Any], Any]]:
        """Every line of a log, with what its resource says."""
        return [
            (read_attributes(part.resource.attributes), record)
            for path, _, request in list(self.came)
            if path == "/v1/logs"
            for part in request.resource_logs
            for scope in part.scope_logs
            for record in scope.log_records
        ]

    def metrics(self) -> list[Any]:
        """Every metric, oldest first."""
        return [
            metric
            for path, _, request in list(self.came)
            if path == "/v1/metrics"
            for part in request.resource_metrics
            for scope in part.scope_metrics
            for metric in scope.metrics
        ]


@contextmanager
def receiving_otlp() -> Iterator[Telemetry]:
    """A receiver of OTLP on 127.0.0.1: what it takes must be what the protocol's own messages can read."""
    telemetry = Telemetry(free_port())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, answer = telemetry.answers.popleft() if telemetry.answers else (200, b"")
            if status == 200:
                headers = {key.lower(): value for key, value in self.headers.items()}
                plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
                telemetry.came.append((self.path, headers, REQUESTS[self.path].FromString(plain)))
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", telemetry.port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield telemetry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def collector_at(port: int, folder: Path, telemetry: Telemetry) -> Iterator[str]:
    """The address of a collector that sends on to `telemetry`."""
    processes = Processes(folder)
    url = f"http://127.0.0.1:{port}"
    argv = [str(Path(rotel.__file__).with_name("rotel-agent")), "start", "--exporter", "otlp"]
    argv += ["--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}"]
    argv += ["--otlp-exporter-endpoint", f"http://127.0.0.1:{telemetry.port}", "--otlp-exporter-protocol", "http"]
    argv += ["--batch-timeout", "20ms", "--pid-file", str(folder / "pid"), "--log-file", str(folder / "log")]
    try:
        processes.start(argv)
        until(lambda: _answers(url), 30, f"the collector to answer: {processes.said()}")
        yield url
    finally:
        processes.end()


def _answers(url: str) -> bool:
    try:
        httpx2.get(url, timeout=1, trust_env=False)
    except httpx2.HTTPError:
        return False
    return True
