"""What a collector answers, and what becomes of what it was sent: over HTTP on a real socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collector_server import Telemetry, read_attributes, receiving_otlp
from hubwright.domain.traces import Line, Span
from hubwright.errors import OutletError, OutletRefusedError
from hubwright.outlets.otlp import MAX_REQUEST, Collector, Told

SPAN = Span(trace="1" * 32, id="2" * 16, parent=None, name="x", start=1.5, end=2.000001, attributes={"a": "b\ud800"})


@pytest.fixture(scope="module")
def direct() -> Iterator[Telemetry]:
    """A receiver that is asked without a collector in between."""
    with receiving_otlp() as made:
        yield made


@pytest.fixture
def sender(direct: Telemetry) -> Iterator[Collector]:
    direct.came.clear()
    with Collector(f"http://127.0.0.1:{direct.port}/", "1.2.3", [("x-api-key", "hush")]) as made:
        yield made


@pytest.mark.parametrize("status", [401, 404, 429, 502, 503, 504])
def test_a_collector_that_is_full_or_away_is_asked_again(sender: Collector, direct: Telemetry, status: int) -> None:
    """https://opentelemetry.io/docs/specs/otlp/#failures-1; a wrong key or address is put right by people."""
    direct.answers.append((status, b""))
    with pytest.raises(OutletError) as raised:
        sender.tell_spans([Told({}, spans=[SPAN])])
    assert not isinstance(raised.value, OutletRefusedError)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("status", [302, 400, 413, 500])
def test_what_it_will_never_take_is_not_sent_again(sender: Collector, direct: Telemetry, status: int) -> None:
    """The specification forbids to try again after other statuses."""
    direct.answers.append((status, b""))
    with pytest.raises(OutletRefusedError):
        sender.tell_spans([Told({}, spans=[SPAN])])


def test_spans_that_are_refused_among_others_are_told_in_the_log(
    sender: Collector, direct: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    answer.partial_success.error_message = "too old"
    direct.answers.append((200, answer.SerializeToString()))
    sender.tell_spans([Told({}, spans=[SPAN])])
    said = capsys.readouterr()
    assert "spans_refused" in said.out + said.err
    assert "too old" in said.out + said.err


def test_a_server_that_is_no_collector_is_told_apart(sender: Collector, direct: Telemetry) -> None:
    direct.answers.append((200, b"<html>hello</html>"))
    with pytest.raises(OutletError, match="no collector"):
        sender.tell_spans([Told({}, spans=[SPAN])])


def test_requests_are_bounded_and_carry_the_key(sender: Collector, direct: Telemetry) -> None:
    """Whatever waits goes out in pieces that every collector takes."""
    line = Line(at=1.0, text="x" * 8000, trace=SPAN.trace, span=SPAN.id)
    sender.tell_lines([Told({}, lines=[line] * 1000)])
    sizes = [request.ByteSize() for _, _, request in direct.came]
    assert max(sizes) <= MAX_REQUEST + 100
    assert {headers["x-api-key"] for _, headers, _ in direct.came} == {"hush"}
    assert (
        sum(len(scope.log_records) for _, _, r in direct.came for p in r.resource_logs for scope in p.scope_logs)
        == 1000
    )


def test_times_are_whole_microseconds_and_no_text_breaks_the_protocol(sender: Collector, direct: Telemetry) -> None:
    sender.tell_spans([Told({}, spans=[SPAN])])
    ((_, span),) = direct.spans()
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1_500_000_000, 2_000_001_000)
    assert read_attributes(span.attributes) == {"a": "b?"}
