"""What people say on IRC as HTML: formatting, links, and nothing that was not meant."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.channel_text import NICK_COLOURS, colour_of, paint_said, strip_codes
from hubwright.domain.wording import make_visible

CODES = "\x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f"
SAID = st.text(st.sampled_from(f"{CODES}0159,aF<>\"'&() :/.") | st.characters(codec="utf-8"), max_size=60)
TAG = re.compile(
    r'</?span>|</a>|<span class="[a-z0-9 ]+">'
    r'|<a(?: class="[a-z0-9 ]+")? href="https?://[^"<>]*" rel="noopener nofollow noreferrer" target="_blank">',
    re.IGNORECASE,
)
LINK = '<a href="{0}" rel="noopener nofollow noreferrer" target="_blank">{0}</a>'


@pytest.mark.parametrize(
    ("said", "html"),
    [
        ("plain", "plain"),
        ("\x02bold\x02 not", '<span class="b">bold</span> not'),
        ("\x1di\x1fiu\x0f plain", '<span class="i">i</span><span class="i u">iu</span> plain'),
        ("\x1estruck\x11mono", '<span class="s">struck</span><span class="m s">mono</span>'),
        ("\x0304red\x03 plain", '<span class="f9">red</span> plain'),
        ("\x034,12ground", '<span class="g12">ground</span>'),
        ("\x03041 is a number", '<span class="f9">1 is a number</span>'),
        ("\x0304,red", '<span class="f9">,red</span>'),
        (
            "\x0304,01a\x0303b\x0304,99c",
            '<span class="g0">a</span><span class="g0">b</span><span class="f9">c</span>',
        ),
        ("\x0352rest", '<span class="f196">rest</span>'),
        ("\x04ff0000hex\x04 plain", '<span class="f196">hex</span> plain'),
        ("\x16back\x16 again", '<span class="v">back</span> again'),
    ],
)
def test_formatting_becomes_classes(said: str, html: str) -> None:
    """One or two digits; a second colour is the ground's, on which the page's own is read; 99 is none."""
    assert paint_said(said) == html


@pytest.mark.parametrize(
    ("said", "address", "rest"),
    [
        ("see https://ci.example.org/builds/1.", "https://ci.example.org/builds/1", "."),
        ("(http://example.org/a_(b))", "http://example.org/a_(b)", ")"),
        ("https://example.org/?a=1#b, and", "https://example.org/?a=1#b", ", and"),
    ],
)
def test_addresses_are_links_without_what_stands_behind_them(said: str, address: str, rest: str) -> None:
    """The end of a sentence is not the address's; a bracket is, when it was opened in it."""
    assert LINK.format(address) + rest in paint_said(said)


@pytest.mark.parametrize("said", ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "xhttps://a.b"])
def test_nothing_else_is_a_link(said: str) -> None:
    assert "<a" not in paint_said(said)


def test_an_address_cannot_break_out_of_its_attribute() -> None:
    assert paint_said("https://example.org/'onclick=x&y").startswith(
        '<a href="https://example.org/&#x27;onclick=x&amp;y" '
    )
    assert paint_said('https://example.org/"onclick').endswith("</a>&quot;onclick")


@given(SAID)
def test_every_word_is_there_and_nothing_else(said: str) -> None:
    """Without our tags and its codes it is what was said, with what is hidden in it shown."""
    html = paint_said(said)
    bare = TAG.sub("", html)
    assert "<" not in bare
    assert ">" not in bare
    assert unescape(bare) == make_visible(strip_codes(said))


@given(SAID)
def test_codes_are_gone_without_them(said: str) -> None:
    assert not set(strip_codes(said)) & set(CODES)


@given(st.text(max_size=30))
def test_a_nick_has_one_colour(nick: str) -> None:
    """Whoever comes back as `nick_`, or writes it in capitals, looks the same."""
    ascii_nick = nick.encode("ascii", "ignore").decode()
    assert colour_of(nick) in NICK_COLOURS
    assert colour_of(ascii_nick.upper()) == colour_of(ascii_nick.lower()) == colour_of(f"{ascii_nick}_")
