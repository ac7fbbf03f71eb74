"""`hubwright run`: the recipe of a working copy, run here."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import asdict, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import click

from hubwright.builder.executors import Executor
from hubwright.builder.executors.choice import choose_executor
from hubwright.builder.executors.terms import SAME_USER, Policy
from hubwright.builder.local import LocalRun, StageEnd, judge, run_here
from hubwright.builder.stage import RunEnded
from hubwright.cli.builder import this_machine
from hubwright.cli.exits import Exit, exit_of_build
from hubwright.cli.policies import policy_options
from hubwright.domain.detection import detect_recipe
from hubwright.domain.matching import Circumstances
from hubwright.domain.planning import plan_runs
from hubwright.domain.recipe import read_recipe
from hubwright.domain.recipe_matrix import expand_matrix
from hubwright.domain.recipe_values import Recipe, Rule, Stage
from hubwright.domain.results import Result, State
from hubwright.errors import SettingsError
from hubwright.wire import CacheWish
from hubwright.wiring.stopping import on_stop

_FILE = ".hubwright.yml"
_TIMEOUT = 3600
_MANY_FILES = 50_000


@click.command()
@click.argument("stage", required=False)
@click.option("-C", "--directory", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=f"Default: {_FILE}")
@click.option(
    "--matrix", "point", multiple=True, metavar="AXIS=VALUE", help="Which point of the matrix; default first."
)
@click.option(
    "-p", "--parameter", "given", multiple=True, metavar="NAME=VALUE", help="A variable, as a build's parameter is one."
)
@click.option(
    "--executor",
    default="process",
    type=click.Choice(["process", "bubblewrap", "container", "auto"]),
    show_default=True,
)
@policy_options
def run(
    *, stage: str | None, directory: Path, file: Path | None, point: tuple[str, ...], given: tuple[str, ...],
    executor: str, policy: Policy,
) -> int:  # fmt: skip
    """Run the recipe of a working copy here, or one STAGE of it, as a builder would.

    Stages that need a secret run only when they are named; its value comes from the environment. Exit code 0: passed,
    5: failed, 6: a timeout or this machine's fault, 130: interrupted.
    """
    tree = directory.resolve()
    recipe = _load_recipe(tree, file)
    recipe = replace(recipe, env={**recipe.env, **_read_pairs(given, "--parameter", "NAME=VALUE")})
    local = _plan(tree, recipe, stage, _read_pairs(point, "--matrix", "AXIS=VALUE"))
    images = [one.image is not None for one in local.stages]
    if executor == "process" and any(images):
        executor = "container" if all(images) else "auto"
    chosen, warning = choose_executor(executor, (tree,), _at_home(policy, executor))
    if warning:
        click.echo(f"Warning: {warning}", err=True)
    return asyncio.run(_run(local, chosen))


def _at_home(policy: Policy, executor: str) -> Policy:
    """Without a sandbox a working copy is its owner's: the commands are theirs too, and see their files."""
    return replace(policy, user=SAME_USER, landlock=False) if executor in ("process", "container") else policy


async def _run(local: LocalRun, executor: Executor) -> int:
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[RunEnded] = loop.create_future()
    on_stop(loop, partial(_interrupt, ending))
    try:
        ends = await run_here(local, executor, ending)
    except RunEnded as ended:
        click.echo(f"{ended.result}: {ended.reason}", err=True)
        return Exit.INTERRUPTED if ended.result is Result.CANCELLATION else exit_of_build(State.FINISHED, ended.result)
    for end in ends:
        click.echo(_line(end), err=True)
    return exit_of_build(State.FINISHED, judge(ends, local.stages))


def _interrupt(ending: asyncio.Future[RunEnded]) -> None:
    if not ending.done():
        ending.set_result(RunEnded(Result.CANCELLATION, "Interrupted."))


