"""The pages as a browser gets them: who may see and do what, what they say, how they travel."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import insert, select

from hubwright.domain.scheduling import Want
from hubwright.domain.waiting import Reason, Waiting
from hubwright.store import schema
from hubwright.web.assets import Assets
from hubwright.web.gate import Gate
from hubwright.web.pages.frame import Frame, explained
from hubwright.web.site import Site
from seed import ADMIN, Seed, red, seed_week, serving, tell
from served import make_site
from waiting import until

BROWSER = {"Accept": "text/html,*/*"}
Week = tuple[str, Site, dict[str, int]]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    folder = tmp_path_factory.mktemp("week")
    seed = Seed(folder)
    ids = seed_week(seed)
    seed.close()
    with serving(folder) as (address, site):
        yield address, site, ids


@pytest.fixture
def browser(week: Week) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=week[0], headers=BROWSER) as client:
        yield client


def test_an_empty_hub_teaches_the_commands_that_fill_it(tmp_path: Path) -> None:
    """peers.md: the first page of most servers is empty and mute."""
    Seed(tmp_path).close()
    docs = "https://docs.example.org/{page}.html"
    with (
        serving(tmp_path, docs_url=docs) as (address, _),
        httpx2.Client(base_url=address, headers=BROWSER) as client,
    ):
        home = client.get("/").text
        others = {path: client.get(path) for path in ("/jobs", "/queue", "/builders", "/deliveries", "/help")}

    assert "hubwright register https://github.com/OWNER/REPOSITORY" in home
    assert "http://127.0.0.1:8010/hooks/github" in home
    assert "hubwright run" in home
    assert {path: answer.status_code for path, answer in others.items()} == dict.fromkeys(others, 200)
    assert "hubwright builder --hub" in others["/builders"].text
    assert '<a href="https://docs.example.org/tutorial.html">Ten minutes to a green build</a>' in others["/help"].text


def test_home_names_what_broke_who_broke_it_and_why_runs_wait(browser: httpx2.Client) -> None:
    """System 0's blame: the first bad build since the last good one, not the newest."""
    home = browser.get("/").text

    assert re.search(r"since <a href=\"/builds/37\">#37</a> by <strong><bdi>Grace Hopper</bdi>", home)
    assert "unknown key &#39;patforms&#39;: did you mean &#39;platforms&#39;?" in home
    assert "No builder" in home
    assert "windows-x86_64" in home


def test_every_template_is_sound(tmp_path: Path) -> None:
    """They are compiled when they are first shown: a wrong one must be found here, not by a reader."""
    with make_site(tmp_path) as site:
        templates = Frame(site, Gate(site), Assets()).templates
        names = templates.list_templates()
        assert {"home.html", "base.html"} <= set(names)
        assert [name for name in names if templates.get_template(name).name != name] == []


def test_builders_that_a_run_waits_for_are_links() -> None:
    """Who asks why a run waits asks next how that builder does; a hostile name stays a name."""
    names = ("anvil", "anvil-2", '<b href="x">')
    builders = tuple({"name": name, "since": 1.0} for name in names)
    reason = Reason(
        kind="all_busy", sentence=f"Builder anvil-2 is busy, {names[2]} and anvil too.", more={"builders": builders}
    )
    waiting = Waiting(run=1, want=Want(platform="linux"), reasons=(reason,))
    html = explained(waiting)
    assert '<a href="/builders/anvil-2"><bdi>anvil-2</bdi></a>' in html
    assert '<a href="/builders/anvil"><bdi>anvil</bdi></a>' in html
    assert '<a href="/builders/%3Cb%20href%3D%22x%22%3E"><bdi>&lt;b href=&#34;x&#34;&gt;</bdi></a>' in html


def test_a_build_shows_its_problems_first(browser: httpx2.Client, week: Week) -> None:
    """ux.md 1.2.1: the lines around the first error, failed tests with messages, then everything else."""
    page = browser.get(f"/builds/{week[2]['red']}").text

    assert page.index("has no member named") < page.index('id="runs"') < page.index('id="log"')
    assert "tests/test_ring.c:57: expected 2000, got 1999" in page
    assert "&lt;b&gt;not bold&lt;/b&gt;" in page
    assert "624 tests: 621 passed" in page
    assert "<title>✕ core/engine #38 · Hubwright</title>" in page
    assert "favicon-failure.svg" in page


