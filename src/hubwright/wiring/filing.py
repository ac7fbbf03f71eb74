"""That ended builds are filed in the storage, if the settings want it: by each hub."""

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


class FilingLife:
    """The drain, and what it needs. Begin it before anything can happen: what happened before is not filed."""

    def __init__(self, settings: Settings, site: Site, owner: str) -> None:
        self.names: tuple[str, ...] = ()
        self.refile: Callable[[int], None] | None = None
        self._relay: Relay | None = None
        if settings.artifacts.by_job:
            storage = Storage(settings.storage_url, stalled=settings.artifacts.stalled)
            filing = Filing(site.database, storage, site.logs, site.public_url, site.copies.bring_now)
            self.refile = filing.keep
            self._relay = Relay(
                site.database, [FileReporter(filing.keep_all)], owner, site.clock, _drain_goes_on, tally=site.tally
            )
            self._relay.load = site.load_facts
            self._relay.enroll()
            self.names = self._relay.names

    def drain(self) -> float | None:
        """File what has ended; when to look again."""
        return None if self._relay is None else self._relay.drain()

    def close(self) -> None:
        """Let what is being filed end."""
        if self._relay is not None:
            self._relay.close()


def _drain_goes_on(_queue: str) -> None:
    """Reports are sent by the drain that has made them."""
