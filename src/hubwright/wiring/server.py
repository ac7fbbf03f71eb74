"""The HTTP server of a hub: its socket, its settings, and when it tells that it begins and ends."""

from __future__ import annotations

import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address, ip_network

import uvicorn
from starlette.types import ASGIApp

from hubwright.errors import SettingsError
from hubwright.wire import MAX_FRAME

GRACE = 5
"""Seconds that open connections have to end at a stop."""


class Server(uvicorn.Server):
    """uvicorn that says when it is ready, and when it is about to close its connections."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], Awaitable[None]], on_stop: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, then tell."""
        await super().startup(sockets=sockets)
        if self.started:
            await self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell, then stop."""
        await self._on_stop()
        await super().shutdown(sockets=sockets)


def server_config(app: ASGIApp, proxies: Sequence[str] = ()) -> uvicorn.Config:
    """What the server is to do; what builders and readers send is bounded.

    `proxies` are addresses and networks: what these say of who asks (`X-Forwarded-For`) is believed. Raises
    SettingsError for one that is neither.
    """
    trusted = [_check_proxy(proxy) for proxy in proxies]
    return uvicorn.Config(
        app,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=30,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,
        timeout_graceful_shutdown=GRACE,
        backlog=4096,
    )


def _check_proxy(proxy: str) -> str:
    try:
        return str(ip_network(proxy) if "/" in proxy else ip_address(proxy))
    except ValueError as error:
        raise SettingsError(
            f"ACCESS__PROXIES: {error}; an address or a network like 10.0.0.0/8 is expected."
        ) from error


def listen(host: str, port: int) -> socket.socket:
    """Take the address, before anything else starts, so that a second hub fails with one clear line.

    Raises SettingsError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"PORT {port} on {host} can't be used: {error.strerror}. Is another hub running? Choose one with --port."
        ) from error
    listener.set_inheritable(False)
    return listener