def test_a_wrong_recipe_shows_the_offending_lines(browser: httpx2.Client) -> None:
    """Woodpecker#460: a configuration error must say that it is one."""
    page = browser.get("/builds/49").text

    assert "The recipe is wrong" in page
    assert "7 | patforms: [linux, freebsd]" in page


def test_a_log_is_fetched_by_lines_and_says_how_far_it_goes(browser: httpx2.Client, week: Week) -> None:
    """The viewer relies on it: whole lines count, an unfinished one is fetched again."""
    _, site, _ = week
    site.logs.append(900, 0, b"one\ntwo\nthr")

    part = browser.get("/fragments/runs/900/log", params={"from_line": 2})
    many = browser.get("/fragments/runs/900/log", params={"from_line": 1, "lines": 10**9})
    gone = browser.get("/fragments/runs/901/log")

    assert re.findall(r'id="L(\d+)"', part.text) == ["2", "3"]
    assert (part.headers["log-whole-lines"], part.headers["log-lines"]) == ("2", "3")
    assert many.text.count('class="l"') == 3
    assert (gone.status_code, gone.text) == (200, "")


def test_the_stream_says_that_there_is_more(browser: httpx2.Client, week: Week) -> None:
    """One stream a tab; a reader who connects again is told where things stand at once."""
    _, site, ids = week
    run, build = ids["live_run"], ids["running"]
    with browser.stream("GET", "/fragments/stream", params={"build": build, "run": run}) as answer:
        lines = (line for line in answer.iter_lines() if line)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert next(lines) == "retry: 1000"
        assert next(lines) == "event: log"
        before = int(next(lines).removeprefix("data: "))

        site.logs.append(run, site.logs.size(run), b"fresh\n")
        assert [next(lines), next(lines)] == ["event: log", f"data: {before + 1}"]

        tell(site, ids["red"])  # another build's news
        tell(site, build)
        assert [next(lines), next(lines)] == ["event: facts", "data:"]

        found = {"run_id": run, "position": 0, "severity": "error", "message": "no", "matcher": "gcc"}
        site.database.write(lambda connection: connection.execute(insert(schema.problem).values(found)))
        site.logs.ring(run)
        assert next(lines) == "event: facts"


def test_only_those_who_may_are_offered_and_allowed_to_rerun(tmp_path: Path) -> None:
    """Buttons for writers only, and a form from another site changes nothing (S33)."""
    seed = Seed(tmp_path)
    job = seed.job("app", "octo/app")
    build = seed.build(job, 1, 100, repository="octo/app", result="failure")
    seed.run(build, red(), 100, result="failure", finished_at=seed.now)
    seed.close()
    admin = {"Authorization": f"Bearer {ADMIN}"}
    with serving(tmp_path) as (address, site), httpx2.Client(base_url=address, headers=BROWSER) as client:
        assert "Rerun</button>" not in client.get("/builds/1").text
        assert client.post("/builds/1/rerun").status_code == 401
        assert "Rerun</button>" in client.get("/builds/1", headers=admin).text

        again = client.post("/builds/1/rerun", headers=admin)
        assert (again.status_code, again.headers["location"]) == (303, "/builds/1")
        with site.database.reading() as connection:
            assert connection.execute(select(schema.build.c.state)).scalar_one() == "queued"
        cancelled = client.post("/builds/1/cancel", headers=admin)
        assert cancelled.status_code == 303
        assert "Cancelled" in client.get("/builds/1").text
        assert client.post("/builds/1/cancel", headers=admin).status_code == 409


def test_nobody_learns_whether_a_private_build_exists(week: Week) -> None:
    """S37: without the right to read, what is there and what is not answer alike."""
    _, site, ids = week
    folder = Path(site.database.url.removeprefix("sqlite:///")).parent
    with (
        serving(folder, anonymous_read=False) as (address, _),
        httpx2.Client(base_url=address, headers=BROWSER) as client,
    ):
        found = {
            path: client.get(path).status_code
            for path in (
                "/", f"/builds/{ids['red']}", "/builds/999999", "/jobs/core/engine", "/jobs/nothing",
                f"/fragments/runs/{ids['red_run']}/log", "/fragments/stream", "/deliveries",
            )
        }  # fmt: skip
        assert client.get("/").text.count("login link") == 1

    assert found == dict.fromkeys(found, 401)


