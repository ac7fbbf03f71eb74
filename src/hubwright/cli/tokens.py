"""`hubwright token`: who may do what, straight in the database; for the operator of the hub."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy.exc import DBAPIError

from hubwright.cli.exits import Exit
from hubwright.cli.options import settings_of, settings_options
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell
from hubwright.errors import HubwrightError, NotFoundError
from hubwright.store.database import Database
from hubwright.store.tokens import ROLES, Token, keep_token, load_tokens, revoke_token

DAY = 86_400


@click.group()
def token() -> None:
    """Make, list and revoke tokens."""


@token.command()
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it allows; builder is for builders only.")
@click.option("--name", default="", help="A name for people.")
@click.option("--days", type=click.IntRange(min=1), help="Valid for so many days (default: until it is revoked).")
@settings_options
@json_option
def new(*, role: str, name: str, days: int | None, config: Path | None, data_dir: str | None, as_json: bool) -> None:
    """Make a token. It is printed this once; only its hash is kept."""
    now = time.time()
    expires = now + days * DAY if days else None
    secret = secrets.token_urlsafe(32)
    with _database(config, data_dir) as database:
        text = database.write(
            lambda connection: keep_token(connection, secret, name=name or role, role=role, now=now, expires=expires)
        )
    if as_json:
        print_json({"token": text, "name": name or role, "role": role, "expires_at": _moment(expires)})
    else:
        tell(f"A token with the role {role}; it can't be shown again.")
        print_line(text)


@token.command()
@settings_options
@json_option
def ls(*, config: Path | None, data_dir: str | None, as_json: bool) -> None:
    """List the newest tokens; none shows its secret."""
    with _database(config, data_dir) as database, database.reading() as connection:
        found = [one for one in load_tokens(connection) if one.kind == "token"]
    if as_json:
        print_json([_document(one) for one in found])
    else:
        print_table([("ID", "ROLE", "NAME", "STATE"), *(_row(one) for one in found)])


@token.command()
@click.argument("number", type=int)
@settings_options
def revoke(*, number: int, config: Path | None, data_dir: str | None) -> int:
    """Make a token useless; NUMBER is its id in `hubwright token ls`. A running hub follows within 30 seconds."""
    with _database(config, data_dir) as database:
        done = database.write(lambda connection: revoke_token(connection, number, time.time()))
    if not done:
        raise NotFoundError(f"There is no token {number} that is still of use; `hubwright token ls` lists them.")
    tell(f"Token {number} is revoked.")
    return Exit.OK


@contextmanager
def _database(config: Path | None, data_dir: str | None) -> Iterator[Database]:
    """The database of the settings, closed in the end. A database that can't be used is told in one sentence."""
    settings = settings_of(config, data_dir=data_dir)
    try:
        database = Database(settings.database_url, readers=1)
        try:
            yield database
        finally:
            database.close()
    except DBAPIError as error:
        reason = str(error.orig).splitlines()[0]
        raise HubwrightError(
            f"The database can't be used ({reason}): `hubwright db upgrade` makes its tables, "
            "`hubwright doctor` checks the rest."
        ) from error


def _row(one: Token) -> tuple[str, str, str, str]:
    return str(one.id), one.role, shown(one.name), _state(one)


def _state(one: Token) -> str:
    if one.revoked_at is not None:
        return "revoked"
    if one.expires_at is None:
        return "valid"
    return "expired" if one.expires_at <= time.time() else f"valid until {_moment(one.expires_at)}"


def _document(one: Token) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "role": one.role,
        "created_at": _moment(one.created_at),
        "expires_at": _moment(one.expires_at),
        "revoked_at": _moment(one.revoked_at),
    }


def _moment(seconds: float | None) -> str | None:
    """RFC 3339, UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
