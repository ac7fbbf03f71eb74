"""A run's log over HTTP: whole, in parts, plain and raw."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from served import Served, served_site

COLOURED = b"\x1b[32mok\x1b[0m\r\n" + "größe ✓\n".encode() + b"\xff\x00 raw\n"
PLAIN = b"".join(b"line %d\n" % number for number in range(1, 2001))
HEAD = b"checkout\n"
SIZE = len(HEAD + PLAIN)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run 1 has colours, run 2 none and two stages, run 3 no log, run 4 is large; nothing changes them."""
    with served_site(tmp_path_factory.mktemp("logs")) as served:
        served.rows.keep_job()
        served.rows.keep_build(1)
        served.rows.keep_run(1, 1)
        stages = (
            {"name": "clone", "log_start": 0, "log_end": len(HEAD)},
            {"name": "1", "log_start": len(HEAD)},
            {"name": "later"},
        )
        served.rows.keep_run(2, 1, stages)
        served.rows.keep_run(3, 1)
        served.rows.keep_run(4, 1)
        served.write_log(1, COLOURED)
        served.write_log(2, HEAD + PLAIN)
        served.write_log(4, b"\x1b[1mx\x1b[0m" * 100_000)
        yield served


def test_a_log_is_plain_text_without_escapes(hub: Served) -> None:
    """For people with curl, for grep, for agents; a browser must not take it for a page."""
    answer = hub.client.get("/api/v1/runs/1/log")
    assert answer.content == b"ok\r\n" + "größe ✓\n".encode() + b"\xff\x00 raw\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_with_ansi_every_byte_is_there(hub: Served) -> None:
    """Not one byte lost or changed."""
    answer = hub.client.get("/api/v1/runs/1/log?ansi=1")
    assert answer.content == COLOURED
    assert answer.headers["content-length"] == str(len(COLOURED))


def test_escapes_vanish_over_the_borders_of_chunks(hub: Served) -> None:
    """900 kB of escapes are cut at every place an escape has."""
    assert hub.client.get("/api/v1/runs/4/log").content == b"x" * 100_000


def test_a_run_without_a_log_has_an_empty_one(hub: Served) -> None:
    """A queued run is no error."""
    assert (hub.client.get("/api/v1/runs/3/log").status_code, hub.client.get("/api/v1/runs/3/log").content) == (
        200,
        b"",
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stage=clone", HEAD),
        ("stage=0", HEAD),
        ("stage=1", PLAIN),  # a name goes before a position
        ("stage=2", b""),
        ("stage=later", b""),
        ("stage=1&start=1&end=2", b"line 1\nline 2\n"),
        ("stage=1&start=1999", b"line 1999\nline 2000\n"),
        ("stage=clone&start=1&end=99", HEAD),
        ("stage=clone&start=2", b""),
        ("start=1&end=2", HEAD + b"line 1\n"),
        ("start=2001", b"line 2000\n"),
        ("start=5000", b""),
        ("start=7&end=3", b""),
        ("end=1", HEAD),
    ],
)
def test_parts_are_taken_by_stage_and_line(hub: Served, query: str, expected: bytes) -> None:
    """A link to some lines is useful in chat and to tools (ux §1.2 no. 4); lines are counted from the stage's first."""
    assert hub.client.get(f"/api/v1/runs/2/log?{query}").content == expected


def test_an_unknown_stage_names_those_there_are(hub: Served) -> None:
    """404 that helps."""
    answer = hub.client.get("/api/v1/runs/2/log?stage=tset")
    assert answer.status_code == 404
    assert "clone, 1, later" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("asked", "status", "expected", "told"),
    [
        ("bytes=0-3", 206, HEAD[:4], f"bytes 0-3/{SIZE}"),
        ("bytes=-5", 206, b"2000\n", f"bytes {SIZE - 5}-{SIZE - 1}/{SIZE}"),
        (f"bytes={SIZE - 2}-99999", 206, b"0\n", f"bytes {SIZE - 2}-{SIZE - 1}/{SIZE}"),
        (f"bytes={SIZE}-", 416, None, f"bytes */{SIZE}"),
        ("bytes=0-1,5-6", 200, HEAD + PLAIN, None),
        ("lines=1-2", 200, HEAD + PLAIN, None),
    ],
)
def test_ranges(hub: Served, asked: str, status: int, expected: bytes | None, told: str | None) -> None:
    """`curl -C -` goes on where it stopped; a log without escapes has ranges in its plain form too."""
    for path in ("/api/v1/runs/2/log", "/api/v1/runs/2/log?ansi=1"):
        answer = hub.client.get(path, headers={"Range": asked})
        assert answer.status_code == status
        assert answer.headers.get("content-range") == told
        if expected is not None:
            assert answer.content == expected


