"""That receivers hear by HTTP what the ends of builds mean: by every hub, each report by one of them."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import urlsplit

from hubwright.config import Settings
from hubwright.domain.receivers import read_receiver
from hubwright.errors import MalformedError, OutletError, SettingsError
from hubwright.hub.addresses import check_public
from hubwright.outlets.receiver import Poster, Resolve
from hubwright.outlets.smtp import read_server, send_mail
from hubwright.reports import Reporter
from hubwright.reports.mail_texts import read_address
from hubwright.reports.mails import MailReporter
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
            self._poster = Poster(resolve_within(chosen.allow_hosts), ca_file=chosen.ca_file)
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
        reporters = [reporter, *_make_mails(settings, site)]
        self._relay = Relay(site.database, reporters, owner, site.clock, _drain_goes_on, tally=site.tally)
        self._relay.load = site.load_facts
        self._relay.enroll()
        self.names = self._relay.names

    def drain(self) -> float | None:
        """Tell what has ended; when to look again."""
        return self._relay.drain()

    def close(self) -> None:
        """Let what is being told end."""
        self._relay.close()
        self._poster.close()


def _make_mails(settings: Settings, site: Site) -> list[Reporter]:
    """The reporter that mails, where a server is set. Raises SettingsError."""
    mail = settings.mail
    if mail.server is None:
        return []
    host = urlsplit(site.public_url).hostname or "localhost"
    sender = mail.sender or f"hubwright@{host}"
    try:
        read_address(parseaddr(sender)[1])
        server = read_server(mail.server, mail.ca_file)
    except OutletError as error:
        raise SettingsError(f"MAIL__SERVER: {error}") from error
    except ValueError as error:
        raise SettingsError(
            f"MAIL__SENDER: an address like hubwright@example.org is expected, not {sender!a}."
        ) from error
    envelope = parseaddr(sender)[1]

    def send(message: EmailMessage, recipient: str) -> None:
        send_mail(server, message, envelope, recipient)

    return [MailReporter(site.database, send, site.public_url, sender)]


def resolve_within(allowed: Sequence[str]) -> Resolve:
    """Hosts are public, or allowed by name."""

    def resolve(host: str) -> Sequence[str]:
        return [host] if host in allowed else check_public(host)

    return resolve


def _drain_goes_on(_queue: str) -> None:
    """Reports are sent by the drain that has made them."""
