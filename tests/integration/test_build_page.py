"""The page of a build in every state: what it says, what it offers, and that it stays small whatever there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from hubwright.domain.traces import TraceIds
from hubwright.hub.differences import Difference
from hubwright.store import schema
from hubwright.web.site import Site
from seed import ADMIN, NOW, Seed, serving
from seeded_builds import seed_crowd, seed_states

BROWSER = {"Accept": "text/html,*/*"}
LARGEST = 150_000
"""Bytes of HTML of a build's page, whatever the build is."""

Builds = tuple[str, Site, dict[str, int]]


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builds]:
    folder = tmp_path_factory.mktemp("builds")
    seed = Seed(folder)
    ids = seed_states(seed)
    ids["crowd"] = seed_crowd(seed)
    seed.close()
    with serving(folder) as (address, site):
        yield address, site, ids


@pytest.fixture(scope="module")
def pages(builds: Builds) -> dict[str, str]:
    """Each page as somebody sees it who may change things."""
    admin = BROWSER | {"Authorization": f"Bearer {ADMIN}"}
    with httpx2.Client(base_url=builds[0], headers=admin, timeout=20) as client:
        return {name: client.get(f"/builds/{number}").raise_for_status().text for name, number in builds[2].items()}


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("passed", "Passed"), ("failed", "Failed"), ("cancelled", "Cancelled"), ("error", "Broke down"),
        ("held", "Waits for approval"), ("running", "Running"), ("queued", "Queued"),
    ],
)  # fmt: skip
def test_a_state_is_shape_word_and_colour(pages: dict[str, str], name: str, word: str) -> None:
    """ux.md 1.4: colour alone is the most repeated complaint."""
    headline = re.search(r'<header class="headline".*?</header>', pages[name], re.DOTALL)
    assert headline is not None
    kind = re.search(
        r'<span class="state (\w+)"><svg class="shape (\w+)" aria-hidden="true">.*?</svg>([^<]+)<', headline[0]
    )
    assert kind is not None
    assert kind[1] == kind[2]
    assert kind[3] == word


def test_times_are_a_chart_and_a_table_that_say_the_same(pages: dict[str, str]) -> None:
    """ux.md 1.4: charts have a data table; the bars lead to the log."""
    page = pages["failed"]
    chart = page[page.index('<svg class="time-chart"') : page.index("</svg>", page.index('<svg class="time-chart"'))]
    assert "style=" not in page
    assert re.search(r'<a href="/builds/2/runs/3#stage-1" tabindex="-1"><rect class="bar failure"', chart)
    assert "<title>build: 12 s</title>" in chart
    table = page[page.index('id="timeline-table"') :]
    row = re.search(r"<tr><th scope=\"row\"><bdi>linux-aarch64</bdi> <bdi>clang-19</bdi></th>(.*?)</tr>", table)
    assert row is not None
    assert re.findall(r"<td class=\"num\">(.*?)</td>", row[1])[2:4] == ["failed, 12 s", ""]
    assert 'the end waited for <a href="/builds/2/runs/5"><bdi>macos-arm64</bdi></a>' in page
    assert '<bdi>configure</bdi></a></td><td>Passed</td><td class="num">0.0 s</td>' in pages["passed"]


def test_groups_of_a_short_log_are_part_of_the_timeline(tmp_path: Path) -> None:
    """ux.md 1.3: bars for groups, where it is known when they were; they lead to their lines."""
    seed = Seed(tmp_path)
    job = seed.job("app", "octo/app")
    build = seed.build(job, 1, 1_000, repository="octo/app", finished_at=NOW - 900)
    at = int(NOW) - 995
    log = (
        f"section_start:{at + 3}:get\r\x1b[0KFetch <b>all</b>\r\nok\r\nsection_end:{at + 7}:get\r\x1b[0K\r\n"
        f"section_start:{at + 7}:make\r\x1b[0KCompile\r\nok\r\nsection_end:{at + 14}:make\r\x1b[0K\r\n"
    )
    run = seed.run(build, [("fetch", "finished", "success", ""), ("build", "finished", "success", log)], 1_000)
    seed.close()
    with serving(tmp_path) as (address, _):
        page = httpx2.get(f"{address}/builds/{build}", headers=BROWSER).text

    chart = re.findall(
        r'<a href="/builds/1/runs/1#L(\d+)" tabindex="-1"><rect class="bar group".*?<title>(.*?)</title>', page
    )
    assert [title for _, title in chart] == ["Fetch &lt;b&gt;all&lt;/b&gt;: 4.0 s", "Compile: 7.0 s"]
    assert f'<a href="/builds/1/runs/{run}#L{chart[1][0]}"><bdi>Compile</bdi></a>' in page


def test_a_duration_stands_beside_the_usual_one(pages: dict[str, str]) -> None:
    """And what runs tells how long it should still take."""
    assert re.search(
        r"took <strong>1 min 10 s</strong> \(as usual, 1 min 10 s\)", pages["passed"].replace("09 s", "10 s")
    )
    assert re.search(r"\(usually 1 min \d\d s, about \d+ s left\)|about [\d.]+ s left\)", pages["running"])


def test_a_build_can_be_run_again_somewhere_else_by_copying(pages: dict[str, str]) -> None:
    """The exact command: parameters, matrix point, stage; and where it ran."""
    again = pages["failed"][pages["failed"].index('id="again"') :]
    assert "# on linux-aarch64" in again
    assert "git clone https://github.com/octo/queue.git queue" in again
    assert "hubwright run --matrix cc=clang-19 --parameter &#39;SIZE=very big&#39; build" in again


