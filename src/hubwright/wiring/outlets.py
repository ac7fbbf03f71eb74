"""All that every hub tells the outside but GitHub and IRC: each by a drain of its own, which waits for itself alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hubwright.config import Settings
from hubwright.web.site import Site
from hubwright.wiring.filing import FILES, FilingLife
from hubwright.wiring.notices import NOTICES, NoticeLife
from hubwright.wiring.search import SEARCH, SearchLife
from hubwright.wiring.traces_opening import TRACES, TracesLife

OUTLETS = (FILES, SEARCH, NOTICES, TRACES)
"""Their queues."""


class Outlet(Protocol):
    """One of them; `names` are those of its reporters."""

    names: tuple[str, ...]

    def drain(self) -> float | None:
        """Tell what is new; when to look again."""

    def close(self) -> None:
        """Let what is being told end."""


class Outlets:
    """Open them before anything can happen. Raises SettingsError."""

    def __init__(self, settings: Settings, site: Site, owner: str) -> None:
        self.filing = FilingLife(settings, site, owner)
        self.search = SearchLife(settings, site, owner)
        notices, traces = NoticeLife(settings, site, owner), TracesLife(settings, site, owner)
        self._all: dict[str, Outlet] = {FILES: self.filing, SEARCH: self.search, NOTICES: notices, TRACES: traces}

    @property
    def names(self) -> tuple[str, ...]:
        """The reporters at work."""
        return tuple(name for outlet in self._all.values() for name in outlet.names)

    def drains(self) -> dict[str, Callable[[], float | None]]:
        """By queue."""
        return {queue: outlet.drain for queue, outlet in self._all.items()}

    def close(self) -> None:
        """Let what is being told end; the rest stays for the next start."""
        for outlet in self._all.values():
            outlet.close()
