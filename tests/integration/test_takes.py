"""Who mends a broken branch: said on a build's page or over the API, shown wherever the branch is."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from hubwright.store.tokens import keep_token
from quiet_hub import WholeHub, open_whole_hub
from served import NOW


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    """team/app: main failed, `next` passed, pull request 7 of a branch called main failed too."""
    with open_whole_hub(tmp_path_factory.mktemp("hub"), lambda: NOW) as hub:
        hub.rows.keep_job()
        hub.rows.keep_build(2, branch="next", state="finished", result="failure", finished_at=NOW)
        hub.rows.keep_build(3, branch="next", state="finished", result="success", finished_at=NOW)
        hub.rows.keep_build(5, branch="main", state="finished", result="failure", finished_at=NOW)
        pull = {"branch": "main", "pull_request": 7, "event": "pull_request"}
        hub.rows.keep_build(4, state="finished", result="failure", finished_at=NOW, **pull)
        for number in range(2, 6):
            result = "success" if number == 3 else "failure"
            hub.rows.keep_run(number, number, state="finished", result=result, finished_at=NOW)
        yield hub


def client_of(hub: WholeHub, name: str, role: str = "write") -> httpx2.Client:
    made = hub.hub.site.database.write(lambda it: keep_token(it, f"secret-of-{name}", name=name, role=role, now=NOW))
    return httpx2.Client(base_url=hub.url, headers={"Authorization": f"Bearer {made}"}, follow_redirects=True)


def test_who_mends_it_is_shown_wherever_the_branch_is(hub: WholeHub) -> None:
    """On the build, its job and the first page; not on the pull request of a branch that is called the same."""
    with client_of(hub, "ann") as ann, client_of(hub, "<b>en") as ben:
        answer = ann.post("/api/v1/builds/5/take").raise_for_status().json()
        assert answer == {"build": 5, "by": "ann", "instead_of": None}
        assert ben.post("/api/v1/builds/5/take").raise_for_status().json()["instead_of"] == "ann"
        page = ben.post("/builds/5/take").raise_for_status().text
        assert "<strong><bdi>&lt;b&gt;en</bdi></strong> is mending it (said " in page
        assert "I don't mend it" in page or "I don&#39;t mend it" in page
        assert "is mending <bdi>main</bdi>" in ann.get("/jobs/team/app").text
        assert "is mending it" in ann.get("/").text
        assert "is mending it" not in ann.get("/builds/4").text
        assert "I mend it" in ann.get("/builds/4").text
        assert ann.post("/api/v1/builds/5/drop").raise_for_status().json() == {"build": 5, "branch": "main"}
        assert "is mending it" not in ann.get("/").text


def test_only_what_is_broken_can_be_taken(hub: WholeHub) -> None:
    """An old failure of a branch that is good says nothing; nobody who may only read takes or drops anything."""
    with client_of(hub, "cat") as cat, client_of(hub, "dan", "read") as dan:
        answer = cat.post("/api/v1/builds/2/take")
        assert (answer.status_code, answer.json()["detail"]) == (409, "next is not broken.")
        assert cat.post("/api/v1/builds/4/take").json() == {"build": 4, "by": "cat", "instead_of": None}
        assert cat.post("/api/v1/builds/4/drop").json() == {"build": 4, "branch": "PR#7"}
        assert cat.post("/api/v1/builds/4/drop").status_code == 409
        assert cat.post("/api/v1/builds/99/take").status_code == 404
        assert dan.post("/api/v1/builds/5/take").status_code == 403
