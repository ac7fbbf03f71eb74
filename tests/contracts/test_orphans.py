"""A repository that GitHub has deleted takes all that was its own with it, in both databases."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Row, delete, select

from github_items import comment, issue, label
from github_world import World
from hubwright.domain.replica import Reading
from hubwright.github.records import read_delivery, read_listed
from hubwright.store.database import Database
from hubwright.store.orphans import list_kinds
from hubwright.store.replica import Way, keep_records
from hubwright.store.schema import metadata

NOW = 1_800_000_000.0
ARRIVALS = {"last_replicated_via_webhook_at", "last_replicated_via_api_at", "last_replicated_at"}
USER = {"id": 3, "login": "ada", "type": "User"}


def keep(database: Database, reading: Reading, via: Way = "webhook") -> int:
    return database.write(lambda connection: keep_records(connection, reading.records, via=via, now=NOW))


def rows(database: Database, kind: str) -> list[Row[Any]]:
    table = metadata.tables[f"gh_{kind}"]
    with database.reading() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key.columns)))


def repository(number: int, name: str = "octo/hello", **changes: Any) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    return {"id": number, "name": short, "full_name": name, "owner": {"id": 1, "login": owner, "type": "User"},
            "updated_at": "2026-01-01T00:00:00Z", **changes}  # fmt: skip


def tell(database: Database, event: str, of: dict[str, Any], at: float = NOW, **told: Any) -> int:
    return keep(database, read_delivery(event, {"repository": of, "sender": USER, **told}, at))


def fill(database: Database, of: dict[str, Any]) -> None:
    """An issue with a label and a comment, a branch with a commit, somebody who may push, a star."""
    base = of["id"]
    bug = label(base + 1, "bug")
    opened = issue(7, id=base + 2, labels=[bug])
    commit = {"id": f"{base:040x}", "message": "m", "author": {"name": "a", "email": "b"}}
    tell(database, "issues", of, action="opened", issue=opened)
    tell(database, "issue_comment", of, action="created", issue=opened, comment=comment(base + 3, 7))
    tell(database, "push", of, ref="refs/heads/main", before="0" * 40, after=commit["id"], commits=[commit])
    tell(database, "member", of, action="added", member=USER)
    tell(database, "star", of, action="created", starred_at="2026-01-01T00:00:00Z")


FILLED = ("issue", "issue_label", "label", "issue_comment", "branch", "commit", "user_repository", "star")


def ends(database: Database, number: int) -> dict[str, list[float | None]]:
    """When the rows of a repository ended."""
    return {kind: [row.deleted_at for row in rows(database, kind) if row.repository_id == number] for kind in FILLED}


def test_what_belonged_to_a_deleted_repository_is_gone_with_it(database: Database) -> None:
    """And nothing else: neither another repository nor who wrote there."""
    ours, other = repository(1000), repository(2000, "octo/other")
    for each in (ours, other):
        fill(database, each)
    tell(database, "repository", ours, NOW + 5, action="deleted")

    assert ends(database, 1000) == {kind: [NOW + 5] for kind in FILLED}
    assert ends(database, 2000) == {kind: [None] for kind in FILLED}
    assert [row.deleted_at for row in rows(database, "user")] == [None] * len(rows(database, "user"))


def test_late_news_do_not_bring_it_back(database: Database) -> None:
    """Of what was known and of what was not; told by a delivery, or by a page that was read before."""
    ours = repository(1000)
    fill(database, ours)
    tell(database, "repository", ours, NOW + 5, action="deleted")
    late = issue(8, id=1800)
    page = read_listed("issue", issue(9, id=1900), parent={"repository_id": 1000}, observed_at=NOW + 4)
    branch = read_listed("branch", {"name": "late", "commit": {"sha": "a" * 40}}, parent={"repository_id": 1000},
                         observed_at=NOW + 6)  # fmt: skip

    fill(database, ours)
    tell(database, "issues", ours, NOW + 9, action="edited", issue=late)
    keep(database, page, "api")
    keep(database, branch, "api")

    assert {row.deleted_at for kind in FILLED for row in rows(database, kind)} == {NOW + 5}
    assert len(rows(database, "issue")) == 3
    assert len(rows(database, "branch")) == 2
    assert tell(database, "issues", ours, NOW + 9, action="edited", issue=late) == 0


def test_what_was_gone_before_keeps_its_own_time(database: Database) -> None:
    ours = repository(1000)
    fill(database, ours)
    tell(database, "issues", ours, NOW + 1, action="deleted", issue=issue(7, id=1002))
    tell(database, "repository", ours, NOW + 5, action="deleted")
    tell(database, "repository", ours, NOW + 4, action="deleted")

    assert [row.deleted_at for row in rows(database, "issue")] == [NOW + 1]
    assert {row.deleted_at for row in rows(database, "label")} == {NOW + 4}


def test_a_repository_that_moves_loses_nothing(database: Database) -> None:
    """Its number is what it is: a new name or owner is a change like others, told before or after the rest."""
    ours = repository(1000)
    fill(database, ours)
    renamed = repository(1000, "octo/greeting", updated_at="2026-02-01T00:00:00Z")
    moved = repository(1000, "ada/greeting", updated_at="2026-03-01T00:00:00Z")
    tell(database, "repository", moved, action="transferred", changes={"owner": {"from": {"user": USER}}})
    tell(database, "repository", renamed, action="renamed", changes={"repository": {"name": {"from": "hello"}}})
    fill(database, ours)

    assert ends(database, 1000) == {kind: [None] for kind in FILLED}
    assert [(row.full_name, row.owner_login) for row in rows(database, "repository")] == [("ada/greeting", "ada")]


def test_a_new_repository_of_the_same_name_is_another(database: Database) -> None:
    """Made anew under the old name: its rows live, those of the first do not, in whatever order it is told."""
    first, second = repository(1000), repository(2000)
    fill(database, second)
    fill(database, first)
    tell(database, "repository", second, NOW + 9, action="created")
    tell(database, "repository", first, NOW + 5, action="deleted")
    fill(database, second)

    assert ends(database, 1000) == {kind: [NOW + 5] for kind in FILLED}
    assert ends(database, 2000) == {kind: [None] for kind in FILLED}


def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows but for when news of them came."""
    found = {}
    for kind in sorted({*list_kinds(), "repository"} - {"issue_label"}):
        found[kind] = [{name: value for name, value in row._mapping.items() if name not in ARRIVALS}
                       for row in rows(database, kind)]  # fmt: skip
    return found


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_a_deletion_told_at_any_moment_ends_in_the_same_tables(database: Database, seed: int) -> None:
    """A life of deliveries and pages, doubled and shuffled, with the repository's end somewhere among them."""
    chance = random.Random(seed)
    world = World(chance)
    told: list[Any] = [(one.via, one.read) for one in world.live(12)]
    gone = {"repository": copy.deepcopy(world._repository), "action": "deleted", "sender": USER}
    ending: Callable[[], Reading] = lambda: read_delivery("repository", gone, NOW + 77)  # noqa: E731
    told.append(("webhook", ending))
    results = []
    for _ in range(2):
        database.write(lambda connection: [connection.execute(delete(t)) for t in metadata.sorted_tables
                                           if t.name.startswith("gh_")])  # fmt: skip
        news = told + chance.choices(told, k=5)
        chance.shuffle(news)
        for via, read in news:
            keep(database, read(), via)
        results.append(contents(database))
        assert all(row["deleted_at"] is not None for some in results[-1].values() for row in some)
    assert results[0] == results[1]
