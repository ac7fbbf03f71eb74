"""The builder that `up` brings along: a child process, started again when it ends, or only when work waits for it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection

from hubwright import __version__
from hubwright.builder.executors.daemon import find_daemon
from hubwright.builder.slots import Bounds, read_bounds
from hubwright.config import Settings
from hubwright.domain.recipe_values import CONTAINER
from hubwright.domain.scheduling import BuilderKind, suits
from hubwright.errors import SettingsError
from hubwright.hub.fleet import revoke
from hubwright.store.builders import keep_on_demand, load_builder
from hubwright.store.database import Database
from hubwright.store.runs import count_waiting, is_holding
from hubwright.store.tokens import find_token, load_token
from hubwright.store.writers import is_outage
from hubwright.wire import WIRE_VERSION, Hello
from hubwright.wiring.first_start import LOCAL_BUILDER, FirstStart
from hubwright.wiring.parts import mirrors_folder

PAUSE = 2.0
"""Seconds before a builder that ended is started again."""

LOOK_AGAIN = 5.0
"""Seconds after which work is looked for that no hint told of."""

IN_USE = 75
"""A builder of an earlier `up` still works in the folder: it finishes its runs and serves us meanwhile."""

PATIENCE = 10.0
"""Seconds that the builder has at a stop to hand over what it holds."""

NAME = "local"

logger = structlog.get_logger()


def _always() -> bool:
    return True


class LocalBuilder:
    """Keeps one builder running on this machine while `is_wanted`, until stopped.

    A builder that is not needed ends by itself. Whether one is wanted is asked after it has ended, so that work which
    came at that moment is seen, whatever hint was lost.
    """

    def __init__(self, command: Sequence[str], is_wanted: Callable[[], bool] = _always) -> None:
        self._command = command
        self._is_wanted = is_wanted
        self._news = threading.Event()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="local-builder", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There may be work; from any thread."""
        self._news.set()

    def stop(self) -> None:
        """End the builder; it is given time, then killed (what it holds is on its disk)."""
        with self._lock:
            self._ending.set()
            self._news.set()
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(PATIENCE)

    def _keep(self) -> None:
        while self._wait_for_work():
            with self._lock:
                if self._ending.is_set():
                    return
                self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, env=_environment())
            code = self._process.wait()
            if code not in (0, IN_USE) and not self._ending.is_set():
                logger.warning("local_builder_ended", code=code)
            if code != 0 or self._is_wanted is _always:
                self._ending.wait(PAUSE)

    def _wait_for_work(self) -> bool:
        """Until a builder is wanted; false when it is time to end."""
        while not self._ending.is_set():
            self._news.clear()  # before the look: what comes after it is seen by the next one
            if self._is_wanted():
                return True
            self._news.wait(LOOK_AGAIN)
        return False


def make_local_builder(settings: Settings, start: FirstStart, port: int, database: Database) -> LocalBuilder:
    """The builder that the settings describe. Raises SettingsError."""
    bounds = read_slots(settings.slots)
    command = _command(settings, start, port, bounds)
    database.write(partial(_take_name, start=start, now=time.time()))
    if bounds.least > 0:
        return LocalBuilder(command)
    spools = Path(settings.data_dir) / "builder" / "runs"
    here = _find_kind(settings)
    hello = Hello(
        wire=WIRE_VERSION, name=NAME, platform=here.platform, version=__version__, instance="", labels=here.labels,
        slots=bounds.most, executor=settings.executor,
    )  # fmt: skip
    database.write(partial(keep_on_demand, hello=hello, now=time.time()))  # it is known before it first runs

    def is_wanted() -> bool:
        """Whether a run waits that it may take, or that it held has not been heard of to the end."""
        try:
            if spools.is_dir() and any(spools.iterdir()):
                return True
            with database.reading() as connection:
                return _has_work(connection, here)
        except Exception as error:
            if not is_outage(error):
                logger.exception("local_builder_unsure")
            return False

    return LocalBuilder(command, is_wanted)


def _take_name(connection: Connection, start: FirstStart, now: float) -> None:
    """Have our name back from the token of an earlier life, whose file is gone: a backup has none."""
    known = load_builder(connection, NAME)
    if known is None or known.token_id is None:
        return
    own = find_token(connection, start.builder_token.read_text(encoding="ascii").strip(), now)
    former = load_token(connection, known.token_id)
    if own is not None and former is not None and former.name == LOCAL_BUILDER and former.id != own.id:
        revoke(connection, former.id, now)


def _find_kind(settings: Settings) -> BuilderKind:
    has_containers = settings.executor in ("auto", "container") and find_daemon(settings.sandbox.docker_host)
    machine = f"{platform.system()}-{platform.machine()}".lower()
    return BuilderKind(platform=machine, labels=(CONTAINER,) if has_containers else ())


def _has_work(connection: Connection, here: BuilderKind) -> bool:
    return any(suits(want, here) for want, _ in count_waiting(connection)) or is_holding(connection, NAME)


def read_slots(text: str) -> Bounds:
    """The bounds that the setting gives. Raises SettingsError."""
    try:
        return read_bounds(text)
    except ValueError as error:
        raise SettingsError(f"SLOTS: {error}") from None


def _environment() -> dict[str, str]:
    """Ours without our settings: the hub's secrets are no business of a builder, nor of what it builds (S25)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HUBWRIGHT_")}


def _command(settings: Settings, start: FirstStart, port: int, bounds: Bounds) -> list[str]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    reachable = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else host  # noqa: S104  compared, not bound
    options = {
        "--hub": f"http://{reachable}:{port}",
        "--token-file": str(start.builder_token),
        "--name": NAME,
        "--slots": f"{max(bounds.least, 1)}..{bounds.most}",
        "--slots-idle": str(settings.builders.slots_idle),
        "--slots-load": str(settings.builders.slots_load),
        "--executor": settings.executor,
        "--work-dir": str(Path(settings.data_dir) / "builder"),
        "--mirrors": str(mirrors_folder(settings)),
        "--protocols": ":".join(settings.git.allow_protocols),
        "--log-format": settings.log.format,
        "--log-level": settings.log.level,
        "--parent-pid": str(os.getpid()),
    }
    if bounds.least == 0:
        options["--idle-exit"] = str(settings.builders.slots_idle)
    words = [word for pair in options.items() for word in pair]
    return [sys.executable, "-P", "-m", "hubwright", "builder", *words, *_policy(settings)]


def _policy(settings: Settings) -> Iterator[str]:
    """What its runs may have, as options."""
    sandbox = settings.sandbox
    given = {
        "--memory": sandbox.memory,
        "--cpus": sandbox.cpus,
        "--file-size": sandbox.file_size,
        "--disk": sandbox.disk,
        "--docker-host": sandbox.docker_host,
        "--image": sandbox.image,
        "--registry-auth": sandbox.registry_auth,
    }
    for name, value in given.items():
        if value is not None:
            yield from (name, str(value))
    yield from ("--pids", str(sandbox.pids), "--build-user", sandbox.user)
    yield from ("--pull", sandbox.pull, "--container-network", sandbox.container_network)
    switches = {
        "network": sandbox.network,
        "untrusted-network": sandbox.untrusted_network,
        "seccomp": sandbox.seccomp,
        "landlock": sandbox.landlock,
        "service-root": sandbox.service_root,
    }
    yield from (f"--{name}" if on else f"--no-{name}" for name, on in switches.items())
    for folder in sandbox.readable:
        yield from ("--readable", folder)
