"""The keys that secrets are sealed with: from the settings, else a file of the data folder that is made once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from hubwright.config import Settings
from hubwright.domain.secrets import check_name, check_value
from hubwright.errors import SettingsError, UnprocessableError
from hubwright.hub.github_credentials import Kept, find_closed, load_open
from hubwright.hub.sealing import Keys, make_key
from hubwright.hub.secrets import Vault

KEY_FILE = "secrets.key"
"""In the data folder, readable by its owner only: a key a line, newest first."""

SIGNING_KEY = "signing.key"
"""Beside it, what provenance is signed with."""

logger = structlog.get_logger()


def open_vault(settings: Settings) -> Vault:
    """The vault of these settings. A key is made when there is none yet. Raises SettingsError."""
    if settings.secrets.keys:
        Keys(settings.secrets.keys)
    else:
        _make_file(_key_file(settings))
    return Vault(keys_of(settings), read_pairs("BUILDS__SECRETS", settings.builds.secrets))


def keys_of(settings: Settings) -> Callable[[], Keys]:
    """What loads the keys; a file is read each time, so that a hub follows a rotation without a restart."""
    if settings.secrets.keys:
        keys = Keys(settings.secrets.keys)
        return lambda: keys
    path = _key_file(settings)
    return lambda: Keys(_read_file(path))


def add_key(settings: Settings) -> Path:
    """Put a new key before those of the file. Raises SettingsError when the keys are in the settings."""
    if settings.secrets.keys:
        raise SettingsError("The keys are in SECRETS__KEYS: put a new one (`hubwright secret new-key`) before them.")
    path = _key_file(settings)
    _write_file(path, [make_key(), *_read_file(path)])
    return path


def check_keys(settings: Settings) -> None:
    """Tell of stored secrets that no key here opens; with several hubs that is a SettingsError.

    One hub goes on without: only what needs those secrets lacks them.
    """
    open_vault(settings)
    told = find_missing_keys(settings)
    if not told:
        return
    if settings.broker_url is not None:
        raise SettingsError(
            f"SECRETS__KEYS lacks keys that stored secrets need: {told}. Give all hubs the same keys, "
            "or remove those secrets with `hubwright secret rm`, and the hub's own on its page GitHub."
        )
    place = "SECRETS__KEYS" if settings.secrets.keys else str(_key_file(settings))
    logger.warning(
        "secret_keys_missing",
        keys=told,
        what=f"Stored secrets can't be opened, because {place} lacks their keys: {told}. Add the keys and start the "
        "hub again, or set those secrets anew; until then all that needs them goes without.",
    )


def find_missing_keys(settings: Settings) -> str:
    """The keys that stored secrets need and these settings lack, in words; "" when none. Raises SettingsError."""
    keys = keys_of(settings)()
    with create_engine(settings.database_url, poolclass=NullPool).connect() as connection:
        unknown = Vault(lambda: keys).find_unknown_keys(connection)
        closed = find_closed(connection, keys) if inspect(connection).has_table("github_credential") else []
    needs: dict[str, list[str]] = {key: [f"{count} secrets"] for key, count in sorted(unknown.items())}
    for key, what in closed:
        needs.setdefault(key, []).append(what)
    return "; ".join(f"{key} ({', '.join(things)})" for key, things in needs.items())


def load_kept(settings: Settings) -> Mapping[str, Kept]:
    """What was made or entered at the hub for GitHub, and can be opened. Raises SettingsError, DBAPIError."""
    keys = keys_of(settings)()
    with create_engine(settings.database_url, poolclass=NullPool).connect() as connection:
        return load_open(connection, keys) if inspect(connection).has_table("github_credential") else {}


def read_pairs(name: str, pairs: tuple[str, ...]) -> dict[str, str]:
    """`NAME=value` pairs that may be secrets. Raises SettingsError, without the value."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise SettingsError(f"{name} is wrong: NAME=value pairs are expected.")
        try:
            found[check_name(key)] = check_value(value)
        except UnprocessableError as error:
            raise SettingsError(f"{name}: {key} is wrong: {error}") from error
    return found


def _key_file(settings: Settings) -> Path:
    return Path(settings.data_dir) / KEY_FILE


def _read_file(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise SettingsError(f"The key file {path} can't be read: {error}.") from error


def _make_file(path: Path) -> None:
    """A first key, unless there is one; of two processes that start at once one makes it."""
    if path.exists():
        return
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        _write_new(part, [make_key()])
        try:
            os.link(part, path)  # fails when the other was first
        except FileExistsError:
            pass
        finally:
            part.unlink()
    except OSError as error:
        raise SettingsError(f"The key file {path} can't be written: {error.strerror}.") from error


def _write_file(path: Path, keys: list[str]) -> None:
    """Replace the file in one step: whoever reads it sees the old keys or all."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        _write_new(part, keys)
        part.replace(path)
    except OSError as error:
        raise SettingsError(f"The key file {path} can't be written: {error.strerror}.") from error


def _write_new(path: Path, keys: list[str]) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
