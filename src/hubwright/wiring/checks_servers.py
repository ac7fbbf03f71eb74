"""Whether the servers that settings name can be used: the broker, Redis, the storage, and our own public address."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from hubwright.config import LOOPBACK, Settings
from hubwright.domain.diagnosis import Sight, doubtful, join_sights, well, wrong
from hubwright.domain.peer_words import Question
from hubwright.errors import HubwrightError, NotFoundError
from hubwright.outlets.peers import Peers
from hubwright.storage import MARKER, Storage
from hubwright.wiring.checks_machine import is_hub_here
from hubwright.wiring.extras import load_redis_parts, load_tasks
from hubwright.wiring.secret_keys import keys_of

STALLED = 8.0
"""Seconds that a storage may do nothing."""

CERTIFICATE = 14
"""Days before its end in which a certificate should have been renewed: the usual programs do it 30 days before."""

PATIENCE = 5.0
"""Seconds for each step of a conversation."""

_NOBODY = Question(run=0, start=0, kind="times")  # there is no such run; the answer proves who gives it


def check_broker(settings: Settings) -> Sight:
    """Does the broker let us in?"""
    try:
        return well(load_tasks().probe_broker(str(settings.broker_url)))
    except HubwrightError as error:
        return wrong(
            str(error), "start it, or correct BROKER_URL; until then work is found by looking, which is slower"
        )


def check_redis(settings: Settings) -> Sight:
    """Does Redis let us in?"""
    try:
        return well(load_redis_parts().probe_redis(settings))
    except HubwrightError as error:
        return wrong(str(error), "start it, or correct REDIS_URL; all but what other programs read there works without")


def check_storage(settings: Settings) -> Sight:
    """Can files be put, read, signed and deleted where artifacts go?"""
    url = settings.storage_url
    folder = Path(url.removeprefix("file://")) if url.startswith("file://") else None
    if folder is not None and not folder.exists():
        return well(f"{folder} will be made at the first start")
    if folder is not None and not (folder / MARKER).exists():
        seen = f"{folder} lacks the file {MARKER}: nothing was ever kept there, or its share is not mounted"
        return doubtful(seen, "mount it; or start the hub, if it is new")
    try:
        return well(asyncio.run(_try_storage(settings)))
    except HubwrightError as error:
        fix = f"chown {folder} to the hub's user" if folder else "check STORAGE_URL, and the keys that lead there"
        return wrong(str(error), fix)


async def _try_storage(settings: Settings) -> str:
    """What works. Raises HubwrightError; nothing is left behind."""
    storage = Storage(settings.storage_url, stalled=STALLED, marked=False)
    key, content = f"doctor/{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}", secrets.token_bytes(64)
    await storage.put(key, _once(content))
    try:
        _, chunks = await storage.get(key)
        if b"".join([chunk async for chunk in chunks]) != content:
            raise HubwrightError("what was read is not what was written.")
        is_signing = await _try_signed(storage, key)
    finally:
        await storage.delete(key)
    return f"put, read{', signed' if is_signing else ''} and deleted at {settings.storage_url}"


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _try_signed(storage: Storage, key: str) -> bool:
    """Builders and readers have nothing but such addresses; False where the store signs none. Raises HubwrightError."""
    put, get = await storage.sign("PUT", key, 60.0), await storage.sign("GET", key, 60.0)
    if put is None or get is None:
        return False
    content = secrets.token_bytes(64)
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE) as client:
            taken, given = await client.put(put, content=content), await client.get(get)
    except httpx2.HTTPError as error:
        raise HubwrightError(f"an address that the store signed is not reached: {type(error).__name__}") from error
    if not taken.is_success or given.content != content:
        codes = f"{taken.status_code} to a PUT, {given.status_code} to a GET"
        raise HubwrightError(f"addresses that the store signed do not work: {codes}.")
    return True


def check_public_address(settings: Settings) -> Sight:
    """Do the addresses that people and GitHub are given lead here?"""
    url = settings.public_url
    if (urlsplit(url).hostname or "") in LOOPBACK:
        if settings.host in LOOPBACK:
            return well(f"{url}: this machine only")
        seen = f"links begin with {url}, which leads nowhere from other machines"
        return doubtful(seen, "set PUBLIC_URL to the address by which people reach the hub")
    if not is_hub_here(settings):
        return well(f"{url}: not looked at, no hub runs here")
    return join_sights([_look_at_address(settings, one) for one in _find_addresses(settings)])


def _find_addresses(settings: Settings) -> list[str]:
    return [settings.public_url, *([settings.artifacts.origin] if settings.artifacts.origin else [])]


def _look_at_address(settings: Settings, url: str) -> Sight:
    try:
        asyncio.run(_ask_who(settings, url))
    except NotFoundError:
        return doubtful(f"what answers at {url} is no hub of this release", "see that the proxy leads to this hub")
    except HubwrightError as error:
        return wrong(str(error), f"see that the proxy, the name and the firewall lead from {url} to this hub")
    return well(f"{url} leads to a hub with our keys")


async def _ask_who(settings: Settings, url: str) -> None:
    """Raises NotFoundError, OutletError when it is not one of our hubs."""
    peers = Peers(keys_of(settings), PATIENCE)
    try:
        await peers.fetch(url.rstrip("/"), _NOBODY)
    finally:
        await peers.close()


def check_certificate(settings: Settings) -> Sight:
    """Are the certificates of these addresses believed, and for how long?"""
    urls = [url for url in _find_addresses(settings) if url.startswith("https://")]
    return join_sights([_look_at_certificate(url) for url in urls])


def _look_at_certificate(url: str) -> Sight:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    fix = "renew it: certbot renew, or what your proxy does"
    try:
        with (
            socket.create_connection((host, port), timeout=PATIENCE) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
        ):
            told = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return wrong(f"{host} is not believed: {error.verify_message}", fix)
    except OSError as error:
        return wrong(f"{host}:{port} can't be reached: {error}", "see that the proxy listens there")
    days = (ssl.cert_time_to_seconds(str(told["notAfter"])) - time.time()) / 86_400
    seen = f"{host}: {days:.0f} days left"
    return well(seen) if days > CERTIFICATE else doubtful(seen, fix)
