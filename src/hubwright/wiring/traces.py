"""That ended builds are told to a collector of OpenTelemetry: by each hub, for logs lie on its disk.

Loaded only where a collector is set: it needs the extra `otel`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hubwright import __version__
from hubwright.config import Settings
from hubwright.errors import OutletError, SettingsError
from hubwright.outlets.otlp import TIMEOUT, Collector
from hubwright.reports.build_lines import LineWriter
from hubwright.reports.build_spans import SpanWriter
from hubwright.reports.measurer import Measurer
from hubwright.reports.metrics import Metrics
from hubwright.reports.relay import Relay
from hubwright.reports.search import is_bad
from hubwright.reports.traces import TraceReporter
from hubwright.web.site import Site

_HEADER = re.compile(r"\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*([ -~]*?)\s*")
"""https://www.rfc-editor.org/rfc/rfc9110#name-field-names"""


class Traces:
    """The drain, and what it needs. Begin it before anything can happen. Raises SettingsError."""

    def __init__(self, settings: Settings, site: Site, owner: str) -> None:
        chosen = settings.otel
        self._collector = open_collector(settings)
        spans = SpanWriter(site.public_url, site.clone_base)
        lines = None if chosen.logs == "off" else _make_lines(settings, site, spans)
        reporter = TraceReporter(site.database, self._collector, spans, lines)
        self._relay = Relay(site.database, [reporter], owner, site.clock, _drain_goes_on, tally=site.tally)
        self._relay.load = site.load_facts
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


def open_collector(settings: Settings, timeout: float = TIMEOUT) -> Collector:
    """The collector of the settings. Raises SettingsError."""
    chosen = settings.otel
    headers = read_headers(chosen.headers)
    try:
        return Collector(str(chosen.endpoint), __version__, headers, ca_file=chosen.ca_file, timeout=timeout)
    except OutletError as error:
        raise SettingsError(f"OTEL__CA_FILE: {error}") from error


def _make_lines(settings: Settings, site: Site, spans: SpanWriter) -> LineWriter:
    all_runs = settings.otel.logs == "all"
    return LineWriter(
        spans.ids,
        site.any_logs().read,
        site.logs.load_times,
        lambda run: all_runs or is_bad(run),
        settings.otel.log_size,
    )


def read_headers(given: Sequence[str]) -> list[tuple[str, str]]:
    """Names and values of headers, each given as `name=value`. Raises SettingsError, without telling a value."""
    found = [_HEADER.fullmatch(text) for text in given]
    if None in found:
        raise SettingsError("OTEL__HEADERS: each is expected as name=value, in ASCII.")
    return [(one[1], one[2]) for one in found if one is not None]


def _drain_goes_on(_queue: str) -> None:
    """Reports are sent by the drain that has made them."""
