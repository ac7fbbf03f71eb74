"""A real registry of container images for tests, and how images get there with another client than ours."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
from pathlib import Path

from server_programs import Process, Processes, ServerError, free_port, until_true

USER, PASSWORD = "reader", "pass:word"
_HASH = "$2b$04$GFJMTNJ0VlLPHDHe5unZqOxpjyXMV3aVcTmgfarVupkaGZft6HFD."
"""bcrypt of the password, of as few rounds as there can be."""

_PROGRAM = Path("/usr/bin/docker-registry")


def start_registry(processes: Processes, port: int | None = None) -> tuple[Process, str]:
    """Its process and address, HOST:PORT; it wants a password of everybody. `port`: where it was before."""
    if not _PROGRAM.exists():
        raise ServerError("there is no docker-registry: run `python tests/servers.py --install`")
    folder = processes.folder
    (folder / "htpasswd").write_text(f"{USER}:{_HASH}\n")
    address = f"127.0.0.1:{port or free_port()}"
    settings = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": address},
        "auth": {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.yml").write_text(json.dumps(settings))
    server = processes.start([str(_PROGRAM), "serve", str(folder / "config.yml")])

    def answers() -> bool:
        if server.poll() is not None:
            raise ServerError(f"the registry ended with exit code {server.returncode}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0

    until_true(answers, "the registry did not answer")
    return server, address


def write_passwords(file: Path, registry: str, password: str = PASSWORD) -> Path:
    """A Docker `config.json` with the password of one registry."""
    file.parent.mkdir(parents=True, exist_ok=True)
    told = base64.b64encode(f"{USER}:{password}".encode()).decode()
    file.write_text(json.dumps({"auths": {registry: {"auth": told}}}))
    return file


def push(docker: str, image: str, name: str, folder: Path) -> str:
    """Push an image that the daemon has under the name, forget the name there, and tell the manifest's digest."""
    write_passwords(folder / "config.json", name.partition("/")[0])
    client = ["docker", "-H", docker, "--config", str(folder)]
    said = ""
    for words in (["tag", image, name], ["push", name], ["rmi", name]):
        said += subprocess.run([*client, *words], capture_output=True, text=True, check=True).stdout
    return "sha256:" + said.partition("digest: sha256:")[2].split()[0]
