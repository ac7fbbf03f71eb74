"""What GitHub really answered, page by page, through our own sync: every list that was recorded whole comes whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import pytest

from github_description import find_request_problems
from hubwright.github.budget import MemoryGate
from hubwright.github.client import GitHubClient
from hubwright.github.listings import LISTINGS, Listing
from hubwright.hub.replica import Replica
from hubwright.store.database import Database
from load_parts import FAST, Skipping, Yard
from recorded import Exchange, all_tapes, octokit_tapes
from replay_server import ReplayServer, find_chains, read_redirected

KINDS = {
    "issues": "issue",
    "repos": "repository",
    "compare": "commit",
    "contributors": "user",
    "forks": "repository",
    "stargazers": "star",
    "starred": None,
    "subscriptions": "repository",
    "comments": "issue_comment",
    "refs": None,
    "events": None,
    "public": None,
    "releases": "release",
    "watched": "repository",
    "commits": "commit",
}
"""What is listed, by the address's last part; None for what the copy has no table of."""


def is_list(chain: Sequence[Exchange]) -> bool:
    """Whether it is a list of what the copy or another page may have, told from its beginning."""
    whole = not {"page", "after", "before"} & dict(parse_qsl(urlsplit(chain[0].url).query)).keys()
    return whole and chain[0].path.rpartition("/")[2] in KINDS


CHAINS = {chain[0].tape: chain for chain in find_chains(all_tapes()) if is_list(chain)}

OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "github3 GitHub_repositories_by": ("user_repos", {"user": "dstufft", "user_id": 145979}),
    "github3 Repository_issues_state_all": (
        "issues",
        {"owner": "betamaxpy", "repo": "betamax", "repository_id": 11439734},
    ),
    "github3 Repository_compare_commits_large": (
        "compared",
        {"owner": "sigmavirus24", "repo": "github3.py", "repository_id": 3710711, "before": "1.0.0", "after": "3.2.0"},
    ),
}  # fmt: skip
"""The lists that our table of listings has; the others get a row in it for the test."""


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """What differs between databases is proven elsewhere."""
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@contextmanager
def replaying(database: Database, exchanges: Iterable[Exchange]) -> Iterator[tuple[Yard, ReplayServer]]:
    """The sync before a GitHub of recordings."""
    clock = Skipping()
    with (
        ReplayServer(exchanges) as replay,
        GitHubClient(replay.url, "ghp_replay", gate=MemoryGate(FAST, clock), clock=clock) as client,
    ):
        replica = Replica(database, client, "yard", clock, lambda _queue: None)
        try:
            yield Yard(database, cast(Any, replay), cast(Any, None), clock, client, replica), replay
        finally:
            replica.close()


def check_asked(replay: ReplayServer) -> None:
    """Each request is one that GitHub describes."""
    for url, status in replay.asked:
        path, _, query = url.partition("?")
        assert (status, find_request_problems("GET", path, query)) == (status, [])
        assert status != 404


def list_chain(chain: tuple[Exchange, ...], monkeypatch: pytest.MonkeyPatch) -> Listing:
    """Have the list of a chain in the table of listings."""
    named = chain[0].path.rpartition("/")[2]
    whole = "owner" in items_of(chain)[0]
    listing = Listing(name="recorded", path=chain[0].path, kind=KINDS[named] or ("repository" if whole else "branch"))
    monkeypatch.setitem(cast(Any, LISTINGS), "recorded", listing)
    return listing


def items_of(chain: Iterable[Exchange]) -> list[dict[str, Any]]:
    return [item for page in chain for item in (page.json if isinstance(page.json, list) else page.json["commits"])]


def keys_of(kind: str, items: Iterable[dict[str, Any]]) -> set[Any]:
    """The keys that GitHub's items have in the copy. Pull requests among the issues are no issues."""
    if kind == "commit":
        return {item["sha"] for item in items}
    if kind == "star":
        return {item.get("user", item)["id"] for item in items}
    if kind == "branch":  # neither events nor references are records of the copy
        return set()
    return {item["id"] for item in items if not (kind == "issue" and item.get("pull_request"))}


def kept_keys(yard: Yard, kind: str) -> set[Any]:
    name = {"commit": "sha", "star": "user_id", "branch": "name"}.get(kind, "id")
    return {getattr(row, name) for row in yard.rows(f"gh_{kind}")}


@pytest.mark.parametrize("tape", CHAINS)
def test_every_recorded_chain_gives_exactly_the_union_of_its_pages(
    tape: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page is asked for once, by GitHub's own links to /repositories/{id}; the second load is all 304."""
    chain = CHAINS[tape]
    name, where = OWN.get(tape, ("recorded", {"repository_id": 11439734}))
    kind = (list_chain(chain, monkeypatch) if name == "recorded" else LISTINGS[name]).kind
    with replaying(database, chain) as (yard, replay):
        told = yard.load(name, where=where).payload["told"]

        assert (told["pages"], told["items"]) == (len(chain), len(items_of(chain)))
        assert [status for _, status in replay.asked] == [200] * len(chain)
        if name in OWN:
            check_asked(replay)
        assert kept_keys(yard, kind) == keys_of(kind, items_of(chain))
        before = yard.dump()
        replay.asked.clear()

        again = yard.load(name, where=where).payload["told"]

        assert (again["pages"], again["not_modified"], again["changed"]) == (len(chain), len(chain), 0)
        assert yard.dump() == before


def test_the_recordings_hold_the_chains_that_were_counted() -> None:
    """Nothing is proven by an empty list of chains."""
    assert len(CHAINS) == 25
    assert sum(len(chain) for chain in CHAINS.values()) == 87
    assert sum(len(items_of(chain)) for chain in CHAINS.values()) == 4406


def test_the_recorded_issues_come_by_the_doors_own_listing(database: Database) -> None:
    """With the repository first, as a load does it: 13 issues on five pages of three."""
    tapes = [one for one in octokit_tapes() if one.tape == "octokit paginate-issues"]
    made = next(one for one in tapes if one.url == "/orgs/octokit-fixture-org/repos")
    repository = made.json
    asked = Exchange(made.tape, "GET", f"/repos/{repository['full_name']}", 200, made.headers, made.body)
    with replaying(database, [*tapes, asked]) as (yard, replay):
        owner, name = repository["full_name"].split("/")
        yard.load("issues", where={"owner": owner, "repo": name})

        rows = yard.rows("gh_issue")
        assert sorted(row.number for row in rows) == list(range(1, 14))
        assert {row.repository_id for row in rows} == {repository["id"]}
        assert [row.full_name for row in yard.rows("gh_repository")] == [repository["full_name"]]
        check_asked(replay)


def test_recorded_renames_lead_to_the_repository_that_it_is_now(database: Database) -> None:
    """Every 301 that was recorded with where it leads to: the row is that of GitHub's number."""
    tapes = all_tapes()
    known = {one.url for one in tapes if one.method == "GET" and one.status == 200}
    moved = dict.fromkeys(pair for pair in read_redirected(tapes) if pair[1] in known)
    with replaying(database, tapes) as (yard, replay):
        for old, new in moved:
            _, _, owner, name = old.split("/")
            yard.load("repository", where={"owner": owner, "repo": name})
            assert int(new.rpartition("/")[2]) in kept_keys(yard, "repository")
        check_asked(replay)
    assert len(moved) >= 3
