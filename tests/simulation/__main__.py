"""`python -m simulation SEED [LAST]`: repeat one schedule and tell its story, or try many."""

from __future__ import annotations

import sys
import time

from simulation.invariants import check
from simulation.world import World

first = int(sys.argv[1])
last = int(sys.argv[2]) if len(sys.argv) > 2 else first
began = time.process_time()
bad = 0
for seed in range(first, last + 1):
    world = World(seed, check)
    if first == last:
        world.listen()
    world.run()
    problems = list(dict.fromkeys(world.problems))
    if problems or first == last:
        bad += bool(problems)
        print(
            f"--- seed {seed}",
            *(world.trace if first == last else ()),
            *(f"WRONG: {one}" for one in problems),
            sep="\n",
        )
spent = time.process_time() - began
print(f"{last - first + 1} schedules, {bad} with problems, {1000 * spent / (last - first + 1):.1f} ms each")
