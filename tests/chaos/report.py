"""What a run has shown, for people: on the terminal, and as a section of docs/reliability.md."""

from __future__ import annotations

import os
import platform
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from chaos.burst import Burst
from chaos.counting import MUST_BE_NOUGHT
from chaos.run import Outcome

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"

_COUNTED = (
    "deliveries accepted", "deliveries refused or unanswered", "refused deliveries that came later", "builds",
    "runs: success", "runs: failure", "runs: cancellation", "runs: error", "log bytes printed", "statuses",
)  # fmt: skip


def tell(outcomes: Sequence[Outcome], burst: Burst | None) -> str:
    """The section, in Markdown."""
    parts = [
        _tell_faults(outcomes) if outcomes else [],
        _tell_burst(burst) if burst is not None else [],
        _tell_troubles(outcomes, burst),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def publish(section: str, page: Path = PAGE) -> None:
    """Put the section in its place on the page."""
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{section}\n{END}{rest.partition(END)[2]}")


def _tell_faults(outcomes: Sequence[Outcome]) -> list[str]:
    lines = [_head(outcomes), "", "| | |", "|---|---:|"]
    faults = Counter(kind for outcome in outcomes for kind in outcome.faults)
    lines.append(f"| faults, of {len(faults)} kinds | {faults.total()} |")
    numbers = sum((outcome.count.numbers for outcome in outcomes), Counter())
    lines += [f"| {name} | {numbers[name]:,} |" for name in _COUNTED]
    lines.append(f"| programs that ended unasked | {sum(len(outcome.endings) for outcome in outcomes)} |")
    lines += [f"| **{name}** | **{numbers[name]:,}** |" for name in MUST_BE_NOUGHT]
    return [*lines, "", *_tell_recoveries(outcomes, faults)]


def _tell_troubles(outcomes: Sequence[Outcome], burst: Burst | None) -> list[str]:
    wrong = [words for outcome in outcomes for words in outcome.wrong] + (burst.wrong if burst is not None else [])
    return ["**What went wrong:**", "", *(f"- {words.splitlines()[0]}" for words in wrong)] if wrong else []


def _head(outcomes: Sequence[Outcome]) -> str:
    seeds = f"Seeds {outcomes[0].seed} to {outcomes[-1].seed}" if len(outcomes) > 1 else f"Seed {outcomes[0].seed}"
    minutes = sum(outcome.seconds for outcome in outcomes) / 60
    place = f"{os.cpu_count()} processors, {platform.system()} {platform.release().partition('-')[0]}"
    return f"{seeds}, {minutes:.0f} minutes of faults, on a machine with {place}; builders on {outcomes[0].network}."


def _tell_recoveries(outcomes: Sequence[Outcome], faults: Counter[str]) -> list[str]:
    """Of faults that came alone, by what happened to what; of several at once together."""
    usual = median(outcome.usual for outcome in outcomes)
    found: dict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        for kind, seconds in outcome.recovered:
            found[kind].append(seconds)
    together = [seconds for times in found.values() for seconds in times]
    lines = [
        "Recovery: seconds from the end of a fault until a push that was made then had its green status at GitHub.",
        f"Where nothing is broken that takes {usual:.1f} s.",
        "",
        "| fault | times | median | max |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {group} | {faults[group] or len(times)} | {_tell_times(times)} |"
        for group, times in sorted({**dict.fromkeys(faults, ()), **found}.items())
    ]
    if together:
        lines.append(f"| **all** | {faults.total()} | **{median(together):.1f} s** | **{max(together):.1f} s** |")
    return lines


def _tell_times(times: Sequence[float]) -> str:
    """Nothing of a fault that never came alone."""
    return f"{median(times):.1f} s | {max(times):.1f} s" if times else "- | -"


def _tell_burst(burst: Burst) -> list[str]:
    answers = ", ".join(f"{count:,} with {status or 'none'}" for status, count in sorted(burst.answers.items()))
    return [
        f"**A burst of {burst.sent:,} signed webhooks with the database down for {burst.away:.0f} s.**",
        f"Answers: {answers}; the slowest after {burst.slowest:.1f} s. A push made after the burst was green after",
        f"{burst.recovered:.1f} s; {burst.healed:.0f} s after it all was understood, and what was refused",
        "had been had from GitHub.",
        "",
        "| | |",
        "|---|---:|",
        f"| answered 202 | {burst.answers[202]:,} |",
        f"| refused, and had from GitHub later | {burst.came_later:,} |",
        f"| **answered 202 and lost** | **{burst.lost:,}** |",
        f"| **refused and never had** | **{burst.never_came:,}** |",
        f"| pushes among them | {burst.pushes:,} |",
        f"| **pushes not built** | **{burst.not_built:,}** |",
    ]
