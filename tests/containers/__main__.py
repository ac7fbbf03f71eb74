"""The images and the composition that docs/deployment.md tells of, tried with real containers.

    python -m containers build [--base IMAGE] [--stand-ins]      the images; needs the network
    python -m containers walk [--compose 'docker compose']       starts all, breaks some, prints what was seen

What a walk needs of the machine: docker or Podman that may make networks, and 2 GB of memory.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shlex
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import httpx2

from containers.composition import PORT, Composition, composed
from containers.images import build_images
from waiting import until

LINES = 600
NUMBERS = hashlib.sha256("".join(f"{number}\n" for number in range(1, 100_001)).encode()).hexdigest()

_REACH = """import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
except OSError:
    print("no")
else:
    print("yes")
"""


def walk(it: Composition, began: float) -> None:
    """Start, build, lose each hub once, drain the builder; whatever does not hold is an AssertionError."""

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    until(_answers, 240, "an answer of a hub behind the balancer")
    tell("a hub answers behind the balancer")
    token = it.execute("hub-1", "hubwright", "token", "new", "--role", "admin", "--name", "walk").strip()
    with it.client(token) as client:
        until(lambda: _get(client, "builders")["items"], 120, "the builder")
        tell("the builder has got its token and is connected")
        check_walls(it)
        tell("from the builder's container the hubs are reached, PostgreSQL, Valkey and the object store are not")

        hub = ["-e", f"HUBWRIGHT_TOKEN={token}", "-e", "HUBWRIGHT_URL=http://balancer:8010"]
        it.ask("exec", *hub, it.name("hub-1"), "hubwright", "register", "git://forge/octo/app")
        run = until_printing(client, find_run(client))
        lose_hubs(it, client, run)
        tell("each hub was away once while a build printed: hub-1 killed, hub-2 stopped")
        check_build(client, run)
        tell(f"the build is green, its log has its {LINES} lines once and in order, its file is as it was written")

        again = client.post("builds/1/rerun", json={"failed_only": False})
        assert again.is_success, again.text
        run = until_printing(client, int(again.json()["runs"][0]))
        stopping = threading.Thread(target=it.run, args=("stop", "builder"))
        stopping.start()
        until(lambda: len(_lines(client, run)) > 20, 60, "lines after the builder was asked to stop")
        stopping.join(120)
        assert it.ask("inspect", "--format", "{{.State.ExitCode}}", it.name("builder")).strip() == "0"
        check_build(client, run)
        tell("`stop builder` waited for the build: it is green, the builder's exit code 0")


def find_run(client: httpx2.Client) -> int:
    """The number of the build's run."""
    until(lambda: _get(client, "builds")["items"], 60, "the build")
    return int(str(until(lambda: _get(client, "builds/1")["runs"], 60, "the build's run")[0]["id"]))


def until_printing(client: httpx2.Client, run: int) -> int:
    """The same run, once its log has lines."""
    until(lambda: len(_lines(client, run)) > 5, 60, "the first lines")
    return run


def lose_hubs(it: Composition, client: httpx2.Client, run: int) -> None:
    """Kill one hub and have it back, then stop the other; each time the log must go on."""
    for hub, word in (("hub-1", "kill"), ("hub-2", "stop")):
        seen = len(_lines(client, run))
        it.run(word, hub)
        until(lambda seen=seen: len(_lines(client, run)) > seen + 10, 60, f"lines after {word} {hub}")  # type: ignore[misc]
        it.run("start", hub)
        until(lambda hub=hub: _ready(it, hub), 60, f"{hub} to be back")  # type: ignore[misc]


def check_build(client: httpx2.Client, run: int) -> None:
    """It has ended well, and nothing of it is lost or doubled."""
    until(lambda: _get(client, "builds/1")["state"] == "finished", 120, "the build's end")
    assert _get(client, "builds/1")["result"] == "success"
    assert _lines(client, run) == list(range(LINES))
    kept = client.get(f"runs/{run}/artifacts/out/numbers.txt", follow_redirects=True)
    assert hashlib.sha256(kept.content).hexdigest() == NUMBERS


def check_walls(it: Composition) -> None:
    """A build reaches what it is for."""
    ports = {"postgresql": "5432", "valkey": "6379", "storage": "8333"}
    closed = {address: port for service, port in ports.items() for address in (service, *it.addresses(service))}
    for address, port in closed.items():
        assert it.execute("builder", "python3", "-c", _REACH, address, port).strip() == "no", address
    assert it.execute("builder", "python3", "-c", _REACH, "balancer", "8010").strip() == "yes"


def _answers() -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{PORT}/readyz", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def _ready(it: Composition, hub: str) -> bool:
    try:
        it.execute(hub, "python3", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8010/readyz')")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _get(client: httpx2.Client, path: str) -> dict[str, list[dict[str, object]]]:
    """An answer of the API; while a hub is being lost the balancer may have none for a moment."""
    return until(lambda: _try(client, path), 30, path).json()


def _try(client: httpx2.Client, path: str) -> httpx2.Response | None:
    try:
        answer = client.get(path)
    except httpx2.HTTPError:
        return None
    return answer if answer.status_code < 400 else None


def _lines(client: httpx2.Client, run: int) -> list[int]:
    text = until(lambda: _try(client, f"runs/{run}/log"), 60, "the log").text
    return [int(number) for number in re.findall(r"line (\d+)\r?\n", text)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m containers", description=__doc__)
    parser.add_argument("what", choices=("build", "walk"))
    parser.add_argument("--engine", default="podman", help="podman or docker")
    parser.add_argument("--compose", default="podman-compose", help="podman-compose or 'docker compose'")
    parser.add_argument("--base", help="The image that all are made from; default: that of the Containerfile.")
    parser.add_argument("--stand-ins", action="store_true", help="Make the servers' images too: no registry is needed.")
    chosen = parser.parse_args()
    if chosen.what == "build":
        build_images(chosen.engine, chosen.base, stand_ins=chosen.stand_ins)
        return
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="hubwright-walk-") as folder,
        composed(shlex.split(chosen.compose), chosen.engine, Path(folder)) as it,
    ):
        walk(it, began)


main()
