"""How a machine becomes a builder: it trades a join token for a token of its own, and keeps that in its folder."""

from __future__ import annotations

import os
from pathlib import Path

import httpx2
import msgspec

from hubwright.errors import HubwrightError, SettingsError, UnauthenticatedError
from hubwright.git.locks import CLOSED_IN_CHILDREN

FILE = "joined.json"
"""In the work folder, readable by its owner only."""

PATIENCE = 30.0
"""Seconds for the hub's answer."""


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """Who this machine is at the hub that it joined; `platform` None: it may say it itself."""

    name: str
    token: str
    platform: str | None = None


def load_membership(work_dir: Path) -> Membership | None:
    """What an earlier join left in the folder. Raises SettingsError when it can't be read."""
    file = work_dir / FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Membership)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"{file} can't be read ({error}): remove it and join anew.") from error


def join_hub(hub: str, join_token: str, name: str, work_dir: Path) -> Membership:
    """Join `hub` as the builder `name`, unless the join token says another one; it is in the folder by then.

    Raises UnauthenticatedError (a used or unknown join token), HubwrightError (the name is taken, no hub answers).
    """
    headers = {"Authorization": f"Bearer {join_token}"}
    address = f"{hub.rstrip('/')}/api/v1/builders/join"
    try:
        answer = httpx2.post(address, json={"name": name}, headers=headers, timeout=PATIENCE)
        if not answer.is_success:
            raise _refusal(answer)
        joined = msgspec.json.decode(answer.content, type=Membership)
    except (httpx2.HTTPError, msgspec.MsgspecError) as error:
        raise HubwrightError(f"No hub answers at {hub} ({str(error) or type(error).__name__}).") from error
    _keep(work_dir, joined)
    return joined


def _keep(work_dir: Path, joined: Membership) -> None:
    """Durably, with mode 0600 from the first moment on."""
    fresh = work_dir / f"{FILE}.new"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | CLOSED_IN_CHILDREN, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(joined))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(work_dir / FILE)


def _refusal(answer: httpx2.Response) -> HubwrightError:
    try:
        told = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        told = f"The hub answered {answer.status_code}: is it a Hubwright?"
    return UnauthenticatedError(told) if answer.status_code == 401 else HubwrightError(told)
