"""`hubwright artifacts verify`: a file against its signed provenance."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path
from typing import Any

import click

from hubwright.cli.api_client import connect
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, shown
from hubwright.errors import HubwrightError
from hubwright.hub.signing import read_envelope

_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_EXISTING)
@click.option("--statement", type=_EXISTING, help="The provenance; default: FILE.intoto.jsonl.")
@click.option("--key", type=_EXISTING, help="The hub's public key (PEM); default: the hub is asked.")
@hub_option
@json_option
def verify(*, file: Path, statement: Path | None, key: Path | None, hub: str | None, as_json: bool) -> None:
    """Check a file's SHA-256 against its provenance, and that the hub signed it."""
    beside = statement or file.with_name(f"{file.name}.intoto.jsonl")
    if not beside.exists():
        raise HubwrightError(f"There is no {beside}: get it with `hubwright artifacts get --provenance`.")
    told = read_envelope(beside.read_bytes(), _load_key(key, hub))
    with file.open("rb") as content:
        digest = file_digest(content, "sha256").hexdigest()
    names = [one["name"] for one in told["subject"] if one["digest"]["sha256"] == digest]
    if not names:
        raise HubwrightError(f"{shown(str(file))} is not what the provenance tells of: its SHA-256 is {digest}.")
    if as_json:
        print_json(told)
        return
    print_line(f"{shown(names[0])}: {_sentence(told)}")


def _load_key(key: Path | None, hub: str | None) -> bytes:
    if key is not None:
        return key.read_bytes()
    with connect(hub) as client:
        return b"".join(client.read("/provenance/key.pem"))


def _sentence(statement: dict[str, Any]) -> str:
    predicate = statement["predicate"]
    source, run = predicate["buildDefinition"]["externalParameters"], predicate["runDetails"]
    made = f"made from {source['repository']} at {source['sha']} ({source['ref']})"
    return (
        f"{shown(made)} by {shown(run['metadata']['invocationId'])}, finished {shown(run['metadata']['finishedOn'])}."
    )
