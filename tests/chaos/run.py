"""One seed: an installation is started, broken for a while, healed and counted."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from builder_process import open_folder
from chaos.counting import Count, count, is_quiet
from chaos.faults import FAULTS, possible, settle
from chaos.installation import Installation, installed
from chaos.load import Load
from chaos.probing import Prober
from chaos.programs import Own
from chaos.schedule import Episode, Planned, draw_episodes
from server_programs import ServerError
from waiting import until

QUIET = 300.0
"""Seconds in which all that was begun must have ended: GitHub is asked for a missed delivery after 20 s and 2 min."""


TOGETHER = "several at once"
"""What the report says of faults that did not come alone."""


@dataclass
class Outcome:
    """What a seed has shown. `recovered`: seconds from the end of each fault until a new push was green at GitHub."""

    seed: int
    network: str
    seconds: float = 0.0
    usual: float = 0.0
    faults: list[str] = field(default_factory=list)
    recovered: list[tuple[str, float]] = field(default_factory=list)
    count: Count = field(default_factory=Count)
    endings: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """All that must not be."""
        return [*self.troubles, *self.count.wrong]


def run_seed(
    seed: int, seconds: float, say: Callable[[str], object], only: str | None = None, words: Path | None = None
) -> Outcome:
    """Break an installation for so many seconds. `only`: faults whose name has these words.

    `words`: a folder for what each part has said, in the end.
    """
    with open_folder() as folder, installed(folder) as place:
        outcome = Outcome(seed, place.network.name)
        load = Load(place, random.Random(seed))
        prober = Prober(place)
        outcome.usual = prober.measure()
        say(f"seed {seed}: ready, on {place.network.name}; a push is green after {outcome.usual:.1f} s")
        load.start()
        begun = time.monotonic()
        choices = [one for one in possible(place) if only is None or only in " ".join(one)]
        for episode in draw_episodes(seed, choices):
            if time.monotonic() - begun > seconds:
                break
            _live_through(place, episode, prober, outcome, say)
        load.stop()
        outcome.seconds = time.monotonic() - begun
        say("healed; waiting for the ends")
        _wait_for_quiet(place, outcome)
        outcome.count = count(place, load.book)
        outcome.endings = [words for part in place.parts.values() if isinstance(part, Own) for words in part.endings]
        for ending in outcome.endings:
            say(f"ended unasked: {ending}")
        _look_at_words(place, outcome)
        if words is not None:
            _keep_words(place, words / f"seed-{seed}")
        return outcome


def _live_through(
    place: Installation, episode: Episode, prober: Prober, outcome: Outcome, say: Callable[[str], object]
) -> None:
    time.sleep(episode.pause)
    say(", ".join(f"{fault.name} ({fault.seconds:.1f} s)" for fault in episode.faults))
    threads = [threading.Thread(target=_do, args=(place, fault, outcome)) for fault in episode.faults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = " + ".join(sorted(fault.name for fault in episode.faults))
    group = episode.faults[0].group if len(episode.faults) == 1 else TOGETHER
    try:
        took = prober.measure()
    except AssertionError as error:
        outcome.troubles.append(f"after {names}: {error}")
        return
    outcome.recovered.append((group, took))
    say(f"    a push is green after {took:.1f} s")


def _do(place: Installation, planned: Planned, outcome: Outcome) -> None:
    """Whatever goes wrong in between, the fault is undone."""
    fault = FAULTS[planned.kind]
    time.sleep(planned.after)
    outcome.faults.append(planned.group)
    try:
        try:
            fault.begin(place, planned.target)
            time.sleep(planned.seconds)
        finally:
            fault.end(place, planned.target)
    except (OSError, AssertionError, ServerError, subprocess.SubprocessError) as error:
        outcome.troubles.append(f"{planned.name} could not be done: {error!r}")


def _wait_for_quiet(place: Installation, outcome: Outcome) -> None:
    look = is_quiet(place)
    try:
        settle(place)
        place.hubs[0].post("healing")
        until(lambda: look() and place.hubs[0].get("healing")["missing"] == 0, QUIET, "the end of all that was begun")
    except AssertionError as error:
        outcome.troubles.append(str(error))


def _keep_words(place: Installation, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in place.parts.items():
        if isinstance(part, Own):
            (folder / f"{name}.said").write_text(part.program.said)


def _look_at_words(place: Installation, outcome: Outcome) -> None:
    """A stack trace is a fault of ours, whatever the database does."""
    for name, part in place.parts.items():
        if isinstance(part, Own) and "Traceback" in part.program.said:
            said = part.program.said
            outcome.troubles.append(f"{name} said: …{said[said.index('Traceback') :][:1500]}")