def test_a_plain_log_with_escapes_has_no_ranges(hub: Served) -> None:
    """Its bytes are made on the way, so the whole is sent."""
    answer = hub.client.get("/api/v1/runs/1/log", headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.content[:4]) == (200, b"ok\r\n")
    assert "accept-ranges" not in answer.headers


def test_the_etag_saves_the_way(hub: Served) -> None:
    """The same bytes have the same tag; plain and raw differ; If-Range guards a range."""
    answer = hub.client.get("/api/v1/runs/2/log")
    tag = answer.headers["etag"]
    assert hub.client.get("/api/v1/runs/2/log", headers={"If-None-Match": tag}).status_code == 304
    both = [hub.client.head(f"/api/v1/runs/1/log{query}").headers["etag"] for query in ("", "?ansi=1")]
    assert both[0] != both[1]
    ranged = {"Range": "bytes=0-1", "If-Range": tag}
    assert hub.client.get("/api/v1/runs/2/log", headers=ranged).status_code == 206
    assert hub.client.get("/api/v1/runs/2/log", headers={**ranged, "If-Range": '"old"'}).status_code == 200


def test_head_tells_the_size(hub: Served) -> None:
    """Without the bytes."""
    answer = hub.client.head("/api/v1/runs/2/log")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(SIZE), b"")


GROUPED = (
    b"::group::Fetch\nget it\n::endgroup::\n--- Compile\nring.c:8:2: error: no\n~~~ Test\nok\n"
    b"section_start:100:docs\rDocs\nsection_end:107:docs\r\nrest\n"
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run 1 has groups, and moments: what stands before `Test` came at 1000.5, the rest 65 seconds later."""
    with served_site(tmp_path_factory.mktemp("found")) as served:
        served.rows.keep_job()
        served.rows.keep_build(1)
        served.rows.keep_run(1, 1)
        cut = GROUPED.index(b"~~~ Test")
        logs = served.site.logs
        logs.append(1, 0, GROUPED[:cut], 1000.5)
        logs.append(1, cut, GROUPED[cut:], 1065.5)
        yield served


def test_groups_tell_what_a_viewer_folds(found: Served) -> None:
    """What ended well is folded; an error keeps its group open, and so does the lack of an end."""
    told = found.client.get("/api/v1/runs/1/log/groups").json()
    shown = [(each["first"], each["last"], each["folded"], each["failed"]) for each in told["groups"]]
    assert shown == [(1, 3, True, False), (4, 5, False, True), (6, 10, False, False), (8, 9, True, False)]
    assert [each["seconds"] for each in told["groups"]] == [0.0, 65.0, None, 7.0]
    assert told["complete"] is True


def test_errors_are_told_by_their_lines(found: Served) -> None:
    """What `e` goes through: of the whole log, not of what a browser has loaded."""
    assert found.client.get("/api/v1/runs/1/log/errors").json() == {"lines": [5], "complete": True}


def test_a_search_tells_lines_and_their_text(found: Served) -> None:
    """For agents and scripts as much as for the page."""
    told = found.client.get("/api/v1/runs/1/log/search?q=ERROR").json()
    assert told["lines"] == [5]
    assert told["texts"] == [{"line": 5, "text": "ring.c:8:2: error: no"}]
    assert (told["complete"], told["cut"], told["searched"]) == (True, None, 10)
    assert found.client.get("/api/v1/runs/1/log/search?q=ERROR&case=1").json()["lines"] == []
    wrong = found.client.get("/api/v1/runs/1/log/search?q=(&regex=1")
    assert (wrong.status_code, wrong.headers["content-type"]) == (422, "application/problem+json")
    assert "unterminated subpattern" in wrong.json()["detail"]


def test_lines_have_the_moments_at_which_they_came(found: Served) -> None:
    """`?ts=1`, also of a part; a log without moments keeps its columns."""
    lines = found.client.get("/api/v1/runs/1/log?ts=1").text.splitlines()
    assert lines[0] == "1970-01-01T00:16:40.500Z ::group::Fetch"
    assert lines[6] == "1970-01-01T00:17:45.500Z ok"
    part = found.client.get("/api/v1/runs/1/log?ts=1&start=5&end=6").text.splitlines()
    assert part == ["1970-01-01T00:16:40.500Z ring.c:8:2: error: no", "1970-01-01T00:17:45.500Z ~~~ Test"]


def test_a_log_without_moments_keeps_its_columns(hub: Served) -> None:
    """Logs of before, and of a hub whose disk was full for a moment."""
    answer = hub.client.get("/api/v1/runs/2/log?ts=1")
    assert answer.content == b"".join(b" " * 25 + line + b"\n" for line in (HEAD + PLAIN).splitlines())
