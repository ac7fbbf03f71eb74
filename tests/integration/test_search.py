"""The search over everything that has a name, as page and as JSON; who sees a folder finds nothing beside it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from hubwright.store.tokens import keep_token
from hubwright.web.finder import FRESH
from seed import ADMIN, Seed, seed_week, serving
from served import NOW, ManualClock, Served, served_site

SHA = "abcdef" + 34 * "1"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_site(tmp_path_factory.mktemp("hub")) as served:
        served.rows.keep_job(1, "team/app", folder="team", repository="octo/app")
        served.rows.keep_job(2, "other/app-tools", folder="other", repository="octo/tools")
        served.rows.keep_build(7, message="Read numbers\n\nand more", family=1)
        served.rows.keep_build(8, job_id=2, sha=SHA, branch="topic", family=2)
        yield served


def find(hub: Served, text: str, token: str = "admin-secret") -> list[tuple[str, str]]:
    found = hub.get("/api/v1/search", params={"q": text}, headers={"Authorization": f"Bearer {token}"})
    return [(one["kind"], one["title"]) for one in found["items"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "app",
            [
                ("job", "team/app"),
                ("job", "other/app-tools"),
                ("repository", "octo/app"),
                ("page", "Connection to GitHub"),
                ("page", "Webhook of the App"),
            ],
        ),
        ("octo tools", [("repository", "octo/tools")]),
        ("team/app#7", [("build", "team/app #7")]),
        ("APP 7", [("build", "team/app #7")]),
        ("#8", [("build", "other/app-tools #8")]),
        ("topic", [("build", "other/app-tools #8")]),
        (SHA[:7].upper(), [("build", "other/app-tools #8")]),
        ("webhooks", [("page", "Deliveries")]),
        ("99999999999999999999999", []),
        ("'; DROP TABLE job --", []),
    ],
)
def test_names_numbers_commits_branches_and_pages_are_found(
    hub: Served, text: str, found: list[tuple[str, str]]
) -> None:
    """Whatever people have at hand when they look for something."""
    assert sorted(find(hub, text)) == sorted(found)


def test_who_sees_a_folder_finds_nothing_beside_it(hub: Served) -> None:
    """A search must not be the way around a token's bounds: no job, build, repository, builder or page of others."""
    token = hub.site.database.write(
        lambda connection: keep_token(
            connection, secrets.token_urlsafe(32), name="below", role="read", now=NOW, folders=["team"]
        )
    )
    assert find(hub, "app", token) == [("job", "team/app")]
    assert find(hub, "8", token) == []
    assert find(hub, "app 7", token) == [("build", "team/app #7")]
    assert find(hub, "app 8", token) == []
    assert find(hub, "topic", token) == []
    assert find(hub, SHA, token) == []
    assert ("page", "Queue") not in find(hub, "", token)
    assert ("page", "Jobs") in find(hub, "", token)


def test_what_is_made_is_found_ten_seconds_later(tmp_path: Path) -> None:
    """Names are remembered while somebody types; a new job is not to be missed for longer than that."""
    clock = ManualClock()
    with served_site(tmp_path, clock=clock) as served:
        assert find(served, "fresh") == []
        served.rows.keep_job(1, "team/fresh", folder="team")
        assert find(served, "fresh") == []
        clock.now += FRESH
        assert find(served, "fresh") == [("job", "team/fresh")]


def test_the_page_shows_the_same_and_links_it(tmp_path: Path) -> None:
    """Readable without scripts; a state is a shape with a word."""
    seed = Seed(tmp_path)
    seed_week(seed)
    seed.close()
    with serving(tmp_path) as (address, _), httpx2.Client(base_url=address, headers={"Accept": "text/html"}) as client:
        page = client.get("/search", params={"q": "engine 38"}).text
        hostile = client.get("/search", params={"q": '"><script>alert(1)</script>'}).text
        admin = client.get("/search", headers={"Authorization": f"Bearer {ADMIN}"}).text

    assert re.search(r'aria-label="Failed".*href="/builds/38"><bdi>core/engine #38</bdi>', page, re.DOTALL)
    assert "<script>alert" not in hostile
    assert "Nothing has a name like this." in hostile
    assert 'href="/audit"><bdi>Audit' in admin
    assert 'href="/audit"><bdi>Audit' not in page
