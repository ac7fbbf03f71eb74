"""What builds kept, as pages and archives; and files of builds in a browser, where they can harm nobody."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from zipfile import ZipFile

import httpx2
import pytest

from hubwright.domain.artifacts import ArtifactRules, artifact_key
from hubwright.store.schema import artifact
from kept_files import keep, keep_build
from quiet_hub import WholeHub, open_whole_hub
from served import NOW, Rows, served_site

BROWSER = {"Accept": "text/html,*/*"}
EVIL = b"<!doctype html><link rel=stylesheet href=look.css><script>fetch('/api/v1/builds')</script><p>report"


class Clock:
    """Stands until it is moved."""

    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[WholeHub]:
    """A private hub: build 1 of two platforms, build 2 of one, build 3 without files."""
    with open_whole_hub(tmp_path_factory.mktemp("hub"), clock, admin_token="the-admin") as opened:
        place: Any = SimpleNamespace(site=opened.hub.site, rows=opened.rows)
        opened.rows.keep_job()
        keep_build(place, 1)
        opened.rows.keep_run(11, 1, state="finished", result="success", platform="mac os", matrix={"cc": "clang"})
        keep_build(place, 2)
        keep_build(place, 3)
        keep(place, 1, "dist/app.tar.gz", b"app" * 1000, expires_at=NOW + 5 * 86_400)
        keep(place, 1, "dist/docs/index.html", EVIL)
        keep(place, 1, "dist/docs/look.css", b"p { color: red }")
        keep(place, 1, "README.md", b"# <b>hi</b>\n")
        keep(place, 11, "dist/app.tar.gz", b"mac" * 500, platform="mac os")
        for number in range(205):
            keep(place, 2, f"out/{number:03}.log", b"line\n")
        yield opened


@pytest.fixture(scope="module")
def reader(hub: WholeHub) -> Iterator[httpx2.Client]:
    headers = BROWSER | {"Authorization": "Bearer the-admin"}
    with httpx2.Client(base_url=hub.url, headers=headers, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def stranger(hub: WholeHub) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=hub.url, headers=BROWSER, timeout=20) as client:
        yield client


# --- the page


def test_files_are_browsed_by_platform_and_folder(reader: httpx2.Client) -> None:
    """Sizes of folders, age and expiry, sums, the newest of the same path, and an archive of each."""
    first = reader.get("/builds/1/artifacts").text
    assert 'href="/builds/1/artifacts?run=1"' in first
    assert "<bdi>mac os</bdi>" in first
    assert "/api/v1/builds/1/artifacts.zip?run=11" in first

    root = reader.get("/builds/1/artifacts?run=1").text
    assert 'href="/builds/1/artifacts?run=1&amp;folder=dist"><bdi>dist</bdi>/</a>' in root
    assert "3 files" in root
    assert "# <b>" not in root

    dist = reader.get("/builds/1/artifacts?run=1&folder=dist").text
    assert 'href="/api/v1/runs/1/artifacts/dist/app.tar.gz" download' in dist
    assert 'href="/api/v1/runs/1/artifacts/dist/app.tar.gz.sha256"' in dist
    assert "/download/latest?job=team%2Fapp&amp;branch=main&amp;platform=linux&amp;path=dist%2Fapp.tar.gz" in dist
    assert "2026-09-26" in dist, "when it goes"
    assert reader.get("/builds/1/artifacts?run=1&folder=nothing").status_code == 404
    assert reader.get("/builds/1/artifacts?run=2").status_code == 404
    assert "artifacts: dist/*" in reader.get("/builds/3/artifacts").text


def test_a_folder_of_many_files_comes_in_pages(reader: httpx2.Client) -> None:
    """10,000 files are no page."""
    first, second = (reader.get(f"/builds/2/artifacts?run=2&folder=out&page={page}").text for page in (1, 2))
    assert "page 1 of 2, 205 entries" in first
    assert first.count(".log.sha256") == 200
    assert second.count(".log.sha256") == 5
    assert "204.log" in second


# --- archives


def unpack(answer: httpx2.Response) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    with ZipFile(io.BytesIO(answer.content)) as read:
        assert read.testzip() is None
        return {name: read.read(name) for name in read.namelist()}


def test_a_build_is_one_archive_with_a_folder_for_each_platform(reader: httpx2.Client) -> None:
    """Names of platforms come from outside: they are made harmless, and never meet."""
    whole = reader.get("/api/v1/builds/1/artifacts.zip")
    assert "team-app-1.zip" in whole.headers["content-disposition"]
    assert {name: len(data) for name, data in unpack(whole).items()} == {
        "linux/README.md": 12, "linux/dist/app.tar.gz": 3000, "linux/dist/docs/index.html": len(EVIL),
        "linux/dist/docs/look.css": 16, "mac_os-clang/dist/app.tar.gz": 1500,
    }  # fmt: skip
    docs = reader.get("/api/v1/builds/1/artifacts.zip?run=1&folder=dist/docs")
    assert set(unpack(docs)) == {"dist/docs/index.html", "dist/docs/look.css"}
    assert len(unpack(reader.get("/api/v1/builds/2/artifacts.zip"))) == 205
    assert reader.get("/api/v1/builds/3/artifacts.zip").status_code == 404
    assert reader.get("/api/v1/builds/1/artifacts.zip?run=2").status_code == 404


def test_an_archive_has_a_bound_and_never_misses_a_file_silently(tmp_path: Path) -> None:
    """Too much is refused before the first byte; a file that is gone ends the answer before its end."""
    with served_site(tmp_path, artifacts=ArtifactRules(zip_size=2_000)) as served:
        served.rows.keep_job()
        keep_build(served, 1)
        keep(served, 1, "a.bin", b"a" * 1_500)
        keep(served, 1, "b.bin", b"b" * 501)
        refused = served.client.get("/api/v1/builds/1/artifacts.zip")
        assert refused.status_code == 413
        assert "take one run or folder" in refused.json()["detail"]

        keep_build(served, 2)
        keep(served, 2, "a.bin", b"a" * 1_500)
        keep(served, 2, "b.bin", b"b")
        served.rows.keep(artifact, {"run_id": 2, "sha": "a" * 40, "platform": "linux", "path": "c.bin", "size": 3,
                                    "kept_at": NOW, "sha256": "0" * 64, "key": artifact_key(2, "gone")})  # fmt: skip
        with pytest.raises(httpx2.RemoteProtocolError):
            served.client.get("/api/v1/builds/2/artifacts.zip")


# --- in a browser


def look(reader: httpx2.Client, path: str, run: int = 1) -> str:
    answer = reader.get(f"/builds/1/look/{run}/{path}")
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def test_a_page_that_a_build_made_is_shown_without_origin_or_scripts(
    reader: httpx2.Client, stranger: httpx2.Client
) -> None:
    """S28: it has no cookie, so the address alone lets in; its pictures and styles come the same way."""
    place = look(reader, "dist/docs/index.html")
    assert place.startswith("/kept/")
    shown = stranger.get(place)
    assert (shown.status_code, shown.content) == (200, EVIL)
    assert shown.headers["content-type"].startswith("text/html")
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script" not in policy
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["referrer-policy"] == "no-referrer"
    style = stranger.get(place.replace("index.html", "look.css"))
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert stranger.get(place.removesuffix("index.html")).content == EVIL, "a folder shows its index"


def test_what_no_browser_should_show_stays_a_download(reader: httpx2.Client, stranger: httpx2.Client) -> None:
    answer = stranger.get(look(reader, "dist/app.tar.gz"))
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["content-type"] == "application/octet-stream"
    plain = reader.get("/api/v1/runs/1/artifacts/dist/docs/index.html")
    assert plain.headers["content-disposition"].startswith("attachment;")
    assert plain.headers["content-type"] == "application/octet-stream"


def test_an_address_is_good_for_one_run_one_hour_and_readers(
    hub: WholeHub, reader: httpx2.Client, stranger: httpx2.Client, clock: Clock
) -> None:
    """A capability: nobody makes one, widens it or keeps it."""
    place = look(reader, "README.md")
    assert stranger.get(place).status_code == 200
    assert stranger.get(place.replace("/1/README.md", "/11/dist/app.tar.gz")).status_code == 404
    assert stranger.get(place.replace("/kept/", "/kept/9")).status_code == 404
    assert stranger.get("/builds/1/look/1/README.md").status_code == 401
    assert reader.get("/builds/1/look/2/out/000.log").status_code == 404, "a run of another build"
    clock.now += 3_700
    try:
        gone = stranger.get(place)
    finally:
        clock.now -= 3_700
    assert gone.status_code == 404
    assert "open the file from its build" in gone.text


def test_files_have_an_origin_of_their_own_where_one_is_set(tmp_path: Path) -> None:
    """There alone scripts run, and there the hub's own pages find no cookie."""
    flags = {"admin_token": "the-admin", "artifacts.origin": "http://files.localhost:1"}
    with open_whole_hub(tmp_path, Clock(), **flags) as opened:
        place: Any = SimpleNamespace(site=opened.hub.site, rows=Rows(opened.hub.site.database))
        opened.rows.keep_job()
        keep_build(place, 1)
        keep(place, 1, "index.html", EVIL)
        answer = opened.client.get("/builds/1/look/1/index.html", headers={"Authorization": "Bearer the-admin"})
        told = urlsplit(answer.headers["location"])
        assert told.netloc == "files.localhost:1"
        assert opened.client.get(told.path).status_code == 404, "not beside the hub's pages"
        apart = opened.client.get(told.path, headers={"Host": told.netloc})
    assert apart.status_code == 200
    assert apart.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none';")
