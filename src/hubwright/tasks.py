"""The scale-out mode: hints to drain a queue travel over RabbitMQ or Valkey/Redis as Celery messages.

Only hints travel: the rows are the truth, and any message may be lost, doubled or late. A worker hands each message to
its own in-process dispatcher, so both modes drain, retry and keep due times with the same code, and a worker with a
dead broker still finds its work. Celery's rate limits, chords, ETAs and results are not used: they don't survive a
`kill -9`, rows do. https://docs.celeryq.dev/en/stable/userguide/configuration.html
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from celery import Celery, signals
from celery.apps.beat import Beat
from celery.beat import ScheduleEntry, Scheduler, SchedulingError
from celery.exceptions import SecurityWarning
from kombu import Connection, Consumer, Exchange, Producer, Queue

from hubwright.domain.backoff import backoff
from hubwright.errors import HubwrightError
from hubwright.hub.dispatcher import Drain, InProcessDispatcher

log = structlog.get_logger(__name__)

QUEUE = "hubwright"
"""The broker's queue for all hints."""

TASK = "hubwright.drain"

QUEUED_HINTS = 1000
"""Hints that may wait in the broker; while more do, no worker listens and no more are sent."""

QUEUED_NAMES = 10_000
"""Names that may wait in a process to be sent; more are dropped."""

HINT_INTERVAL = 0.02
"""Seconds between two hints for one queue from one process, at least."""

RING_INTERVAL = 0.005
"""Seconds between two messages with rings from one process, at least."""

RECONCILE = 5.0
"""Seconds between beat's rounds."""

HINTS_SPACED = {"facts": 0.25}
"""Seconds between two hints for queues that something happens to all the time: nobody sees when they are drained."""

RINGS_SPACED = {"facts": 0.05, "room": 0.05}
"""The same for rings: of facts for people who look at pages of other hubs, of room that runs leave."""

PATIENCE = 2.0
"""Seconds a broker may take to accept a connection."""


def make_celery(
    broker_url: str, queues: Iterable[str], wake: Callable[[str], None], every: float = RECONCILE
) -> Celery:
    """The Celery app with its one task, which calls `wake(queue)`.

    Its beat sends it for each of `queues` every so many seconds.
    """
    signals.setup_logging.connect(_leave_logging_alone)
    app = Celery("hubwright", broker=broker_url, set_as_current=False)
    app.conf.update(
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=PATIENCE,
        task_default_queue=QUEUE,
        task_ignore_result=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        beat_schedule={
            f"wake-{queue}": {"task": TASK, "schedule": every, "args": [queue]} for queue in queues
        },
    )  # fmt: skip

    def drain(queue: str) -> None:
        wake(queue)

    app.task(name=TASK, ignore_result=True, shared=False)(drain)  # else the first app of a process answers for all
    return app


def run_worker(
    broker_url: str,
    drains: Mapping[str, Drain],
    *,
    name: str | None = None,
    on_failure: Callable[[str], None] = lambda _queue: None,
) -> int:
    """Drain until SIGTERM or SIGINT, in the main thread; an exit code. `name` is the worker's, unique on the broker.

    `on_failure` is called with a queue whose drain has failed.

    One thread per queue drains; Celery only listens, so its pool is `solo`.
    """
    dispatcher = InProcessDispatcher(drains, on_failure=on_failure)
    app = make_celery(broker_url, drains, dispatcher.wake)
    warnings.filterwarnings("ignore", category=SecurityWarning)  # of root and pickle: we take names of queues as JSON
    signals.worker_ready.connect(_look_up_often)
    signal.signal(signal.SIGTERM, _leave)  # until Celery takes it over
    dispatcher.start()
    try:
        worker = app.Worker(
            pool="solo", hostname=name, quiet=True, loglevel="WARNING",
            without_gossip=True, without_mingle=True, without_heartbeat=True,
        )  # fmt: skip
        worker.start()
        return int(worker.exitcode or 0)
    finally:
        dispatcher.stop()


