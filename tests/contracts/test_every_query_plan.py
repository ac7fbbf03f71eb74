"""R21: whatever the hub asks its database goes by an index, on both: no page grows slower with the number of builds.

A whole hub runs on a seeded database (`bench.seed`), every GET route that it has is asked with every query that its
description names, and each statement that went out, those of the drains and the scheduler too, is answered once more
while the work is counted. So a route, a filter or a table that is new is looked at without a word here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from bench.depths import find_deep, find_pull
from bench.seed import seed
from bench.seed_world import Size
from bench.walking import find_addresses, make_values
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from hubwright.hub.healing import HEALING
from hubwright.hub.rebuilding import REBUILDING
from hubwright.store.preferences import load_addresses, load_wishes
from hubwright.store.schema import metadata
from plan_reading import Asked, find_faults, recording
from tables import EMPTY, fresh_postgres
from whole_hub import whole_hub

SIZE = Size(jobs=1_000, copies=6_000, builds=30_000)

MAY_READ_MUCH = {
    "SELECT watch.what, watch.place FROM watch": "healing compares them with the repositories, a few times an hour",
    "SELECT watch.id, watch.what, watch.place FROM watch": "the same, when they differ",
    "FROM watch": "a row for each repository; what /deliveries tells of all of them",
    "DELETE FROM missed_delivery": "retention, once an hour; at most as old as deliveries are kept",
    "FROM figure": "a scrape reads all that is counted, and the labels of counts are bounded",
    "SELECT DISTINCT job.repository": "healing looks what is built, a few times an hour",
    "FROM gh_repository WHERE gh_repository.deleted_at": "lists of repositories compare those of jobs with GitHub's",
    "lower(gh_repository.owner_login)": "organizations that own a repository here: a row for each repository is read",
    "AS parent_paused_by FROM job LEFT OUTER JOIN job AS parent": "the rebuilder: a portion of jobs by number",
    "AND build.event IN": "a repository that is looked at for the first time: the newest 20,000 builds",
    "INSERT INTO token": "the same token can't be kept twice",
}
"""What reads more, by a part of the statement, and why it may."""

ASK_OTHERS = {HEALING, REBUILDING, "deliveries"}


class Walked:
    """What a hub said and asked while all its addresses were asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, httpx2.Response] = {}
        self.asked: list[Asked] = []
        self.url = ""
        self.empty: set[str] = set()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def walked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    """A hub that was asked for everything."""
    folder = tmp_path_factory.mktemp("walked")
    with ExitStack() as stack:
        found = Walked()
        found.url = f"sqlite:///{folder}/hubwright.db"
        if request.param == "postgresql":
            found.url = stack.enter_context(fresh_postgres("postgresql", EMPTY))
        seed(found.url, SIZE, say=lambda _: None)
        found.empty = _find_empty(found.url)
        _walk(found, folder)
        yield found


def _walk(found: Walked, folder: Path) -> None:
    run, *others = _pick(found.url)
    values = make_values(SIZE.builds, run, *others)
    long = {f"RETENTION__{what}": "9000" for what in ("BUILDS", "LOGS", "ARTIFACTS", "FACTS", "DELIVERIES")}
    nobody = dict.fromkeys(("GITHUB__API_URL", "GITHUB__CLONE_BASE", "OTEL__ENDPOINT"), "http://127.0.0.1:9")
    with recording() as recorder, whole_hub(folder, found.url, **long, **nobody) as (hub, client):
        log = hub.site.logs.path(run)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"0123456\n" * 20_000)  # of that many bytes at least, says its row
        for address in (*find_addresses(hub.app, client.get("/openapi.json").json(), values), *_find_deep(found.url)):
            recorder.during = address
            found.answers[address] = client.get(address, follow_redirects=False)
        for address in (
            "/",
            "/search?q=app77",
            "/search?q=main",
            "/search?q=app77+5",
            "/fragments/ended?after=7&mine=1",
        ):
            recorder.during = f"{address} of somebody"
            found.answers[recorder.during] = client.get(address, headers={"Cookie": "me=Somebody"})
        for name, drain in hub.parts.drains().items():
            if name not in ASK_OTHERS:  # the hub does so by itself, and waits for answers that do not come
                recorder.during = name
                drain()
        recorder.during = "what people want to be told of"
        with hub.site.database.reading() as connection:
            assert load_wishes(connection, "group0/team0/app1", {"person1", "person7"})
            load_addresses(connection, "ada")
        found.asked = [one for some in recorder.asked.values() for one in some]


def _find_deep(url: str) -> list[str]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return list(find_deep(connection, SIZE.builds))


def _find_empty(url: str) -> set[str]:
    """The tables that the seeding left without a row."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return {
            table.name
            for table in metadata.sorted_tables
            if connection.execute(table.select().limit(1)).first() is None
        }


def _pick(url: str) -> tuple[int, str, int]:
    """A run and the commit of the build in the middle; and a pull request."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        query = text("SELECT run.id, build.sha FROM run JOIN build ON build.id = run.build_id WHERE build.id = :build")
        run, sha = connection.execute(query, {"build": SIZE.builds // 2}).one()
        return run, sha, find_pull(connection)


def test_every_address_answers(walked: Walked) -> None:
    """What is refused asks the database for nothing: then `bench.walking` has to learn what the route takes."""
    wrong = {
        address: answer.text[:200]
        for address, answer in walked.answers.items()
        if answer.status_code not in {200, 302, 303, 403, 404} and not address.startswith("/api/v1/hooks/octo")
    }
    assert wrong == {}
    assert sum(answer.status_code == 200 for answer in walked.answers.values()) > 300


def test_every_statement_goes_by_an_index(walked: Walked) -> None:
    """And none reads more than a page's worth of rows, however it got there."""
    engine = create_engine(walked.url, poolclass=NullPool)
    faults: dict[str, str] = {}
    with engine.connect() as connection:
        for one in walked.asked:
            known = any(part in " ".join(one.statement.split()) for part in MAY_READ_MUCH)
            for fault in () if known else find_faults(connection, one):
                faults[" ".join(one.statement.split())] = f"{one.during}: {fault} {str(one.values)[:200]}"
    assert not faults, "\n".join(f"{why}\n    {statement}" for statement, why in faults.items())


def test_every_table_has_rows(walked: Walked) -> None:
    """Else a plan would tell nothing; only what people enter is empty."""
    of_people = {name for name in metadata.tables if name.startswith("irc_")} | {"secret", "take"}
    assert walked.empty <= {
        "github_answer",
        "github_budget",
        "github_credential",
        "github_token",
        "reporter",
        *of_people,
    }
