"""`hubwright doctor`."""

from __future__ import annotations

from pathlib import Path

import click

from hubwright.cli.exits import Exit
from hubwright.cli.options import settings_of, settings_options
from hubwright.cli.output import json_option, print_json, print_line, shown
from hubwright.domain.diagnosis import Finding, Verdict
from hubwright.wiring.checks import run_checks

_SIGNS = {Verdict.OK: ("✓", "green"), Verdict.WARN: ("!", "yellow"), Verdict.FAIL: ("✕", "red")}


@click.command()
@settings_options
@json_option
def doctor(*, config: Path | None, data_dir: str | None, as_json: bool) -> int:
    """Check this machine and the settings, and say how to mend what is wrong. Exit code 1 when something is."""
    findings = []
    for finding in run_checks(settings_of(config, data_dir=data_dir)):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_json([{"name": one.name, "verdict": one.verdict, "seen": one.seen, "fix": one.fix} for one in findings])
    return Exit.ERROR if any(one.verdict is Verdict.FAIL for one in findings) else Exit.OK


def _show(finding: Finding) -> None:
    sign, colour = _SIGNS[finding.verdict]
    print_line(f"{click.style(sign, fg=colour)} {finding.name}: {shown(finding.seen)}")
    if finding.fix:
        print_line(f"    fix: {shown(finding.fix)}")
