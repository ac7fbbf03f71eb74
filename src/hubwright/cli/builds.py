"""`hubwright status`, `rerun` and `cancel`: builds at a hub."""

from __future__ import annotations

import click

from hubwright.cli.api_client import connect
from hubwright.cli.build_names import HELP, Build, find_build, list_builds
from hubwright.cli.exits import Exit, exit_of_build
from hubwright.cli.failures import show_failure
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, signed, tell
from hubwright.domain.wording import kind_of, word_count, word_duration

_SHOWN = 10


@click.command(epilog=HELP)
@click.argument("build", required=False)
@click.option("-n", "limit", default=_SHOWN, type=click.IntRange(1, 200), help="How many builds to list.")
@click.option("--exit-status", is_flag=True, help="Let the exit code tell how BUILD stands.")
@hub_option
@json_option
def status(*, build: str | None, limit: int, exit_status: bool, hub: str | None, as_json: bool) -> int:
    """The newest builds, or with BUILD one of them, its stages and what went wrong."""
    with connect(hub) as client:
        if build is None and not exit_status:
            _show_builds(list_builds(client, limit), as_json=as_json)
            return Exit.OK
        found = find_build(client, build)
        if not as_json and found["state"] != "finished":
            _note_waits(found, client.get(f"/api/v1/builds/{found['id']}/why"))
        told = client.get(f"/api/v1/builds/{found['id']}/problems") if _failed(found) and not as_json else None
    if as_json:
        print_json(found)
    else:
        show_build(found)
        if told is not None:
            show_failure(told)
    return exit_of_build(found["state"], found["result"]) if exit_status else Exit.OK


@click.command(epilog=HELP)
@click.argument("build", required=False)
@click.option("--failed", is_flag=True, help="Only the runs that did not succeed.")
@click.option("--platform", help="Only the runs on this platform.")
@hub_option
@json_option
def rerun(*, build: str | None, failed: bool, platform: str | None, hub: str | None, as_json: bool) -> None:
    """Build it again: the same commit, with the same recipe and parameters."""
    with connect(hub) as client:
        found = find_build(client, build)
        answer = client.post(f"/api/v1/builds/{found['id']}/rerun", {"failed_only": failed, "platform": platform})
    if as_json:
        print_json(answer)
    else:
        tell(f"{title_of(found)} runs again: {found['url']}")


@click.command(epilog=HELP)
@click.argument("build", required=False)
@click.option("--reason", default="", help="Why, for those who look at the build.")
@hub_option
@json_option
def cancel(*, build: str | None, reason: str, hub: str | None, as_json: bool) -> None:
    """Stop a build: what waits is dropped, what runs is ended."""
    with connect(hub) as client:
        found = find_build(client, build)
        answer = client.post(f"/api/v1/builds/{found['id']}/cancel", {"reason": reason})
    if as_json:
        print_json(answer)
    else:
        tell(f"{title_of(found)} is being cancelled: {found['url']}")


def title_of(build: Build) -> str:
    """`octo/app #12 (main, 1a2b3c4)`."""
    return shown(f"{build['job']} #{build['number']} ({build['branch'] or build['ref']}, {build['sha'][:7]})")


def show_build(build: Build) -> None:
    """A build with a line for each stage."""
    print_line(f"{signed(build['state'], build['result'])}  {title_of(build)}  {word_duration(build['duration'])}")
    if "wait" in build:
        print_line(f"  {words_of_wait(build['wait'])}")
    for run in build["runs"]:
        print_line(f"  {signed(run['state'], run['result'])}  {name_of_run(run)}  {word_duration(run['duration'])}")
        if "wait" in run:
            print_line(f"    {words_of_wait(run['wait'])}")
        for stage in run["stages"]:
            print_line(f"    {line_of_stage(stage)}")
    if build["tests"]:
        print_line(f"  {words_of_tests(build['tests'])}")
    if build["problem"]:
        print_line(f"  {shown(build['problem'])}")
    print_line(f"  {build['url']}")


def _failed(build: Build) -> bool:
    return build["state"] == "finished" and build["result"] not in {"success", "skip", "cancellation"}


def line_of_stage(stage: Build) -> str:
    """Shape, name and duration; a stage that may fail says so."""
    line = f"{signed(stage['state'], stage['result'])}  {shown(stage['name'])}  {word_duration(stage['duration'])}"
    kind = kind_of(stage["kind"])
    if kind is not None and str(stage["name"]).casefold() not in {kind.word.casefold(), stage["kind"]}:
        line += f"  {kind.sign} {kind.word}"
    return line + (" (may fail)" if stage["allow_failure"] and stage["result"] not in {None, "success"} else "")


def name_of_run(run: Build) -> str:
    """Platform, labels and matrix point: `linux-x86_64 gpu python=3.14`."""
    point = (f"{axis}={value}" for axis, value in run["matrix"].items())
    return shown(" ".join([run["platform"], *run.get("labels", ()), *point]))


def words_of_wait(wait: Build) -> str:
    """Why it waits, and when it should start if somebody knows."""
    estimate = wait["estimate"]
    return shown(wait["reason"]) + ("" if estimate is None else f" It should start in {word_duration(estimate)}.")


def _note_waits(build: Build, why: Build) -> None:
    """Put why each run waits beside it; what a build without runs waits for, beside the build."""
    waits = {wait["run"]: wait for wait in why["runs"]}
    if None in waits:
        build["wait"] = waits[None]
    for run in build["runs"]:
        if run["id"] in waits:
            run["wait"] = waits[run["id"]]


def words_of_tests(tests: Build) -> str:
    """`19 tests, 2 failed`."""
    parts = [word_count(tests["total"], "test")]
    parts += [f"{tests[kind]:,} {kind}" for kind in ("failed", "skipped") if tests[kind]]
    return ", ".join(parts)


def _show_builds(builds: list[Build], *, as_json: bool) -> None:
    if as_json:
        print_json(builds)
        return
    if not builds:
        tell("No builds yet. `hubwright register URL` builds a repository.")
    print_table(
        [
            str(build["id"]),
            signed(build["state"], build["result"]),
            shown(f"{build['job']} #{build['number']}"),
            shown(build["branch"] or build["ref"]),
            build["sha"][:7],
            word_duration(build["duration"]),
            shown(str(build["message"]).partition("\n")[0])[:60],
        ]
        for build in builds
    )
