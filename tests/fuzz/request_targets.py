"""What is in the addresses and headers of requests: ranges, cursors, filters, conditions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool
from starlette.requests import Request

from fuzz.choices import Choices
from fuzz.finding import expect
from hubwright.domain.channel_logs import read_clock
from hubwright.domain.channel_logs import read_day as read_day_of_log
from hubwright.domain.refs import check_owner, check_ref, check_repository, check_sha, read_clone_url
from hubwright.errors import HubwrightError, ParameterError, RefusedError
from hubwright.store.folders import load_subfolders
from hubwright.store.replica_reading import PLACES, Wanted, filters_of, load_list, times_of
from hubwright.store.scans import list_scans
from hubwright.store.schema import metadata
from hubwright.store.secrets import load_secrets
from hubwright.store.views_hooks import load_organizations, load_repositories
from hubwright.store.views_jobs import load_jobs
from hubwright.store.views_lists import load_commits, load_files
from hubwright.store.views_queue import load_builders
from hubwright.store.views_waiting import QueuePart, load_queue
from hubwright.web.api.conditions import read_conditions
from hubwright.web.api.windows import read_range
from hubwright.web.pages.forms import read_day

Ask = Callable[[Connection, str], Any]


def ask_range(data: bytes) -> bool:
    """A `Range` header and a size: what is answered is inside of the file."""
    choices = Choices(data)
    size = choices.one((0, 1, 10, 2**31, 2**63))
    try:
        window = read_range(choices.rest().decode("latin-1"), size)
    except ValueError:
        return False
    expect(window is None or 0 <= window.start < window.end <= size, "a window outside of the file")
    return window is not None


def ask_list(data: bytes) -> bool:
    """A cursor of each list, over a real database: rows, or a refusal that says which parameter is wrong."""
    choices = Choices(data)
    ask = choices.one(list_asks())
    text = choices.rest().decode("utf-8", "replace")[:500]
    try:
        ask(open_database(), text)
    except ParameterError as error:
        expect(all("parameter" in one for one in error.errors), "a refusal that names no parameter")
        return False
    except RefusedError:
        return False
    return True


def ask_condition(data: bytes) -> bool:
    """`If-Match` and `If-None-Match`, days and hours of pages, names and addresses of repositories."""
    text = data.decode("latin-1")
    headers = [(b"if-match", data), (b"if-none-match", data[::-1])]
    check = read_conditions(Request({"type": "http", "headers": headers}))
    taken = 0
    for version in (None, 1):
        try:
            check(version)
        except RefusedError:
            continue
        taken += 1
    wide = data.decode("utf-8", "replace")
    for read in (read_day, read_day_of_log, read_clock):
        taken += read(wide) is not None
    for read in (check_ref, check_sha, check_owner, check_repository, read_clone_url):
        try:
            read(wide)
        except (HubwrightError, ValueError):
            continue
        taken_as = wide.strip() if read is read_clone_url else wide
        expect("\n" not in taken_as and "\0" not in taken_as, "a name of two lines")
        expect(not wide.startswith("-") or read in (check_owner, check_repository), "git takes it for an option")
        taken += 1
    return taken > 1 and bool(text)


@cache
def list_asks() -> list[Ask]:
    """A question for each list with a cursor of text; for the copy of GitHub also one for each kind of filter."""
    asks: list[Ask] = [
        lambda connection, text: load_queue(connection, QueuePart(5, text), 1e9),
        lambda connection, text: list_scans(connection, None, 5, text),
        lambda connection, text: load_subfolders(connection, "", 5, text),
        lambda connection, text: load_secrets(connection, None, 5, text),
        lambda connection, text: load_organizations(connection, limit=5, cursor=text),
        lambda connection, text: load_repositories(connection, limit=5, cursor=text),
        lambda connection, text: load_jobs(connection, "", 5, text),
        lambda connection, text: load_commits(connection, "octo/hello", 5, text),
        lambda connection, text: load_files(connection, 1, 5, text),
        lambda connection, text: load_builders(connection, 5, text),
    ]
    for place in (one for one in PLACES.values() if not one.one):
        names = {type(place.table.c[name].type): name for name in filters_of(place.table)}
        chosen = [None, *names.values(), *list(times_of(place.table))[:1]]
        asks += [partial(_ask_copy, place, name) for name in chosen]
    return asks


def _ask_copy(place: Any, name: str | None, connection: Connection, text: str) -> None:
    parts = dict.fromkeys(("owner", "repo", "number", "sha", "org", "name", "id"), "1")
    wanted = Wanted(parts=parts, filters={} if name is None else {name: text}, sees_all=True)
    load_list(connection, place, wanted, 5, text if name is None else None)


@cache
def open_database() -> Connection:
    """One empty database in memory, for reading."""
    connection = create_engine("sqlite://", poolclass=StaticPool).connect()
    metadata.create_all(connection)
    return connection
