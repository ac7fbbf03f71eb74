"""Every address of the copy as a query of SQLite and of PostgreSQL."""

from __future__ import annotations

from sqlalchemy import insert

from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.replica_reading import PLACES, Wanted, load_list, load_one

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
