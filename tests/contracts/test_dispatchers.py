"""What every dispatcher must do: threads of this process, Celery over Valkey, Celery over RabbitMQ."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

import drains
from cpu_time import costs_less_than
from hubwright.hub.dispatcher import Dispatcher, InProcessDispatcher
from hubwright.tasks import RINGS_SPACED, TASK, CeleryDispatcher, Rings, make_celery
from server_programs import valkey_at
from waiting import until


@dataclass
class Party:
    """A dispatcher and the traces of what it had drained."""

    dispatcher: Dispatcher
    folder: Path

    def drained(self, queue: str) -> list[float]:
        return drains.traces(self.folder, queue)


@contextmanager
def worker(broker_url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process."""
    process = subprocess.Popen([sys.executable, drains.__file__, broker_url, str(folder)])
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.fixture(params=["in-process", "valkey", "rabbitmq"])
def party(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Party]:
    """A started dispatcher with quiet queues: every drain has run at its start."""
    if request.param == "in-process":
        dispatcher: Dispatcher = InProcessDispatcher(drains.tracing_drains(tmp_path), reconcile=60, idle=60)
        dispatcher.start()
        yield Party(dispatcher, tmp_path)
        dispatcher.stop(5)
        return
    url = request.getfixturevalue(f"{request.param}_url")
    with worker(url, tmp_path):
        dispatcher = CeleryDispatcher(url)
        dispatcher.start()
        until(lambda: drains.traces(tmp_path, "plain"), what="the worker's own first look")
        dispatcher.wake("plain")
        until(lambda: drains.traces(tmp_path, "plain")[1:], what="the first drain for a hint")
        yield Party(dispatcher, tmp_path)
        dispatcher.stop(5)


def test_queues_are_drained_at_the_start_on_wakes_when_due_and_after_failures(party: Party) -> None:
    """One start serves several claims, as a worker process takes a second: work that was there before is found without
    a hint; a wake brings a drain soon; a due time is kept without a hint; a failing drain is tried again."""
    until(lambda: party.drained("plain"), what="the first drain")
    first, second = until(lambda: party.drained("later")[1:] and party.drained("later"), what="the due drain")[:2]
    assert second - first > 0.35
    until(lambda: len(party.drained("failing")) >= 3, what="the drain after two failures")

    until(lambda: len(party.drained("slow")) >= 1)
    before = len(party.drained("plain"))
    party.dispatcher.wake("plain")
    until(lambda: len(party.drained("plain")) > before, what="the drain after a wake")

    party.dispatcher.wake("nobody's")  # a queue that nobody drains harms nobody


def test_many_wakes_become_few_drains_and_none_is_missed(party: Party) -> None:
    """Wakes while a drain runs become one more drain after it; the last wake is always followed by a drain."""
    until(lambda: party.drained("slow"), what="the first drain")
    started = time.time()
    for _ in range(5):
        for _ in range(200):
            party.dispatcher.wake("slow")
        time.sleep(0.1)
    last = time.time()
    until(lambda: party.drained("slow")[-1] >= last - 0.1, what="a drain after the last wake")
    assert len(party.drained("slow")) <= 3 + (time.time() - started) / 0.5  # each takes half a second


def test_a_wake_costs_microseconds(party: Party) -> None:
    """It is called on the way of every webhook."""
    with costs_less_than(10_000 * 50e-6):
        for _ in range(10_000):
            party.dispatcher.wake("plain")


def test_only_the_first_of_many_wakes_of_a_spaced_queue_is_at_once() -> None:
    """What each look costs is paid a few times a second however much happens; and nothing that happens is left out."""
    begun: list[float] = []
    spaced = InProcessDispatcher({"q": lambda: begun.append(time.monotonic())}, reconcile=60, spaced={"q": 0.4})
    spaced.start()
    until(lambda: begun, what="the first drain")
    while (last := time.monotonic()) < begun[0] + 1:
        spaced.wake("q")
        time.sleep(0.001)
    until(lambda: begun[-1] > last, what="a drain after the last wake")
    spaced.stop(5)
    assert min(later - earlier for earlier, later in pairwise(begun)) >= 0.4


def test_stopping_waits_for_the_drain_that_runs(tmp_path: Path) -> None:
    """Work that has begun ends in order; nothing is drained afterwards."""
    ended: list[float] = []

    def drain() -> None:
        (tmp_path / "begun").touch()
        time.sleep(0.3)
        ended.append(time.time())

    dispatcher = InProcessDispatcher({"q": drain})
    dispatcher.start()
    until((tmp_path / "begun").exists)
    dispatcher.stop(5)
    assert len(ended) == 1
    dispatcher.wake("q")
    assert len(ended) == 1


def test_a_dead_broker_is_never_noticed_by_whoever_wakes(tmp_path: Path, free_port: int) -> None:
    """A hint during an outage costs microseconds, and is sent when the broker is back; workers find work anyway."""
    url = f"redis://127.0.0.1:{free_port}/0"
    dispatcher = CeleryDispatcher(url)
    dispatcher.start()
    with worker(url, tmp_path):
        assert median(_seconds(lambda: dispatcher.wake("plain")) for _ in range(1000)) < 0.001
        until(lambda: drains.traces(tmp_path, "plain"), what="the worker's own first look")
        before = len(drains.traces(tmp_path, "plain"))
        with valkey_at(free_port, tmp_path):
            until(lambda: len(drains.traces(tmp_path, "plain")) > before, what="the hint of the outage")
            dispatcher.stop(5)


