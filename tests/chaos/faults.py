"""How each fault is done to an installation, and undone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bad_wire import DOWN, UP
from chaos.installation import BUILDERS, Installation
from chaos.programs import freeze, thaw
from full_disk import fill
from waiting import until

HOUR = 3600.0
STORMS = 5


@dataclass(frozen=True)
class Fault:
    """`begin` and `end` are called with the target's name; after `end` the part works, or is about to."""

    begin: Callable[[Installation, str], object]
    end: Callable[[Installation, str], object]
    targets: tuple[str, ...]


_HUBS = ("hub-1", "hub-2")
_BUILDERS = tuple(f"builder-{number}" for number in range(1, BUILDERS + 1))
_SERVERS = ("postgresql", "valkey", "seaweedfs")
_OURS = (*_HUBS, "worker", "beat", *_BUILDERS)


def _nothing(_place: Installation, _target: str) -> None:
    """It is over by itself."""


def _start(place: Installation, target: str) -> None:
    place.parts[target].start()


def _swallow(*ways: str) -> Callable[[Installation, str], None]:
    return lambda place, target: place.ways[target].swallow(*ways)


def _jump(seconds: float, place: Installation, target: str) -> None:
    place.own(target).jump(seconds)


def _storm(place: Installation, _target: str) -> None:
    """Every connection is cut, again and again: all come back at once."""
    for _ in range(STORMS):
        place.balancer.cut()
        time.sleep(0.3)


def _limit(place: Installation, _target: str) -> None:
    """GitHub answers with errors and late, and says that it is too much (R17)."""
    place.github.fail_next(10, status=502)
    place.github.fail_next(5, status=403, retry_after=2)
    place.github.fail_next(10, status=0, latency=3)


def _stop_limiting(place: Installation, _target: str) -> None:
    place.github.state.faults.clear()


def _fill(place: Installation, target: str) -> None:
    fill(place.disks[target])


def _empty(place: Installation, target: str) -> None:
    (place.disks[target] / "filler").unlink(missing_ok=True)


def _github_up(place: Installation, _target: str) -> None:
    place.github.up()


_JUMP_BACK = partial(_jump, 0.0)
_HEAL: Callable[[Installation, str], object] = lambda place, target: place.ways[target].heal()  # noqa: E731

FAULTS: dict[str, Fault] = {
    "kill": Fault(lambda place, target: place.parts[target].kill(), _start, (*_OURS, *_SERVERS)),
    "freeze": Fault(
        lambda place, target: freeze(place.parts[target]),
        lambda place, target: thaw(place.parts[target]),
        (*_OURS, *_SERVERS),
    ),
    "stop": Fault(lambda place, target: place.own(target).stop(), _start, (*_HUBS, "worker", "beat")),
    "cut both ways": Fault(_swallow(UP, DOWN), _HEAL, _BUILDERS),
    "cut upwards": Fault(_swallow(UP), _HEAL, _BUILDERS),
    "cut downwards": Fault(_swallow(DOWN), _HEAL, _BUILDERS),
    "lose packets": Fault(lambda place, target: place.ways[target].lose(), _HEAL, _BUILDERS),
    "jump an hour on": Fault(partial(_jump, HOUR), _JUMP_BACK, (*_HUBS, "worker", *_BUILDERS)),
    "jump an hour back": Fault(partial(_jump, -HOUR), _JUMP_BACK, (*_HUBS, "worker", *_BUILDERS)),
    "fill the disk": Fault(_fill, _empty, ("hub-1", "builder-3")),
    "storm of reconnects": Fault(_storm, _nothing, ("all",)),
    "refuse and delay": Fault(_limit, _stop_limiting, ("github",)),
    "be away": Fault(lambda place, _target: place.github.down(), _github_up, ("github",)),
}
"""By kind; the targets are names of parts."""


def possible(place: Installation) -> list[tuple[str, str]]:
    """Kinds and targets of this installation."""
    every = [(kind, target) for kind, fault in FAULTS.items() for target in fault.targets]
    return [(kind, target) for kind, target in every if kind != "fill the disk" or target in place.disks]


def settle(place: Installation) -> None:
    """After a fault: everything that should run does."""
    until(lambda: all(hub.is_ready() for hub in place.hubs), 90, "both hubs to be ready")
