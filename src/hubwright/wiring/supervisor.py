"""What tells systemd how a program stands: ready, alive, stopping.

Datagrams to the socket that `NOTIFY_SOCKET` names: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import MutableMapping

import structlog

logger = structlog.get_logger()


class Supervisor:
    """Says nothing where nobody listens. `interval` is None, or the seconds between two signs of life.

    The variables are taken out of `environment`: what this program starts is not to speak in its name.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._address = _read_address(environment.pop("NOTIFY_SOCKET", ""))
        wanted, whose = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        for_us = not whose or whose == str(os.getpid())
        self.interval = (
            int(wanted) / 1e6 / 2 if wanted.isascii() and wanted.isdigit() and int(wanted) and for_us else None
        )

    def ready(self, status: str) -> None:
        """The program does its work from now on."""
        self._tell("READY=1", f"STATUS={status}")

    def stopping(self) -> None:
        """The program ends by itself; that may last."""
        self._tell("STOPPING=1", "STATUS=Ending")

    async def keep(self) -> None:
        """Signs of life from the event loop until cancelled: a loop that hangs gives none, and systemd starts anew."""
        while self.interval is not None:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self.interval)

    def _tell(self, *lines: str) -> None:
        if self._address is None or not hasattr(socket, "AF_UNIX"):
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.settimeout(1.0)  # a full socket must not hold up the loop
                line.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            logger.warning("supervisor_not_told", error=str(error))


def _read_address(said: str) -> str | None:
    """A path, or with `@` a name in Linux' abstract space."""
    if said.startswith("@"):
        return "\0" + said[1:]
    return said if said.startswith("/") else None
