"""`python -m chaos [--seed N] [--seeds N] [--minutes M] [--only WORDS] [--words FOLDER] [--burst N] [--publish]`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from chaos.burst import run_burst
from chaos.report import publish, tell
from chaos.run import run_seed

os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}


def main() -> int:
    """Break, count, tell; 1 when anything was lost."""
    options = _read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended on the way out
    begun = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - begun:7.1f}  {words}", flush=True)

    seeds = range(options.seed, options.seed + options.seeds)
    outcomes = [run_seed(seed, 60 * options.minutes, say, options.only, options.words) for seed in seeds]
    burst = run_burst(options.burst, options.away, say) if options.burst else None
    section = tell(outcomes, burst)
    print(section)
    wrong = [words for outcome in outcomes for words in outcome.wrong] + (burst.wrong if burst is not None else [])
    for words in wrong:
        print(f"WRONG: {words}")
    if options.publish:
        publish(section)
    return min(len(wrong), 1)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after the other")
    parser.add_argument("--minutes", type=float, default=2.0, help="of faults, each")
    parser.add_argument("--only", help="faults whose name has these words")
    parser.add_argument("--words", type=Path, help="a folder for what all parts have said")
    parser.add_argument("--burst", type=int, default=0, help="then so many webhooks while the database is away")
    parser.add_argument("--away", type=float, default=60.0, help="for so many seconds")
    parser.add_argument("--publish", action="store_true", help="write what came out into docs/reliability.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))  # the bench's builders storm here too
    sys.exit(main())