def test_the_environment_is_told_without_a_single_value(pages: dict[str, str]) -> None:
    """Names of variables and secrets help; a value may be a secret that nobody declared."""
    page = pages["passed"]
    around = page[page.index('id="environment"') :]
    assert "sha256:5e5e" in around
    assert "elm-1" in around
    assert "container" in around
    assert all(f"<code>{name}</code>" in around for name in ("SIGNING_KEY", "CC", "CI", "SIZE"))
    assert "a-value-to-be-told-to-nobody" not in page


def test_neighbours_are_of_the_same_branch_and_failures_of_the_job(pages: dict[str, str]) -> None:
    """`h` and `l` go along a branch, `[` and `]` from one failure to the next."""
    near = re.findall(r'<a (?:rel="\w+" )?href="/builds/(\d+)" data-key="(.)"', pages["cancelled"])
    assert {key: number for number, key in near} == {"h": "2", "l": "4", "[": "2", "]": "4"}
    assert 'data-key="h"' not in pages["passed"]
    assert 'href="/builds/4" data-key="h"' in pages["running"], "the pull request's build is of another branch"


def test_a_waiting_build_says_why(pages: dict[str, str]) -> None:
    """CircleCI's best liked page: why is my build queued?"""
    assert "plan9" in pages["queued"]
    assert "No builder" in pages["queued"]
    assert 'id="timeline" data-live></div>' in pages["queued"]
    assert "The repository did not answer" in pages["error"]


def test_who_approves_sees_first_what_would_be_run(builds: Builds) -> None:
    """The difference stands in front of the button; without the right there is no button."""
    _, site, ids = builds
    folder = Path(site.database.url.removeprefix("sqlite:///")).parent
    told = Difference(sha="a" * 40, base_sha="b" * 40, base_ref="release", touched=2, deciding=("Makefile",))
    with serving(folder, difference_of=lambda _: told) as (address, _), httpx2.Client(base_url=address) as client:
        page = client.get(f"/builds/{ids['held']}", headers={"Authorization": f"Bearer {ADMIN}"}).text
        stranger = client.get(f"/builds/{ids['held']}").text

    assert page.index("Makefile") < page.index("/approve?sha=") < page.index('id="runs"')
    assert "&amp;base=release" in page
    assert "Makefile" in stranger
    assert "/approve" not in stranger


def test_one_platform_of_a_build_is_run_again(tmp_path: Path) -> None:
    """Not the other 40 minutes of the build; and no run of another build by its number."""
    seed = Seed(tmp_path)
    ids = seed_states(seed)
    seed.close()
    admin = {"Authorization": f"Bearer {ADMIN}"}
    with serving(tmp_path) as (address, site), httpx2.Client(base_url=address, headers=admin) as client:
        page = client.get(f"/builds/{ids['failed']}", headers=BROWSER).text
        order = re.findall(r'action="(/builds/2/rerun\?run=\d+)"', page)
        assert len(order) == 4
        assert client.post(order[1]).status_code == 303
        assert client.post(f"/builds/{ids['failed']}/rerun?run=1").status_code == 404
        with site.database.reading() as connection:
            query = select(schema.run.c.platform, schema.run.c.attempt)
            rows = connection.execute(query.where(schema.run.c.build_id == ids["failed"], schema.run.c.latest)).all()
    assert sorted(map(tuple, rows)) == [
        ("freebsd-15", 1), ("linux-aarch64", 2), ("linux-x86_64", 1), ("macos-arm64", 1),
    ]  # fmt: skip


def test_a_build_with_far_too_much_of_everything_has_a_small_page(pages: dict[str, str], builds: Builds) -> None:
    """12 platforms, 300 problems, 5,000 tests: bounded, and what is left out is said and linked."""
    page = pages["crowd"]
    assert len(page.encode()) <= LARGEST
    assert "5,000 tests: 4,520 passed" in page
    assert page.count('class="bar failure"') == 12
    assert page.count('aria-label="What went wrong on') == 6
    assert "6 more platforms did not do well: " in page, "none that failed goes unsaid"
    assert re.search(r"and \d+ errors more, in <a href=\"/api/v1/builds/8/problems\">", page)
    assert page.count("<h2>16 warnings") == 12, "each platform has its share, and says how many there are"


def test_a_build_that_has_ended_links_to_its_trace_where_there_is_one(builds: Builds) -> None:
    """Only with the setting, and not before anything was told of it."""
    address, site, ids = builds
    number = TraceIds(site.public_url).of_build(ids["passed"])
    folder = Path(site.database.url.removeprefix("sqlite:///")).parent
    admin = BROWSER | {"Authorization": f"Bearer {ADMIN}"}
    assert number not in httpx2.get(f"{address}/builds/{ids['passed']}", headers=admin, timeout=20).text
    with serving(folder, trace_url="https://traces.example.org/t?id={trace}&org=1") as (other, _):
        ended, going = (
            httpx2.get(f"{other}/builds/{ids[name]}", headers=admin, timeout=20).text for name in ("passed", "running")
        )
    assert f'<a href="https://traces.example.org/t?id={number}&amp;org=1" rel="noreferrer">trace</a>' in ended
    assert "traces.example.org" not in going
