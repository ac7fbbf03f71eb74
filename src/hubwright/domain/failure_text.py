"""A failure as text for people: the document of `/api/v1/builds/{id}/problems`, said in lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hubwright.domain.test_difference import name_test, word_difference
from hubwright.domain.wording import make_visible

_CHANGES = {"now_failing": "fails only now", "still_failing": "failed before too", "new": "new"}

Told = Mapping[str, Any]


def write_failure(told: Told) -> str:
    """The whole of it: verdict, runs, problems, failed tests, and each failed stage with the lines around its error."""
    lines = [
        f"{told['job']} #{told['number']}: {told['verdict']}",
        f"{told['repo']} {told['sha'][:12]} {told['ref']}",
        told["url"],
        *_section("", [told["problem"]] if told["problem"] else []),
        *_section("Runs", [_line_of_run(run) for run in told["runs"]]),
        *_section("Problems", [line for one in told["problems"] for line in lines_of_problem(one)]),
        *_section("Failed tests", [line for case in told["tests"] for line in lines_of_test(case)]),
    ]
    lines += _section("Known failures", [line_of_known(one) for one in told.get("known", ())])
    for part in told["stages"]:
        where = f", line {part['line']}" if part["line"] else ""
        shown = part["excerpt"] or part["log"][-20:]
        lines += _section(f"{part['stage'] or 'The run'} on {part['platform']}{where}", shown)
    if told["truncated"]:
        lines += ["", "(There is more than is shown here.)"]
    return "\n".join(make_visible(line) for line in lines) + "\n"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", *([f"{title}:"] if title else []), *(f"  {line}" for line in lines)] if lines else []


def _line_of_run(run: Told) -> str:
    changed = word_difference(run["difference"] or {})
    return f"{run['platform']}: {run['verdict']}" + (f" - {changed}" if changed else "")


def lines_of_problem(one: Told) -> Iterator[str]:
    """`src/ring.c:88:23: error: no member named 'tail' [code]`, and what belongs to it."""
    place = ":".join(str(part) for part in (one["file"], one["line"], one["column"]) if part is not None)
    first, *more = one["message"].split("\n")
    code = f" [{one['code']}]" if one["code"] else ""
    yield f"{place}: {one['severity']}: {first}{code}" if place else f"{one['severity']}: {first}{code}"
    yield from (f"  {line}" for line in more[:5])


def line_of_known(one: Told) -> str:
    """`error: no tail - seen 14 times since 2026-03-02, linked to octo/hello#123 (known failure 7)`."""
    return f"{one['title']} - {one['words']} (known failure {one['id']})"


def lines_of_test(case: Told) -> Iterator[str]:
    """A failed test, how it stands against the run before, and what it said."""
    notes = [_CHANGES[case["change"]]] if case["change"] in _CHANGES else []
    notes += ["known to be flaky"] if case["flaky"] else []
    place = ":".join(str(part) for part in (case["file"], case["line"]) if part is not None)
    name = name_test(case["classname"], case["name"])
    yield name + (f" ({', '.join(notes)})" if notes else "") + (f" at {place}" if place else "")
    yield from (f"  {line}" for line in (case["message"] or "").split("\n")[:8] if line.strip())
