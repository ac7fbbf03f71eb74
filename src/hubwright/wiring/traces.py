"""That ended builds are told to a collector of OpenTelemetry: by each hub, for logs lie on its disk.

Loaded only where a collector is set: it needs the extra `otel`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hubwright import __version__
from hubwright.config import Settings
from hubwright.errors import OutletError, SettingsError
from hubwright.outlets.otlp import Collector
from hubwright.reports.build_lines import LineWriter
from hubwright.reports.build_spans import SpanWriter
from hubwright.reports.measurer import Measurer
from hubwright.reports.metrics import Metrics
from hubwright.reports.relay import Relay
from hubwright.reports.search import is_bad
from hubwright.reports.traces import TraceReporter
from hubwright.web.site import Site


class Traces:
    """The drain, and what it needs. Begin it before anything can happen. Raises SettingsError."""

    def __init__(self, settings: Settings, site: Site, owner: str) -> None:
        chosen = settings.otel
        headers = _read_headers(chosen.headers)
        try:
            self._collector = Collector(str(chosen.endpoint), __version__, headers, ca_file=chosen.ca_file)
        except OutletError as error:
            raise SettingsError(f"OTEL__CA_FILE: {error}") from error
        spans = SpanWriter(site.public_url)
        lines = LineWriter(
            spans.ids,
            site.logs.read,
            site.logs.load_times,
            lambda run: chosen.logs == "all" or (chosen.logs == "failed" and is_bad(run)),
            chosen.log_size,
        )
        reporter = TraceReporter(site.database, self._collector, spans, lines)
        self._relay = Relay(site.database, [reporter], owner, site.clock, _drain_goes_on, tally=site.tally)
        self._relay.enroll()
        metrics = Metrics(site.database, site.version, site.clock, find_reporters=site.find_reporters)
        self._measurer = Measurer(site.database, self._collector, metrics, owner, site.clock, chosen.every)
        self._measurer.enroll()
        self.names = (*self._relay.names, *self._measurer.names)

    def drain(self) -> float | None:
        """Tell what has ended and how things stand; when to look again."""
        due, measured = self._relay.drain(), self._measurer.drain()
        return measured if due is None else min(due, measured)

    def close(self) -> None:
        """Let what is being told end."""
        self._relay.close()
        self._measurer.close()
        self._collector.close()


def _read_headers(given: Sequence[str]) -> list[tuple[str, str]]:
    """Names and values. Raises SettingsError, without telling a value."""
    parted = [text.partition("=") for text in given]
    for name, is_said, value in parted:
        if not is_said or not name.strip() or not (name + value).isascii() or not (name + value).isprintable():
            raise SettingsError("OTEL__HEADERS: each is expected as name=value, in ASCII.")
    return [(name.strip(), value.strip()) for name, _, value in parted]


def _drain_goes_on(_queue: str) -> None:
    """Reports are sent by the drain that has made them."""
