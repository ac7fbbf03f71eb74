"""`python -m red_team [CAMP …]`: fight, print what got through and why; of all camps, write the table of the docs."""

from __future__ import annotations

import asyncio
import sys
import time

import servers
from red_team.camps import CAMPS
from red_team.fights import THROUGH, fight
from red_team.table import write_table

chosen = [camp for camp in CAMPS if not sys.argv[1:] or camp.name in sys.argv[1:]]
outcomes = {}
run = servers.open_run()
try:
    for camp in chosen:
        began = time.monotonic()
        it = asyncio.run(fight(camp))
        outcomes[camp.name] = it.outcomes
        through = [name for name, outcome in it.outcomes.items() if outcome == THROUGH]
        print(f"{camp.name}: {len(it.outcomes)} attacks in {time.monotonic() - began:.0f} s, through: {len(through)}")
        for name in through:
            print(f"  {name}: {it.evidence[name][:200]}")
finally:
    if run is not None:
        servers.close_run(run)
if len(chosen) == len(CAMPS):
    write_table(outcomes)
