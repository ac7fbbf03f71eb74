"""Logs of IRC channels as pages: a day with anchors, its twins, the search, and the addresses of system 1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from seed import NOW, Seed, serving

DAY = 86_400.0
TODAY, YESTERDAY = "2026-11-18", "2026-11-17"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    folder = tmp_path_factory.mktemp("channels")
    seed = Seed(folder)

    def add(ago: float, text: str, channel: str = "#nim", **more: object) -> None:
        row = {"kind": "msg", "nick": "kate", "person": "kate"} | more
        seed.add("channel_line", channel=channel, at=seed.now - ago, text=text, **row)

    add(DAY, "good night <3")
    add(60, "first \x02of\x02 two")
    add(60, "second of two")
    add(50, "", kind="join", nick="bob")
    add(40, "waves", kind="action", nick="bob")
    add(3 * DAY, "elsewhere", "#nim/offtopic")
    for number in range(1_203):
        add(9 * DAY - number, f"line {number}", "#nim")
    for number in range(1_003):
        add(1_002 - number, f"busy {number}", "#busy")
    seed.close()
    with serving(folder) as (address, _), httpx2.Client(base_url=address, headers={"Accept": "text/html"}) as client:
        yield client


def test_today_has_a_line_with_an_anchor_for_each_event(browser: httpx2.Client) -> None:
    """As system 1: the anchors of today's page lead to the day's own, which stays; two in a second are told apart."""
    page = browser.get("/irclogs/nim").text
    assert re.findall(r'<li id="([^"]+)"', page) == ["11:05:40", "11:05:40.2", "11:05:50", "11:06:00"]
    assert f'href="/irclogs/nim/{TODAY}#11:05:40.2"' in page
    assert 'first <span class="b">of</span> two' in page
    assert f'rel="prev" href="/irclogs/nim/{YESTERDAY}"' in page
    assert 'data-stream="/fragments/stream?every=5"' in page


def test_a_day_is_at_its_own_address(browser: httpx2.Client) -> None:
    """In both ways to write it; nothing of it moves, so no stream is opened."""
    page = browser.get(f"/irclogs/nim/{YESTERDAY}").text
    assert "good night &lt;3" in page
    assert 'href="#11:06:40"' in page
    assert f'rel="next" href="/irclogs/nim/{TODAY}"' in page
    assert "data-stream" not in page
    assert browser.get("/irclogs/NIM/17-11-2026.html").text == page
    assert "Nothing has happened here on this day" in browser.get("/irclogs/nim/2020-01-01").text


def test_a_busy_day_goes_on_at_a_link(browser: httpx2.Client) -> None:
    """And a link of a search begins shortly before what was found."""
    page = browser.get("/irclogs/nim/2026-11-09").text
    assert (page.count('<li id="'), ">line 999<" in page, ">line 1000<" in page) == (1_000, True, False)
    further = re.search(r'rel="next" href="(/irclogs/nim/2026-11-09\?after=\d+)"', page)
    assert further is not None
    later = browser.get(further[1]).text
    assert (later.count('<li id="'), ">line 1000<" in later) == (203, True)

    found = re.search(
        r'href="(/irclogs/nim/2026-11-09\?from=[\d:]+)#([\d:]+)"', browser.get("/irclogs/nim?q=line+1100").text
    )
    assert found is not None
    shown = browser.get(found[1]).text
    assert f'<li id="{found[2]}"' in shown
    assert ">line 1100<" in shown
    assert ">line 700<" not in shown


def test_a_busy_today_shows_what_was_said_last(browser: httpx2.Client) -> None:
    """And leads to the whole day; its anchors lead to a page that begins shortly before them."""
    page = browser.get("/irclogs/busy").text
    assert (page.count('<li id="'), ">busy 2<" in page, ">busy 3<" in page) == (1_000, False, True)
    assert f'href="/irclogs/busy/{TODAY}">The whole day' in page
    anchor = re.search(r'href="([^"]+#11:06:40)"', page)
    assert anchor is not None
    assert anchor[1] == f"/irclogs/busy/{TODAY}?from=11:01:40#11:06:40"
    assert '<li id="11:06:40"' in browser.get(anchor[1]).text
    assert ">busy 0<" in browser.get(f"/irclogs/busy/{TODAY}").text


def test_the_twins_of_a_day_are_for_programs(browser: httpx2.Client) -> None:
    """System 1's files: the beginning of the day, then a line of JSON for each event."""
    first, *lines = browser.get(f"/irclogs/nim/{TODAY}.logs").text.splitlines()
    assert float(first) == 1_794_960_000.0
    events = [json.loads(line) for line in lines]
    assert [(one["kind"], one["nick"]) for one in events] == [
        ("msg", "kate"),
        ("msg", "kate"),
        ("join", "bob"),
        ("action", "bob"),
    ]
    assert events[0]["text"] == "first \x02of\x02 two"
    told = browser.get(f"/irclogs/nim/{TODAY}.json").json()
    assert told == {"channel": "#nim", "day": TODAY, "items": events, "next": None}
    assert len(browser.get("/irclogs/nim/2026-11-09.logs").text.splitlines()) == 1_204


def test_a_search_shows_days_and_clocks(browser: httpx2.Client) -> None:
    page = browser.get("/irclogs/nim", params={"q": "of two"}).text
    assert "Wednesday, 2026-11-18" in page
    assert page.count('class="clock"') == 1  # formatting stands between the words of the other
    assert "Nobody has said that" in browser.get("/irclogs/nim", params={"q": "%_"}).text
    assert browser.get("/irclogs/nim", params={"q": "bob"}).text.count('class="clock"') == 1


def test_addresses_of_system_1_lead_to_the_first_channel(browser: httpx2.Client) -> None:
    answers = [
        browser.get(path)
        for path in ("/irclogs/17-11-2026.html", "/irclogs/17-11-2026.json", "/irclogs/nim?day=2026-11-17")
    ]
    assert [(one.status_code, one.headers["location"]) for one in answers] == [
        (308, "/irclogs/busy/17-11-2026.html"),
        (308, "/irclogs/busy/17-11-2026.json"),
        (303, f"/irclogs/nim/{YESTERDAY}"),
    ]


def test_channels_are_listed_and_unknown_ones_are_not_there(browser: httpx2.Client) -> None:
    """A channel's name may have a slash in it."""
    page = browser.get("/irclogs").text
    links = re.findall(r'href="(/irclogs/[^"]+)"', page)
    assert links == ["/irclogs/busy", "/irclogs/nim", "/irclogs/nim/offtopic"]
    assert "the last time was on" in browser.get("/irclogs/nim/offtopic").text
    missing = [
        browser.get(path).status_code
        for path in ("/irclogs/none", "/irclogs/none/2026-11-18", "/irclogs/nim/yesterday")
    ]
    assert missing == [404, 404, 404]


def test_an_empty_log_says_how_to_fill_it(tmp_path: Path) -> None:
    Seed(tmp_path).close()
    with serving(tmp_path) as (address, _), httpx2.Client(base_url=address, headers={"Accept": "text/html"}) as client:
        assert "IRC__LOGGED" in client.get("/irclogs").text
        assert client.get("/irclogs/17-11-2026.html").status_code == 404


def test_the_week_ends_where_it_should() -> None:
    """The days above are those of the seed's clock."""
    assert NOW == 1_795_000_000.0