def run_beat(broker_url: str, queues: Iterable[str], every: float = RECONCILE) -> None:
    """Wake each queue every so many seconds until SIGTERM, in the main thread. Any number of beats may run."""
    app = make_celery(broker_url, queues, lambda _queue: None, every)
    _Beat(app=app, scheduler=_Scheduler, quiet=True, loglevel="WARNING").run()


class _Beat(Beat):  # type: ignore[misc]  # Celery has no types
    """Celery's beat, which a SIGTERM ends at any moment.

    Celery's own handler only raises, and Python drops what is raised in a destructor or a callback; the flag stays.
    """

    def install_sync_handler(self, service: Any) -> None:
        def leave(*_signal: object) -> None:
            service.stop()
            raise SystemExit(0)

        signal.signal(signal.SIGTERM, leave)
        signal.signal(signal.SIGINT, leave)


class _Scheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's, which tells of a broker that is away in one sentence; its own prints two stacks for each hint."""

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            log.warning(
                "the broker takes no hint; beat goes on", hint=entry.name, error=str(error.__context__ or error)
            )


def probe_broker(broker_url: str) -> str:
    """Connect, log in and look into the queue of hints; what was seen, in words. Raises HubwrightError."""
    with _connect(broker_url) as connection:
        where = f"{connection.transport_cls} at {connection.hostname}:{connection.port}"
        try:
            connection.connect()
            queue = connection.default_channel.queue_declare(QUEUE, durable=True, auto_delete=False)
        except (*connection.connection_errors, *connection.channel_errors) as error:
            raise HubwrightError(f"The broker ({where}) does not let us in: {error}") from error
        return f"{where}; {queue.message_count} hints wait in it"


