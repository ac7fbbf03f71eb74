"""Traces for those who set a collector: what they are written with is an extra, and loaded for nobody else."""

from __future__ import annotations

from hubwright.config import Settings
from hubwright.web.site import Site
from hubwright.wiring.extras import load_traces

TRACES = "traces"
"""The queue: facts, and reports of the reporter of that name."""


class TracesLife:
    """The drain; nothing without a collector. Raises SettingsError."""

    def __init__(self, settings: Settings, site: Site, owner: str) -> None:
        is_wanted = settings.otel.endpoint is not None
        self._traces = load_traces()(settings, site, owner) if is_wanted else None
        self.names: tuple[str, ...] = () if self._traces is None else self._traces.names

    def drain(self) -> float | None:
        """Tell what has ended; when to look again."""
        return None if self._traces is None else self._traces.drain()

    def close(self) -> None:
        """Let what is being told end."""
        if self._traces is not None:
            self._traces.close()
