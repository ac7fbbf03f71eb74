"""Trends as pages and in the API: the numbers of a job and of all builds, each chart over its table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest

import hubwright.web
from hubwright.domain.trends import HOUR
from quiet_hub import open_whole_hub
from seed import ADMIN, NOW, Seed
from tables import with_tables
from tested_job import BUILDS, JOB, seed_tests

EMPTY = "lab/empty"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A whole hub over a job with builds, and one without."""
    folder = tmp_path_factory.mktemp("trends")
    with_tables(f"sqlite:///{folder}/hubwright.db")
    seed = Seed(folder)
    seed_tests(seed)
    seed.job(EMPTY, "octo/empty")
    seed.close()
    with open_whole_hub(folder, admin_token=ADMIN, clock=lambda: NOW) as quiet:
        quiet.client.headers.update({"Authorization": f"Bearer {ADMIN}", "Accept": "text/html"})
        yield quiet.client


def headings(page: str) -> list[str]:
    return re.findall(r'<figure[^>]* aria-label="([^;"]+);', page)


def test_a_job_has_its_charts_each_with_a_table(hub: httpx2.Client) -> None:
    page = hub.get(f"/trends/{JOB}").text
    assert headings(page) == [
        "Build duration", "Time in the queue", "Success rate", "Builds", "Tests of a build", "Log of a build",
    ]  # fmt: skip
    assert page.count("<figure") == page.count("<details open>") == page.count('<th class="num">') - 2
    assert f"the newest <strong>{BUILDS} builds</strong>" in page
    assert ">86<" in page, "tests of both platforms"
    assert ">80.1 kB<" in page, "logs of both platforms; earlier attempts do not count"


def test_all_builds_have_a_trend_with_the_runs_at_once(hub: httpx2.Client) -> None:
    assert headings(hub.get("/trends").text)[-1] == "Runs at once"


def test_a_branch_has_its_own_trend(hub: httpx2.Client) -> None:
    assert "the newest <strong>1 build</strong>" in hub.get(f"/trends/{JOB}?branch=side").text
    assert "No build has ended" in hub.get(f"/trends/{JOB}?branch=none").text


def test_an_empty_trend_teaches_and_what_is_not_there_is_told(hub: httpx2.Client) -> None:
    page = hub.get(f"/trends/{EMPTY}").text
    assert f"hubwright job build {EMPTY}" in page
    assert "uPlot" not in page
    assert hub.get("/trends/no/job").status_code == 404
    assert hub.get("/api/v1/trends?job=no/job").status_code == 404


def test_only_pages_with_charts_link_the_library(hub: httpx2.Client) -> None:
    assert "uPlot.iife.min.js" in hub.get("/trends").text
    for address in ("/", "/jobs", f"/jobs/{JOB}", f"/tests/{JOB}"):
        assert "uPlot" not in hub.get(address).text


def test_the_api_tells_the_numbers(hub: httpx2.Client) -> None:
    told = hub.get(f"/api/v1/trends?job={JOB}").json()
    assert told["builds"] == BUILDS
    assert told["step"] == HOUR
    newest = told["points"][-1]
    assert (newest["settled"], newest["passed"], newest["rate"]) == (1, 0, 0.0)
    assert newest["took_p50"] == pytest.approx(59 + BUILDS)
    assert newest["waited_p95"] == pytest.approx(1)
    assert (newest["tests"], newest["busy"]) == (86, None)
    whole = hub.get("/api/v1/trends").json()
    assert whole["slots"] == 0
    assert whole["points"][-1]["busy"] > 0


def test_code_of_others_is_what_its_readme_says() -> None:
    """Pinned: a file that was changed or exchanged without a word is found here."""
    folder = Path(hubwright.web.__file__).parent / "static" / "vendor"
    told = dict(re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.MULTILINE))
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if "." in path.name}
    assert told == {name: sum_ for name, sum_ in found.items() if name != "README.md"}
    assert "MIT" in (folder / "uPlot-LICENSE").read_text()
