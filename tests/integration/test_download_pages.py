"""The page of a job's downloads, and how its words are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx2

from hubwright.store import schema
from hubwright.store.downloads import DownloadView
from hubwright.web.pages.downloads import arrange, split_platform, word_freshness
from seed import Seed, serving
from served import NOW, Rows

VIEW = DownloadView(
    platform="linux-x86_64", run=1, build=1, number=1, sha="a" * 40, repository="team/app", branch="main",
    built_at=None, behind=3, newest_number=4, newest_sha="b" * 40, seconds_behind=7200.0, files=(),
)  # fmt: skip


def test_freshness_in_words() -> None:
    assert word_freshness(VIEW) == "3 builds and 2 h 00 min behind the newest"
    assert word_freshness(replace(VIEW, behind=0, seconds_behind=None)) == "of the newest build"
    assert split_platform("linux-x86_64") == ("linux", "x86_64")
    assert split_platform("haiku") == ("haiku", "")


def test_the_newest_files_stand_by_system_and_processor() -> None:
    """System 1's table: a hole where a system has nothing for a processor, and no system twice."""
    names = ("linux-x86_64", "linux-aarch64", "macos-arm64", "haiku", "linux-x86_64")
    views = [replace(VIEW, platform=name, number=at) for at, name in enumerate(names)]
    matrix = arrange(views)
    assert matrix.systems == ("haiku", "linux", "macos")
    told = {name: [cell and cell.number for cell in cells] for name, cells in matrix.rows}
    assert told == {
        "": [3, None, None],
        "aarch64": [None, 1, None],
        "arm64": [None, None, 2],
        "x86_64": [None, 0, None],
    }
    assert arrange([]).rows == ()


def test_each_platform_has_a_row_with_its_newest_good_files(tmp_path: Path) -> None:
    """System 1's download table; hostile names are only text (S31)."""
    Seed(tmp_path).close()
    with serving(tmp_path) as (address, site), httpx2.Client(base_url=address) as client:
        rows = Rows(site.database)
        rows.keep_job()
        for number, result in ((1, "success"), (2, "failure")):
            rows.keep_build(number, state="finished", result=result)
            rows.keep_run(number, number, state="finished", result=result, finished_at=NOW)
        row = {"run_id": 1, "sha": "a" * 40, "platform": "linux-x86_64", "size": 2048, "kept_at": NOW}
        for path in ("app.zip", "<script>alert(1)</script>"):
            rows.keep(schema.artifact, {**row, "path": path, "sha256": "c" * 64})
        page = client.get("/downloads/team/app").text
        assert "x86_64" in page
        assert 'href="/download/latest?job=team/app&amp;platform=linux-x86_64"' in page
        assert "Stale" in page
        assert "1 build and" in page
        assert f'href="/commits/team/app/{1:040x}"' in page
        assert 'href="/api/v1/runs/1/artifacts/app.zip"' in page
        assert "<script>alert" not in page
        assert "No successful build of" in client.get("/downloads/team/app?branch=none").text
        assert client.get("/downloads/none").status_code == 404
        assert 'href="/downloads/team/app"' in client.get("/jobs/team/app").text
