"""Terminal output as HTML: safe first, then faithful."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.ansi import MAX_WIDTH, Painter, nearest_colour, rgb_of, strip_escapes
from hubwright.domain.wording import make_visible, word_age, word_count, word_duration, word_size
from hubwright.web.palette import CONTRAST, DARK_PAGE, LIGHT_PAGE, contrast, palette_css

ESC = "\x1b"


def paint(text: str) -> str:
    return Painter().paint(text)


@pytest.mark.parametrize(
    ("output", "html"),
    [
        ("plain <b> & 'q'", "plain &lt;b&gt; &amp; &#x27;q&#x27;"),
        (f"{ESC}[31mred{ESC}[0m", '<span class="f1">red</span>'),
        (f"{ESC}[1;4;92;41mall{ESC}[m!", '<span class="b u f10 g1">all</span>!'),
        (f"{ESC}[38;5;196mx", '<span class="f196">x</span>'),
        (f"{ESC}[48;2;255;0;0mx", '<span class="g196">x</span>'),
        (f"{ESC}[38:2::0:255:0mx", '<span class="f46">x</span>'),
        (f"{ESC}[38;5;999mx", "x"),
        (f"{ESC}[38;5mx", "x"),
        (f"{ESC}[2J{ESC}[?25l{ESC}(Bx{ESC}7", "x"),
        (f"{ESC}]0;a title\x07x{ESC}Pq#0{ESC}\\y", "xy"),
        ("10%\r 55%\r100%\r", "100%"),
        ("downloading\rdone\x1b[K", "done"),
        ("abc\b\bX", "aXc"),
        (f"ab{ESC}[3Gz{ESC}[1Gy", "ybz"),
        ("a\x00b\x9bc", "a␀b⟨U+009B⟩c"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_output_looks_as_on_a_terminal(output: str, html: str) -> None:
    """ux.md 1.2.3: SGR, overwriting, erasing; every other escape is dropped."""
    assert paint(output) == html


def test_colours_last_until_they_are_reset() -> None:
    """A compiler colours several lines with one escape."""
    painter = Painter()

    assert painter.paint(f"{ESC}[33mone") == '<span class="f3">one</span>'
    assert painter.paint("two") == '<span class="f3">two</span>'
    assert painter.paint(f"{ESC}[39mthree") == "three"


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", 'https://x" onclick="y']
)
def test_a_link_leads_to_the_web_or_nowhere(target: str) -> None:
    """S31: OSC 8 is a way to put an address behind harmless text."""
    assert paint(f"{ESC}]8;;{target}\x07text{ESC}]8;;\x07") == "text"


def test_a_web_link_is_kept_and_closed() -> None:
    """The link ends with its line even when the output forgets to end it."""
    html = paint(f"{ESC}]8;id=1;https://example.org/?a=1&b=2{ESC}\\here")

    assert html == (
        '<a href="https://example.org/?a=1&amp;b=2" rel="noopener nofollow noreferrer" target="_blank">here</a>'
    )


def test_a_long_line_is_cut_and_says_so() -> None:
    """A line of a megabyte must cost neither the hub nor the browser."""
    html = paint("x" * 1_000_000)

    assert html.startswith("x" * MAX_WIDTH + "<span")
    assert len(html) < MAX_WIDTH + 100


@given(st.text(alphabet=st.sampled_from(f"{ESC}[]8;mKGCD0129:\r\b\x07\\<>&\"'ahtps/\u202e\x9b P"), max_size=60))
def test_nothing_gets_out_of_its_element(output: str) -> None:
    """S31: whatever comes, only our own spans and links are made, they are closed, and no control character is left."""
    html = paint(output)

    tags = re.findall(r"<[^>]*>", html)
    allowed = re.compile(
        r'</?span( class="[a-z0-9 ]+")?>|</a>'
        r'|<a( class="[a-z0-9 ]+")? href="https?://[^"<>]*" rel="[a-z ]+" target="_blank">',
        re.IGNORECASE,
    )
    assert all(allowed.fullmatch(tag) for tag in tags)
    assert len([tag for tag in tags if tag.startswith("</")]) * 2 == len(tags)
    assert "<" not in re.sub(r"<[^>]*>", "", html)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", unescape(html))


@given(st.binary(max_size=200))
def test_stripping_keeps_the_number_of_lines(output: bytes) -> None:
    """Line numbers of errors are counted in stripped output."""
    assert strip_escapes(output).count(b"\n") == output.count(b"\n")


@given(st.integers(16, 255))
def test_a_colour_of_the_palette_is_nearest_to_itself(colour: int) -> None:
    """True colours are mapped to the 256, so those that are among them must stay."""
    assert rgb_of(nearest_colour(*rgb_of(colour))) == rgb_of(colour)


def test_every_colour_can_be_read_on_both_pages() -> None:
    """WCAG 2.2 AA: a build chooses colours for its own terminal, not for our page."""
    pairs = re.findall(r"\.f\d+\{color:light-dark\(#(\w{6}),#(\w{6})\)\}", palette_css())

    assert len(pairs) == 256
    for light, dark in pairs:
        assert contrast(tuple(bytes.fromhex(light)), LIGHT_PAGE) >= CONTRAST  # type: ignore[arg-type]
        assert contrast(tuple(bytes.fromhex(dark)), DARK_PAGE) >= CONTRAST  # type: ignore[arg-type]


def test_nothing_hides_in_a_name() -> None:
    """Trojan source: bidi and zero-width characters are shown, letters of any language stay."""
    assert make_visible("a\u202eb\u200bc\x1bd Å 你好 👋\n") == "a⟨U+202E⟩b⟨U+200B⟩c␛d Å 你好 👋\n"


@pytest.mark.parametrize(
    ("worded", "expected"),
    [
        (word_duration(None), "—"),
        (word_duration(0.04), "0.0 s"),
        (word_duration(9.96), "10 s"),
        (word_duration(59.6), "1 min 00 s"),
        (word_duration(7_260), "2 h 01 min"),
        (word_duration(200_000), "2 d 7 h"),
        (word_age(-3), "just now"),
        (word_age(3_599), "59 min ago"),
        (word_size(999), "999 B"),
        (word_size(999_999), "1.0 MB"),
        (word_size(1_284_411), "1.3 MB"),
        (word_count(1, "test"), "1 test"),
        (word_count(1_204, "test"), "1,204 tests"),
    ],
)
def test_figures_read_well(worded: str, expected: str) -> None:
    """The same words on every page; units never turn over one step late."""
    assert worded == expected


STYLED = st.lists(
    st.sampled_from(
        ["text", f"{ESC}[31m", f"{ESC}[1m", f"{ESC}[0m", f"{ESC}[48;5;9m", f"{ESC}]8;;http://x/{ESC}\\", "\b", "\r"]
    ),
    max_size=8,
)


@given(st.lists(STYLED.map("".join), min_size=1, max_size=6), st.data())
def test_a_part_is_painted_as_it_is_in_the_whole(lines: list[str], data: st.DataObject) -> None:
    """A viewer gets lines by the thousand: colours that began before a part go on in it."""
    start = data.draw(st.integers(0, len(lines) - 1))
    whole, part = Painter(), Painter()
    painted = [whole.paint(line) for line in lines]
    part.resume("\n".join(lines[:start]))
    assert [part.paint(line) for line in lines[start:]] == painted[start:]
