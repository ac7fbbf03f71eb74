"""The page of a job's downloads, and how its words are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx2

from hubwright.store import schema
from hubwright.store.downloads import DownloadView
from hubwright.web.pages.downloads import split_platform, word_freshness
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
        assert "1 build and" in page
        assert f'href="/commits/team/app/{1:040x}"' in page
        assert 'href="/api/v1/runs/1/artifacts/app.zip"' in page
        assert "<script>alert" not in page
        assert "No successful build of" in client.get("/downloads/team/app?branch=none").text
        assert client.get("/downloads/none").status_code == 404
        assert 'href="/downloads/team/app"' in client.get("/jobs/team/app").text
