"""A real dockerd for tests, with an image that is made here from busybox: nothing is pulled."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from server_programs import Processes, ServerError, until_true

IMAGE = "hubwright-test:1"
"""busybox with all its commands, users root and nobody."""

_BUSYBOX = Path("/bin/busybox")


def start_docker(processes: Processes) -> str:
    """The address of its socket. The network of the machine is left alone: no bridge, no firewall rules."""
    if os.geteuid() != 0 or not Path("/usr/sbin/dockerd").exists() or not _BUSYBOX.exists():
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
    _import_image(folder, host)
    return host


def _import_image(folder: Path, host: str) -> None:
    root = folder / "image"
    for name in ("bin", "etc", "tmp", "var"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "bin" / "busybox").write_bytes(_BUSYBOX.read_bytes())
    (root / "bin" / "busybox").chmod(0o755)
    listing = subprocess.run([_BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout
    for name in listing.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    (root / "etc" / "shadow").write_text("root:secret-of-the-image:1::::::\n")
    (root / "etc" / "shadow").chmod(0o600)
    tar = subprocess.run(["tar", "-C", str(root), "-c", "."], capture_output=True, check=True).stdout
    change = ["--change", "ENV OF_THE_IMAGE=yes PATH=/bin"]
    subprocess.run(["docker", "-H", host, "import", *change, "-", IMAGE], input=tar, capture_output=True, check=True)
