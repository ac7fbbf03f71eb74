"""`hubwright import`: the build file of another system as a recipe."""

from __future__ import annotations

from pathlib import Path

import click

from hubwright.cli.output import print_json
from hubwright.domain.foreign import KINDS, Translation, translate
from hubwright.domain.recipe_format import MAX_BYTES
from hubwright.errors import RecipeError

_USUAL = {
    "gha": (".github/workflows/*.yml", ".github/workflows/*.yaml"),
    "travis": (".travis.yml",),
    "cirrus": (".cirrus.yml",),
    "woodpecker": (".woodpecker.yml", ".woodpecker.yaml", ".woodpecker/*.yml", ".woodpecker/*.yaml"),
}


@click.command("import")
@click.argument("kind", type=click.Choice([*KINDS]))
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--job", help="Only this job of a workflow (gha).")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write it there, not to standard output.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document: recipe and notes.")
def import_file(
    kind: str,
    file: str | None,
    job: str | None,
    output: str | None,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Translate a build file of GitHub Actions (gha), Travis, Cirrus or Woodpecker into a recipe.

    Without FILE the usual place is looked at. What has no counterpart is told as FILE:LINE: NOTE on standard error;
    what stands under a condition that can't be translated is left out. Exit code 1: nothing could be translated.
    """
    source = _find(kind, file)
    if output is not None and Path(output).exists() and not force:
        raise click.UsageError(f"'{output}' is there already: --force replaces it.")
    try:
        done = translate(kind, _read(source), str(source), job)
    except RecipeError as error:
        raise click.ClickException("\n".join(f"{source}:{line}: {said}" for line, _, said in error.problems)) from error
    if as_json:
        print_json({"file": str(source), "recipe": done.recipe, "notes": [note._asdict() for note in done.notes]})
    elif output is None:
        click.echo(done.recipe, nl=False)
    if output is not None:
        _write(Path(output), done)
    for note in () if as_json else done.notes:
        click.echo(f"{source}:{note.line}: {note.text}", err=True)


def _find(kind: str, file: str | None) -> Path:
    if file is not None:
        return Path(file)
    found = sorted(path for pattern in _USUAL[kind] for path in Path().glob(pattern))
    if len(found) == 1:
        return found[0]
    usual = " or ".join(_USUAL[kind])
    raise click.UsageError(
        f"Which file? There are {', '.join(map(str, found[:20]))}." if found else f"There is no {usual} here."
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"'{path}' can't be read: {error.strerror}.") from error


def _write(path: Path, done: Translation) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(done.recipe)
    except OSError as error:
        raise click.UsageError(f"'{path}' can't be written: {error.strerror}.") from error
    things = "1 thing" if len(done.notes) == 1 else f"{len(done.notes)} things"
    click.echo(f"{path} written; {things} to look at. Check it with: hubwright run")