def test_errors_are_pages_for_browsers_and_documents_for_programs(browser: httpx2.Client, week: Week) -> None:
    """The same refusal, in the reader's language."""
    page = browser.get("/builds/999999")
    document = httpx2.get(f"{week[0]}/builds/999999", headers={"Accept": "*/*"})

    assert (page.status_code, document.status_code) == (404, 404)
    assert "There is no build 999999." in page.text
    assert page.headers["content-type"].startswith("text/html")
    assert document.json()["detail"] == "There is no build 999999."


@pytest.mark.parametrize(
    "path",
    [
        "/builds/38/runs/1",
        "/commits/octo/engine/xyz",
        "/commits/octo/engine/0000000",
        "/jobs/no/such",
        "/static/x/../seed.py",
    ],
)
def test_what_is_not_there_is_not_found(browser: httpx2.Client, path: str) -> None:
    """Run 1 belongs to another build (S38); a sha is hexadecimal; static files are the ones we know."""
    assert browser.get(path).status_code == 404


def test_a_commit_shows_platforms_by_stages(browser: httpx2.Client) -> None:
    """Buildbot#3084, the overview that people miss most."""
    sha = re.search(r"/commits/octo/engine/([0-9a-f]{40})", browser.get("/builds/38").text)
    assert sha is not None

    page = browser.get(f"/commits/octo/engine/{sha[1]}").text

    assert page.count("<tr>") == 5
    assert all(name in page for name in ("linux-x86_64", "macos-arm64", "freebsd-15", "configure", "package"))


def test_every_page_is_sent_with_strict_headers(browser: httpx2.Client) -> None:
    """S32: no inline script or style anywhere, nothing from elsewhere, no frames."""
    for path in ("/", "/builds/38", "/jobs/core/engine", "/nothing"):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?! type=\"module\" src=)|\sstyle=|\son\w+=\"|<style", answer.text)


def test_static_files_are_small_kept_for_good_and_all_ours(browser: httpx2.Client) -> None:
    """Addressed by their content; no page loads anything from another site."""
    style = browser.get(Assets().address("hubwright.css"))

    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert style.headers["content-encoding"] == "gzip"
    folder = Path(__file__).parents[2] / "src/hubwright/web"
    for file in (*folder.glob("static/*.*"), *folder.glob("templates/*")):
        outside = re.findall(r"(?:src|href|url|import)\W+(https?://\S+)", file.read_text())
        assert outside == [], file


def _linked(page: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="(/static/\w+/[\w.-]+\.(?:css|js))"', page))


def test_a_page_links_only_what_it_needs_and_no_more_than_40_kb(browser: httpx2.Client) -> None:
    """Styles and scripts as they travel, packed; none is found late, by the import of another."""
    pages = {path: _linked(browser.get(path).text) for path in ("/", "/builds/38", "/jobs/core/engine", "/queue")}
    files = {address: browser.get(address) for address in set().union(*pages.values())}
    weights = {path: sum(int(files[one].headers["content-length"]) for one in linked) for path, linked in pages.items()}

    assert weights == {path: weight for path, weight in weights.items() if 5_000 < weight <= 40_000}
    assert weights["/builds/38"] - weights["/"] > 5_000, "the log viewer is only where a log is"
    for path, linked in pages.items():
        imported = {name for one in linked for name in re.findall(r'from "\./([\w.]+)"', files[one].text)}
        assert imported <= {one.rpartition("/")[2] for one in linked}, path


def _took(browser: httpx2.Client, path: str) -> float:
    started = time.perf_counter()
    browser.get(path)
    return time.perf_counter() - started


def test_pages_are_quick(browser: httpx2.Client) -> None:
    """Some 10 ms each on an idle machine; on a busy one they are asked for until one comes undisturbed."""
    for path in ("/", "/builds/38", "/jobs/core/engine"):
        until(lambda path=path: _took(browser, path) < 0.25, what=f"{path} in less than 0.25 s")
