"""Modules that are loaded only when a setting asks for them: each costs every other start memory and time.

The one other place that loads by name is `cli`, for its commands.
"""

from __future__ import annotations

import importlib
from typing import Any

from hubwright.errors import SettingsError
from hubwright.github.credentials import CredentialOf


def load_tasks() -> Any:
    """The module of the Celery app (36 MB, 0.2 s). Raises SettingsError when the extra is not installed."""
    try:
        return importlib.import_module("hubwright.tasks")  # noqa: TID251  an extra that may be missing
    except ImportError as error:
        raise SettingsError("BROKER_URL needs Celery: pip install 'hubwright[hub,celery]'.") from error


def make_app_tokens(api_url: str, app_id: str, private_key: str) -> CredentialOf:
    """Tokens of a GitHub App's installations; its cryptography costs 20 MB and 0.2 s. Raises SettingsError."""
    apps = importlib.import_module("hubwright.github.apps")  # noqa: TID251  only those with an App need it
    tokens: CredentialOf = apps.AppTokens(api_url, app_id, private_key)
    return tokens
