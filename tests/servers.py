"""Real servers for tests, one of each a run: PostgreSQL, Valkey, RabbitMQ, SeaweedFS, Docker, Podman, Slurm, InspIRCd.

The first test that asks for a kind starts it, in a guard process of its own; the other xdist workers use the same one.
All start as root or not, but for Docker, Podman and Slurm, which need root here.
A guard stops its server and removes its files when the test run ends, however it ends: nothing is left behind.

    python tests/servers.py --install       Debian packages that the tests need, through apt
    python tests/servers.py guard KIND RUN  (started by `url_of`)
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from docker_server import start_docker
from irc_server import start_irc
from podman_server import start_podman
from s3_server import start_seaweedfs
from server_programs import (
    READY,
    Processes,
    ServerError,
    free_block,
    free_port,
    make_postgresql,
    postgresql_binaries,
    start_postgresql,
    start_rabbitmq,
    start_valkey,
    until_true,
)
from slurm_server import start_slurm

RUN = "HUBWRIGHT_TEST_SERVERS"
"""Names the folder of this test run's servers; xdist's workers inherit it from the process that owns the run."""

MEMORY = Path("/dev/shm")
"""Where PostgreSQL keeps its data, if there is plenty: a thousand tests copy a database of 1,200 files, which takes
a tenth of the time there. Durability is not what a server without fsync is asked for."""

ROOM = 6 << 30
"""Bytes of memory that have to be free for that: two servers keep a gigabyte of log each, beside the databases."""


def open_run() -> Path | None:
    """Make this process the owner of a test run; None when another process already owns it (an xdist worker)."""
    if RUN in os.environ:
        return None
    folder = Path(tempfile.mkdtemp(prefix="hw-", dir="/tmp"))  # short: the path of a Unix socket has 107 bytes
    (folder / "owner").write_text(str(os.getpid()))
    os.environ[RUN] = str(folder)
    return folder


def close_run(folder: Path) -> None:
    """Stop every server of the run and wait until they are gone."""
    del os.environ[RUN]
    for pid in folder.glob("*.pid"):
        try:
            os.kill(int(pid.read_text()), signal.SIGTERM)
        except ProcessLookupError:
            pid.unlink(missing_ok=True)
    deadline = time.monotonic() + 20
    while list(folder.glob("*.pid")) and time.monotonic() < deadline:
        time.sleep(0.02)
    _remove(folder)


def url_of(kind: str) -> str:
    """The address of this run's server, started if need be. Raises ServerError.

    `kind` is a name in STARTERS; `name@some` is another server than `name@other`.
    """
    folder = Path(os.environ[RUN])
    url, error = folder / f"{kind}.url", folder / f"{kind}.error"
    with _locked(folder / f"{kind}.lock"):
        if not url.exists() and not error.exists():
            argv = [sys.executable, __file__, "guard", kind, str(folder)]
            guard = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
            (folder / f"{kind}.pid").write_text(str(guard.pid))
            guard.returncode = 0  # it outlives us; nobody waits for it here
            until_true(lambda: url.exists() or error.exists(), f"{kind} did not answer within {READY:.0f} s")
    if error.exists():
        raise ServerError(error.read_text())
    return url.read_text()


def once(name: str, work: Callable[[], object]) -> None:
    """Do the work in the first process of this test run that asks for it; the others wait until it is done."""
    folder = Path(os.environ[RUN])
    done = folder / f"{name}.done"
    with _locked(folder / f"{name}.lock"):
        if not done.exists():
            work()
            done.touch()


def next_number(name: str) -> int:
    """0, 1, 2, … : each number once in this test run, whichever process asks."""
    folder = Path(os.environ[RUN])
    counter = folder / f"{name}.count"
    with _locked(folder / f"{name}.lock"):
        number = int(counter.read_text()) if counter.exists() else 0
        counter.write_text(str(number + 1))
    return number


# --- the kinds: each starts its server and gives its address


def _postgresql(processes: Processes, pick: int = 0) -> str:
    """The oldest version here; `pick` -1 is the newest."""
    binaries, port = postgresql_binaries()[pick], free_port()
    make_postgresql(processes.folder, binaries)
    start_postgresql(processes, binaries, port)
    return f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"


def _newest_postgresql(processes: Processes) -> str:
    return _postgresql(processes, pick=-1)


def _valkey(processes: Processes) -> str:
    port = free_port()
    start_valkey(processes, port)
    return f"redis://127.0.0.1:{port}"


def _rabbitmq(processes: Processes) -> str:
    port = free_port()
    start_rabbitmq(processes, port)
    return f"amqp://guest:guest@127.0.0.1:{port}"


def _s3(processes: Processes) -> str:
    port = free_block()
    start_seaweedfs(processes, port)
    return f"http://127.0.0.1:{port}"


def _docker(processes: Processes) -> str:
    return start_docker(processes)


def _podman(processes: Processes) -> str:
    return start_podman(processes)


def _slurm(processes: Processes) -> str:
    return start_slurm(processes)


def _irc(processes: Processes) -> str:
    return start_irc(processes).url


STARTERS: dict[str, Callable[[Processes], str]] = {
    "postgresql": _postgresql,
    "postgresql-newest": _newest_postgresql,
    "valkey": _valkey,
    "rabbitmq": _rabbitmq,
    "s3": _s3,
    "docker": _docker,
    "podman": _podman,
    "slurm": _slurm,
    "irc": _irc,
}


# --- the guard


def guard(kind: str, run: Path) -> None:
    """Start a server, say where it is, and stop it when the owner of the run is gone or SIGTERM comes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    owner = int((run / "owner").read_text())
    processes = Processes(_make_home(run, kind))
    try:
        try:
            _publish(run / f"{kind}.url", STARTERS[kind.partition("@")[0]](processes))
        except (ServerError, OSError) as error:
            _publish(run / f"{kind}.error", f"{kind}: {error}\n{processes.said()}")
        while _lives(owner):
            time.sleep(0.25)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        processes.end()
        (run / f"{kind}.pid").unlink(missing_ok=True)
        if not _lives(owner):
            _remove(run)


