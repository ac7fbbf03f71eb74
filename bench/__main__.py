"""`python -m bench [FIGURE…] [--quick] [--no-peers] [--runs N] [--go-on FILE]`."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Error as BrowserError

from bench.figures import (
    builds_per_minute,
    bursts,
    day,
    first_stage,
    idle,
    killed,
    large_artifact,
    large_log,
    limits,
    log_viewer,
    many_lines,
    million_pages,
    pushes_accepted,
    replica_loads,
    storm,
    watchers,
)
from bench.load import SOURCE, compile_program
from bench.machine import describe, load_average, probe_disk
from bench.measure import Figure, Ground
from bench.peers.buildbot import Buildbot
from bench.peers.laminar import Laminar
from bench.report import Report
from bench.scaled import ScaledHubwright
from bench.subject import Hubwright
from bench.systems import NotHereError, System

FIGURES = [
    module.FIGURE
    for module in (
        limits,
        pushes_accepted,
        bursts,
        first_stage,
        builds_per_minute,
        day,
        large_log,
        many_lines,
        log_viewer,
        large_artifact,
        killed,
        idle,
        storm,
        watchers,
        replica_loads,
        million_pages,
    )
]
PEERS: dict[str, Callable[[Path], System]] = {"Buildbot": Buildbot, "Laminar": Laminar}

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/performance.md"
RESULTS = ROOT / "bench/results"


def main() -> int:
    """Measure, show, and after a whole run write the page."""
    options = _read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended on the way out
    begun = datetime.now(UTC)
    figures = [figure for figure in FIGURES if not options.names or figure.name in options.names]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        ground = Ground(folder, compile_program(SOURCE, folder), options.quick)
        own = Hubwright()
        report = _begin_report(options, f"{begun:%Y-%m-%d %H:%M} UTC", describe(folder), own.name)
        peers = [] if options.no_peers else _find_peers(report, options.peers)
        for run in range(1 if options.quick else options.runs):
            for figure in figures:
                if run < figure.runs:
                    _measure(figure, [own, *_variants(figure), *_rivals(figure, peers, options)], ground, report)
                    if not options.quick and (options.go_on or figures == FIGURES):
                        _publish(report, options.go_on or RESULTS / f"{begun:%Y%m%d-%H%M}.json")
    print(report.write_markdown(figures))
    return 0


def _begin_report(options: argparse.Namespace, *words: Any) -> Report:
    """A fresh one, or that of a run that was broken off: what is measured now is another run of the same."""
    return Report.read_json(options.go_on.read_bytes()) if options.go_on else Report(*words)


def _publish(report: Report, results: Path) -> None:
    """After every figure: a run that is broken off after an hour has not been for nothing."""
    PAGE.write_text(report.write_markdown(FIGURES))
    RESULTS.mkdir(exist_ok=True)
    results.write_bytes(report.write_json())


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Hubwright beside its peers.")
    parser.add_argument(
        "names", nargs="*", metavar="FIGURE", help=f"of {', '.join(figure.name for figure in FIGURES)}; all"
    )
    parser.add_argument("--quick", action="store_true", help="one small run; nothing is written")
    parser.add_argument("--no-peers", action="store_true", help="Hubwright alone")
    parser.add_argument("--runs", type=int, default=2, help="runs whose median counts (2)")
    parser.add_argument(
        "--go-on",
        type=Path,
        metavar="FILE",
        help="add to the results of a run of this commit, on this machine",
    )
    parser.add_argument(
        "--peers", type=Path, default=Path(tempfile.gettempdir()) / "bench-peers", help="where peers are installed"
    )
    options = parser.parse_args()
    unknown = set(options.names) - {figure.name for figure in FIGURES}
    if unknown:
        parser.error(f"no figure is called {', '.join(sorted(unknown))}")
    return options


def _find_peers(report: Report, cache: Path) -> list[System]:
    cache.mkdir(exist_ok=True)
    found = []
    for name, make in PEERS.items():
        try:
            found.append(make(cache))
        except NotHereError as error:
            report.absent[name] = str(error)
    return found


def _variants(figure: Figure) -> list[System]:
    """Hubwright as it is run otherwise."""
    boxed: list[System] = [Hubwright("bubblewrap")] if figure.sandboxed else []
    return boxed + ([ScaledHubwright(1), ScaledHubwright(2)] if figure.scaled else [])


def _rivals(figure: Figure, peers: list[System], options: argparse.Namespace) -> list[System]:
    """Who is measured beside it."""
    if options.no_peers or figure.rivals is None:
        return peers
    return [make(options.peers) for make in figure.rivals]


def _measure(figure: Figure, systems: list[System], ground: Ground, report: Report) -> None:
    """One figure of every system, in turn; one that fails leaves a gap and says so."""
    report.disks.append(probe_disk(ground.folder))
    report.loads.append(load_average())
    for system in systems:
        begun, what = time.monotonic(), f"{figure.title}, {system.name}"
        try:
            report.add(figure, system.name, figure.measure(system, ground))
            said = "done"
            report.failed.pop(what, None)
        except NotHereError as error:
            said = f"not measured: {error}"
        except (RuntimeError, ValueError, TimeoutError, OSError, subprocess.SubprocessError, BrowserError) as error:
            said = f"FAILED: {error}"
            report.failed[what] = str(error).partition("\n")[0]
        took = time.monotonic() - begun
        report.seconds[what] = report.seconds.get(what, 0.0) + took
        print(f"{figure.name}, {system.name}: {said} ({took:.0f} s)", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
