"""The vault: secrets are set, listed, rotated, and opened for the runs that may have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.secrets import check_name, check_scope, check_value, describe_scope, scopes_of
from hubwright.errors import NotFoundError, SettingsError
from hubwright.hub.sealing import Keys, Sealed, SealError
from hubwright.store import secrets
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import load_job, load_parent_path

BATCH = 100
"""Secrets sealed anew in one transaction."""

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Handed:
    """What a run is given: values by name (not shown by `repr`), and a sentence for each that it lacks."""

    values: Mapping[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()


NOTHING = Handed({})
"""What a run without secrets is given."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: how many were sealed anew, why others could not be, and the keys still in use."""

    resealed: int
    problems: tuple[str, ...]
    in_use: Mapping[str, int]


class Vault:
    """Opens and seals. `load_keys` is asked each time, so that a rotated key file counts at once.

    `defaults` are values from the settings: for names that nothing nearer has.
    """

    def __init__(self, load_keys: Callable[[], Keys], defaults: Mapping[str, str] | None = None) -> None:
        self._load_keys = load_keys
        self._defaults = dict(defaults or {})

    def set(self, connection: Connection, scope: str, name: str, value: str, by: tuple[str, float]) -> bool:
        """Set a secret; whether it is new. `by`: who, and when. Raises UnprocessableError, SealError."""
        place = check_scope(scope), check_name(name)
        sealed = self._load_keys().seal(check_value(value), place)
        new = secrets.keep_secret(connection, place, (sealed.key_id, sealed.text), *by)
        keep_facts(connection, [_fact(FactKind.SECRET_SET, place, *by)])
        return new

    def remove(self, connection: Connection, scope: str, name: str, by: tuple[str, float]) -> None:
        """Remove a secret: no run gets it from now on. Raises NotFoundError."""
        place = check_scope(scope), name
        if not secrets.remove_secret(connection, *place):
            raise NotFoundError(f"There is no secret {name[:100]} for {describe_scope(place[0])}.")
        keep_facts(connection, [_fact(FactKind.SECRET_REMOVED, place, *by)])

    def hand_out(self, connection: Connection, job: str, names: Sequence[str]) -> Handed:
        """The values of these names for a run of the job or copy, the nearest scope's; what fails is a warning."""
        parent = load_parent_path(connection, job)
        scopes = scopes_of(job) if parent is None else [job, *scopes_of(parent)]
        nearest = {scope: distance for distance, scope in enumerate(scopes)}
        rows: dict[str, Row[Any]] = {}
        for row in sorted(secrets.load_of_job(connection, list(nearest), names), key=lambda row: nearest[row.scope]):
            rows.setdefault(row.name, row)
        keys = self._keys() if rows else Keys(())
        values, warnings = {}, []
        for name in names:
            try:
                value = _open(keys, rows[name]) if name in rows else self._defaults.get(name)
            except SealError as error:
                logger.warning("secret_not_opened", name=name, scope=rows[name].scope, reason=str(error))
                warnings.append(f"Secret {name} can't be opened: {error}.")
                continue
            if value is None:
                warnings.append(
                    f"There is no secret {name} for {job}: `hubwright secret set {name} --job {parent or job}` sets it."
                )
            else:
                values[name] = value
        return Handed(values, tuple(warnings))

    def _keys(self) -> Keys:
        """The keys; none when they can't be read: the run is told which it lacks."""
        try:
            return self._load_keys()
        except SettingsError as error:
            logger.warning("secret_keys_not_read", reason=str(error))
            return Keys(())

    def rotate(self, database: Database) -> Rotation:
        """Seal all that older keys seal with the newest one, in batches; a second call goes on where one broke off."""
        keys = self._load_keys()
        resealed, after = 0, 0
        problems: list[str] = []
        while (batch := database.write(partial(_reseal, keys=keys, after=after))) is not None:
            after = batch.last
            resealed += batch.resealed
            problems += batch.problems
        with database.reading() as connection:
            return Rotation(resealed, tuple(problems), secrets.load_key_ids(connection))

    def find_unknown_keys(self, connection: Connection) -> dict[str, int]:
        """Keys that stored secrets need and nobody has given, and how many secrets need each."""
        known = self._load_keys().ids
        return {key: count for key, count in secrets.load_key_ids(connection).items() if key not in known}


@dataclass(frozen=True, slots=True)
class _Batch:
    last: int
    resealed: int
    problems: list[str]


def _reseal(connection: Connection, keys: Keys, after: int) -> _Batch | None:
    newest = keys.ids[0] if keys.ids else ""
    rows = secrets.load_older(connection, newest, after, BATCH)
    problems = []
    for row in rows:
        try:
            sealed = keys.seal(_open(keys, row), (row.scope, row.name))
        except SealError as error:
            problems.append(f"Secret {row.name} of {describe_scope(row.scope)}: {error}.")
        else:
            secrets.reseal_secret(connection, row.id, sealed.key_id, sealed.text)
    return _Batch(rows[-1].id, len(rows) - len(problems), problems) if rows else None


def check_job(connection: Connection, path: str) -> str:
    """The path of a job that there is. Raises NotFoundError."""
    if load_job(connection, path) is None:
        raise NotFoundError(f"There is no job {path[:400]}; for a folder say --folder.")
    return path


def _open(keys: Keys, row: Row[Any]) -> str:
    return keys.open(Sealed(row.key_id, row.sealed), (row.scope, row.name))


def _fact(kind: FactKind, place: tuple[str, str], by: str, at: float) -> Fact:
    data: dict[str, object] = {"secret": place[1], "scope": place[0], "where": describe_scope(place[0]), "by": by}
    return Fact(kind=kind, at=at, data=data)