class CeleryDispatcher:
    """Has workers drain the queues. A dead broker costs nothing but time: whoever wakes never notices."""

    def __init__(self, broker_url: str) -> None:
        self._app = make_celery(broker_url, (), self.wake)
        self._sender = _Sender("hints", broker_url, Pace(HINT_INTERVAL, HINTS_SPACED), self._send)

    def wake(self, queue: str) -> None:
        """Send a hint soon, from another thread; many wakes within HINT_INTERVAL (HINTS_SPACED) are one."""
        self._sender.put(queue)

    def start(self) -> None:
        """Connect to the broker."""
        self._sender.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Send what waits, if the broker answers, and disconnect."""
        self._sender.stop(timeout)

    def _send(self, connection: Any, queues: list[str]) -> None:
        queue = connection.default_channel.queue_declare(QUEUE, durable=True, auto_delete=False)
        if queue.message_count > QUEUED_HINTS:
            return
        for name in queues:
            self._app.send_task(TASK, [name], connection=connection, retry=False, ignore_result=True)


class Rings:
    """Rings of every process for all others: each topic published anywhere reaches `on_ring` everywhere else.

    `on_ring` is called in a thread of ours; without it nothing is heard. Rings are hints: while the broker is away
    they are lost.
    """

    def __init__(self, broker_url: str, on_ring: Callable[[str], None] | None) -> None:
        self._exchange = Exchange("hubwright.rings", "fanout", durable=False)
        self._sender = _Sender("rings", broker_url, Pace(RING_INTERVAL, RINGS_SPACED), self._send)
        self._name = uuid.uuid4().hex
        self._broker_url = broker_url
        self._on_ring = on_ring
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rings-in", daemon=True)

    def publish(self, topic: str) -> None:
        """Ring everywhere else. Never blocks, never fails."""
        self._sender.put(topic)

    def start(self) -> None:
        """Connect to the broker, and again whenever it was away."""
        self._sender.start()
        if self._on_ring is not None:
            self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Disconnect."""
        self._ending.set()
        self._sender.stop(timeout)
        if self._on_ring is not None:
            self._thread.join(timeout)

    def _send(self, connection: Any, topics: list[str]) -> None:
        words, by = json.dumps(topics), {"by": self._name}
        Producer(connection, self._exchange).publish(words, content_type="text/plain", headers=by)

    def _run(self) -> None:
        failures = 0
        while not self._ending.is_set():
            try:
                with _connect(self._broker_url) as connection:
                    queue = Queue(exchange=self._exchange, exclusive=True, auto_delete=True, max_length=QUEUED_NAMES)
                    with Consumer(connection, queue, on_message=self._receive, no_ack=True):
                        failures = 0
                        self._listen(connection)
            except Exception as error:  # noqa: BLE001  a broker fails in many ways; the thread must outlive them all
                failures += 1
                log.warning("no rings from the broker; trying again", error=str(error), failures=failures)
                self._ending.wait(backoff(failures, 0.2, RECONCILE, random.random()))  # noqa: S311  no secret

    def _listen(self, connection: Any) -> None:
        while not self._ending.is_set():
            try:
                connection.drain_events(timeout=0.5)
            except TimeoutError:
                continue

    def _receive(self, message: Any) -> None:
        if self._on_ring is None or message.headers.get("by") == self._name:
            return
        for topic in json.loads(message.body):
            self._on_ring(topic)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is sent: `interval` are the seconds between two messages, `spaced` those between two of one name."""

    interval: float
    spaced: Mapping[str, float]


class _Sender:
    """A thread that sends names through a broker, together what came together; while it is away they wait."""

    def __init__(self, name: str, broker_url: str, pace: Pace, send: Callable[[Any, list[str]], None]) -> None:
        self._name = name
        self._broker_url = broker_url
        self._pace = pace
        self._send = send
        self._due: dict[str, float] = {}  # when a spaced name may be sent again
        self._lock = threading.Lock()
        self._names: dict[str, None] = {}
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-out", daemon=True)

    def put(self, name: str) -> None:
        with self._lock:
            if len(self._names) < QUEUED_NAMES:
                self._names[name] = None
        self._woken.set()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        self._ending.set()
        self._woken.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        failures = 0
        while not self._ending.is_set():
            try:
                with _connect(self._broker_url) as connection:
                    connection.connect()
                    failures = 0
                    self._send_all(connection)
            except Exception as error:  # noqa: BLE001  a broker fails in many ways; the thread must outlive them all
                failures += 1
                log.warning("the broker takes no hints; trying again", error=str(error), failures=failures)
                self._ending.wait(backoff(failures, 0.2, RECONCILE, random.random()))  # noqa: S311  no secret

    def _send_all(self, connection: Any) -> None:
        while True:
            self._woken.wait(self._until_due())
            self._woken.clear()
            if names := self._take_due():
                self._send_or_keep(connection, names)
            if self._ending.wait(self._pace.interval) and not self._names:
                return

    def _until_due(self) -> float | None:
        """Seconds until the first of the names that wait; None while none does."""
        with self._lock:
            due = [self._due.get(name, 0.0) for name in self._names]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _take_due(self) -> list[str]:
        """The names whose time has come; at the end all."""
        now = time.monotonic()
        with self._lock:
            names = [name for name in self._names if self._ending.is_set() or self._due.get(name, 0.0) <= now]
            for name in names:
                del self._names[name]
                if name in self._pace.spaced:
                    self._due[name] = now + self._pace.spaced[name]
        return names

    def _send_or_keep(self, connection: Any, names: list[str]) -> None:
        try:
            self._send(connection, names)
        except BaseException:
            with self._lock:
                self._names = dict.fromkeys(names) | self._names
            self._woken.set()
            raise


def _connect(broker_url: str) -> Any:
    """A connection that gives up soon on a broker that does not answer."""
    redis = broker_url.startswith("redis")
    options = (
        {"socket_connect_timeout": PATIENCE, "socket_timeout": 5 * PATIENCE, "socket_keepalive": True} if redis else {}
    )
    return Connection(broker_url, connect_timeout=PATIENCE, transport_options=options)


def _leave_logging_alone(**_settings: object) -> None:
    """While somebody listens to this signal, Celery sets up no logging of its own."""


def _look_up_often(sender: Any, **_settings: object) -> None:
    """Celery sees a SIGTERM when its poll returns, over AMQP up to ten seconds late; a timer makes it return."""
    sender.timer.call_repeatedly(0.25, _nothing)


def _leave(*_signal: object) -> None:
    raise SystemExit(0)


def _nothing() -> None:
    """What the timer does."""
