"""A hub with a collector of OpenTelemetry beside it, as operators run it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from collector_server import collector_at, read_attributes, receiving_otlp
from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from server_programs import free_port
from waiting import until

RECIPE = 'stages:\n- build: echo "parent=$TRACEPARENT."\n- test: echo "parent=$TRACEPARENT."\n'


def test_a_build_ends_up_in_the_collector_and_its_own_spans_below_its_stages(
    tmp_path: Path, github: FakeGitHub, make: Make
) -> None:
    """What a stage finds in its environment, OpenTelemetry's own program takes for its parent: the stage's span."""
    port = free_port()
    (tmp_path / "collector").mkdir()
    settings = {"OTEL__ENDPOINT": f"http://127.0.0.1:{port}", "OTEL__LOGS": "all", "OTEL__HEADERS": '["x-key=hush"]'}
    with (
        receiving_otlp() as telemetry,
        collector_at(port, tmp_path / "collector", telemetry),
        HubProcess(tmp_path, github=github, settings=settings) as hub,
    ):
        repository = make({".hubwright.yml": RECIPE})
        hub.deliver("push", repository.push_payload())
        (build,) = hub.finished(repository)

        def told() -> list[Any]:
            found = [span for _, span in telemetry.spans()]
            return found if len(found) >= 4 and len(telemetry.lines()) >= 2 else []

        root, run, *stages = until(told, 60, "the build in the collector")
        assert read_attributes(root.attributes)["cicd.pipeline.result"] == build["result"] == "success"
        assert [stage.name for stage in stages] == ["build", "test"]
        lines = [(line.span_id, line.body.string_value) for _, line in telemetry.lines()]
        parents = [found[1] for _, text in lines if (found := re.fullmatch(r"parent=([0-9a-f-]{55})\.", text))]
        children = [make_span(parent) for parent in parents]
        assert [child.context.trace_id for child in children] == [int.from_bytes(root.trace_id)] * 2
        assert [child.parent.span_id for child in children] == [int.from_bytes(stage.span_id) for stage in stages]
        assert [span for span, text in lines if "parent=" in text and "echo" not in text] == [s.span_id for s in stages]
        assert run.parent_span_id == root.span_id
        names = {metric.name for metric in until(telemetry.metrics, 60, "metrics")}
        assert {"cicd.worker.count", "hubwright_build_info"} <= names


def make_span(parent: str) -> Any:
    """A span that a program of the build makes, by the means of OpenTelemetry's SDK."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    context = TraceContextTextMapPropagator().extract({"traceparent": parent})
    with provider.get_tracer("pytest").start_as_current_span("test_it", context=context):
        pass
    provider.shutdown()
    (made,) = exporter.get_finished_spans()
    return made
