"""The services of a run: containers beside its stages, in a network of their own, waited for until they are ready."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from hubwright.builder.executors.container_bodies import Frame, network_body, service_body
from hubwright.builder.executors.daemon import Daemon, RefusedError, find_process
from hubwright.domain.recipe_values import Service
from hubwright.errors import ExecutorError

_LAST_LINES = "50"
_MOST_SAID = 65_536
_PAUSE = 0.2
_TRY = 15.0  # seconds that one try of the readiness command may take
_NOT_RUNNING = {409, 500}  # Docker's answer and Podman's
_HEAD = struct.Struct(">BxxxI")


async def start_services(
    daemon: Daemon, frame: Frame, services: Sequence[tuple[Service, str]], say: Callable[[str], None], *, powers: bool
) -> tuple[int, ...]:
    """Start the services with the images of these ids, all at once, and wait for them. Raises ExecutorError.

    Gives the numbers of their first processes, if they can be seen from here. When one fails its last words are said.
    """
    network = network_name(frame.marker)
    await asyncio.to_thread(
        daemon.ask, "POST", "/networks/create", network_body(network, frame.marker, podman=daemon.podman)
    )
    for service, image in services:
        await asyncio.to_thread(_start, daemon, frame, service, image, powers)
    found = [await _wait_until_ready(daemon, frame.marker, service, say) for service, _ in services]
    return tuple(pid for pid in found if pid)


def network_name(marker: str) -> str:
    """The network of a run's services."""
    return f"hubwright-{marker}"


def _name(marker: str, service: str) -> str:
    return f"hubwright-{marker}-service-{service}"


def _start(daemon: Daemon, frame: Frame, service: Service, image: str, powers: bool) -> None:  # noqa: FBT001  in a thread
    body = service_body(frame, image, service.command, service.env, powers=powers)
    network = network_name(frame.marker)
    body["HostConfig"]["NetworkMode"] = network
    body["NetworkingConfig"] = {"EndpointsConfig": {network: {"Aliases": [service.name]}}}
    name = _name(frame.marker, service.name)
    try:
        daemon.ask("POST", "/containers/create", body, params={"name": name})
        daemon.ask("POST", f"/containers/{name}/start")
    except ExecutorError as error:
        raise ExecutorError(f"The service {service.name} can't be started: {error}") from error


async def _wait_until_ready(daemon: Daemon, marker: str, service: Service, say: Callable[[str], None]) -> int:
    name = _name(marker, service.name)
    problem = f"The service {service.name} was not ready within {service.ready_timeout} s."
    with suppress(TimeoutError):
        async with asyncio.timeout(service.ready_timeout):
            while True:
                told = await asyncio.to_thread(daemon.ask, "GET", f"/containers/{name}/json")
                state = told["State"]
                if not state.get("Running"):
                    problem = f"The service {service.name} ended with exit code {state.get('ExitCode')}."
                    break
                if service.ready is None or await _is_ready(daemon, name, service.ready):
                    say(f"Service {service.name} is ready.")
                    return find_process(told)
                await asyncio.sleep(_PAUSE)
    said = await asyncio.to_thread(_read_log, daemon, name)
    for line in said.decode("utf-8", "replace").splitlines():
        say(f"{service.name}: {line}")
    raise ExecutorError(problem)


async def _is_ready(daemon: Daemon, name: str, command: str) -> bool:
    how = {"Cmd": ["/bin/sh", "-c", command], "AttachStdout": True, "AttachStderr": True}
    try:
        made = await asyncio.to_thread(daemon.ask, "POST", f"/containers/{name}/exec", how)
        path = f"/exec/{made['Id']}"
        with suppress(TimeoutError):
            async with asyncio.timeout(_TRY), daemon.stream(f"{path}/start", {"Detach": False, "Tty": False}) as output:
                async for _ in output:
                    pass
    except RefusedError as error:
        if error.status in _NOT_RUNNING:  # it has just ended, which the next look tells
            return False
        raise
    found: dict[str, Any] = await asyncio.to_thread(daemon.ask, "GET", f"{path}/json")
    return found.get("ExitCode") == 0 and not found.get("Running")


def _read_log(daemon: Daemon, name: str) -> bytes:
    """The last that it wrote, without the daemon's frames."""
    framed = daemon.read(f"/containers/{name}/logs", {"stdout": "1", "stderr": "1", "tail": _LAST_LINES})
    said, place = bytearray(), 0
    while place + _HEAD.size <= len(framed):
        _, size = _HEAD.unpack_from(framed, place)
        place += _HEAD.size
        said += framed[place : place + size]
        place += size
    return bytes(said[-_MOST_SAID:])
