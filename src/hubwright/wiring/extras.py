"""Modules that are loaded only when a setting asks for them: each costs every other start memory and time.

The one other place that loads by name is `cli`, for its commands.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

from hubwright.errors import SettingsError
from hubwright.github.client import GitHubClient
from hubwright.github.credentials import Credential
from hubwright.store.sql_answers import Bounds, Found


def load_tasks() -> Any:
    """The module of the Celery app (36 MB, 0.2 s). Raises SettingsError when the extra is not installed."""
    try:
        return importlib.import_module("hubwright.tasks")  # noqa: TID251  an extra that may be missing
    except ImportError as error:
        raise SettingsError("BROKER_URL needs Celery: pip install 'hubwright[hub,celery]'.") from error


def load_redis_parts() -> Any:
    """The module `wiring.redis_parts`, with its client. Raises SettingsError when the extra is not installed."""
    try:
        return importlib.import_module("hubwright.wiring.redis_parts")  # noqa: TID251  an extra that may be missing
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise SettingsError("REDIS_URL needs the client of Redis: pip install 'hubwright[hub,redis]'.") from error


class Traces(Protocol):
    """What tells a collector of OpenTelemetry; `hubwright.wiring.traces.Traces`."""

    names: tuple[str, ...]

    def drain(self) -> float | None:
        """Tell what has ended; when to look again."""

    def close(self) -> None:
        """Let what is being told end."""


def load_traces() -> Callable[..., Traces]:
    """The class `Traces`, with protobuf (0.1 s). Raises SettingsError when the extra is not installed."""
    made: Callable[..., Traces] = _load_traces().Traces
    return made


def _load_traces() -> Any:
    try:
        return importlib.import_module("hubwright.wiring.traces")  # noqa: TID251  an extra that may be missing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"opentelemetry", "google"}:
            raise
        raise SettingsError("OTEL__ENDPOINT needs OTLP: pip install 'hubwright[hub,otel]'.") from error


class Probing(Protocol):
    """A collector that can be asked whether it takes what we send; `hubwright.outlets.otlp.Collector`."""

    def probe(self) -> None:
        """Raises OutletError, OutletRefusedError."""

    def close(self) -> None:
        """Close the connections."""


def load_collector() -> Callable[..., Probing]:
    """What opens the collector of the settings, with protobuf. Raises SettingsError when the extra is not installed."""
    made: Callable[..., Probing] = _load_traces().open_collector
    return made


class AppAccess(Protocol):
    """A GitHub App's credentials, and the client that asks as the App itself; `hubwright.github.apps.AppTokens`."""

    client: GitHubClient

    def __call__(self, owner: str | None) -> Credential:
        """What to ask about an owner's repositories with. Raises GitHubError."""

    def fetch_installations(self) -> dict[str, int]:
        """The numbers of the App's installations by the owner's login in lower case. Raises GitHubError."""

    def close(self) -> None:
        """Close the connections."""


def load_app_tokens() -> Callable[..., AppAccess]:
    """The class `AppTokens`; its cryptography costs 20 MB and 0.2 s."""
    apps = importlib.import_module("hubwright.github.apps")  # noqa: TID251  only those with an App need it
    made: Callable[..., AppAccess] = apps.AppTokens
    return made


def load_postgresql_asker() -> Callable[[str, str | None, str, Bounds], Found]:
    """The function `ask_postgresql`; its client costs 9 MB that a hub on SQLite does without."""
    module = importlib.import_module("hubwright.store.sql_postgresql")  # noqa: TID251  only PostgreSQL needs it
    ask: Callable[[str, str | None, str, Bounds], Found] = module.ask_postgresql
    return ask
