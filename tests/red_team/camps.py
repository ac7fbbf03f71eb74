"""Where the fights take place: real builders with each executor, as root and not, in a cage that spares the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from container_images import HOSTILE, import_images
from hubwright.builder.executors.cgroups import Groups
from hubwright.domain.limits import Limits
from servers import url_of

PIDS, MEMORY, DISK = 120, 192 * 1024**2, 48 * 1024**2
"""What the builders allow a run; the cage allows all that a builder starts a few times as much."""

_CAGE = Limits(pids=400, memory=1536 * 1024**2)
_USER = 61_010

# The interpreter may be in a folder that only root may enter: in a mount namespace of the builder's others may.
_AS_USER = """
while [ ! -e "$SIGN" ]; do sleep 0.02; done
if ! setpriv --reuid=$NUMBER --regid=$NUMBER --clear-groups test -x "$BASE/bin"; then
  mount --bind "$BASE" /mnt; mount -t tmpfs -o mode=755 none "$TOP"; mkdir -p "$BASE"; mount --bind /mnt "$BASE"
fi
exec setpriv --reuid=$NUMBER --regid=$NUMBER --clear-groups --inh-caps=-all "$@"
"""
_AS_ROOT = 'while [ ! -e "$SIGN" ]; do sleep 0.02; done; exec "$@"'


@dataclass(frozen=True, kw_only=True)
class Camp:
    """`daemon`: the server of the tests that has the containers; `image`: what stages run in."""

    name: str
    executor: str
    user: bool = False
    daemon: str | None = None

    @property
    def image(self) -> str | None:
        return HOSTILE if self.daemon else None

    def options(self) -> list[str]:
        """Of `hubwright builder`."""
        options = ["--executor", self.executor, "--slots", "2", "--allow-file-protocol"]
        options += ["--pids", str(PIDS), "--memory", str(MEMORY), "--disk", str(DISK)]
        if self.daemon:
            address = url_of(self.daemon)
            import_images(["docker", "-H", address], [HOSTILE])
            # The daemons of the tests have no network but none: nothing of this machine is to be changed for them.
            options += ["--docker-host", address, "--image", HOSTILE, "--pull", "never", "--no-network"]
        return options

    def prefix(self, sign: Path) -> tuple[str, ...]:
        """What starts the builder, once the file `sign` is there."""
        base = Path(sys.base_prefix)
        names = {"SIGN": sign, "NUMBER": _USER, "BASE": base, "TOP": Path(*base.parts[:2])}
        words = ("env", *(f"{name}={value}" for name, value in names.items()))
        return (
            *words,
            *(("unshare", "--mount") if self.user else ()),
            "sh",
            "-euc",
            _AS_USER if self.user else _AS_ROOT,
            "sh",
        )


CAMPS = (
    Camp(name="process, root", executor="process"),
    Camp(name="process, user", executor="process", user=True),
    Camp(name="bubblewrap, root", executor="bubblewrap"),
    Camp(name="bubblewrap, user", executor="bubblewrap", user=True),
    Camp(name="Docker", executor="container", daemon="docker"),
    Camp(name="Podman", executor="container", daemon="podman"),
)


@contextmanager
def open_camp(camp: Camp) -> Iterator[Path]:
    """A folder outside of the temporary ones, which builds may write: the builder's own, if it has a user."""
    folder = Path(tempfile.mkdtemp(prefix="hubwright-red-", dir="/var/lib"))
    folder.chmod(0o755)
    loot = folder / "loot"
    loot.mkdir(mode=0o700)
    (loot / "canary").write_text("GOT the canary\n")
    (loot / "report.xml").write_text("<testsuite name='GOT'><testcase name='GOT it'/></testsuite>")
    if camp.user:
        for path in (folder, loot, *loot.iterdir()):
            os.chown(path, _USER, _USER)
    try:
        yield folder
    finally:
        # A build may have left folders too deep for Python; rm has no such bound.
        subprocess.run(["rm", "-rf", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def caged(pid: int) -> Iterator[None]:
    """All that the process starts is within bounds, whatever the builder's own hold."""
    cage = Groups().open(f"red-team-{pid}", _CAGE)
    assert cage is not None, "the red team needs control groups: else its bombs would hit the machine"
    cage.admit(pid)
    try:
        yield
    finally:
        cage.close()


@dataclass
class Shelf:
    """Files and caches that builders hand in, as a hub takes them."""

    kept: dict[str, bytes] = field(default_factory=dict)
    address: str = ""

    @contextmanager
    def serving(self) -> Iterator[None]:
        """At `address`, until the block ends."""
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                shelf.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(201)

            def do_GET(self) -> None:
                self._answer(404)

            def do_POST(self) -> None:
                self._answer(404)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.address = f"http://127.0.0.1:{server.server_port}/runs/1/artifacts"
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