def _line(end: StageEnd) -> str:
    tests = f"  {end.tests.passed} of {end.tests.total} tests passed" if end.tests else ""
    return f"{end.result:12} {end.seconds:7.1f} s  {end.name}{tests}"


def _load_recipe(tree: Path, file: Path | None) -> Recipe:
    path = file or tree / _FILE
    if path.exists():
        return read_recipe(path.read_bytes(), str(file or _FILE))
    found = detect_recipe(_list_files(tree), lambda name: _read_file(tree / name))
    if found is None:
        raise SettingsError(f"There is no {_FILE} in {tree}, and what kind of project it is can't be told.")
    return found


def _read_file(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _list_files(tree: Path) -> list[str]:
    """Paths of the working copy, as git would list them."""
    paths: list[str] = []
    for folder, folders, files in os.walk(tree):
        folders[:] = [name for name in folders if name != ".git"]
        paths += [os.path.relpath(os.path.join(folder, name), tree) for name in files]  # noqa: PTH118  many files
        if len(paths) > _MANY_FILES:
            break
    return paths[:_MANY_FILES]


def _read_pairs(words: tuple[str, ...], option: str, shape: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if bad := next((word for word, (_, equals, _) in zip(words, pairs, strict=True) if not equals), None):
        raise click.BadParameter(f"{bad!r} is not {shape}", param_hint=option)
    return {name: value for name, _, value in pairs}


def _plan(tree: Path, recipe: Recipe, name: str | None, point: dict[str, str]) -> LocalRun:
    wanted = [found for found in expand_matrix(recipe.matrix) if point.items() <= found.items()]
    if not wanted:
        raise SettingsError("The recipe's matrix has no such point.")
    if name is None:
        stages = _stages_here(tree, recipe, wanted[0])
    else:
        stages = tuple(_freed(stage) for stage in recipe.stages if stage.name == name)
    if not stages:
        known = ", ".join(stage.name for stage in recipe.stages)
        raise SettingsError(f"Nothing to run here: the recipe's stages are {known}.")
    return LocalRun(
        tree=tree,
        stages=stages,
        env=recipe.env,
        secrets={key: os.environ[key] for stage in stages for key in stage.secrets if key in os.environ},
        matrix=wanted[0],
        machine=this_machine(),
        timeout=recipe.timeout or _TIMEOUT,
        limits=recipe.limits,
        services=recipe.services,
        caches=_caches(recipe, stages),
        shelf=_cache_folder(tree),
    )


def _caches(recipe: Recipe, stages: tuple[Stage, ...]) -> tuple[CacheWish, ...]:
    names = {"", *(stage.name for stage in stages)}
    return tuple(CacheWish(**asdict(one)) for one in recipe.cache if one.stage in names)


def _cache_folder(tree: Path) -> Path:
    """Where the caches of a working copy lie. https://specifications.freedesktop.org/basedir-spec/latest/"""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = given if given.is_absolute() else Path.home() / ".cache"
    return base / "hubwright" / "caches" / sha256(str(tree).encode()).hexdigest()[:16]


def _stages_here(tree: Path, recipe: Recipe, point: dict[str, str]) -> tuple[Stage, ...]:
    """The stages that a push to the branch checked out would run on this platform, without those that need secrets."""
    facts = Circumstances(event="push", branch=_branch(tree))
    general = replace(recipe, when=(), platforms=())
    planned = plan_runs(general, facts, [this_machine()], this_machine())
    run = next((run for run in planned if run.matrix == point), None)
    return tuple(item.stage for item in run.stages if not item.stage.secrets) if run else ()


def _freed(stage: Stage) -> Stage:
    """The stage without its rules: it was asked for by name."""
    return replace(stage, when=(Rule(status="always"),))


def _branch(tree: Path) -> str | None:
    git = ["git", "-C", str(tree), "symbolic-ref", "--short", "-q", "HEAD"]
    try:
        found = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return found.stdout.strip() or None
