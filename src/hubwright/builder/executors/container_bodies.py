"""What the daemon is asked to make: containers without powers, and networks that lead nowhere."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hubwright.domain.limits import Limits

RUN_LABEL = "hubwright.run"
"""On every container and network of a run; its value is the run's marker."""

MISSING = "no-such-program"
"""The command file that tells that the image lacks the program."""

# Fixed text: the terminal's size (the daemon's own way comes too late or not at all), an empty stdin, then the program.
_GATE = (
    'command -v "$1" >/dev/null 2>&1 || { : > "$0"; exit 127; }; '
    'stty rows 40 cols 120 2>/dev/null; unset HOSTNAME; exec "$@" </dev/null'
)
_MOST_FILES, _MOST_PROCESSES = 65_536, 32_768
_SERVICE_POWERS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What all containers of a run have. `owner` is user and group inside; `keeps_user`: Podman without root."""

    marker: str
    owner: tuple[int, int]
    limits: Limits
    keeps_user: bool = False
    file_size: int | None = None
    group: str | None = None  # the control group that bounds all of them together
    calls: str | None = None  # which system calls they may make, as this daemon wants to be told


@dataclass(frozen=True, kw_only=True)
class Mounts:
    """Folders that have the same path inside."""

    writable: Sequence[str] = ()
    readable: Sequence[str] = field(default_factory=tuple)

    def to_json(self) -> list[dict[str, Any]]:
        """As the API wants them; a path may hold any character."""
        return [
            {"Type": "bind", "Source": path, "Target": path, "ReadOnly": read_only}
            for paths, read_only in ((self.writable, False), (self.readable, True))
            for path in paths
        ]


def stage_body(
    frame: Frame, image: str, argv: Sequence[str], env: Mapping[str, str], directory: str, missing: str
) -> dict[str, Any]:
    """A container that runs one command on a terminal; it makes the file `missing` when there is no such program."""
    body = _body(frame, image, env)
    body |= {"Entrypoint": ["/bin/sh", "-c", _GATE, missing], "Cmd": list(argv), "WorkingDir": directory}
    return body | {"Tty": True, "Hostname": "build"}


def service_body(
    frame: Frame, image: str, command: str | None, env: Mapping[str, str], *, powers: bool
) -> dict[str, Any]:
    """A container that runs the image's command, or this one. With `powers` it starts as the image's user."""
    body = _body(frame, image, env)
    if command is not None:
        body |= {"Entrypoint": ["/bin/sh", "-c"], "Cmd": [command]}
    if powers:
        del body["User"]
        body["HostConfig"]["CapAdd"] = list(_SERVICE_POWERS)
    # The default log would grow without bound.
    body["HostConfig"]["LogConfig"] = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}
    return body


def network_body(name: str, marker: str, *, podman: bool) -> dict[str, Any]:
    """A network that only the run's containers are in.

    Docker gives this machine an address in internal networks too, at which all that listens on the machine would be
    reached: here it gets none. Podman has no such option.
    """
    options = {} if podman else {"com.docker.network.bridge.inhibit_ipv4": "true"}
    return {"Name": name, "Driver": "bridge", "Internal": True, "Options": options, "Labels": {RUN_LABEL: marker}}


def _body(frame: Frame, image: str, env: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Image": image,
        "Env": [f"{key}={value}" for key, value in env.items()],
        "User": "{}:{}".format(*frame.owner),
        "Labels": {RUN_LABEL: frame.marker},
        "HostConfig": _host(frame),
        "Healthcheck": {"Test": ["NONE"]},
    }


def _host(frame: Frame) -> dict[str, Any]:
    """Nothing of this comes from a recipe but the limits, which the builder has bounded."""
    ulimits = {"core": (0, 0), **_own_ulimits()}
    if frame.file_size is not None:
        ulimits["fsize"] = (frame.file_size, frame.file_size)
    host: dict[str, Any] = {
        "Init": True,
        "NetworkMode": "none",
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges", *([f"seccomp={frame.calls}"] if frame.calls else [])],
        "Privileged": False,
        "IpcMode": "private",
        "OomScoreAdj": 500 if os.geteuid() == 0 else 0,
        "Ulimits": [{"Name": name, "Soft": soft, "Hard": hard} for name, (soft, hard) in ulimits.items()],
        "Tmpfs": {"/tmp": "rw,exec,nosuid,nodev,mode=1777"},  # noqa: S108  the container's own
        "LogConfig": {"Type": "none"},
    }
    if frame.group is not None:
        host["CgroupParent"] = frame.group
    if frame.limits.memory is not None:
        host |= {"Memory": frame.limits.memory, "MemorySwap": frame.limits.memory}
    if frame.limits.pids is not None:
        host["PidsLimit"] = frame.limits.pids
    if frame.limits.cpu is not None:
        host["NanoCpus"] = int(min(frame.limits.cpu, os.cpu_count() or 1) * 1_000_000_000)
    if frame.keeps_user:
        host["UsernsMode"] = "keep-id"
    return host


def _own_ulimits() -> dict[str, tuple[int, int]]:
    """Files and processes as the builder has them: Podman's own default is above what some machines let it set."""
    found = {}
    for name, number, most in (
        ("nofile", resource.RLIMIT_NOFILE, _MOST_FILES),
        ("nproc", resource.RLIMIT_NPROC, _MOST_PROCESSES),
    ):
        soft, hard = (
            most if bound == resource.RLIM_INFINITY else min(bound, most) for bound in resource.getrlimit(number)
        )
        found[name] = (soft, hard)
    return found
