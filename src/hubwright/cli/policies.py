"""What builds may have, as options: the same for `hubwright builder` and `hubwright run`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
import psutil

from hubwright.builder.executors.terms import OWN_NUMBERS, Containers, Policy
from hubwright.domain.limits import SIZE, Limits, read_size


class _Size(click.ParamType[int]):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        if isinstance(value, int):
            return value
        if re.fullmatch(SIZE, str(value)) is None:
            self.fail(f"{value!r} is no size such as 512MiB or 2GiB.", param, ctx)
        return read_size(str(value))


def _option(name: str, **kinds: Any) -> Callable[[Callable[..., int]], Callable[..., int]]:
    variable = "HUBWRIGHT_BUILDER_" + name.partition("/")[0].removeprefix("--").replace("-", "_").upper()
    return click.option(name, envvar=variable, show_envvar=False, **kinds)


_OPTIONS = (
    _option("--memory", type=_Size(), help="Memory of one run, like 4GiB. Default: nine tenths of the machine's."),
    _option("--pids", type=click.IntRange(1), default=4096, show_default=True, help="Processes of one run."),
    _option("--cpus", type=click.FloatRange(0.01), help="Processors of one run, like 2 or 0.5. Default: all."),
    _option("--file-size", type=_Size(), help="Largest file that a build may write. Default: any."),
    _option(
        "--disk", type=_Size(), help="Bytes of all files of one run. Default: nine tenths of what is free at the start."
    ),
    _option("--build-user", default=OWN_NUMBERS, help="Whom builds of root's builder run as: a name, root or auto."),
    _option("--network/--no-network", default=True, help="Whether builds reach the network. Default: they do."),
    _option("--untrusted-network/--no-untrusted-network", default=False, help="Whether builds of forks do, too."),
    _option("--seccomp/--no-seccomp", default=True, help="Filter system calls. Default: yes."),
    _option("--landlock/--no-landlock", default=True, help="Wall off files where there is no sandbox. Default: yes."),
    _option(
        "--docker-host", help="Socket of Docker or Podman, unix:///…. Default: DOCKER_HOST, else the usual places."
    ),
    _option(
        "--pull", type=click.Choice(["missing", "always", "never"]), default="missing", help="When to pull images."
    ),
    _option("--container-network", default="bridge", help="Docker's network of stages in containers that have one."),
    _option("--image", help="Image of stages that name none, with --executor container."),
    _option(
        "--registry-auth", type=click.Path(path_type=Path), help="A Docker config.json, for images of trusted runs."
    ),
    _option(
        "--service-root/--no-service-root", default=False, help="Services may start as root. Default: they may not."
    ),
    _option("--readable", multiple=True, type=click.Path(path_type=Path), help="One more folder that builds may read."),
)


def policy_options(command: Callable[..., int]) -> Callable[..., int]:
    """The options, each with a variable `HUBWRIGHT_BUILDER_…`, given to the command as `policy`."""

    @wraps(command)
    def gathered(
        *,
        memory: int | None,
        pids: int,
        cpus: float | None,
        disk: int | None,
        readable: tuple[Path, ...],
        build_user: str,
        **rest: Any,
    ) -> int:
        switches = {
            name: rest.pop(name) for name in ("network", "untrusted_network", "seccomp", "landlock", "file_size")
        }
        containers = Containers(
            host=rest.pop("docker_host"),
            pull=rest.pop("pull"),
            network=rest.pop("container_network"),
            image=rest.pop("image"),
            registry_auth=rest.pop("registry_auth"),
            service_root=rest.pop("service_root"),
        )
        memory = memory or psutil.virtual_memory().total * 9 // 10
        folders = tuple(folder.absolute() for folder in readable)
        limits = Limits(memory=memory, pids=pids, cpu=cpus, disk=disk)
        policy = Policy(limits=limits, user=build_user, readable=folders, containers=containers, **switches)
        return command(policy=policy, **rest)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered
