"""Why a run ended that should have gone on: one word and one sentence, from what was measured before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from signal import Signals

from hubwright.domain.wording import word_duration, word_size

NO_ROOM = 1_000_000
"""Bytes of free disk below which nobody can work."""

NO_MEMORY = 0.97
"""Share of the memory in use from which the kernel looks for a victim."""

FREEZE = 2.5
"""Seconds without a sample after which the sampler itself stood still: it takes one each second."""

_KILLED = 128 + 9


class Cause(StrEnum):
    """What a verdict may be."""

    KILLED = "killed"
    MEMORY = "out of memory"
    DISK = "disk full"
    NETWORK = "network"
    BUILDER = "builder restarted"
    MACHINE = "machine restarted"
    FROZEN = "frozen"
    UNKNOWN = "unknown"


class Back(StrEnum):
    """Who answered after the loss: nobody, the same process, another process, or the machine after a start."""

    NOBODY = "nobody"
    SAME = "same"
    PROCESS = "process"
    MACHINE = "machine"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The word for programs, the sentence for people."""

    cause: Cause
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The last measures; bytes. `limit` is what the run itself may use, `largest` its largest process."""

    memory: int = 0
    memory_total: int = 0
    run_memory: int = 0
    limit: int | None = None
    largest: tuple[int, str, int] | None = None  # pid, name, bytes
    disk_free: int = 0
    disk_total: int = 0
    load: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known. `lost`: nobody watched the run any more when it ended; times in seconds.

    `oom_kills`: processes that the kernel killed for memory meanwhile. `group_kills`: those of them that were certainly
    the run's. `silence`: since the builder was heard. `gap`: the longest hole in its samples. `closed`: its
    connection was closed, so its kernel lived. `leaving`: it had been told to end.
    """

    figures: Figures | None = None
    lost: bool = False
    exit_code: int | None = None
    oom_kills: int = 0
    group_kills: int = 0
    back: Back = Back.NOBODY
    silence: float = 0.0
    gap: float = 0.0
    closed: bool = False
    leaving: bool = False


def judge(evidence: Evidence) -> Verdict:
    """The verdict; `unknown` when nothing that was measured explains the end."""
    return _judge_means(evidence) or (_judge_loss(evidence) if evidence.lost else _judge_end(evidence))


def explains_failure(verdict: Verdict) -> bool:
    """Whether the verdict tells more of a failed stage than its exit code does."""
    return verdict.cause in {Cause.MEMORY, Cause.DISK}


def _judge_means(evidence: Evidence) -> Verdict | None:
    """Whether memory or disk had run out."""
    if evidence.back in {Back.SAME, Back.MACHINE}:  # what it was is known better
        return None
    figures = evidence.figures
    if figures is not None and figures.disk_total and figures.disk_free < NO_ROOM:
        free, total = word_size(figures.disk_free), word_size(figures.disk_total)
        return Verdict(cause=Cause.DISK, sentence=f"Disk full: {free} of {total} were free on the builder's disk.")
    died = evidence.exit_code == _KILLED or evidence.lost
    if evidence.group_kills or (evidence.oom_kills and died and _was_short(figures)):
        return Verdict(cause=Cause.MEMORY, sentence=_word_memory("Out of memory", figures, evidence.oom_kills))
    if evidence.lost and figures is not None and figures.memory >= NO_MEMORY * figures.memory_total > 0:
        return Verdict(cause=Cause.MEMORY, sentence=_word_memory("Probably out of memory", figures, 0))
    return None


def _was_short(figures: Figures | None) -> bool:
    """Whether the kernel may well have meant this run when it killed somewhere on the machine.

    It kills in full control groups of others too, while there is plenty for everyone else.
    """
    if figures is None:
        return True
    if figures.limit and 2 * figures.run_memory >= figures.limit:
        return True
    return 2 * figures.memory >= figures.memory_total


def _word_memory(opening: str, figures: Figures | None, kills: int) -> str:
    killed = f"the kernel killed {kills} process{'es' if kills > 1 else ''}" if kills else ""
    if figures is None:
        return f"{opening}: {killed}."
    if figures.limit:
        used = f"the run used {_share(figures.run_memory, figures.limit)}"
    else:
        used = f"the builder's machine used {_share(figures.memory, figures.memory_total)}"
    parts = [used, killed] if killed else [used]
    if figures.largest is not None:
        pid, name, size = figures.largest
        parts.append(f"the run's largest process was {pid} ({name}) with {word_size(size)}")
    return f"{opening}: {', '.join(parts)}."


def _share(part: int, whole: int) -> str:
    return f"{word_size(min(part, whole))} of {word_size(whole)}"


def _judge_loss(evidence: Evidence) -> Verdict:
    silence = word_duration(evidence.silence)
    match evidence.back:
        case Back.MACHINE:
            cause, said = (
                Cause.MACHINE,
                f"the builder's machine was started anew; nothing was heard of it for {silence}",
            )
        case Back.PROCESS if evidence.leaving:
            cause, said = Cause.BUILDER, f"the builder had been told to end and was started again {silence} later"
        case Back.PROCESS:
            cause, said = Cause.KILLED, f"the builder's process ended without a word and was back {silence} later"
        case Back.SAME if evidence.gap >= max(FREEZE, evidence.silence / 2):
            cause, said = Cause.FROZEN, f"the builder stood still for {word_duration(evidence.gap)}, then went on"
        case Back.SAME:
            cause, said = Cause.NETWORK, f"the builder worked on, but could not be reached for {silence}"
        case _ if evidence.closed:
            cause = Cause.KILLED
            said = f"the builder's connection ended without a word, and it has not come back for {silence}"
        case _:
            cause = Cause.UNKNOWN
            said = f"the builder fell silent {silence} ago: its machine stopped, froze or lost its network"
    opening = "Unknown" if cause is Cause.UNKNOWN else cause.value.capitalize()
    return Verdict(cause=cause, sentence=f"{opening}: {said}.")


def _judge_end(evidence: Evidence) -> Verdict:
    code = evidence.exit_code or 0
    if code == _KILLED:
        said = f"Killed: a process of the stage was ended by {Signals(code - 128).name}, and memory had not run out."
        return Verdict(cause=Cause.KILLED, sentence=said)
    figures = evidence.figures
    if figures is None or not figures.memory_total:
        return Verdict(cause=Cause.UNKNOWN, sentence="Unknown: nothing was measured.")
    free = 100 - 100 * figures.memory // figures.memory_total
    room = word_size(figures.disk_free)
    said = f"{free} % of the memory and {room} of the disk were free, the load was {figures.load:.1f}"
    return Verdict(cause=Cause.UNKNOWN, sentence=f"Unknown: nothing measured explains it; {said}.")
