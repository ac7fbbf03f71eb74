"""The tests of a job and one of them, as pages and in the API: failed first, strips, flaky, slowest, since when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from quiet_hub import open_whole_hub
from seed import ADMIN, NOW, Seed
from tables import with_tables
from tested_job import BUILDS, EVIL, FLAKY, GROWS, JOB, MESSAGE, SLOW, number_of, seed_copies, seed_tests

EMPTY = "lab/empty"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A whole hub over the job with tests, and one without."""
    folder = tmp_path_factory.mktemp("tested")
    with_tables(f"sqlite:///{folder}/hubwright.db")
    seed = Seed(folder)
    seed_copies(seed, seed_tests(seed))
    seed.job(EMPTY, "octo/empty")
    seed.close()
    with open_whole_hub(folder, database_url=seed.url, admin_token=ADMIN, clock=lambda: NOW) as quiet:
        quiet.client.headers.update({"Authorization": f"Bearer {ADMIN}", "Accept": "text/html"})
        yield quiet.client


def names(page: str) -> list[str]:
    return re.findall(r'href="/cases/\d+/[^"]+"><bdi>([^<]+)</bdi>', page)


def test_failed_tests_come_first_then_flaky_ones_then_slow_ones(hub: httpx2.Client) -> None:
    page = hub.get(f"/tests/{JOB}").text
    assert names(page)[:3] == [GROWS, FLAKY, SLOW]
    assert names(hub.get(f"/tests/{JOB}?sort=time").text)[:2] == [SLOW, "pushes 39 items"]
    assert "<strong>2 failed</strong>" in page, "on both platforms"
    assert "<strong>86 tests</strong> on 2 platforms" in page


def test_a_test_has_a_strip_of_each_platform_that_tells_itself_in_words(hub: httpx2.Client) -> None:
    page = hub.get(f"/tests/{JOB}").text
    assert "linux-x86_64: 4 of the last 30 runs failed, the newest: failed" in page, "one was tried twice"
    assert "freebsd-15: 3 of the last 30 runs failed, the newest: failed" in page


def test_the_list_is_narrowed_by_name_result_and_flakiness_and_goes_on(hub: httpx2.Client) -> None:
    first = hub.get(f"/tests/{JOB}").text
    (after,) = re.findall(r'rel="next" href="([^"]+)"', first)
    rest = hub.get(after.replace("&amp;", "&")).text
    assert len(names(first)) + len(names(rest)) == 43
    assert not set(names(first)) & set(names(rest))
    assert names(hub.get(f"/tests/{JOB}?name=AT+NEED").text) == [GROWS]
    assert names(hub.get(f"/tests/{JOB}?flaky=true").text) == [FLAKY]
    assert len(names(hub.get(f"/tests/{JOB}?result=skipped").text)) == 1
    assert "No test is like that" in hub.get(f"/tests/{JOB}?name=%25").text, "a sign of LIKE is a letter"


def test_one_test_tells_since_when_it_fails_and_what_it_said(hub: httpx2.Client) -> None:
    page = hub.get(f"/cases/{number_of(GROWS)}/{JOB}").text
    assert page.count("since <a") == 2, "on each platform"
    assert page.count(f"build #{BUILDS - 2}</a>") == 2
    assert MESSAGE.strip() in page
    assert "tests/test_ring.c:57" in page
    assert f'aria-label="#{BUILDS} Failed' in page


def test_flaky_is_what_failed_and_passed_on_one_commit(hub: httpx2.Client) -> None:
    """Three of the commits in the strip were retried: that is told with its rate and the attempts."""
    page = hub.get(f"/cases/{number_of(FLAKY)}/{JOB}").text
    assert re.search(r"it failed and passed on <strong>(3)</strong> of \d+ commits", page)
    assert "on no commit did it fail and pass" in hub.get(f"/cases/{number_of(SLOW)}/{JOB}").text