def _make_home(run: Path, kind: str) -> Path:
    """The folder of a server."""
    home = MEMORY / run.name / kind if kind.startswith("postgresql") and _is_roomy() else run / kind
    home.parent.mkdir(0o700, exist_ok=True)
    home.mkdir()
    return home


def _is_roomy() -> bool:
    """Whether files may lie in memory here: in a container that is a folder of 64 MB."""
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM:
        return False
    told = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(told["MemAvailable"].split()[0]) * 1024 >= ROOM


def _remove(run: Path) -> None:
    shutil.rmtree(MEMORY / run.name, ignore_errors=True)
    shutil.rmtree(run, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _publish(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- Debian packages


_LIBPYTHON = "libpython{}.{}".format(*sys.version_info)

PACKAGES = {
    "rabbitmq-server": "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "chromium": "/usr/bin/chromium",
    "bubblewrap": "/usr/bin/bwrap",
    "git": "/usr/bin/git",
    "docker.io": "/usr/sbin/dockerd",
    "podman": "/usr/bin/podman",
    "docker-registry": "/usr/bin/docker-registry",
    "busybox-static": "/bin/busybox",
    "catatonit": "/usr/libexec/podman/catatonit",
    "inspircd": "/usr/sbin/inspircd",
    "atheme-services": "/usr/bin/atheme-services",
    _LIBPYTHON: f"/usr/lib/{platform.machine()}-linux-gnu/{_LIBPYTHON}.so.1.0",  # rotel's
    "prometheus": "/usr/bin/prometheus",
    "systemd": "/usr/bin/systemd-analyze",
    "iproute2": "/usr/sbin/ip",
    "iptables": "/usr/sbin/iptables",
    "rclone": "/usr/bin/rclone",
    "slurm-wlm": "/usr/sbin/slurmctld",
    "munge": "/usr/sbin/munged",
}
"""What the tests need from the system, and the file that tells that it is there."""


def install() -> int:
    """Install what is missing, where this may be done; an exit code."""
    missing = [name for name, file in PACKAGES.items() if not Path(file).exists()]
    if not missing:
        return 0
    prefix = _root_prefix()
    if prefix is None or shutil.which("apt-get") is None:
        print(
            f"the tests need {', '.join(missing)}: install them (`apt-get install {' '.join(missing)}`) and run again"
        )
        return 1
    # The tests run servers of their own: apt must not leave one running on this machine.
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_OFFLINE=1", "RUNLEVEL=1"]
    apt = [*prefix, *quiet, "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    command = [*apt, "install", "-y", "--no-install-recommends", *missing]
    print(f"installing {', '.join(missing)}", flush=True)
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0:
        return 0
    subprocess.run([*apt, "update"], check=False)
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0:
        return 0
    print(f"apt-get could not install {', '.join(missing)}; see its message above")
    return 1


def _root_prefix() -> list[str] | None:
    """What makes a command run as root without asking anybody; None when nothing does."""
    if os.geteuid() == 0:
        return []
    can = (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    )
    return ["sudo", "-n"] if can else None


if __name__ == "__main__":
    if sys.argv[1:] == ["--install"]:
        sys.exit(install())
    if len(sys.argv) == 4 and sys.argv[1] == "guard":
        guard(sys.argv[2], Path(sys.argv[3]))
    else:
        sys.exit(__doc__)
