"""What a builder that was killed has left: its processes are ended, its trees removed, its runs told as errors."""

from __future__ import annotations

import structlog

from hubwright.builder.recorder import Recorder
from hubwright.builder.removal import remove_tree
from hubwright.builder.run import Tools
from hubwright.builder.spool import Key, Spool, Spools
from hubwright.builder.telling import Telling
from hubwright.domain.results import Result as Outcome
from hubwright.wire import Job, Recording, Result, read_message

_REASON = "The builder was restarted while the run was under way."

log = structlog.get_logger()


def close_unfinished(spools: Spools, tools: Tools) -> dict[Key, Recording]:
    """Load the spools of the process before; every run in them has a last message afterwards.

    Gives what was recorded of those that had not ended.
    """
    recordings = {}
    tools.executor.sweep(f"{tools.instance}-")
    for spool in spools.load():
        recording = _close(spool, Telling(spool, tools.clock), tools.recorder)
        if recording is not None:
            recordings[spool.key] = recording
    remove_tree(tools.trees)
    tools.trees.mkdir(parents=True, exist_ok=True)
    return recordings


def _close(spool: Spool, telling: Telling, recorder: Recorder) -> Recording | None:
    running: int | None = None
    ended: set[int] = set()
    for _, frame in spool.read_back():
        match read_message(frame, from_builder=True):
            case Job(stage=stage):
                running = stage
            case Result(stage=None):
                spool.complete = True
            case Result(stage=int(stage)):
                running = None
                ended.add(stage)
    if spool.complete:
        return None
    log.info("run_left_over", run=spool.key.run, lease=spool.key.lease)
    if running is not None:
        ended.add(running)
        telling.stage_ended(running, Outcome.ERROR, _REASON)
    for stage in range(spool.read_about().stages):
        if stage not in ended:
            telling.stage_ended(stage, Outcome.SKIP)
    recording = recorder.recall(spool.key)
    telling.run_ended(Outcome.ERROR, f"{_REASON} {recording.sentence}", lost=True, recording=recording)
    return recording
