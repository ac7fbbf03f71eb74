"""Images: those that Hubwright ships, and stand-ins for the servers beside them where no registry is reached."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent

OWN = {"hub": "hubwright:0.1.0", "builder": "hubwright-builder:0.1.0"}
"""Target of the Containerfile: the name that compose.yaml knows it by."""

FORGE = "localhost/hubwright-test-forge:1"
STAND_INS = {
    "haproxy": "docker.io/library/haproxy:3.0",
    "postgresql": "docker.io/library/postgres:17",
    "valkey": "docker.io/valkey/valkey:8",
    "storage": "docker.io/chrislusf/seaweedfs:4.48",
}


def build_images(engine: str, base: str | None, *, stand_ins: bool) -> None:
    """Build all that the walk needs; `base` is what every image is made from. Raises CalledProcessError."""
    given = ["--network", "host", *(["--build-arg", f"BASE={base}"] if base else [])]
    for target, name in OWN.items():
        _build([engine, "build", *given, "-f", "deploy/container/Containerfile"], target, name, ROOT)
    wanted = {"forge": FORGE, **(STAND_INS if stand_ins else {})}
    for target, name in wanted.items():
        _build([engine, "build", *given, "-f", "stand-ins.Containerfile"], target, name, HERE)


def _build(argv: list[str], target: str, name: str, folder: Path) -> None:
    form = ["--format", "docker"] if argv[0] == "podman" else []  # else Podman leaves the health check out
    subprocess.run([*argv, *form, "--target", target, "-t", name, "."], cwd=folder, check=True)
