"""The composition of `deploy/container`, unchanged, with a git server beside it, in a project of its own."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import yaml

from containers.images import FORGE, ROOT
from hubwright.hub.sealing import make_key

FILES = ("compose.yaml", "haproxy.cfg")
PORT = 18_010
HOST = f"ci.example.org:{PORT}"

_GIT = {"HUBWRIGHT_GIT__ALLOW_PROTOCOLS": "git,https", "HUBWRIGHT_GIT__ALLOW_HOSTS": "forge"}
_BESIDE = {
    "services": {
        "forge": {"image": FORGE},
        **{name: {"environment": _GIT} for name in ("hub-1", "hub-2", "worker")},
        "builder": {"environment": {"HUBWRIGHT_GIT__ALLOW_PROTOCOLS": "git"}},
    }
}


@dataclass(frozen=True)
class Composition:
    """What runs. `compose` is the command line of docker compose or podman-compose, `engine` of docker or podman."""

    compose: Sequence[str]
    engine: str
    folder: Path
    project: str

    def run(self, *words: str, seconds: float = 180.0) -> str:
        """Run a command of the composition; what it says. Raises CalledProcessError, TimeoutExpired."""
        files = ["-f", "compose.yaml", "-f", "beside.yaml"]
        argv = [*self.compose, "-p", self.project, *files, *words]
        done = subprocess.run(
            argv,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr[-3000:]}")
        return done.stdout

    def ask(self, *words: str) -> str:
        """Ask docker or podman itself."""
        return subprocess.run([self.engine, *words], capture_output=True, text=True, check=True, timeout=60).stdout

    def name(self, service: str) -> str:
        """The container of a service: docker joins the words of names with `-`, podman-compose with `_`."""
        names = self.ask("ps", "-a", "--format", "{{.Names}}").split()
        return next(one for one in names if one in {f"{self.project}{sign}{service}{sign}1" for sign in "-_"})

    def execute(self, service: str, *argv: str) -> str:
        """Run a program in a service's container; what it prints."""
        return self.ask("exec", self.name(service), *argv)

    def addresses(self, service: str) -> list[str]:
        """The addresses of a service's container."""
        networks = json.loads(self.ask("inspect", self.name(service)))[0]["NetworkSettings"]["Networks"]
        return [one["IPAddress"] for one in networks.values()]

    def client(self, token: str) -> httpx2.Client:
        """A client of the balancer's API."""
        headers = {"Authorization": f"Bearer {token}", "Host": HOST}
        return httpx2.Client(base_url=f"http://127.0.0.1:{PORT}/api/v1/", headers=headers, timeout=30)


@contextmanager
def composed(compose: Sequence[str], engine: str, folder: Path) -> Iterator[Composition]:
    """The composition, started; with all its data it is gone afterwards."""
    for name in FILES:
        shutil.copy(ROOT / "deploy" / "container" / name, folder)
    (folder / "beside.yaml").write_text(yaml.safe_dump(_BESIDE))
    values = {
        "PORT": PORT, "HUBWRIGHT_PUBLIC_URL": f"http://{HOST}", "HUBWRIGHT_SECRETS__KEYS": make_key(),
        "POSTGRES_PASSWORD": secrets.token_hex(24), "AWS_ACCESS_KEY_ID": "hubwright",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(24),
    }  # fmt: skip
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    it = Composition(compose, engine, folder, "hubwright-walk")
    try:
        it.run("up", "-d", seconds=600)
        yield it
    except BaseException:
        print(it.run("ps"))
        raise
    finally:
        it.run("down", "-v", seconds=300)
