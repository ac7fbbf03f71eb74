"""`hubwright token`: who may do what, at a hub or straight in the database of this machine."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from getpass import getuser
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hubwright.cli.api_client import connect
from hubwright.cli.exits import Exit
from hubwright.cli.options import asks_hub, hub_option, settings_of, settings_options
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell
from hubwright.config import Settings
from hubwright.domain.job_paths import check_folders
from hubwright.errors import HubwrightError, NotFoundError
from hubwright.hub.fleet import revoke
from hubwright.store.audit import Entry, keep_entries
from hubwright.store.database import Database
from hubwright.store.tokens import (
    FOLDED,
    JOIN,
    JOIN_SECONDS,
    ROLES,
    Bounds,
    Token,
    join_line,
    keep_join,
    keep_token,
    load_token_page,
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
@click.option("--folder", "folders", multiple=True, help="For read and write: it sees what lies below, only.")
@click.option("--platform", help="For join: the builder's platform, which it can't change.")
@click.option("--label", "labels", multiple=True, help="For join: what the builder has; it can claim no other.")
@hub_option
@settings_options
@json_option
def new(  # noqa: PLR0913  one argument an option
    *, role: str, name: str | None, days: int | None, expires: float | None, folders: tuple[str, ...],
    platform: str | None, labels: tuple[str, ...], hub: str | None, config: Path | None, data_dir: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a token. It is printed this once; only its hash is kept."""
    if role != JOIN and (platform or labels):
        raise click.UsageError("--platform and --label are for the role join.")
    if role not in FOLDED and folders:
        raise click.UsageError("--folder is for the roles read and write.")
    wanted: dict[str, Any] = {
        "role": role, "name": name, "expires": expires or (days * DAY if days else None), "folders": folders or None,
        "platform": platform, "labels": labels or None,
    }  # fmt: skip
    if asks_hub(hub, config, data_dir):
        with connect(hub) as client:
            made = client.post("/api/v1/tokens", {key: value for key, value in wanted.items() if value is not None})
    else:
        settings = settings_of(config, data_dir=data_dir)
        with _database(settings) as database:
            made = database.write(partial(_make, wanted=wanted, public_url=settings.public_url))
    if as_json:
        print_json(made)
    elif role == JOIN:
        tell("On the machine that is to be a builder, once; the token is used up by that:")
        print_line(str(made["command"]))
    else:
        tell(f"A token with the role {role}; it can't be shown again.")
        print_line(str(made["token"]))


def _make(connection: Connection, *, wanted: dict[str, Any], public_url: str) -> dict[str, object]:
    now, secret, role, valid = time.time(), secrets.token_urlsafe(32), wanted["role"], wanted["expires"]
    _note(connection, "POST", "/api/v1/tokens", now)
    if role == JOIN:
        until = now + (valid or JOIN_SECONDS)
        within = Bounds(name=wanted["name"], platform=wanted["platform"], labels=wanted["labels"])
        text = keep_join(connection, secret, bounds=within, now=now, expires=until)
        made = {"token": text, "name": wanted["name"], "role": role, "expires_at": _moment(until)}
        return made | {"command": join_line(public_url, text)}
    expires, name = None if valid is None else now + valid, wanted["name"] or role
    folders = None if wanted["folders"] is None else check_folders(wanted["folders"])
    text = keep_token(connection, secret, name=name, role=role, now=now, expires=expires, folders=folders)
    return {"token": text, "name": name, "role": role, "folders": folders, "expires_at": _moment(expires)}


@token.command()
@hub_option
@settings_options
@json_option
def ls(*, hub: str | None, config: Path | None, data_dir: str | None, as_json: bool) -> None:
    """List the newest tokens; none shows its secret."""
    if asks_hub(hub, config, data_dir):
        with connect(hub) as client:
            found = client.get("/api/v1/tokens")["items"]
    else:
        with _database(settings_of(config, data_dir=data_dir)) as database, database.reading() as connection:
            found = [_document(one) for one in load_token_page(connection, 200, None, sessions=False).items]
    if as_json:
        print_json(found)
    else:
        print_table([("ID", "ROLE", "NAME", "FOLDERS", "LAST USED", "STATE"), *(_row(one) for one in found)])


@token.command(name="revoke")
@click.argument("number", type=int)
@hub_option
@settings_options
def revoke_(*, number: int, hub: str | None, config: Path | None, data_dir: str | None) -> int:
    """Make a token useless; NUMBER is its id in `hubwright token ls`.

    A builder that came with it is shut out within a second or two; people's requests within 30 seconds.
    """
    if asks_hub(hub, config, data_dir):
        with connect(hub) as client:
            client.delete(f"/api/v1/tokens/{number}")
    else:
        with _database(settings_of(config, data_dir=data_dir)) as database:
            if not database.write(partial(_revoke, number=number)):
                raise NotFoundError(
                    f"There is no token {number} that is still of use; `hubwright token ls` lists them."
                )
    tell(f"Token {number} is revoked.")
    return Exit.OK


def _revoke(connection: Connection, *, number: int) -> bool:
    now = time.time()
    _note(connection, "DELETE", f"/api/v1/tokens/{number}", now)
    return revoke(connection, number, now)


def _note(connection: Connection, method: str, path: str, now: float) -> None:
    """In the audit log, as the same request to the hub would be."""
    entry = Entry(
        at=now, actor=getuser(), by="cli", role="admin", method=method, action="cli.tokens", path=path, status=200
    )
    keep_entries(connection, [entry])


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


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    folders = ", ".join(one["folders"]) if one["folders"] is not None else ""
    return str(one["id"]), one["role"], shown(one["name"]), folders, one["used_at"] or "", _state(one)


def _state(one: dict[str, Any]) -> str:
    if one["revoked_at"] is not None:
        return "revoked"
    if one["expires_at"] is None:
        return "valid"
    return "expired" if one["expires_at"] <= str(_moment(time.time())) else f"valid until {one['expires_at']}"


def _document(one: Token) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "role": one.role,
        "folders": None if one.folders is None else list(one.folders),
        "created_at": _moment(one.created_at),
        "expires_at": _moment(one.expires_at),
        "used_at": _moment(one.used_at),
        "revoked_at": _moment(one.revoked_at),
    }


def _moment(seconds: float | None) -> str | None:
    """RFC 3339, UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
