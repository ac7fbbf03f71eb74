"""What `hubwright doctor`, and the page of administration, look at; `docs/doctor.md` has the same table."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hubwright.config import Settings
from hubwright.domain.diagnosis import Finding, Sight, wrong
from hubwright.wiring.checks_backup import check_backup
from hubwright.wiring.checks_builders import (
    check_builders,
    check_containers,
    check_registry,
    check_sandbox,
    check_walls,
)
from hubwright.wiring.checks_database import (
    check_database,
    check_postgresql,
    check_reports,
    check_sql,
    check_sqlite,
    check_tables,
    is_shared,
    is_sqlite,
)
from hubwright.wiring.checks_github import (
    check_clock,
    check_git_host,
    check_github,
    check_hooks,
    check_login,
    check_missed,
    check_rights,
    is_known,
)
from hubwright.wiring.checks_hubs import check_hubs, check_work, check_workers
from hubwright.wiring.checks_keys import check_key_files, check_keys, check_secrets, check_shared_keys
from hubwright.wiring.checks_machine import (
    check_compiler,
    check_disk,
    check_files,
    check_folder,
    check_git,
    check_port,
)
from hubwright.wiring.checks_outlets import check_collector, check_irc, check_mail, check_receivers, check_search
from hubwright.wiring.checks_servers import (
    check_broker,
    check_certificate,
    check_public_address,
    check_redis,
    check_storage,
)

PATIENCE = 20.0
"""Seconds that all checks together may take; what has no answer by then is told as that."""


def _always(_settings: Settings) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Check:
    """One look, under a name that stays the same; `concerns` says whether the settings use what it looks at."""

    name: str
    look: Callable[[Settings], Sight]
    concerns: Callable[[Settings], bool] = _always


CHECKS = (
    Check("git", check_git),
    Check("compiler", check_compiler),
    Check("data folder", check_folder),
    Check("disk", check_disk),
    Check("open files", check_files),
    Check("port", check_port),
    Check("public address", check_public_address),
    Check("certificate", check_certificate, lambda settings: settings.public_url.startswith("https://")),
    Check("database", check_database),
    Check("tables", check_tables),
    Check("sqlite", check_sqlite, is_sqlite),
    Check("postgresql", check_postgresql, is_shared),
    Check("sql", check_sql),
    Check("storage", check_storage),
    Check("broker", check_broker, lambda settings: settings.broker_url is not None),
    Check("redis", check_redis, lambda settings: settings.redis_url is not None),
    Check("secrets", check_keys),
    Check("key files", check_key_files),
    Check("shared keys", check_shared_keys, is_shared),
    Check("hubs", check_hubs, is_shared),
    Check("workers", check_workers, lambda settings: settings.broker_url is not None),
    Check("waiting work", check_work),
    Check("backup", check_backup, is_sqlite),
    Check("sandbox", check_sandbox),
    Check("walls", check_walls),
    Check("containers", check_containers, lambda settings: settings.executor in {"auto", "container"}),
    Check("registries", check_registry, lambda settings: settings.sandbox.registry_auth is not None),
    Check("builders", check_builders),
    Check("webhooks", check_secrets),
    Check("clock", check_clock, is_known),
    Check("github", check_github),
    Check("git host", check_git_host, is_known),
    Check("rights", check_rights, is_known),
    Check("login", check_login, lambda settings: settings.github.login_repository is not None),
    Check("hooks", check_hooks, is_known),
    Check("missed deliveries", check_missed, is_known),
    Check("reports", check_reports),
    Check("mail", check_mail, lambda settings: settings.mail.server is not None),
    Check("irc", check_irc, lambda settings: settings.irc.server is not None),
    Check("search engine", check_search, lambda settings: settings.elasticsearch.url is not None),
    Check("collector", check_collector, lambda settings: settings.otel.endpoint is not None),
    Check("receivers", check_receivers, lambda settings: bool(settings.notify.webhooks)),
)
"""In the order in which they are told."""


def run_checks(settings: Settings, checks: Sequence[Check] = CHECKS, patience: float = PATIENCE) -> Iterator[Finding]:
    """What each check that concerns these settings finds, in their order; all look at once, for `patience` seconds."""
    until = time.monotonic() + patience
    looks = [_Look(check, settings) for check in checks]
    for look in looks:
        look.start()
    for look in looks:
        look.join(max(0.0, until - time.monotonic()))
        if look.concerns:
            yield look.tell(patience)


class _Look(threading.Thread):
    """One check at work. It is not waited for beyond its time: what hangs there may hang for ever."""

    def __init__(self, check: Check, settings: Settings) -> None:
        super().__init__(name=f"check {check.name}", daemon=True)
        self._check = check
        self._settings = settings
        self._sight: Sight | None = None
        self.concerns = True

    def run(self) -> None:
        """Look."""
        try:
            self.concerns = self._check.concerns(self._settings)
            self._sight = self._check.look(self._settings) if self.concerns else None
        except Exception as error:  # noqa: BLE001  a fault of one check must not hide what the others find
            self._sight = wrong(f"the check failed: {type(error).__name__}: {error}", "tell Hubwright's makers")

    def tell(self, patience: float) -> Finding:
        """What it found until now."""
        seen = self._sight or wrong(f"no answer within {patience:g} seconds", "see whether that server is overloaded")
        return Finding(name=self._check.name, verdict=seen.verdict, seen=seen.seen, fix=seen.fix)
