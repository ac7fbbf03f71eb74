"""`hubwright token`: who may do what, straight in the database; for the operator of the hub."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hubwright.cli.exits import Exit
from hubwright.cli.options import settings_of, settings_options
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell
from hubwright.config import Settings
from hubwright.errors import HubwrightError, NotFoundError
from hubwright.hub.fleet import revoke
from hubwright.store.database import Database
from hubwright.store.tokens import (
    JOIN,
    JOIN_SECONDS,
    ROLES,
    Bounds,
    Token,
    join_line,
    keep_join,
    keep_token,
    load_tokens,
)

DAY = 86_400

_SPAN = re.compile(r"(\d{1,9})([smhd]?)", re.ASCII)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": DAY}


class Span(click.ParamType[float]):
    """A time like `90s`, `45m`, `1h`, `30d`; without a unit seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; click's usage error for anything else."""
        match = _SPAN.fullmatch(str(value))
        if match is None or not int(match[1]):
            self.fail(f"{value!r} is no time; one like 90s, 45m, 1h or 30d is expected.", param, ctx)
        return float(int(match[1]) * _UNITS[match[2]])


@click.group()
def token() -> None:
    """Make, list and revoke tokens."""


@token.command()
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it allows; join makes one builder, once.")
@click.option("--name", help="A name for people; for join the builder's name.")
@click.option("--days", type=click.IntRange(min=1), help="Valid for so many days (default: until it is revoked).")
@click.option("--expires", type=Span(), help="Valid for so long, like 90s, 1h or 30d (join: default 1h).")
@click.option("--platform", help="For join: the builder's platform, which it can't change.")
@click.option("--label", "labels", multiple=True, help="For join: what the builder has; it can claim no other.")
@settings_options
@json_option
def new(  # noqa: PLR0913  one argument an option
    *, role: str, name: str | None, days: int | None, expires: float | None, platform: str | None,
    labels: tuple[str, ...], config: Path | None, data_dir: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Make a token. It is printed this once; only its hash is kept."""
    if role != JOIN and (platform or labels):
        raise click.UsageError("--platform and --label are for the role join.")
    settings = settings_of(config, data_dir=data_dir)
    valid = expires or (days * DAY if days else None)
    with _database(settings) as database:
        made = database.write(partial(_make, role=role, name=name, valid=valid, bounds=(platform, labels)))
    if role == JOIN:
        made["command"] = join_line(settings.public_url, str(made["token"]))
    if as_json:
        print_json(made)
    elif role == JOIN:
        tell("On the machine that is to be a builder, once; the token is used up by that:")
        print_line(str(made["command"]))
    else:
        tell(f"A token with the role {role}; it can't be shown again.")
        print_line(str(made["token"]))


def _make(
    connection: Connection,
    *,
    role: str,
    name: str | None,
    valid: float | None,
    bounds: tuple[str | None, tuple[str, ...]],
) -> dict[str, object]:
    now, secret = time.time(), secrets.token_urlsafe(32)
    if role == JOIN:
        until = now + (valid or JOIN_SECONDS)
        within = Bounds(name=name, platform=bounds[0], labels=bounds[1] or None)
        text = keep_join(connection, secret, bounds=within, now=now, expires=until)
        return {"token": text, "name": name, "role": role, "expires_at": _moment(until)}
    expires = None if valid is None else now + valid
    text = keep_token(connection, secret, name=name or role, role=role, now=now, expires=expires)
    return {"token": text, "name": name or role, "role": role, "expires_at": _moment(expires)}


@token.command()
@settings_options
@json_option
def ls(*, config: Path | None, data_dir: str | None, as_json: bool) -> None:
    """List the newest tokens; none shows its secret."""
    with _database(settings_of(config, data_dir=data_dir)) as database, database.reading() as connection:
        found = [one for one in load_tokens(connection) if one.kind == "token"]
    if as_json:
        print_json([_document(one) for one in found])
    else:
        print_table([("ID", "ROLE", "NAME", "STATE"), *(_row(one) for one in found)])


@token.command(name="revoke")
@click.argument("number", type=int)
@settings_options
def revoke_(*, number: int, config: Path | None, data_dir: str | None) -> int:
    """Make a token useless; NUMBER is its id in `hubwright token ls`.

    A builder that came with it is shut out within a second or two; people's requests within 30 seconds.
    """
    with _database(settings_of(config, data_dir=data_dir)) as database:
        done = database.write(lambda connection: revoke(connection, number, time.time()))
    if not done:
        raise NotFoundError(f"There is no token {number} that is still of use; `hubwright token ls` lists them.")
    tell(f"Token {number} is revoked.")
    return Exit.OK


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """The database of the settings, closed in the end. A database that can't be used is told in one sentence."""
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
