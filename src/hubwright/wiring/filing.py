"""That ended builds are filed in the storage, if the settings want it: by each hub, for logs lie on its disk."""

from __future__ import annotations

from collections.abc import Callable

from hubwright.config import Settings
from hubwright.hub.filing import Filing
from hubwright.reports.filing import FileReporter
from hubwright.reports.relay import Relay
from hubwright.storage import Storage
from hubwright.web.site import Site

FILES = "files"
"""The queue: facts, and reports of the reporter of that name."""

LOOK_AGAIN = 5.0
"""Seconds after which the drain looks for reports that another process has left; of its own it knows."""

GATHERED = 0.25
"""Seconds for which what is woken is gathered: most facts file nothing, and nobody waits for those that do."""


class FilingLife:
    """The drain, and what it needs. Begin it before anything can happen: what happened before is not filed."""

    def __init__(self, settings: Settings, site: Site, owner: str) -> None:
        self.names: tuple[str, ...] = ()
        self.refile: Callable[[int], None] | None = None
        self._relay: Relay | None = None
        self._clock = site.clock
        self._due = 0.0
        if settings.artifacts.by_job:
            storage = Storage(settings.storage_url, stalled=settings.artifacts.stalled)
            filing = Filing(site.database, storage, site.logs, site.public_url)
            self.refile = filing.keep
            self._relay = Relay(site.database, [FileReporter(filing.keep)], owner, site.clock, self._look)
            self._relay.enroll()
            self.names = self._relay.names

    def drain(self) -> float | None:
        """File what has ended; when to look again."""
        if self._relay is None:
            return None
        self._relay.drain_facts()
        if self._due <= (now := self._clock()) or self._due > now + LOOK_AGAIN:  # then the clock was set back
            due = self._relay.drain_reports()
            self._due = self._clock() + LOOK_AGAIN
            self._due = self._due if due is None else min(due, self._due)
        return self._due

    def close(self) -> None:
        """Let what is being filed end."""
        if self._relay is not None:
            self._relay.close()

    def _look(self, _queue: str) -> None:
        """Reports are sent by the drain that has made them."""
        self._due = 0.0
