"""What went wrong in a build, said on the terminal: problems, failed tests, and the last lines of each failed stage."""

from __future__ import annotations

from collections.abc import Iterator

import click

from hubwright.cli.build_names import Build
from hubwright.cli.output import print_line, shown
from hubwright.domain.error_lines import find_error
from hubwright.domain.failure_text import line_of_known, lines_of_problem, lines_of_test

MAX_LINES = 40
"""Lines of a failed stage that are shown, unless asked for all that the hub tells; and of problems and of tests."""


def narrow(told: Build, *, platform: str | None, stage: str | None) -> Build:
    """Only what belongs to the platform and the stage, None for any. Tests are not known by their stage."""
    found = dict(told)
    for key, has_stage in (("problems", True), ("stages", True), ("tests", False)):
        found[key] = [
            one
            for one in told[key]
            if platform in {None, one["platform"]} and (not has_stage or stage in {None, one["stage"]})
        ]
    return found


def show_failure(told: Build, most: int | None = MAX_LINES) -> None:
    """All of it: problems with file and line, failed tests, and of each failed stage at most `most` lines."""
    problems = [line for one in told["problems"] if one["severity"] == "error" for line in lines_of_problem(one)]
    tests = [line for case in told["tests"] for line in lines_of_test(case)]
    known = [line_of_known(one) for one in told.get("known", ())]
    for title, lines in (("Problems", problems), ("Failed tests", tests), ("Known failures", known)):
        if lines:
            print_line("\n" + click.style(title, bold=True))
        for line in lines[:most]:
            print_line(f"  {shown(line)}")
        if most is not None and len(lines) > most:
            print_line(f"  … {len(lines) - most} more lines; --json and the page have all of it.")
    show_stages(told, most)


def show_stages(told: Build, most: int | None = MAX_LINES) -> None:
    """The failed stages, each with its lines: those that tell most, or all that the hub tells."""
    for part in told["stages"]:
        point = (f"{axis}={value}" for axis, value in part["matrix"].items())
        name = shown(f"{' '.join([part['platform'], *point])} · {part['stage'] or 'the run'}")
        print_line("\n" + click.style(name, bold=True) + (f": {shown(part['detail'])}" if part["detail"] else ""))
        for line in _lines_of(part) if most is None else choose_lines(part["log"], most):
            print_line(f"  {shown(line)}")


def _lines_of(part: Build) -> Iterator[str]:
    """The last lines; before them those around the first error, when it lies further up."""
    excerpt, log = part["excerpt"], part["log"]
    if not set(excerpt) <= set(log):
        yield from excerpt
        yield "…"
    yield from log


def choose_lines(lines: list[str], most: int = MAX_LINES) -> list[str]:
    """At most `most`: from a little before the first error on, or the last ones when none is found."""
    if len(lines) <= most:
        return lines
    text = "\n".join(lines).encode()
    place = find_error(text)
    if place is None:
        return lines[-most:]
    start = max(0, min(text.count(b"\n", 0, place) - 3, len(lines) - most))
    return lines[start : start + most]
