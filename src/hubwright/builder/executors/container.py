"""Stages with an image run in containers, those without as the machine can have them: one executor for both."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hubwright.builder.executors import Command, Executor, Furniture, Running, TakenImage
from hubwright.builder.executors.cells import Cells
from hubwright.builder.executors.cgroups import Group
from hubwright.builder.executors.container_bodies import MISSING, RUN_LABEL, Frame, Mounts, stage_body
from hubwright.builder.executors.container_calls import form_filter
from hubwright.builder.executors.daemon import Daemon
from hubwright.builder.executors.images import bring_image
from hubwright.builder.executors.in_container import NOT_FOUND, InContainer, Room, remove_container, was_missing
from hubwright.builder.executors.services import network_name, start_services
from hubwright.builder.executors.terms import TRUSTED, Spent, Terms
from hubwright.builder.workspace import Workspace
from hubwright.errors import ExecutorError


@dataclass
class _Furnished:
    """What a run has been given: images by name, services and their processes; stages that ran out of memory."""

    images: dict[str, TakenImage] = field(default_factory=dict)
    services: bool = False
    processes: tuple[int, ...] = ()
    group: tuple[str, Group] | None = None
    out_of_memory: int = 0
    calls: str | None = None


class ContainerExecutor:
    """Keeps the promises of `Executor` by containers; `plain` runs the commands without an image.

    Without `plain` such commands run in the builder's own image, if it was told one. Every stage is a container: what
    it started ends with it, and the next begins from the image and the workspace.
    """

    def __init__(self, daemon: Daemon, cells: Cells, plain: Executor | None) -> None:
        self.name = "container" if plain is None else plain.name
        self._daemon = daemon
        self._cells = cells
        self._policy = cells.policy
        self._plain = plain
        self._runs: dict[str, _Furnished] = {}
        self._numbers = itertools.count(1)

    def prepare(self, workspace: Workspace, terms: Terms) -> list[str]:
        """Make the run's cell and hand its workspace over."""
        self._runs[workspace.marker] = _Furnished()
        return self._cells.open(workspace, terms) if self._plain is None else self._plain.prepare(workspace, terms)

    def _bound(self, workspace: Workspace) -> None:
        """Bound what all containers of the run may do and use together, where that can be."""
        calls = form_filter() if self._policy.seccomp and self._daemon.takes_filters else None
        if calls is not None and self._daemon.podman:  # it wants a file where Docker wants what is in it
            place = _calls_file(workspace)
            try:
                place.write_text(calls)
            except OSError as error:
                raise ExecutorError(f"{place} can't be written: {error}") from error
            calls = str(place)
        self._runs[workspace.marker].calls = calls
        if self._daemon.takes_groups:
            limits = self._cells.get(workspace).limits
            self._runs[workspace.marker].group = self._cells.groups.open_for_containers(workspace.marker, limits)

    async def furnish(
        self, workspace: Workspace, furniture: Furniture, say: Callable[[str], None]
    ) -> tuple[TakenImage, ...]:
        """Bring the images, start the services and wait for them; the images. Raises ExecutorError."""
        how = self._policy.containers
        own = [how.image] if how.image is not None and self._plain is None else []
        terms = self._cells.get(workspace).terms
        auth = how.registry_auth if terms.trust == TRUSTED else None  # private images are no business of forks
        run = self._runs[workspace.marker]
        if own or furniture.images or furniture.services:
            await asyncio.to_thread(self._bound, workspace)
        names = [*own, *furniture.images, *(service.image for service in furniture.services)]
        for name in dict.fromkeys(names):
            run.images[name] = await bring_image(self._daemon, name, how.pull, auth, say)
        if furniture.services:
            run.services = True
            self._check_walls(services=not self._policy.allows_network(terms))
            wanted = [(service, run.images[service.image].id) for service in furniture.services]
            frame = self._frame(workspace)
            run.processes = await start_services(self._daemon, frame, wanted, say, powers=how.service_root)
        return tuple(run.images.values())

    def services(self, workspace: Workspace) -> tuple[int, ...]:
        """The first processes of the services."""
        return self._runs[workspace.marker].processes

    def written(self, workspace: Workspace) -> int:
        """What lies over the images; 0 when the daemon can't tell."""
        filters = json.dumps({"label": [f"{RUN_LABEL}={workspace.marker}"]})
        params = {"filters": filters, "all": "1", "size": "1"}
        try:
            found = self._daemon.ask("GET", "/containers/json", params=params) or []
        except ExecutorError:
            return 0
        return sum(int(one.get("SizeRw") or 0) for one in found)

    def run(self, workspace: Workspace, command: Command, write: Callable[[bytes], None]) -> Running:
        """Start the command in a container, or as the machine can have it."""
        name = command.image
        if name is None and self._plain is not None:
            return self._plain.run(workspace, command, write)
        name = name or self._policy.containers.image
        if name is None:
            raise ExecutorError("This builder runs stages in containers only: give the recipe an `image`.")
        run = self._runs[workspace.marker]
        if name not in run.images:
            raise ExecutorError(f"The image {name} was not brought before the stage.")
        missing = workspace.commands / MISSING
        body = stage_body(
            self._frame(workspace), run.images[name].id, command.argv, command.env, str(command.directory), str(missing)
        )
        body["HostConfig"] |= {"Mounts": _mounts(workspace).to_json()}
        networks = self._networks(workspace, run, network=command.network)
        if networks:
            body["HostConfig"]["NetworkMode"] = networks[0]

        def judge(code: int, out_of_memory: bool) -> int:  # noqa: FBT001  as the daemon tells
            run.out_of_memory += out_of_memory
            if code == NOT_FOUND and was_missing(missing):
                raise ExecutorError(f"{command.argv[0]} can't be started: there is no such program in {name}.")
            return code

        room = Room(
            name=f"hubwright-{workspace.marker}-{next(self._numbers)}", body=body, networks=networks[1:], judge=judge
        )
        return InContainer(self._daemon, room, write)

    def spent(self, workspace: Workspace) -> Spent:
        """What the run used outside of containers, and how often memory ran out inside."""
        found = (self._plain or self._cells).spent(workspace)
        run = self._runs.get(workspace.marker)
        return found if run is None else replace(found, oom_kills=found.oom_kills + run.out_of_memory)

    def destroy(self, workspace: Workspace) -> None:
        """Remove the run's containers and network, and what else is left of it."""
        run = self._runs.pop(workspace.marker, _Furnished())
        if run.images:
            self._clear(lambda marker: marker == workspace.marker)
        if run.group is not None:
            run.group[1].close()
        _calls_file(workspace).unlink(missing_ok=True)
        if self._plain is None:
            self._cells.close(workspace)
        else:
            self._plain.destroy(workspace)

    def sweep(self, prefix: str) -> None:
        """Remove what a dead builder has left."""
        self._clear(lambda marker: marker.startswith(prefix))
        (self._plain or self._cells).sweep(prefix)

    def _frame(self, workspace: Workspace) -> Frame:
        cell, run = self._cells.get(workspace), self._runs[workspace.marker]
        return Frame(
            marker=workspace.marker,
            owner=cell.owner or (os.geteuid(), os.getegid()),
            limits=cell.limits,
            keeps_user=self._daemon.keeps_user,
            file_size=self._policy.file_size,
            group=run.group[0] if run.group else None,
            calls=run.calls,
        )

    def _networks(self, workspace: Workspace, run: _Furnished, *, network: bool) -> list[str]:
        own = [network_name(workspace.marker)] if run.services else []
        if network and self._policy.allows_network(self._cells.get(workspace).terms):
            return [*own, self._policy.containers.network]
        self._check_walls(services=run.services)
        return own

    def _check_walls(self, *, services: bool) -> None:
        if services and self._daemon.podman:
            raise ExecutorError("With Podman a stage beside services can't be kept from this machine's network.")

    def _clear(self, is_meant: Callable[[str], bool]) -> None:
        """Containers first: a network goes only when nobody is in it."""
        with suppress(ExecutorError):
            for one in self._find("/containers/json", is_meant):
                remove_container(self._daemon, one["Id"])
            for one in self._find("/networks", is_meant):
                self._daemon.ask("DELETE", f"/networks/{quote(one['Id'])}")

    def _find(self, path: str, is_meant: Callable[[str], bool]) -> list[dict[str, Any]]:
        params = {"filters": json.dumps({"label": [RUN_LABEL]}), "all": "1"}
        found = self._daemon.ask("GET", path, params=params) or []
        return [one for one in found if is_meant((one.get("Labels") or {}).get(RUN_LABEL, ""))]


def _calls_file(workspace: Workspace) -> Path:
    """Beside the workspace, where no run writes."""
    return workspace.root.with_name(f"{workspace.root.name}.calls")


def _mounts(workspace: Workspace) -> Mounts:
    writable = [str(workspace.root)]
    if not workspace.tree.is_relative_to(workspace.root):  # a working copy, see `hubwright run`
        writable.append(str(workspace.tree))
    objects = workspace.objects
    return Mounts(writable=writable, readable=[str(objects)] if objects is not None and objects.is_dir() else [])