def test_beat_sends_a_hint_for_every_queue_from_time_to_time(broker_url: str) -> None:
    """A worker whose own clockwork is busy, or a hub's lost hint: beat asks again."""
    program = "import sys; from hubwright.tasks import run_beat; run_beat(sys.argv[1], ['plain', 'slow'], every=0.2)"
    beat = subprocess.Popen([sys.executable, "-c", program, broker_url])
    asked: list[str] = []
    app = make_celery(broker_url, (), asked.append)
    try:
        with app.connection_for_read() as connection, app.amqp.TaskConsumer(connection, no_ack=True) as consumer:
            consumer.callbacks = [lambda body, _message: asked.append(body[0][0])]
            connection.drain_events(timeout=30)
            until(lambda: connection.drain_events(timeout=30) or len(asked) >= 6, what="hints")
    finally:
        beat.send_signal(signal.SIGTERM)
        assert beat.wait(30) == 0
    assert set(asked) == {"plain", "slow"}


def test_a_broker_that_goes_away_is_told_by_beat_in_one_sentence(free_port: int, tmp_path: Path) -> None:
    """R8: two stacks for each hint in each second of an outage hide what matters. Found by `make chaos`."""
    program = "import sys; from hubwright.tasks import run_beat; run_beat(sys.argv[1], ['plain'], every=0.1)"
    said, url = tmp_path / "said", f"redis://127.0.0.1:{free_port}/0"
    with valkey_at(free_port, tmp_path), said.open("wb") as file:
        beat = subprocess.Popen([sys.executable, "-c", program, url], stdout=file, stderr=file)
        asked = make_celery(url, (), lambda _queue: None)
        with asked.connection_for_read() as connection, asked.amqp.TaskConsumer(connection, no_ack=True) as consumer:
            consumer.callbacks = [lambda *_: None]
            connection.drain_events(timeout=30)
    try:
        until(lambda: "the broker takes no hint" in said.read_text(), 30, "the sentence")
    finally:
        beat.send_signal(signal.SIGTERM)
        assert beat.wait(30) == 0
    assert "Traceback" not in said.read_text()


def test_rings_reach_every_other_process(broker_url: str) -> None:
    """What one publishes all others hear, over both brokers; it knows already, and who only rings hears nothing."""
    heard: list[list[str]] = [[], []]
    rings = [Rings(broker_url, heard[0].append), Rings(broker_url, heard[1].append), Rings(broker_url, None)]
    for ring in rings:
        ring.start()

    def both_hear() -> bool:
        rings[0].publish("runs")
        rings[1].publish("log:1")
        rings[2].publish("all")
        return {"log:1", "all"} <= set(heard[0]) and {"runs", "all"} <= set(heard[1])

    until(both_hear, what="a ring everywhere")
    for ring in rings:
        ring.stop(5)
    assert "runs" not in heard[0]
    assert "log:1" not in heard[1]


def test_rings_of_facts_are_few_and_the_last_one_is_heard(broker_url: str) -> None:
    """Each one has all hubs look; what happens between two is one more, however much it is."""
    heard: list[float] = []
    hearing, ringing = Rings(broker_url, lambda _topic: heard.append(time.monotonic())), Rings(broker_url, None)
    hearing.start()
    ringing.start()
    until(lambda: ringing.publish("facts") or heard, what="the first ring")
    before, begun = len(heard), time.monotonic()
    while (last := time.monotonic()) < begun + 1:
        ringing.publish("facts")
        time.sleep(0.001)
    until(lambda: heard[-1] > last, what="the ring for the last")
    assert len(heard) - before <= 2 + (time.monotonic() - begun) / RINGS_SPACED["facts"]
    for rings in (hearing, ringing):
        rings.stop(5)


def test_rings_come_back_with_the_broker(tmp_path: Path, free_port: int) -> None:
    """A broker may be restarted at any time: rings are lost meanwhile and go on afterwards."""
    heard: list[str] = []
    hearing = Rings(f"redis://127.0.0.1:{free_port}/0", heard.append)
    rings = Rings(f"redis://127.0.0.1:{free_port}/0", None)
    hearing.start()
    rings.start()

    def hears(topic: str) -> bool:
        rings.publish(topic)
        return topic in heard

    with valkey_at(free_port, tmp_path):
        until(lambda: hears("before"), what="a ring")
    rings.publish("meanwhile")
    with valkey_at(free_port, tmp_path):
        until(lambda: hears("after"), what="a ring after the restart")
        rings.stop(5)
        hearing.stop(5)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _cost_of_a_second() -> float:
    """CPU seconds of this process, whose other threads may still end something of an earlier test."""
    before = time.process_time()
    time.sleep(1)
    return time.process_time() - before


def test_waiting_costs_nearly_nothing() -> None:
    """Ten idle queues that look every 0.1 s, and ever more seldom, cost a few hundredths of a core at most."""
    dispatcher = InProcessDispatcher({f"q{number}": lambda: None for number in range(10)}, reconcile=0.1, idle=5)
    dispatcher.start()
    until(lambda: _cost_of_a_second() < 0.05, what="a second that costs less than 0.05 s of CPU")
    dispatcher.stop(5)


def test_a_worker_that_also_sends_hints_drains_what_it_is_told() -> None:
    """Its process has two apps; the one that listens must not answer with the sender's task, which only sends on."""
    sent: list[str] = []
    drained: list[str] = []
    make_celery("memory://", (), sent.append).finalize()
    listening = make_celery("memory://", (), drained.append)
    listening.tasks[TASK]("facts")
    assert (sent, drained) == ([], ["facts"])
