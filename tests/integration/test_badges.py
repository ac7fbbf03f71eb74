"""Badges: pictures that any reader of SVG takes, and the document that shields.io asks for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import httpx2
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from build_lives import Clock, Lives
from hubwright.domain.wording import make_visible
from hubwright.web.badges import MAX_LABEL, draw_badge, make_badges
from hubwright.web.gate import Gate
from hubwright.web.problems import PROBLEM_HANDLERS
from served import NOW, make_site, serve

SVG = "{http://www.w3.org/2000/svg}"

# https://shields.io/badges/endpoint-badge
ENDPOINT = {
    "type": "object", "additionalProperties": False, "required": ["schemaVersion", "label", "message"],
    "properties": {
        "schemaVersion": {"const": 1}, "label": {"type": "string"}, "message": {"type": "string", "minLength": 1},
        "color": {"enum": ["brightgreen", "red", "orange", "lightgrey"]}, "isError": {"type": "boolean"},
    },
}  # fmt: skip


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx2.Client]:
    """The badges of octo/hello, which failed on main and passed on a branch."""
    with make_site(tmp_path) as site:
        lives = Lives(site.database, Clock(NOW))
        lives.live(lives.build("a" * 40), 0, 2)
        lives.live(lives.build("b" * 40, ref="refs/heads/topic"), 0, 0)
        app = Starlette(routes=make_badges(site, Gate(site)), exception_handlers=PROBLEM_HANDLERS)
        with serve(app) as url, httpx2.Client(base_url=url) as opened:
            yield opened


@pytest.mark.parametrize(("branch", "message", "is_error"), [("main", "failing", True), ("topic", "passing", False)])
def test_shields_finds_what_it_asks_for(client: httpx2.Client, branch: str, message: str, is_error: bool) -> None:
    """And the picture says the same, in words and not only in colour; no proxy keeps either."""
    answer = client.get("/badge/octo/hello.json", params={"branch": branch, "label": "tests"})
    told = answer.json()
    jsonschema.validate(told, ENDPOINT)
    assert (told["label"], told["message"], told["isError"]) == ("tests", message, is_error)
    picture = client.get("/badge/octo/hello.svg", params={"branch": branch, "label": "tests"})
    assert ElementTree.fromstring(picture.text).get("aria-label") == f"tests: {message}"
    for one in (answer, picture):
        assert "no-cache" in one.headers["cache-control"]
    assert client.get("/badge/octo/none.svg").status_code == 404


@given(st.text(max_size=MAX_LABEL), st.text(min_size=1, max_size=40))
def test_a_badge_is_a_picture_whatever_it_says(label: str, words: str) -> None:
    """The texts are data: nothing in them becomes markup, and both stand within the picture."""
    shown, said = make_visible(label), make_visible(words)
    root = ElementTree.fromstring(draw_badge(shown, said, "#c7372f"))

    assert {node.tag.removeprefix(SVG) for node in root.iter()} == {"svg", "title", "clipPath", "g", "rect", "text"}
    left, right = root.findall(f"{SVG}g/{SVG}text")
    assert [node.text or "" for node in (left, right)] == [clean(shown), clean(said)]
    assert float(left.get("x", "")) < float(right.get("x", "")) < int(root.get("width", ""))


def clean(text: str) -> str:
    """As a reader of XML gives it back."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
