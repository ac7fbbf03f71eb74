"""A real Podman for tests, of root or of an ordinary user, behind its socket."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from container_images import IMAGE, import_images
from server_programs import Processes, ServerError, until_true

# Podman raises limits that some machines do not let it raise, and wants systemd for control groups.
_SETTINGS = """[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_config_dir = "{folder}/networks"
"""
_STORAGE = """[storage]
driver = "vfs"
runroot = "{folder}/run"
graphroot = "{folder}/data"
"""


def start_podman(processes: Processes) -> str:
    """The address of root's socket. The network of the machine is left alone: nobody asks for a bridge."""
    if os.geteuid() != 0 or not Path("/usr/bin/podman").exists():
        raise ServerError("Podman needs root here and `python tests/servers.py --install`")
    folder = processes.folder
    (folder / "containers.conf").write_text(_SETTINGS.format(folder=folder))
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    environment = {
        "CONTAINERS_CONF": f"{folder}/containers.conf",
        "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
        "TMPDIR": str(folder),
    }
    host = f"unix://{folder}/p.sock"
    server = processes.start(["podman", "system", "service", "--time", "0", host], environment, end=signal.SIGTERM)

    def answers() -> bool:
        if server.poll() is not None:
            raise ServerError(f"Podman ended with exit code {server.returncode}")
        return subprocess.run(["docker", "-H", host, "info"], capture_output=True, check=False).returncode == 0

    until_true(answers, "Podman did not answer")
    import_images(["docker", "-H", host], [IMAGE])
    return host
