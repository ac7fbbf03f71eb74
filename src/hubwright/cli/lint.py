"""`hubwright lint`: check a build file without a hub."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hubwright.domain.recipe import inspect_recipe
from hubwright.domain.recipe_format import MAX_BYTES
from hubwright.domain.recipe_reader import Problem
from hubwright.errors import RecipeError


@click.command()
@click.argument("file", type=click.Path(exists=True, allow_dash=True), default=".hubwright.yml")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    help="How to print what is found: for people, as one JSON list, or as GitHub's workflow commands.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_context
def lint(context: click.Context, file: str, style: str, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Check a build file (default: .hubwright.yml; of a folder, its .hubwright.yml; - reads standard input).

    Prints FILE:LINE:COLUMN: MESSAGE for each problem. Exit code 0: fine, 1: problems, 2: the file can't be read.
    """
    if Path(file).is_dir():
        file = str(Path(file) / ".hubwright.yml")
    name = "<stdin>" if file == "-" else file
    level, found = _inspect(_read(file), name)
    if as_json or style == "json":
        click.echo(json.dumps([_as_json(name, level, problem) for problem in found]))
    else:
        show = _github_line if style == "github" else _text_line
        for problem in found:
            click.echo(show(name, level, problem))
    context.exit(1 if level == "error" else 0)


def _read(file: str) -> bytes:
    try:
        with click.open_file(file, "rb") as stream:
            content: bytes = stream.read(MAX_BYTES + 1)
            return content
    except OSError as error:
        raise click.UsageError(f"'{file}' can't be read: {error.strerror}.") from error


def _inspect(content: bytes, name: str) -> tuple[str, list[Problem]]:
    try:
        return "warning", inspect_recipe(content, name)[1]
    except RecipeError as error:
        return "error", error.problems


def _text_line(file: str, level: str, problem: Problem) -> str:
    line, column, message = problem
    return f"{file}:{line}:{column}: {'warning: ' if level == 'warning' else ''}{message}"


def _as_json(file: str, level: str, problem: Problem) -> dict[str, str | int]:
    line, column, message = problem
    return {"file": file, "line": line, "column": column, "level": level, "message": message}


def _github_line(file: str, level: str, problem: Problem) -> str:
    """https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message."""
    line, column, message = problem
    return f"::{level} file={_escaped(file, ':,')},line={line},col={column}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


command = lint
"""The name that the list of commands looks for."""
