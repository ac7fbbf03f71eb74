"""The black box: samples each second while runs are held, and what they tell when a run ended as it should not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import psutil
import structlog

from hubwright.builder.memory_group import Group, read_kernel_kills
from hubwright.builder.ring import Entry, Ring
from hubwright.builder.spool import Key
from hubwright.builder.vitals import Sampler, Watched
from hubwright.domain.verdicts import Back, Evidence, Figures, Verdict, explains_failure, judge
from hubwright.wire import Message, Point, Process, Recording, RunVitals, Vitals

EVERY = 1.0
"""Seconds between two samples while runs are held."""

IDLE = 10.0
"""Seconds between two samples while none is."""

KEPT = 60
"""Samples of a recording."""

_RECENT = 5  # samples in which a disk that was full for a moment is still noticed

Send = Callable[[Message], Awaitable[None]]

log = structlog.get_logger()


class Recorder:
    """The recorder of one builder, in its event loop; it measures and writes in a thread of its own."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """Load what the process before has recorded in `folder`. Without a ring file it works from memory only."""
        self.boot = read_boot()
        self.process = uuid4().hex
        self.leaving = False
        self._clock = clock
        self._sampler = Sampler(folder)
        self._thread = ThreadPoolExecutor(1, "recorder")
        self._watched: dict[Key, Watched] = {}
        self._wanted = asyncio.Event()
        self._recent: deque[Entry] = deque(maxlen=KEPT)
        self._before: list[Entry] = []
        self._ring: Ring | None = None
        self._sending: asyncio.Task[None] | None = None
        try:
            self._ring = Ring(folder / "vitals")
            self._before = self._ring.read()
        except OSError as error:
            log.warning("recorder_without_file", reason=error.strerror or str(error))

    async def keep(self, send: Send) -> None:
        """Sample for ever: each second while a run is watched, else every `IDLE` seconds."""
        while True:
            self._wanted.clear()
            await self._sample(send)
            if self._watched:
                await asyncio.sleep(EVERY)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE):
                    await self._wanted.wait()

    async def _sample(self, send: Send) -> None:
        entry = await self._in_thread(self._take)
        self._recent.append(entry)
        if self._sending is None or self._sending.done():  # a connection that is stuck stops no recorder
            self._sending = asyncio.ensure_future(send(entry.vitals))

    def _take(self) -> Entry:
        vitals = self._sampler.take(list(self._watched.values()), self._clock())
        entry = Entry(vitals=vitals, boot=self.boot, process=self.process, leaving=self.leaving)
        if self._ring is not None:
            with suppress(OSError):
                self._ring.add(entry)
        return entry

    async def close(self) -> None:
        """Stop sending and close the file."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)
        if self._ring is not None:
            self._ring.close()

    def watch(self, key: Key) -> Watch:
        """Watch a run from now on."""
        watched = Watched(key.run, key.lease)
        self._watched[key] = watched
        self._wanted.set()
        return Watch(self, watched)

    def forget(self, key: Key) -> None:
        """Watch it no longer."""
        self._watched.pop(key, None)

    async def sample(self) -> Entry:
        """One more sample, taken now; it is not sent."""
        entry = await self._in_thread(self._take)
        self._recent.append(entry)
        return entry

    async def _in_thread(self, work: Callable[[], Entry]) -> Entry:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def recall(self, key: Key) -> Recording:
        """What the process before recorded of a run that it left, with the verdict."""
        entries = [one for one in self._before if _find(one.vitals, key) is not None]
        evidence = Evidence(lost=True, back=Back.PROCESS)
        if entries:
            last = entries[-1]
            machine = last.vitals.machine
            kernel = read_kernel_kills()
            same_boot = last.boot == self.boot
            kills = kernel - machine.oom_kills if same_boot and kernel and machine.oom_kills is not None else 0
            evidence = Evidence(
                figures=find_figures(entries, key),
                lost=True,
                oom_kills=max(kills, 0),
                back=Back.PROCESS if same_boot else Back.MACHINE,
                silence=max(self._clock() - machine.at, 0.0),
                leaving=last.leaving,
            )
        return make_recording(entries, key, judge(evidence))

    def report_silence(self, key: Key, silence: float) -> Recording:
        """What is known of a run that goes on here, though the hub has lost it; it heard nothing for `silence` s."""
        entries = [one for one in self._recent if _find(one.vitals, key) is not None]
        times = [one.vitals.machine.at for one in entries] + [self._clock()]
        gap = max((later - earlier for earlier, later in pairwise(times)), default=0.0)
        verdict = judge(Evidence(lost=True, back=Back.SAME, silence=silence, gap=gap))
        return make_recording(entries, key, verdict)

    @property
    def group(self) -> Group | None:
        """The control group that bounds the builder itself."""
        return self._sampler.group

    def recent(self) -> list[Entry]:
        """The last minute of this process."""
        return list(self._recent)


