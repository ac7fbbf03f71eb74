"""Fair shares of the builders between jobs: whose turn it is, as a number that a run is given when it enters the queue.

Start-time fair queueing (Goyal, Vin, Cheng 1996): a run's turn is the present one, or that after its job's last. Runs
go by their turns, so while several jobs wait each gets its share, and a burst of one delays the first run of another by
no more than one run. Nothing is counted when a run is leased, and who comes late makes up for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence


def take_turns(last: float, present: float, costs: Sequence[float], weight: float = 1.0) -> tuple[list[float], float]:
    """The turns of some runs of one job, in their order, and what is its `last` from then on.

    `last` is what this function gave for the job before, nought at first. `present` is the smallest turn among the
    runs that wait or, when none waits, the largest `last` of all jobs. `costs` may all be 1, or the seconds that such
    runs usually take; a job of weight 2 gets twice the share of one of weight 1.
    """
    turns: list[float] = []
    turn = max(last, present)
    for cost in costs:
        turns.append(turn)
        turn += cost / weight
    return turns, turn
