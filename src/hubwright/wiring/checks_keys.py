"""Whether secrets are there, can be opened, and are nobody else's."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from hubwright.config import LOOPBACK, Settings
from hubwright.domain.diagnosis import Sight, doubtful, join_sights, well, wrong
from hubwright.errors import SettingsError
from hubwright.hub.github_credentials import Kept
from hubwright.wiring.checks_database import is_unmade
from hubwright.wiring.first_start import BUILDER_TOKEN, CLI_TOKEN
from hubwright.wiring.secret_keys import KEY_FILE, SIGNING_KEY, find_missing_keys, load_kept

_OPEN = stat.S_IRWXG | stat.S_IRWXO


def check_secrets(settings: Settings) -> Sight:
    """Will webhooks be taken?"""
    kept = find_kept(settings).values()
    if settings.github.webhook_secrets or any(one.secret.get("webhook_secret") for one in kept):
        return well("signatures are checked")
    if settings.host in LOOPBACK:
        return well("no secret is set; taken from this machine only")
    return wrong("no secret is set, so every webhook is refused", "set GITHUB__WEBHOOK_SECRETS")


def check_keys(settings: Settings) -> Sight:
    """Can the secrets in the database be opened?"""
    if is_unmade(settings):
        return well("there are none yet")
    try:
        missing = find_missing_keys(settings)
    except DBAPIError:  # the check of the database tells
        return well("there are none yet")
    except SettingsError as error:
        return wrong(str(error), "restore the key file from its copy")
    if not missing:
        return well("each can be opened")
    return wrong(f"keys are missing: {missing}", "add them to SECRETS__KEYS, or set those secrets anew")


def check_key_files(settings: Settings) -> Sight:
    """Are the files with keys and tokens readable by their owner only?"""
    names = (KEY_FILE, SIGNING_KEY, CLI_TOKEN, BUILDER_TOKEN, Path("builder") / "token")
    given = [settings.artifacts.signing_key, settings.irc.certificate]
    places = [*(settings.data_dir / name for name in names), *(Path(place) for place in given if place)]
    found = [place for place in places if place.is_file()]
    if not found:
        return well("there are none yet")
    open_ones = [str(place) for place in found if place.stat().st_mode & _OPEN]
    if open_ones:
        return wrong(f"others of this machine may read {', '.join(open_ones)}", f"chmod 600 {' '.join(open_ones)}")
    return well(f"{', '.join(place.name for place in found)}: readable by their owner only")


def check_shared_keys(settings: Settings) -> Sight:
    """Have all hubs the same keys?"""
    sights = []
    if not settings.secrets.keys:
        seen = "SECRETS__KEYS is not set: each hub makes a key of its own, and can't open what others seal"
        sights.append(doubtful(seen, "give all hubs and workers one SECRETS__KEYS, such as the line of secrets.key"))
    if not settings.artifacts.signing_key:
        seen = "ARTIFACTS__SIGNING_KEY is not set: each hub signs with a key of its own"
        sights.append(doubtful(seen, "give all hubs one file, such as the signing.key of the first"))
    return join_sights(sights or [well("they are in the settings")])


def find_kept(settings: Settings) -> Mapping[str, Kept]:
    """What was made or entered at the hub; nothing where the database or the keys can't be had, which others tell."""
    if is_unmade(settings):
        return {}
    try:
        return load_kept(settings)
    except (DBAPIError, SettingsError):
        return {}
