"""What all processes share when they ask GitHub: one budget for each credential, earlier answers, tokens of an App."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from hubwright.domain.github_budget import Ask, Budget, Figures, Limits, Turn, admit, note_answer, note_limit
from hubwright.errors import SettingsError
from hubwright.github.etags import Kept, Key
from hubwright.hub.sealing import Keys, Sealed, SealError
from hubwright.store import github_answers, github_budget
from hubwright.store.database import Database

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

T = TypeVar("T")

_USED_AGAIN = 6 * 3600.0
"""Seconds after which it is written down that an answer was used; each time would be a write for each read."""

_TRIMMED_AFTER = 1 / 16
"""The share of the bound after which a process looks whether it is passed."""

logger = structlog.get_logger()


class DatabaseGate:
    """The gate of all processes; a turn is one short transaction. What GitHub told goes along with the next turn."""

    def __init__(
        self, database: Database, limits: Limits | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._limits = limits or Limits()
        self._clock = clock
        self._told: dict[str, tuple[Figures | None, float]] = {}

    def enter(self, name: str, ask: Ask) -> Turn:
        """Ask for a turn; a granted one is spent."""
        now = self._clock()
        told = self._told.pop(name, None)

        def change(budget: Budget) -> tuple[Budget, Turn]:
            known = budget if told is None else note_answer(budget, *told)
            return admit(known, ask, self._limits, self._clock())  # it may have been waited for the row

        return self._change(name, change, now)

    def note(self, name: str, figures: Figures | None) -> None:
        """GitHub answered, and told these figures."""
        self._told[name] = (figures, self._clock())

    def pause(self, name: str, seconds: float) -> None:
        """GitHub asked to wait: nobody gets a turn for `seconds`."""
        now = self._clock()
        self._change(name, lambda budget: (note_limit(budget, now, seconds), None), now)

    def look(self, name: str) -> Budget:
        """What is known of a credential."""
        with self._database.reading() as connection:
            budget = github_budget.load_budget(connection, name)
        told = self._told.get(name)
        return budget if told is None else note_answer(budget, *told)

    def _change(self, name: str, change: Callable[[Budget], tuple[Budget, T]], now: float) -> T:
        return self._database.write_apart(partial(github_budget.change_budget, name=name, change=change, now=now))


class DatabaseEtags:
    """The answers of all processes, at most `most` bytes of them, packed."""

    def __init__(self, database: Database, most: int, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._added = most  # so that the first one looks

    def find(self, key: Key) -> Kept | None:
        """The answer that was kept last; a damaged one is none."""
        name, now = _name(key), self._clock()
        with self._database.reading() as connection:
            row = github_answers.load_answer(connection, name)
        if row is None:
            return None
        if abs(now - row.used_at) > _USED_AGAIN:
            self._database.write(partial(github_answers.touch_answer, key=name, now=now))
        try:
            return Kept(row.etag, row.link, zstd.decompress(row.body))
        except zstd.ZstdError:
            logger.warning("damaged_answer", url=row.url)
            return None

    def keep(self, key: Key, kept: Kept) -> None:
        """Keep an answer in place of the older one."""
        body = zstd.compress(kept.body, 1)
        values = {
            "key": _name(key), "url": key.url, "etag": kept.etag, "link": kept.link, "body": body,
            "size": len(body), "used_at": self._clock(),
        }  # fmt: skip
        trim = self._count(len(body))

        def write(connection: Connection) -> None:
            github_answers.keep_answer(connection, values)
            if trim:
                github_answers.trim_answers(connection, self._most)

        self._database.write(write)

    def _count(self, size: int) -> bool:
        """Whether it is time to look at the bound."""
        with self._lock:
            self._added += size
            if self._added < self._most * _TRIMMED_AFTER:
                return False
            self._added = 0
            return True


class SealedTokens:
    """An App's tokens, sealed with the vault's keys, so that all processes use the same one for its whole hour."""

    def __init__(
        self, database: Database, load_keys: Callable[[], Keys], clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._load_keys = load_keys
        self._clock = clock

    def load(self, name: str) -> tuple[str, float] | None:
        """A token and its end, Unix time; None when there is none that can be opened."""
        with self._database.reading() as connection:
            row = github_answers.load_token(connection, name)
        if row is None:
            return None
        try:
            token = self._load_keys().open(Sealed(row.key_id, row.sealed), _place(name))
        except (SealError, SettingsError) as error:
            logger.warning("github_token_not_opened", name=name, reason=str(error))
            return None
        return token, row.expires_at

    def keep(self, name: str, token: str, expires_at: float) -> None:
        """Keep a token for the others; without a key each process has its own."""
        try:
            sealed = self._load_keys().seal(token, _place(name))
        except (SealError, SettingsError) as error:
            logger.warning("github_token_not_kept", name=name, reason=str(error))
            return
        values = {"name": name, "key_id": sealed.key_id, "sealed": sealed.text, "expires_at": expires_at}
        now = self._clock()
        self._database.write(lambda connection: github_answers.keep_token(connection, values, now))

    def forget(self, name: str) -> None:
        """GitHub no longer takes the token."""
        self._database.write(lambda connection: github_answers.remove_token(connection, name))


def _name(key: Key) -> str:
    words = (key.tags, key.accept, key.url)
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def _place(name: str) -> tuple[str, str]:
    return "github token", name
