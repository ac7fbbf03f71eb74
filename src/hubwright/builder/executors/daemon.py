"""The API of a container daemon, Docker's or Podman's, at a Unix socket of this machine.

https://docs.docker.com/reference/api/engine/version/v1.41/: only what both have had for years is used.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from hubwright.errors import ExecutorError

_PATIENCE = 30.0
_BASE = "http://containers"


class RefusedError(ExecutorError):
    """The daemon answered that it can't or won't; `status` is HTTP's."""

    def __init__(self, sentence: str, status: int) -> None:
        self.status = status
        super().__init__(sentence)


class Daemon:
    """Asks the daemon; every question has a connection of its own, so threads and loops may share this."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used: making the default one would take 30 ms
        self.podman = False
        self.keeps_user = False
        self.takes_groups = False
        self.takes_filters = False

    def ask(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, str] | None = None,
        patience: float = _PATIENCE,
    ) -> Any:  # fmt: skip
        """What the daemon answers, None for nothing. Takes at most about `patience` seconds.

        Raises RefusedError, or ExecutorError when it does not answer.
        """
        answer = self._request(method, path, body, params, patience)
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
            raise self._silent(error) from error

    def read(self, path: str, params: Mapping[str, str]) -> bytes:
        """What the daemon has at this path, when that is no JSON. Raises as `ask` does."""
        return self._request("GET", path, None, params, _PATIENCE).content

    def _request(
        self, method: str, path: str, body: Any, params: Mapping[str, str] | None, patience: float
    ) -> httpx2.Response:
        transport = httpx2.HTTPTransport(uds=self.socket, verify=self._tls, trust_env=False)
        try:
            with httpx2.Client(transport=transport, base_url=_BASE, trust_env=False, timeout=patience) as client:
                answer = client.request(method, path, json=body, params=params)
        except httpx2.HTTPError as error:
            raise self._silent(error) from error
        if answer.is_error:
            raise RefusedError(_sentence(answer), answer.status_code)
        return answer

    @asynccontextmanager
    async def stream(
        self, path: str, body: Any = None, *, params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:  # fmt: skip
        """What the daemon goes on to say to a POST, as it comes. Raises as `ask` does."""
        transport = httpx2.AsyncHTTPTransport(uds=self.socket, verify=self._tls, trust_env=False)
        patience = httpx2.Timeout(_PATIENCE, read=None)
        try:
            async with (
                httpx2.AsyncClient(transport=transport, base_url=_BASE, trust_env=False, timeout=patience) as client,
                client.stream("POST", path, json=body, params=params, headers=headers) as answer,
            ):
                if answer.is_error:
                    await answer.aread()
                    raise RefusedError(_sentence(answer), answer.status_code)
                yield answer.aiter_raw()
        except httpx2.HTTPError as error:
            raise self._silent(error) from error

    def probe(self) -> None:
        """Ask what it is, and how it takes user numbers. Raises ExecutorError when it can't be used here."""
        if not os.access(self.socket, os.R_OK | os.W_OK):
            raise self._silent(OSError("there is no such socket that this user may use"))
        info = self.ask("GET", "/info", patience=5)
        if info.get("OSType", "linux") != "linux":
            raise ExecutorError("the daemon's containers are not Linux ones.")
        options = " ".join(info.get("SecurityOptions") or ())
        version = self.ask("GET", "/version", patience=5)
        self.podman = any("podman" in part.get("Name", "").lower() for part in version.get("Components") or ())
        if "name=userns" in options or ("name=rootless" in options and not self.podman):
            raise ExecutorError("the daemon gives containers other user numbers than this machine's.")
        self.takes_groups = info.get("CgroupDriver") == "cgroupfs" and "name=rootless" not in options
        # A filter that its operator has chosen is not replaced by ours.
        self.takes_filters = any(f"name=seccomp,profile={name}" in options for name in ("default", "builtin"))
        self.keeps_user = self.podman and "name=rootless" in options

    def _silent(self, error: Exception) -> ExecutorError:
        return ExecutorError(
            f"The container daemon at {self.socket} does not answer ({error or type(error).__name__})."
        )


def find_daemon(host: str | None) -> Daemon | None:
    """The daemon of this machine, if there is one that can be used."""
    try:
        daemon = Daemon(find_socket(host))
        daemon.probe()
    except ExecutorError:
        return None
    return daemon


def find_socket(host: str | None) -> str:
    """The socket that was named, else Docker's, else Podman's. Raises ExecutorError."""
    named = host or os.environ.get("DOCKER_HOST")
    if named:
        if named.startswith("/"):
            return named
        if not named.startswith("unix:///"):
            raise ExecutorError(f"DOCKER_HOST is {named}: only unix:///… can be used, the workspace must be there too.")
        return named.removeprefix("unix://")
    user = os.environ.get("XDG_RUNTIME_DIR")
    places = ["/var/run/docker.sock", *([f"{user}/podman/podman.sock"] if user else []), "/run/podman/podman.sock"]
    for place in places:
        if os.access(place, os.R_OK | os.W_OK) and Path(place).is_socket():
            return place
    raise ExecutorError("there is no Docker or Podman here whose socket this user may use.")


def find_process(told: Mapping[str, Any]) -> int:
    """The first process of a container that the daemon has told of; 0 when it can't be seen from here.

    Where builder and daemon count processes apart, the number may be somebody else's: its control group names the
    container, or nothing of the run is in its environment.
    """
    pid = int(told["State"].get("Pid") or 0)
    try:
        seen = Path(f"/proc/{pid}/cgroup").read_text() if pid else ""
        if str(told["Id"]) in seen:
            return pid
        found = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if seen else []
    except OSError:
        return 0
    own = [word.encode() for word in told.get("Config", {}).get("Env") or () if word.startswith("HUBWRIGHT_RUN=")]
    return pid if any(word in found for word in own) else 0


def _sentence(answer: httpx2.Response) -> str:
    try:
        said = answer.json()
        text = said.get("message") or said.get("cause") or "" if isinstance(said, dict) else ""
    except ValueError:
        text = answer.text
    return " ".join(str(text).split())[:500] or f"status {answer.status_code}"
