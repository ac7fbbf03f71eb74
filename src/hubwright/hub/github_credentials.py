"""What this hub is known by at GitHub, sealed in the database: its App, its token, the secret of its hooks."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection

from hubwright.errors import SettingsError
from hubwright.hub.sealing import Keys, Sealed, SealError
from hubwright.store import github_credentials as rows
from hubwright.store.database import Database

APP, TOKEN, WEBHOOK = "app", "token", "webhook"

CALLED = {APP: "the GitHub App", TOKEN: "the GitHub token", WEBHOOK: "the secret of webhooks"}
"""What people call them."""

STALE_AFTER = 15.0
"""Seconds after which another process's change is known here at the latest, if anybody asks."""

logger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A credential: `about` may be shown, `secret` never is."""

    about: Mapping[str, Any]
    secret: Mapping[str, Any] = field(repr=False)


class Credentials:
    """Keeps them, and remembers them for `STALE_AFTER` seconds. Safe from many threads.

    One that no key here opens is as if it were not there; the log says so.
    """

    def __init__(self, database: Database, load_keys: Callable[[], Keys], clock: Callable[[], float]) -> None:
        self._database = database
        self._load_keys = load_keys
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, Kept] = {}
        self._webhook_secrets: tuple[str, ...] = ()
        self._told: dict[str, str] = {}
        self._version: object = None
        self._looked_at: float | None = None

    def find(self, name: str) -> Kept | None:
        """What is kept under a name."""
        self.refresh(STALE_AFTER)
        return self._known.get(name)

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that deliveries may be signed with, as they are known; no look into the database."""
        return self._webhook_secrets

    def is_stale(self, after: float = STALE_AFTER) -> bool:
        """Whether the last look is older than `after` seconds."""
        return self._looked_at is None or not 0 <= self._clock() - self._looked_at < after

    def refresh(self, after: float = 0.0) -> bool:
        """Look into the database, if the last look is older; whether anything is different now."""
        if not self.is_stale(after):
            return False
        with self._lock:
            if not self.is_stale(after):
                return False
            with self._database.reading() as connection:
                version = rows.load_version(connection)
                found = None if version == self._version else rows.load_credentials(connection)
            self._looked_at = self._clock()
            if found is None:
                return False
            self._known = {row.name: kept for row in found if (kept := self._open(row)) is not None}
            offered = [kept.secret.get("webhook_secret") for kept in self._known.values()]
            self._webhook_secrets = tuple(secret for secret in offered if isinstance(secret, str) and secret)
            self._version = version if len(self._known) == len(found) else None  # the key may come yet
            return True

    def keep(self, name: str, about: Mapping[str, Any], secret: Mapping[str, Any], by: str) -> None:
        """Keep it in place of the older one. Raises SealError when there is no key, SettingsError."""
        values = self._seal(name, about, secret, by)
        self._database.write(partial(rows.keep_credential, values=values))
        self.refresh()

    def remove(self, name: str) -> bool:
        """Forget it; whether there was one."""
        removed: bool = self._database.write(partial(rows.remove_credential, name=name))
        self.refresh()
        return removed

    def make_webhook_secret(self, by: str) -> str:
        """The secret for hooks that this hub installs, made once. Raises SealError, SettingsError."""
        if (known := self.find(WEBHOOK)) is None:
            made = {"webhook_secret": secrets.token_urlsafe(32)}
            values = self._seal(WEBHOOK, {}, made, by)
            self._database.write(partial(rows.add_credential, values=values))  # of two that make one the first counts
            self.refresh()
            known = self._known.get(WEBHOOK)
        if known is None:
            raise SealError("The secret for webhooks can't be opened: add its key to SECRETS__KEYS again.")
        return str(known.secret["webhook_secret"])

    def reseal(self) -> tuple[int, tuple[str, ...]]:
        """Seal all that an older key seals with the newest one: how many, and why others could not be."""
        keys, count, problems = self._load_keys(), 0, []
        with self._database.reading() as connection:
            found = rows.load_credentials(connection)
        for row in found:
            if row.key_id in keys.ids[:1]:
                continue
            try:
                again = keys.seal(keys.open(Sealed(row.key_id, row.sealed), _place(row.name)), _place(row.name))
            except SealError as error:
                problems.append(f"GitHub credential {row.name}: {error}.")
                continue
            work = partial(rows.reseal_credential, name=row.name, before=row.sealed)
            self._database.write(partial(work, key_id=again.key_id, sealed=again.text))
            count += 1
        return count, tuple(problems)

    def count_keys(self) -> dict[str, int]:
        """How many each key seals."""
        with self._database.reading() as connection:
            return dict(Counter(row.key_id for row in rows.load_credentials(connection)))

    def _seal(self, name: str, about: Mapping[str, Any], secret: Mapping[str, Any], by: str) -> dict[str, Any]:
        sealed = self._load_keys().seal(orjson.dumps(secret).decode(), _place(name))
        told = {"about": dict(about), "updated_at": self._clock(), "updated_by": by[:100]}
        return {"name": name, "key_id": sealed.key_id, "sealed": sealed.text, **told}

    def _open(self, row: Any) -> Kept | None:
        try:
            secret = orjson.loads(self._load_keys().open(Sealed(row.key_id, row.sealed), _place(row.name)))
        except (SealError, SettingsError, ValueError) as error:
            if self._told.get(row.name) != row.sealed:  # once, not with each look
                logger.warning("github_credential_not_opened", name=row.name, reason=str(error))
                self._told[row.name] = row.sealed
            return None
        return Kept(about=row.about, secret=secret)


def load_open(connection: Connection, keys: Keys) -> dict[str, Kept]:
    """All that these keys open, by name: for who has no hub at hand."""
    found = {}
    for row in rows.load_credentials(connection):
        try:
            secret = orjson.loads(keys.open(Sealed(row.key_id, row.sealed), _place(row.name)))
        except (SealError, ValueError):
            continue
        found[row.name] = Kept(about=row.about, secret=secret)
    return found


def find_closed(connection: Connection, keys: Keys) -> list[tuple[str, str]]:
    """What these keys do not open: the key that sealed it, and what people call it, with the reason when it is another.

    Raises no error: a hub that starts tells all of it in one sentence.
    """
    found = []
    for row in rows.load_credentials(connection):
        try:
            keys.open(Sealed(row.key_id, row.sealed), _place(row.name))
        except SealError:
            damaged = ", whose row is damaged" if row.key_id in keys.ids else ""
            found.append((row.key_id, CALLED.get(row.name, row.name) + damaged))
    return found


def _place(name: str) -> tuple[str, str]:
    return "github credential", name
