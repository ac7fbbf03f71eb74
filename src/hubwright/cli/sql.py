"""`hubwright sql`: one question to the database, read-only and bounded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from hubwright.cli.api_client import connect
from hubwright.cli.options import asks_hub, hub_option, settings_of, settings_options
from hubwright.cli.output import json_option, print_json, print_table, shown, tell
from hubwright.domain.wording import make_visible, word_count
from hubwright.store.sql_answers import Found, write_csv, write_objects
from hubwright.wiring.questions import open_questions

_LONGEST = 80
"""Characters of a cell in a table; CSV and JSON have all of it."""


@click.command()
@click.argument("query", required=False)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", help="How it is printed."
)
@click.option("--rows", type=click.IntRange(min=1), help="At most so many rows; never more than SQL__ROWS.")
@hub_option
@settings_options
@json_option
def sql(
    *,
    query: str | None,
    form: str,
    rows: int | None,
    hub: str | None,
    config: Path | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Ask the database one SELECT; QUERY is read from stdin when it is not given.

    It reads the copy of GitHub and the builds, never tokens or secrets. With --hub or HUBWRIGHT_URL that hub answers
    (role sql or admin), else the database of this machine's settings.
    """
    text = _read_query(query)
    if asks_hub(hub, config, data_dir):
        with connect(hub) as client:
            found = _read_found(client.post("/api/v1/sql", {"query": text} | ({"rows": rows} if rows else {})))
    else:
        found = open_questions(settings_of(config, data_dir=data_dir)).ask(text, rows=rows)
    _show(found, "json" if as_json else form)


def _read_query(query: str | None) -> str:
    if query not in {None, "-"}:
        return query or ""
    if sys.stdin.isatty():
        tell("Write a SELECT, then Ctrl-D:")
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _read_found(told: dict[str, Any]) -> Found:
    rows = [tuple(row) for row in told["rows"]]
    return Found(tuple(told["columns"]), rows, told["cut"], told["seconds"])


def _show(found: Found, form: str) -> None:
    if form == "json":
        print_json(write_objects(found))
    elif form == "csv":
        text = write_csv(found)  # exact for programs; on a terminal nothing may steer it
        click.echo(make_visible(text.replace("\r\n", "\n")) if sys.stdout.isatty() else text, nl=False, color=True)
    else:
        print_table([[shown(name) for name in found.columns], *([_cell(cell) for cell in row] for row in found.rows)])
        tell(f"{word_count(len(found.rows), 'row')} in {found.seconds:g} s")
    if found.cut == "rows":
        tell(f"There are more: the answer ends after {len(found.rows):,} rows.")
    elif found.cut == "size":
        tell("There are more: the answer reached SQL__SIZE.")


def _cell(value: object) -> str:
    text = "" if value is None else shown(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