def test_names_from_outside_are_text(hub: httpx2.Client) -> None:
    for address in (f"/tests/{JOB}?result=skipped", f"/cases/{number_of(EVIL)}/{JOB}"):
        page = hub.get(address).text
        assert "<img src=x" not in page
        assert "\u202e" not in page


def numbers(page: str) -> list[str]:
    history = page.split('id="history"')[1].partition("</section>")[0]
    return re.findall(r'<p class="sub">#(\d+) ', history)


def test_the_history_of_a_job_is_narrowed_by_branch_and_result_and_goes_on(hub: httpx2.Client) -> None:
    assert numbers(hub.get(f"/jobs/{JOB}?branch=side").text) == [str(BUILDS - 5)]
    assert numbers(hub.get(f"/jobs/{JOB}?result=failure").text) == [str(BUILDS - at) for at in range(3)]
    assert numbers(hub.get(f"/jobs/{JOB}?result=failure&branch=side").text) == []
    first = hub.get(f"/jobs/{JOB}?branch=main").text
    (older,) = re.findall(r'rel="next" href="([^"]+)"', first)
    rest = hub.get(older.replace("&amp;", "&")).text
    assert numbers(first) + numbers(rest) == [str(at) for at in range(BUILDS, 0, -1) if at != BUILDS - 5]


def test_a_job_shows_its_open_copies_and_all_of_them_on_their_page(hub: httpx2.Client) -> None:
    page, copies = hub.get(f"/jobs/{JOB}").text, hub.get(f"/copies/{JOB}").text
    for shown in (page, copies):
        assert f'href="/jobs/{JOB}_pr25">PR #<bdi>25</bdi>' in shown
        assert f'href="/jobs/{JOB}_side"><bdi>side</bdi>' in shown
        assert f"{JOB}_old" not in shown
    assert re.search(r"archived <time[^>]*>9 d ago", hub.get(f"/copies/{JOB}?archived=true").text)


def test_an_empty_list_teaches_and_what_is_not_there_is_told(hub: httpx2.Client) -> None:
    assert "reports: report.xml" in hub.get(f"/tests/{EMPTY}").text
    assert hub.get("/tests/no/job").status_code == 404
    assert hub.get(f"/cases/1/{JOB}").status_code == 404
    assert hub.get(f"/cases/{2**63}/{JOB}").status_code == 404
    assert hub.get(f"/cases/{number_of(GROWS)}/{JOB}?branch=none").status_code == 404
    assert names(hub.get(f"/tests/{JOB}?branch=side").text), "another branch has its own"


def test_the_api_tells_the_same(hub: httpx2.Client) -> None:
    def get(address: str) -> dict[str, Any]:
        found: dict[str, Any] = hub.get(address).json()
        return found

    listed = get(f"/api/v1/tests?job={JOB}&limit=2")
    assert [one["name"] for one in listed["items"]] == [GROWS, FLAKY]
    assert listed["next"] == "2"
    assert listed["branch"] == "main"
    assert get(f"/api/v1/tests?job={JOB}&limit=1&cursor=2")["items"][0]["name"] == SLOW
    one = get(f"/api/v1/tests/{number_of(GROWS)}?job={JOB}")
    assert one["failing"][1] | {"since": "", "build": 0} == {
        "platform": "linux-x86_64", "matrix": {}, "since": "", "build": 0, "proven": True,
    }  # fmt: skip
    assert one["failure"]["message"] == MESSAGE
    assert len(one["platforms"][1]["runs"]) == 30
    flaky = get(f"/api/v1/tests/{number_of(FLAKY)}?job={JOB}")
    assert (flaky["failures"], flaky["flaky_commits"]) == (3, 3)
    assert flaky["flaky_rate"] == round(3 / flaky["commits"], 4)
    assert hub.get(f"/api/v1/tests?job={JOB}&what=1").status_code == 422
    assert hub.get("/api/v1/tests?job=none").status_code == 404