class Watch:
    """The recorder's eye on one run."""

    def __init__(self, recorder: Recorder, watched: Watched) -> None:
        self.verdict: Verdict | None = None
        self._recorder = recorder
        self._watched = watched
        self._key = Key(watched.run, watched.lease)
        self._kernel_kills = read_kernel_kills() or 0

    def begin(self, first: Callable[[], int]) -> None:
        """A command of the run begins: its first process, as soon as there is one, and all below it are the run's."""
        self._watched.begin(first, self._recorder.group)
        self._kernel_kills = read_kernel_kills() or 0

    def end(self) -> None:
        """The command has ended, or is being ended: its processes were those of the last sample."""
        self._watched.over = True

    def add_services(self, pids: Iterable[int]) -> None:
        """These processes of the run's services, and all below them, are the run's too."""
        for pid in pids:
            with suppress(psutil.Error):
                self._watched.services = {**self._watched.services, pid: psutil.Process(pid).create_time()}

    async def explain(self, exit_code: int | None, kills: int = 0) -> Verdict:
        """Why the command ended so, as far as it can be measured. `kills`: what its executor counted."""
        entry = await self._recorder.sample()
        kernel = entry.vitals.machine.oom_kills or 0
        evidence = Evidence(
            figures=self._find_figures(),
            exit_code=exit_code,
            oom_kills=kernel - self._kernel_kills,
            group_kills=max(self._watched.read_kills() - self._watched.kills_before, kills),
        )
        verdict = judge(evidence)
        if explains_failure(verdict):
            self.verdict = verdict
        return verdict

    def _find_figures(self) -> Figures | None:
        """With the highest mark of the control group: what eats quickly is gone before the next sample."""
        figures, group = find_figures(self._recorder.recent(), self._key), self._watched.group
        if figures is None or group is None or (limit := group.read_limit()) is None:
            return figures
        peak = group.read_peak() or 0
        if group == self._recorder.group:
            return replace(figures, memory=max(figures.memory, peak), memory_total=limit)
        return replace(figures, run_memory=max(figures.run_memory, peak), limit=limit)

    async def record(self) -> Recording:
        """The last minute, with the verdict of what failed or of now."""
        verdict = self.verdict or await self.explain(None)
        return make_recording(self._recorder.recent(), self._key, verdict)


def find_figures(entries: Sequence[Entry], key: Key) -> Figures | None:
    """The last measures of a run's machine; of the disk the worst of the last seconds."""
    if not entries:
        return None
    machine = entries[-1].vitals.machine
    runs = [found for entry in entries if (found := _find(entry.vitals, key)) is not None and found.processes]
    usage = runs[-1].usage if runs else None
    largest = runs[-1].processes[0] if runs else None
    return Figures(
        memory=max(entry.vitals.machine.memory for entry in entries[-_RECENT:]),
        memory_total=machine.memory_total,
        run_memory=max((run.usage.memory for run in runs[-_RECENT:]), default=0),
        limit=usage.limit if usage else None,
        largest=(largest.pid, largest.name, largest.memory) if largest else None,
        disk_free=min(entry.vitals.machine.disk_free for entry in entries[-_RECENT:]),
        disk_total=machine.disk_total,
        load=machine.load,
    )


def make_recording(entries: Sequence[Entry], key: Key, verdict: Verdict) -> Recording:
    """The samples of a run as they are told and kept."""
    points: list[Point] = []
    processes: tuple[Process, ...] = ()
    for entry in entries[-KEPT:]:
        found = _find(entry.vitals, key)
        if found is not None:
            points.append(Point(machine=entry.vitals.machine, usage=found.usage))
            processes = found.processes or processes
    return Recording(cause=verdict.cause.value, sentence=verdict.sentence, points=tuple(points), processes=processes)


def _find(vitals: Vitals, key: Key) -> RunVitals | None:
    return next((one for one in vitals.runs if (one.run, one.lease) == key), None)


def read_boot() -> str:
    """A name of this start of the machine."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return str(round(psutil.boot_time()))
