"""What comments and issues say, in GitHub's Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hubwright.domain.results import Result
from hubwright.domain.wording import look_of, word_count
from hubwright.reports.descriptions import describe_build, describe_run, name_place
from hubwright.reports.markdown import write_block, write_cell, write_code, write_link
from hubwright.reports.sayings import Saying
from hubwright.store.views_values import BuildView, CaseView

MAX_TESTS = 10
MAX_ROWS = 60


def write_comment(sayings: Sequence[Saying], sha: str, public_url: str, tests: Mapping[int, Sequence[CaseView]]) -> str:
    """How a pull request's head stands."""
    roll_up = next(saying for saying in sayings if saying.about == "commit")
    url = f"{public_url}{roll_up.path}"
    if roll_up.result is None:
        return f"◌ {sha}: {write_code(roll_up.words)}, {write_link('see the build', url)}."
    runs = [saying for saying in sayings if saying.run is not None]
    lines = [f"**{_sign(roll_up.result)}** {sha}: {write_code(roll_up.words)}, {write_link('see the build', url)}."]
    if runs:
        lines += ["", "| | run | how it stands |", "|---|---|---|"]
    for saying in runs[:MAX_ROWS]:
        link = write_link("log", f"{public_url}{saying.path}")
        lines.append(f"| {_sign(saying.result)} | {_name(saying)} ({link}) | {write_cell(saying.words)} |")
    if len(runs) > MAX_ROWS:
        lines.append(f"\n{word_count(len(runs) - MAX_ROWS, 'run')} more.")
    return "\n".join([*lines, *_list_tests(tests)])


def write_title(build: BuildView) -> str:
    """An issue's title."""
    return f"{build.job} is broken on {build.branch}"


def write_issue(build: BuildView, public_url: str, tests: Mapping[int, Sequence[CaseView]]) -> str:
    """What is broken, since which build."""
    who = f" by {write_code(build.author_name)}" if build.author_name else ""
    link = write_link(f"build #{build.number}", f"{public_url}/builds/{build.id}")
    subject = write_code(build.message.partition("\n")[0])
    lines = [f"Since {build.sha}{who} ({subject}): {write_code(describe_build(build))}, {link}."]
    if build.problem and not build.runs:
        lines += ["", write_block(build.problem)]
    if build.runs:
        lines += ["", "| run | how it stands |", "|---|---|"]
        lines += [
            f"| {write_cell(name_place(run))} | {write_cell(describe_run(run))} |" for run in build.runs[:MAX_ROWS]
        ]
    lines += [*_list_tests(tests), "", "This issue is closed when a build of the branch succeeds."]
    return "\n".join(lines)


def write_end(build: BuildView, public_url: str) -> str:
    """What an issue says when it is closed."""
    return f"Fixed with {build.sha}: {write_link(f'build #{build.number}', f'{public_url}/builds/{build.id}')}."


def _list_tests(tests: Mapping[int, Sequence[CaseView]]) -> list[str]:
    cases = {(one.classname, one.name): one for found in tests.values() for one in found}
    if not cases:
        return []
    shown = list(cases.values())[:MAX_TESTS]
    lines = [f"- {write_code('.'.join(part for part in (one.classname, one.name) if part))}" for one in shown]
    return ["", "Failed tests, the first:", "", *lines]


def _sign(result: Result | None) -> str:
    return look_of("finished", result).sign if result is not None else "◌"


def _name(saying: Saying) -> str:
    run = saying.run
    return write_cell(f"{saying.builds[0].job} ({name_place(run)})") if run is not None else ""
