"""What builds print and people say: shown as HTML, searched, grouped, and rid of secrets."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from fuzz.choices import Choices
from fuzz.finding import expect
from hubwright.builder.masking import MASK, Masking
from hubwright.domain.ansi import MAX_WIDTH, Painter, strip_escapes
from hubwright.domain.channel_text import paint_said, strip_codes
from hubwright.domain.error_lines import find_errors
from hubwright.domain.log_groups import Place, find_titles, form_groups
from hubwright.domain.problem_watch import ProblemWatch
from hubwright.domain.wording import make_visible
from hubwright.web.api.windows import split_escapes

SECRET = "hunter2-é"
_CLASSES = re.compile(r"[a-z]|[fg]\d{1,3}|cut")
_LINK = re.compile(r"https?://", re.IGNORECASE)


class _Page(HTMLParser):
    """Lets only through what a painted line may be made of."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        expect(tag in {"a", "span"} and len(told) == len(attrs), f"an element {tag}")
        expect(set(told) <= ({"class"} if tag == "span" else {"class", "href", "rel", "target"}), f"attributes {told}")
        expect(all(_CLASSES.fullmatch(one) for one in (told.get("class") or "f1").split()), f"classes {told}")
        expect(tag == "span" or _LINK.match(told.get("href") or "") is not None, f"a link to {told.get('href')}")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        expect(bool(self.open) and self.open.pop() == tag, "elements that cross")

    def handle_data(self, data: str) -> None:
        self.text += data

    def unknown_decl(self, data: str) -> None:
        expect(False, f"a declaration {data}")

    handle_comment = handle_decl = handle_pi = unknown_decl


def paint_log(data: bytes) -> bool:
    """Lines as HTML: nothing but spans and links to the web, all closed at the line's end, nothing hidden."""
    painter = Painter()
    lines = data.decode("utf-8", "replace").split("\n")
    for line in lines:
        _check(painter.paint(line))
    Painter().resume(data.decode("utf-8", "replace"))
    return b"\x1b" in data


def paint_channel(data: bytes) -> bool:
    """The same of what is said on IRC; without its formatting it is the text of the page."""
    text = data.decode("utf-8", "replace")
    shown = _check(paint_said(text))
    plain = strip_codes(text)
    expect(len(plain) > MAX_WIDTH or shown == make_visible(plain), "the page says something else")
    return shown != text


def _check(html: str) -> str:
    page = _Page()
    page.feed(html)
    page.close()
    expect(not page.open, "an element stays open")
    expect(make_visible(page.text) == page.text, "something hidden in the text")
    return page.text


def read_log(data: bytes) -> bool:
    """Groups that nest and stay inside the log, errors at the beginnings of lines, escapes cut nowhere."""
    text = data + b"\n"
    titles = list(find_titles(text, 0))
    lines = text.count(b"\n")
    places = [Place(text.count(b"\n", 0, begin), begin, title) for begin, title in titles]
    groups = form_groups(places, [0, lines // 2], lines)
    expect(all(0 <= one.first <= one.last <= lines for one in groups), "a group outside of the log")
    expect(all(at == 0 or text[at - 1 : at] == b"\n" for at in find_errors(text)), "an error that begins no line")
    whole, held = split_escapes(data)
    expect(whole + held == data, "bytes are lost where a block ends")
    expect(b"\x1b" not in strip_escapes(data), "an escape is left")
    return bool(groups)


def find_problems(data: bytes) -> bool:
    """The same problems in one piece and in many; each names a file or says something."""
    choices = Choices(data)
    size = choices.number(256) + 1
    log = choices.rest()
    whole, parts = ProblemWatch(["/tree"], 1 << 20), ProblemWatch(["/tree"], 1 << 20)
    whole.feed(log)
    for at in range(0, len(log), size):
        parts.feed(log[at : at + size])
    found, left_out = whole.finish()
    expect((found, left_out) == parts.finish(), "pieces make a difference")
    expect(all(one.message or one.file for one in found), "a problem that says nothing")
    return bool(found)


def hide_secrets(data: bytes) -> bool:
    """However a log is cut, the same is shown, and no secret; `\\xff` stands for one."""
    choices = Choices(data)
    size = choices.number(64) + 1
    log = choices.rest().replace(b"\xff", SECRET.encode())
    whole, parts = Masking([SECRET, "second\nline"]), Masking([SECRET, "second\nline"])
    shown = whole.feed(log) + whole.flush()
    pieces = b"".join(parts.feed(log[at : at + size]) for at in range(0, len(log), size)) + parts.flush()
    expect(pieces == shown, "pieces make a difference")
    expect(SECRET.encode() not in strip_escapes(shown), "a secret is shown")
    expect(SECRET not in whole.hide(log.decode("utf-8", "replace")), "a secret is told")
    return MASK in shown
