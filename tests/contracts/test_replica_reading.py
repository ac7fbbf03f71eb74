"""Every address of the copy as a query of SQLite and of PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from hubwright.errors import ParameterError
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.moments import write_moment
from hubwright.store.replica_reading import PLACES, Wanted, load_list, load_one, times_of

NOW = 1_790_000_000.0
PARTS = {"owner": "octo", "repo": "open", "number": 1, "id": 1, "sha": "a" * 40, "name": "x", "login": "o", "org": "O"}


def test_every_address_is_a_query_that_both_databases_take(database: Database) -> None:
    """For those who see all and those who don't, with deleted rows and without, and from page to page."""
    times = {"last_replicated_via_api_at": NOW}
    rows = (
        (schema.gh_repository, {"id": 1, "full_name": "Octo/Open", "private": False, "owner_login": "o", **times}),
        (schema.gh_repository, {"id": 2, "full_name": "octo/open", "private": True, "owner_login": "o"}),
        (schema.gh_organization, {"id": 3, "login": "o"}),
        (schema.gh_user, {"id": 4, "login": "O"}),
        *((schema.gh_branch, {"repository_id": 1, "name": name}) for name in ("x", "y", "z")),
        *((schema.gh_issue, {"id": number, "repository_id": 1, "number": number}) for number in (1, 2, 3)),
    )
    for table, row in rows:
        database.write(lambda connection, table=table, row=row: connection.execute(insert(table), row))
    with database.reading() as connection:
        for sees_all in (True, False):
            for address, place in PLACES.items():
                if place.closed and not sees_all:
                    continue
                wanted = Wanted(parts=PARTS, sees_all=sees_all, gone=not place.one, raw=sees_all)
                if place.one and place.table in {table for table, _ in rows}:
                    assert load_one(connection, place, wanted), address
                elif not place.one:
                    load_list(connection, place, wanted, 10, None)
        wanted = Wanted(parts=PARTS, filters={"state": "open", "locked": "false"})
        assert load_list(connection, PLACES["/repos/{owner}/{repo}/issues"], wanted, 10, None).items == ()
        pages = {}
        for name in ("issues", "branches"):
            place, seen, cursor = PLACES[f"/repos/{{owner}}/{{repo}}/{name}"], [], None
            while cursor is not None or not seen:
                page = load_list(connection, place, Wanted(parts=PARTS), 2, cursor)
                seen.append([row["number" if name == "issues" else "name"] for row in page.items])
                cursor = None if page.next is None else str(page.next)
            pages[name] = seen

    assert pages == {"issues": [[3, 2], [1]], "branches": [["x", "y"], ["z"]]}


def test_lists_are_narrowed_by_time_from_page_to_page(database: Database) -> None:
    """What changed since I looked last, page by page, deleted rows when they are wished: on both databases."""
    issues = [
        {
            "id": number, "repository_id": 1, "number": number, "updated_at": NOW + number,
            "closed_at": NOW if number % 2 else None, "deleted_at": NOW + 9 if number == 6 else None,
            "last_replicated_via_api_at": NOW + 100 - number,
        }
        for number in range(1, 9)
    ]  # fmt: skip
    owner = {"id": 1, "full_name": "octo/open", "private": False}
    database.write(lambda connection: connection.execute(insert(schema.gh_repository), owner))
    for row in issues:
        database.write(lambda connection, row=row: connection.execute(insert(schema.gh_issue), row))
    place = PLACES["/repos/{owner}/{repo}/issues"]

    def read(gone: bool = False, **filters: str) -> list[int]:
        seen: list[int] = []
        cursor, pages = None, 0
        with database.reading() as connection:
            while cursor is not None or not pages:
                page = load_list(connection, place, Wanted(parts=PARTS, filters=filters, gone=gone), 2, cursor)
                assert len(page.items) <= 2
                seen += [row["number"] for row in page.items]
                cursor, pages = (None if page.next is None else str(page.next)), pages + 1
        return seen

    third, seventh = write_moment(NOW + 3), write_moment(NOW + 7)
    assert read() == [8, 7, 5, 4, 3, 2, 1]
    assert read(gone=True) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert read(since=third) == read(updated_since=third) == [8, 7, 5, 4, 3]
    assert read(gone=True, since=third, updated_before=seventh) == [6, 5, 4, 3]
    assert read(closed_since="2020-01-01", updated_before=seventh) == [5, 3, 1]
    assert read(closed_since="2020-01-01T00:00:00+02:00", closed_before=write_moment(NOW)) == []
    assert read(last_replicated_since=write_moment(NOW + 95), state="") == []
    assert read(last_replicated_since=write_moment(NOW + 95)) == [5, 4, 3, 2, 1]
    assert read(gone=True, deleted_since="2020-01-01") == [6]
    for wrong in ("yesterday", "", "2026-13-01", "1790000000", "0001-01-01T00:00:00+23:00"):
        with pytest.raises(ParameterError, match="updated_since is a time"):
            read(updated_since=wrong)


def test_every_time_of_every_list_is_a_filter(database: Database) -> None:
    with database.reading() as connection:
        for place in PLACES.values():
            if place.one or place.where:
                continue
            for name in times_of(place.table):
                wanted = Wanted(parts=PARTS, filters={name: "2026-11-22T08:00:00Z"}, sees_all=True)
                assert load_list(connection, place, wanted, 10, None).items == ()
    assert {"created_since", "updated_before", "since", "due_since"} <= set(times_of(schema.gh_milestone))
    assert "since" not in times_of(schema.gh_star)
