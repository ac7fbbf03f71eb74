"""Whether those that are told of builds can be reached: mail, IRC, a search engine, a collector, receivers."""

from __future__ import annotations

import socket
import time
from contextlib import closing, nullcontext
from urllib.parse import urlsplit

from hubwright.config import Settings
from hubwright.domain.diagnosis import Sight, doubtful, join_sights, well, wrong
from hubwright.domain.receivers import read_receiver
from hubwright.errors import HubwrightError, MalformedError
from hubwright.outlets.search_engine import SearchEngine
from hubwright.outlets.smtp import probe_server, read_server
from hubwright.store.duties import load_holder
from hubwright.wiring.checks_database import ask_database
from hubwright.wiring.extras import load_collector
from hubwright.wiring.irc import DUTY, make_tls
from hubwright.wiring.notices import resolve_within

PATIENCE = 5.0
"""Seconds for each step of a conversation."""


def check_mail(settings: Settings) -> Sight:
    """Does the mail server let us in?"""
    mail = settings.mail
    try:
        server = read_server(str(mail.server), mail.ca_file)
        probe_server(server, PATIENCE)
    except HubwrightError as error:
        return wrong(str(error), "check MAIL__SERVER: name, port, TLS, user and password")
    known = " and takes our password" if server.user else ""
    return well(f"{server.host}:{server.port} answers{known}")


def check_irc(settings: Settings) -> Sight:
    """Does the server of the bot answer, and who has the bot?"""
    irc = settings.irc
    where = f"{irc.server}:{irc.port}"
    try:
        with (
            socket.create_connection((str(irc.server), irc.port), timeout=PATIENCE) as plain,
            make_tls(settings).wrap_socket(plain, server_hostname=irc.server) if irc.tls else nullcontext(),
        ):
            pass
    except HubwrightError as error:
        return wrong(str(error), "correct that setting")
    except OSError as error:
        return wrong(f"{where}: {error}", "check IRC__SERVER, IRC__PORT, IRC__TLS and IRC__CA_FILE")
    holder = ask_database(settings, lambda connection: load_holder(connection, DUTY, time.time()))
    return well(f"{where} answers; " + (f"{holder} has the bot" if holder else "no process has the bot now"))


def check_search(settings: Settings) -> Sight:
    """Does the search engine take our questions?"""
    chosen = settings.elasticsearch
    try:
        with SearchEngine(str(chosen.url), chosen.api_key, timeout=PATIENCE) as engine:
            engine.ask(f"{chosen.prefix}-*", {"size": 0})
    except HubwrightError as error:
        return wrong(str(error), "check ELASTICSEARCH__URL and its key; documents wait until then")
    return well(f"{_without_login(str(chosen.url))} answers")


def check_collector(settings: Settings) -> Sight:
    """Does the collector of OpenTelemetry take what we send?"""
    try:
        with closing(load_collector()(settings, PATIENCE)) as collector:
            collector.probe()
    except HubwrightError as error:
        return wrong(str(error), "check OTEL__ENDPOINT, OTEL__HEADERS and OTEL__CA_FILE; spans wait until then")
    return well(f"{_without_login(str(settings.otel.endpoint))} takes traces")


def check_receivers(settings: Settings) -> Sight:
    """May the hosts of the receivers of all jobs be told? Nothing is sent to them."""
    resolve = resolve_within(settings.notify.allow_hosts)
    sights = []
    for text in settings.notify.webhooks:
        try:
            receiver = read_receiver(text)
            host = urlsplit(receiver.url).hostname or ""
            resolve(host)
        except MalformedError as error:
            sights.append(wrong(str(error), "correct NOTIFY__WEBHOOKS"))
        except HubwrightError:
            seen = f"{host} has no public address, so it is not told"
            sights.append(doubtful(seen, "correct the name, or allow it in NOTIFY__ALLOW_HOSTS"))
        else:
            sights.append(well(receiver.target))
    return join_sights(sights)


def _without_login(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
