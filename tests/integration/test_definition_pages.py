"""The pages of folders, definitions, versions and copies: what holds, where it comes from, who changed it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest
from sqlalchemy import Connection

from hubwright.domain.job_copies import CopyKey, CopyKind
from hubwright.store.audit import Entry, keep_entries
from hubwright.store.copies import find_or_make_copy
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.folders import keep_folder
from hubwright.store.jobs import load_job
from hubwright.store.versions import Change
from hubwright.web.site import Site
from seed import ADMIN, NOW, Seed, serving

SAID = {"repository": "ann/app", "timeout": 5, "recipe": {"text": "stages:\n  - build: make\n"}}
EVIL = "<script>alert(1)</script>\u202e"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Site]]:
    """Pages over a folder with a job, its copy, and three versions of it."""
    folder = tmp_path_factory.mktemp("definitions")
    Seed(folder).close()
    with serving(folder) as (address, site):
        fill(site.database)
        yield address, site


@pytest.fixture(scope="module")
def browser(served: tuple[str, Site]) -> Iterator[httpx2.Client]:
    """A browser that has not logged in."""
    with httpx2.Client(base_url=served[0], headers={"Accept": "text/html"}) as client:
        yield client


@pytest.fixture
def log(served: tuple[str, Site]) -> Database:
    """Where the audit log is."""
    return served[1].database


def plain(page: str) -> str:
    """The text of a page without its tags."""
    return re.sub(r"<[^>]*>", "", page)


def fill(database: Database) -> None:
    """Sixty folders, of which one has a job."""

    def keep(connection: Connection) -> None:
        keep_folder(connection, "team", {"environment": {"CC": EVIL}}, Change("ann", NOW, EVIL))
        for number in range(60):
            keep_folder(connection, f"x{number:02}", {}, Change("ann", NOW))
        keep_document(connection, "team/app", SAID, Change("ann", NOW))
        keep_document(connection, "team/app", {**SAID, "timeout": 7}, Change("ben", NOW, "It is slow."))
        for number in range(25):
            keep_document(connection, "team/many", {**SAID, "timeout": number + 1}, Change("ben", NOW))
        parent = load_job(connection, "team/app")
        assert parent is not None
        find_or_make_copy(connection, parent, CopyKey(CopyKind.PULL_REQUEST, "25"), NOW)

    database.write(keep)


def test_folders_lead_to_folders_and_jobs_and_pages_go_on(browser: httpx2.Client) -> None:
    first = browser.get("/jobs").text
    assert 'href="/jobs/team"' in first
    assert 'href="/jobs/team/app"' in first
    assert "/definitions/folders/team" in first
    assert 'href="/jobs/x58"' not in first
    assert "/jobs?folders=x48" in first
    assert 'href="/jobs/x58"' in browser.get("/jobs?folders=x48").text
    assert browser.get("/jobs/x07").status_code == 200, "an empty folder is one"
    assert browser.get("/jobs/nothing").status_code == 404
    assert 'href="/jobs/team/app"' not in browser.get("/jobs?after=team/app").text


def test_each_value_leads_to_where_it_comes_from(browser: httpx2.Client) -> None:
    page = browser.get("/definitions/jobs/team/app").text
    assert '<a href="/definitions/folders/team"><bdi>folder team</bdi></a>' in page
    assert '<a href="/definitions/jobs/team/app"><bdi>job team/app</bdi></a>' in page
    assert "environment.CC" in page
    assert "stages:\n  - build: make" in page
    assert '<span class="muted"><bdi>default</bdi></span>' in page
    copy = browser.get("/definitions/jobs/team/app_pr25").text
    assert '<a href="/definitions/jobs/team/app"><bdi>job team/app</bdi></a>' in copy
    assert "environment.CC" in browser.get("/definitions/folders/team").text
    assert browser.get("/definitions/folders/").status_code == 200
    assert browser.get("/definitions/jobs/none").status_code == 404
    assert browser.get("/definitions/folders/none").status_code == 404


def test_what_people_write_is_text(browser: httpx2.Client) -> None:
    """S: names and reasons from outside are never markup."""
    for path in ("/definitions/folders/team", "/definitions/folders/team?version=1", "/definitions/jobs/team/app"):
        text = browser.get(path).text
        assert "<script>alert" not in text
        assert "\u202e" not in text


def test_versions_say_who_changed_what_and_show_it(browser: httpx2.Client) -> None:
    page = browser.get("/definitions/jobs/team/app").text
    assert "ben" in page
    assert "It is slow." in page
    change = browser.get("/definitions/jobs/team/app?version=2").text
    assert "- 5\n+ 7" in plain(change)
    assert "there is nothing to restore" in change
    assert "hubwright job restore team/app 1" in browser.get("/definitions/jobs/team/app?version=1").text
    assert browser.get("/definitions/jobs/team/app?version=9").status_code == 404
    first = browser.get("/definitions/jobs/team/many").text
    assert "?before=6" in first
    assert ">Version 6<" in first
    rest = browser.get("/definitions/jobs/team/many?before=6").text
    assert ">Version 6<" not in rest
    assert ">Version 1<" in rest


def test_any_two_versions_can_be_compared(browser: httpx2.Client) -> None:
    page = browser.get("/definitions/jobs/team/many?version=20&against=4").text
    assert "Version 20 against 4" in page
    assert "- 4\n+ 20" in plain(page)
    assert "Version 3 against nothing" in browser.get("/definitions/jobs/team/many?version=3&against=0").text
    assert browser.get("/definitions/jobs/team/many?version=3&against=99").status_code == 404


def test_a_value_says_what_it_takes_the_place_of(browser: httpx2.Client, log: Database) -> None:
    """What a job says itself stands beside what its folder says; a copy's beside its job's."""
    said = {**SAID, "environment": {"CC": "tcc"}}
    log.write(lambda connection: keep_document(connection, "team/loud", said, Change("ann", NOW)))
    page = browser.get("/definitions/jobs/team/loud").text
    assert page.count("instead of") == 1
    assert 'said here</span><p class="sub">instead of <code>&lt;script&gt;' in page
    assert "instead of" not in browser.get("/definitions/jobs/team/app").text, "it inherits the value"
    assert "instead of" not in browser.get("/definitions/jobs/team/app_pr25").text, "the same repository"


def test_copies_and_their_job_lead_to_each_other(browser: httpx2.Client) -> None:
    assert "/jobs/team/app_pr25" in browser.get("/copies/team/app").text
    assert "job link team/many --of" in browser.get("/copies/team/many").text
    assert browser.get("/copies/none").status_code == 404
    assert '<a href="/jobs/team/app">' in browser.get("/jobs/team/app_pr25").text
    assert 'href="/copies/team/app"' in browser.get("/jobs/team/app").text


def test_an_older_version_is_restored_from_what_its_reader_saw(browser: httpx2.Client) -> None:
    """The page shows what will be otherwise; if somebody was quicker it is shown anew, not done."""
    admin = {"Authorization": f"Bearer {ADMIN}"}
    page = browser.get("/definitions/folders/x05?version=1", headers=admin).text
    assert "there is nothing to restore" in page
    page = browser.get("/definitions/jobs/team/many?version=3", headers=admin).text
    assert "- 25\n+ 3" in plain(page)
    assert 'name="from" value="25"' in page
    address = "/definitions/jobs/team/many/versions/3/restore"
    assert browser.post(address, data={"from": "25"}).status_code == 401
    assert browser.post(address, data={}, headers=admin).status_code == 422
    assert browser.post(address, data={"from": "24"}, headers=admin).status_code == 412
    done = browser.post(address, data={"from": "25", "reason": "Too slow."}, headers=admin)
    assert (done.status_code, done.headers["location"]) == (303, "/definitions/jobs/team/many")
    page = browser.get("/definitions/jobs/team/many").text
    assert "Too slow." in page
    assert ">Version 26<" in page


def test_who_may_pauses_and_resumes_with_buttons(browser: httpx2.Client) -> None:
    """A job for those who may write; platforms and the hub for admins, at the queue."""
    admin = {"Authorization": f"Bearer {ADMIN}"}
    for address, back in (("/jobs/team/app", "/jobs/team/app"), ("/queue", "/queue"), ("/platforms/linux-*", "/queue")):
        assert browser.post(f"{address}/pause").status_code == 401
        done = browser.post(f"{address}/pause", headers=admin)
        assert (done.status_code, done.headers["location"]) == (303, back)
    job, queue = (browser.get(path, headers=admin).text for path in ("/jobs/team/app", "/queue"))
    assert 'action="/jobs/team/app/resume"' in job
    assert "<strong>paused</strong> by" in job
    assert "<strong>paused</strong> by" in browser.get("/jobs/team/app_pr25", headers=admin).text
    assert 'action="/queue/resume"' in queue
    assert 'action="/platforms/linux-%2A/resume"' in queue
    assert '<form method="post"' not in browser.get("/queue").text
    for address in ("/jobs/team/app", "/queue", "/platforms/linux-%2A"):
        assert browser.post(f"{address}/resume", headers=admin).status_code == 303
    job, queue = (browser.get(path, headers=admin).text for path in ("/jobs/team/app", "/queue"))
    assert 'action="/jobs/team/app/pause"' in job
    assert "is paused" not in queue


def test_admins_read_the_audit_log_page_by_page(browser: httpx2.Client, log: Database) -> None:
    """What others have written into it is text; filters stay when one goes on."""
    admin = {"Authorization": f"Bearer {ADMIN}"}
    entries = [
        Entry(
            at=NOW, actor=EVIL if number % 2 else "ann", by="token", role="write", method="PUT", action="a.b",
            path=f"/x/{number:03}", status=403 if number % 2 else 200,
        )
        for number in range(120)
    ]  # fmt: skip
    log.write(lambda connection: keep_entries(connection, entries))
    assert browser.get("/audit").status_code == 401
    first = browser.get("/audit", headers=admin).text
    assert "/x/119" in first
    assert "Refused" in first
    assert "<script>alert" not in first
    assert "/x/069" not in first
    (more,) = re.findall(r'rel="next" href="([^"]+)"', first)
    assert "/x/069" in browser.get(f"/audit{more}", headers=admin).text
    found = browser.get("/audit", params={"actor": "ann", "path": "/x/0"}, headers=admin).text
    assert "/x/098" in found
    assert "/x/118" not in found
    assert "There is no such entry" in browser.get("/audit?actor=nobody", headers=admin).text
