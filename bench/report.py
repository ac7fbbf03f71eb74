"""The tables: for people as Markdown, for programs as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Self

import orjson

from bench.figures.limits import LIMITS, LIMITS_TOLD
from bench.machine import Disk
from bench.measure import Figure, Row, Values
from bench.systems import OTHERWISE

Results = dict[str, dict[str, list[Values]]]
"""Figure's name → system's name → the values of each run."""

NOTES = Path(__file__).with_name("notes.md")


@dataclass
class Report:
    """Everything that was measured and under which conditions."""

    began: str
    machine: dict[str, str]
    own: str
    results: Results = field(default_factory=dict)
    disks: list[Disk] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, figure: Figure, system: str, values: Values) -> None:
        """Keep what one run of one figure gave."""
        self.results.setdefault(figure.name, {}).setdefault(system, []).append(values)

    @classmethod
    def read_json(cls, content: bytes) -> Self:
        """What `write_json` wrote, to go on with."""
        known = orjson.loads(content)
        return cls(**known | {"disks": [Disk(**disk) for disk in known["disks"]]})

    def write_json(self) -> bytes:
        """All values of all runs, in the order in which they are shown."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2) + b"\n"

    def write_markdown(self, figures: list[Figure]) -> str:
        """The page docs/performance.md."""
        parts = [_HEAD, self._write_conditions(figures)]
        parts += [self._write_figure(figure) for figure in figures if figure.name in self.results]
        parts += [self._write_goals(figures), NOTES.read_text().strip()]
        return "\n\n".join(parts) + "\n"

    def _write_conditions(self, figures: list[Figure]) -> str:
        facts = [f"- {name}: {value}" for name, value in self.machine.items()]
        slow, quick = (f(disk.p50 for disk in self.disks) for f in (max, min))
        worst = max(disk.p99 for disk in self.disks)
        facts.append(
            f"- disk: fdatasync of 4 KiB before each figure: p50 {quick:.2f}-{slow:.2f} ms, p99 to {worst:.1f} ms"
        )
        facts.append(f"- load average before each figure: {min(self.loads):.1f}-{max(self.loads):.1f}")
        facts.append(f"- measured {self.began}")
        facts.append(f"- took {sum(self.seconds.values()) / 60:.0f} minutes")
        facts += [f"- FAILED: {what}: {why}" for what, why in self.failed.items()]
        facts += [f"- not measured: {name}. {why}" for name, why in self.absent.items()]
        if missing := [figure.title for figure in figures if figure.name not in self.results]:
            facts.append(f"- broken off; not measured: {'; '.join(missing)}")
        return "## Where\n\n" + "\n".join(facts)

    def _write_figure(self, figure: Figure) -> str:
        systems = self.results[figure.name]
        lines = [f"## {figure.title}", "", figure.how, ""]
        lines.append("| | " + " | ".join(systems) + " | reach |")
        lines.append("|---" * (len(systems) + 2) + "|")
        for row in figure.rows:
            if any(row.key in run for runs in systems.values() for run in runs):
                cells = [self._write_cell(figure, row, system) for system in systems]
                lines.append(f"| {row.label} | {' | '.join(cells)} | {_write_goal(row)} |")
        if told := self._write_limits(figure):
            lines += ["", told]
        return "\n".join(lines)

    def _write_limits(self, figure: Figure) -> str:
        """What this machine does at best of what the figure is made of."""
        found = self.results.get(LIMITS, {}).get(self.own, [])
        return " ".join(
            LIMITS_TOLD[name].format(**{key: median(run[key] for run in found) for key in found[0]})
            for name in figure.limits
            if found
        ).join(("The machine by itself: ", "") if found and figure.limits else ("", ""))

    def _write_cell(self, figure: Figure, row: Row, system: str) -> str:
        values = self._values(figure, row, system)
        if not values:
            return ""
        middle = f"{median(values):,.{row.digits}f} {row.unit}".strip()
        if len(values) > 1:
            middle += f" ({min(values):,.{row.digits}f}-{max(values):,.{row.digits}f})"
        if system == self.own:
            return f"**{middle}**"
        factor = self._factor(figure, row, system)
        return f"{middle} · {factor}" if factor else middle

    def _factor(self, figure: Figure, row: Row, system: str) -> str:
        """How many times ours the value is, pair by pair within the runs."""
        pairs = zip(self._values(figure, row, self.own), self._values(figure, row, system), strict=False)
        ratios = [theirs / ours for ours, theirs in pairs if ours > 0 and theirs > 0]
        return f"{median(ratios):.2g} x" if ratios and row.unit else ""

    def _write_goals(self, figures: list[Figure]) -> str:
        lines = [
            f"- {figure.title}, {system}, {row.label}: {middle:,.{row.digits}f} {row.unit} instead of "
            f"{row.reach:,.{row.digits}f} {row.unit}".rstrip()
            for figure in figures
            for system in self._own_systems(figure)
            for row in figure.rows
            if (values := self._values(figure, row, system)) and not row.is_reached(middle := median(values))
        ]
        return "## What is not reached\n\n" + ("\n".join(lines) or "Everything in the column “reach” is.")

    def _own_systems(self, figure: Figure) -> list[str]:
        """Hubwright in every way that it is run in here; goals are for all of them."""
        return [name for name in self.results.get(figure.name, {}) if name.startswith((self.own, OTHERWISE))]

    def _values(self, figure: Figure, row: Row, system: str) -> list[float]:
        runs = self.results.get(figure.name, {}).get(system, [])
        return [run[row.key] for run in runs if row.key in run]


def _write_goal(row: Row) -> str:
    if row.reach is None:
        return ""
    return f"{'≥' if row.more else '≤'} {row.reach:,.{row.digits}f}"


_HEAD = """# Performance

Written by `make bench`, which measures whole processes from outside: `hubwright up` with SQLite (`synchronous=FULL`)
and its builder, the same on PostgreSQL (`fsync` on) with one hub and with two (these with Valkey, a worker and the
beat; load and builders are shared out evenly over the hubs), and beside it, in the same run on the same machine, other
build servers. What the figures are made of and what remains is told in [where the time goes](performance-costs.md).
A cell is the median of the runs (least-most); N x is how many times Hubwright's value it is, as the median of the pairs
of each run. Differences below a third mean little: load generator and servers share the processors. Every value of
every run is in `bench/results/`."""
