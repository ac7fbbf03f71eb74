"""The reporter of a collector of OpenTelemetry: each end of a build as a trace, with lines of its logs.

The numbers of spans and lines are made from rows: whatever is sent again is known by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.traces import Attributes
from hubwright.errors import NotFoundError
from hubwright.outlets.otlp import Collector, Told
from hubwright.reports import Report
from hubwright.reports.build_lines import LineWriter
from hubwright.reports.build_spans import End, SpanWriter
from hubwright.store.database import Database
from hubwright.store.jobs import load_job
from hubwright.store.views import load_build
from hubwright.store.views_values import BuildView

TARGET = "builds"
"""All goes to one target: builds that have waited go out in common requests."""


class TraceReporter:
    """Tells a collector of builds that have ended, and of lines of their logs where there is a writer of them."""

    name = "traces"

    def __init__(self, database: Database, collector: Collector, spans: SpanWriter, lines: LineWriter | None) -> None:
        self._database = database
        self._collector = collector
        self._spans = spans
        self._lines = lines

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """One for the end of a build."""
        if fact.kind is not FactKind.BUILD_FINISHED or fact.build_id is None:
            return ()
        return (Report(TARGET, {"build": fact.build_id, "at": fact.at, "result": str(fact.data.get("result"))}),)

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:  # noqa: ARG002  the relay's call
        """Tell of these ends. Raises OutletError, OutletRefusedError."""
        self._collector.tell_spans(
            Told(source, spans=list(self._spans.write_spans(build, end))) for build, end, source in self._load(bodies)
        )
        if (writer := self._lines) is not None:
            self._collector.tell_lines(
                Told(source, lines=lines)
                for build, end, source in self._load(bodies)
                for run in self._spans.find_round(build, end)
                for lines in writer.write_lines(build, run)
            )

    def _load(self, bodies: Sequence[dict[str, Any]]) -> Iterator[tuple[BuildView, End, Attributes]]:
        """The builds that are still there, each in a read of its own: sending may take long."""
        for body in bodies:
            with self._database.reading() as connection:
                try:
                    build = load_build(connection, int(body["build"]))
                except NotFoundError:  # removed meanwhile
                    continue
                on_github = is_on_github(connection, build.job)
            source = self._spans.describe_build(build, on_github=on_github)
            yield build, End(float(body["at"]), str(body["result"])), source


def is_on_github(connection: Connection, path: str) -> bool:
    """Whether the job builds a repository at GitHub, none at an address of its own."""
    job = load_job(connection, path)
    return job is not None and job.clone_url is None
