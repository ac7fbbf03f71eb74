"""That receivers hear by HTTP what the ends of builds mean: by every hub, each report by one of them."""

from __future__ import annotations

from collections.abc import Sequence

from hubwright.config import Settings
from hubwright.domain.receivers import read_receiver
from hubwright.errors import MalformedError, OutletError, SettingsError
from hubwright.hub.addresses import check_public
from hubwright.outlets.receiver import Poster, Resolve
from hubwright.reports.notices import NoticeReporter
from hubwright.reports.relay import Relay
from hubwright.web.site import Site

NOTICES = "notices"
"""The queue: facts, and reports of the reporter of that name."""


class NoticeLife:
    """The drain, and what it needs. Begin it before anything can happen. Raises SettingsError."""

    def __init__(self, settings: Settings, site: Site, owner: str) -> None:
        chosen = settings.notify
        try:
            self._poster = Poster(_resolve_within(chosen.allow_hosts), ca_file=chosen.ca_file)
            for text in chosen.webhooks:
                read_receiver(text)
            reporter = NoticeReporter(
                site.database,
                self._poster,
                site.public_url,
                chosen.secrets,
                site.clock,
                everywhere=chosen.webhooks,
                events=chosen.events,
            )
        except (MalformedError, OutletError) as error:
            raise SettingsError(f"NOTIFY: {error}") from error
        self._relay = Relay(site.database, [reporter], owner, site.clock, _drain_goes_on)
        self._relay.enroll()
        self.names = self._relay.names

    def drain(self) -> float | None:
        """Tell what has ended; when to look again."""
        return self._relay.drain()

    def close(self) -> None:
        """Let what is being told end."""
        self._relay.close()
        self._poster.close()


def _resolve_within(allowed: Sequence[str]) -> Resolve:
    """Hosts are public, or allowed by name."""

    def resolve(host: str) -> Sequence[str]:
        return [host] if host in allowed else check_public(host)

    return resolve


def _drain_goes_on(_queue: str) -> None:
    """Reports are sent by the drain that has made them."""
