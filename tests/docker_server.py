"""A real dockerd for tests."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from container_images import IMAGE, import_images
from server_programs import Processes, ServerError, until_true


def start_docker(processes: Processes) -> str:
    """The address of its socket. The network of the machine is left alone: no bridge, no firewall rules."""
    if os.geteuid() != 0 or not Path("/usr/sbin/dockerd").exists() or not Path("/bin/busybox").exists():
        raise ServerError("dockerd needs root and `python tests/servers.py --install`")
    folder = processes.folder
    host = f"unix://{folder}/d.sock"
    places = {"--host": host, "--data-root": f"{folder}/data", "--exec-root": f"{folder}/exec"}
    options = [word for pair in places.items() for word in pair] + ["--pidfile", f"{folder}/pid"]
    quiet = ["--ip-forward=false", "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver", "vfs"]
    server = processes.start(
        ["dockerd", *options, *quiet, "--exec-opt", "native.cgroupdriver=cgroupfs"], end=signal.SIGTERM
    )

    def answers() -> bool:
        if server.poll() is not None:
            raise ServerError(f"dockerd ended with exit code {server.returncode}")
        return subprocess.run(["docker", "-H", host, "info"], capture_output=True, check=False).returncode == 0

    until_true(answers, "dockerd did not answer")
    import_images(["docker", "-H", host], [IMAGE])
    return host
