"""What answers the commands on IRC, by the settings."""

from __future__ import annotations

import time
from collections.abc import Callable

from hubwright.config import Settings
from hubwright.domain.repos import Repository
from hubwright.hub.admission import ADMISSION
from hubwright.hub.log_reading import AnyLogs
from hubwright.irc.answers.builds import Standing
from hubwright.irc.answers.channels import Channels
from hubwright.irc.answers.fleet import Fleet
from hubwright.irc.answers.links import Links
from hubwright.irc.answers.logs import LogLines
from hubwright.irc.answers.orders import Orders
from hubwright.irc.answers.talk import Talk
from hubwright.irc.answers.watches import Watches
from hubwright.irc.people import People
from hubwright.irc.table import Answers
from hubwright.irc.voice import Voice
from hubwright.wiring.parts import Parts
from hubwright.wiring.site import read_platform_limits


def make_answers(
    settings: Settings, parts: Parts, voice: Voice, logs: AnyLogs, refuse: Callable[[Repository, str], str | None]
) -> Answers:
    """All that answers; `refuse` says why a login at GitHub may not write to a repository."""
    database, url = parts.database, settings.public_url
    people = make_people(settings, parts, refuse)

    def wake(queue: str) -> None:
        parts.wake(queue)
        if queue == "runs":
            parts.wake(ADMISSION)  # what people do with builds may make room for others

    return Answers(
        people=people,
        standing=Standing(database, url),
        logs=LogLines(database, logs, url),
        fleet=Fleet(database, url, read_platform_limits(settings)),
        orders=Orders(database, parts.wishes, people, wake, url),
        watches=make_watches(settings, parts, voice),
        channels=Channels(database, people),
        links=Links(database, people, url),
        talk=Talk(database),
    )


def make_people(settings: Settings, parts: Parts, refuse: Callable[[Repository, str], str | None]) -> People:
    """Who is whom, by the settings first."""
    pairs = (one.partition("=") for one in settings.irc.accounts)
    logins = {account: login for account, _, login in pairs}
    return People(parts.database, logins, settings.irc.trusted, refuse, open_to_all=settings.anonymous_read)


def make_watches(settings: Settings, parts: Parts, voice: Voice) -> Watches:
    """Who waits for the ends of builds."""
    return Watches(parts.database, voice.tell, time.time, settings.public_url)
