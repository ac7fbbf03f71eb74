"""S18: a secret is hidden in every common form, in whatever pieces it comes, with whatever colours in between."""

from __future__ import annotations

import html
import json
import re
import shlex
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from hubwright.builder.mask_forms import find_forms
from hubwright.builder.masking import MASK, Masking, hide

ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "URL": lambda text: quote(text, safe=""),
    "URL path": quote,
    "form": quote_plus,
    "lower-case URL": lambda text: re.sub("%..", lambda match: match[0].lower(), quote(text, safe="")),
    "JSON": json.dumps,
    "JSON, not only ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON of PHP": lambda text: json.dumps(text).replace("/", "\\/"),
    "XML": escape,
    "XML attribute": quoteattr,
    "HTML": html.escape,
    "shell": shlex.quote,
    "shell, backslash within": lambda text: "'" + text.replace("'", "'\\''") + "'",
    "shell, double quotes": lambda text: '"' + re.sub(r'([\\"$`])', r"\\\1", text) + '"',
    "printf %q": lambda text: re.sub(r"([^\w@%+=:,./-])", r"\\\1", text, flags=re.ASCII),
    "PowerShell": lambda text: "'" + text.replace("'", "''") + "'",
    "PowerShell, double quotes": lambda text: '"' + re.sub(r'([`"$])', r"`\1", text) + '"',
    "CSV": lambda text: '"' + text.replace('"', '""') + '"',
    "Go %q": lambda text: json.dumps(text, ensure_ascii=False),
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64, second third": lambda text: b64encode(b"u" + text.encode()).decode(),
    "base64, third third": lambda text: b64encode(b"u:" + text.encode() + b"\n").decode(),
    "base64 for URLs": lambda text: urlsafe_b64encode(b"x:" + text.encode()).decode().rstrip("="),
    "base64 -w 76": lambda text: re.sub("(.{76})", "\\1\n", b64encode(text.encode()).decode()),
}
CODES = st.sampled_from(
    [b"\x1b[0m", b"\x1b[1;31m", b"\x1b[K", b"\x1b]0;title\x07", b"\x1b]8;;x\x1b\\", b"\x1b(B", b"\x1b[38;5;12m"]
)
ANY_CODE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")
SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, blacklist_characters="\x7f\x85\xa0"), min_size=8, max_size=40
)


def fed(masking: Masking, data: bytes, cuts: list[int]) -> bytes:
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return b"".join(masking.feed(data[start:end]) for start, end in pairwise(edges)) + masking.flush()


def shown_forms(secret: str, shown: bytes) -> list[bytes]:
    """Forms of the secret that a reader could still see."""
    forms = set().union(*find_forms(secret).values())
    return [form for form in forms if form in shown or form in ANY_CODE.sub(b"", shown)]


@settings(deadline=None, max_examples=300)
@given(SECRETS, st.sampled_from(sorted(ENCODINGS)), st.data())
@example("p\"a's$w`o\\r<d>&/+ %", "shell", None)
@example("00000'\"0", "XML attribute", None)
def test_no_form_of_a_secret_is_shown(secret: str, encoding: str, data: st.DataObject | None) -> None:
    """However it is encoded, cut and coloured; and what stands around it comes through."""
    encoded = ENCODINGS[encoding](secret).encode()
    pieces, cuts = [encoded], [3, 9, 10]
    if data is not None:
        places = sorted(data.draw(st.lists(st.integers(0, len(encoded)), max_size=6)))
        pieces = [encoded[a:b] + data.draw(CODES) for a, b in pairwise([0, *places])] + [
            encoded[places[-1] if places else 0 :]
        ]
        cuts = data.draw(st.lists(st.integers(0, len(encoded) + 60), max_size=10))
    line = b"begin " + b"".join(pieces) + b" end\n"
    shown = fed(Masking([secret]), line, cuts)
    assert MASK in shown
    assert shown_forms(secret, shown) == []
    assert shown.startswith(b"begin ")
    assert shown.endswith(b" end\n")
    assert shown == fed(Masking([secret]), line, [])


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=20), CODES), max_size=12), st.lists(st.integers(0, 200), max_size=8))
def test_what_is_no_secret_comes_through_unchanged(pieces: list[bytes], cuts: list[int]) -> None:
    """Any bytes, broken escapes too."""
    data = b"".join(pieces)
    secret = "correct-horse"
    assume(not shown_forms(secret, data))
    assert fed(Masking([secret, "battery%staple"]), data, cuts) == data


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from([b"abcdefgh", b"abcd", b"efgh", b"defgh12", b"\x1b[0m", b"x"]), max_size=10),
    st.lists(st.integers(0, 80), max_size=9),
)
def test_overlapping_secrets_are_hidden_wholly(pieces: list[bytes], cuts: list[int]) -> None:
    """One is the beginning, the end or a part of another; cut or whole, the same is shown."""
    secrets = ["abcdefgh", "abcdefg", "efghabcd", "defgh12"]
    data = b"".join(pieces)
    shown = fed(Masking(secrets), data, cuts)
    assert shown == fed(Masking(secrets), data, [])
    for secret in secrets:
        assert secret.encode() not in ANY_CODE.sub(b"", shown)


def test_each_line_of_a_key_is_hidden_and_the_whole_encoded() -> None:
    """Also where JSON has it on one line, and base64 wraps it."""
    key = (
        "-----BEGIN KEY-----\n"
        + "\n".join(f"MIIEvQIBADANBgkqhkiG9w0B{number:02}" for number in range(20))
        + "\n-----END KEY-----\n"
    )
    for form in (
        key,
        key.replace("\n", "\r\n"),
        json.dumps(key),
        repr(key),
        quote(key),
        b64encode(key.encode()).decode(),
    ):
        shown = hide(form, [key])
        assert "AQIBADA" not in shown
        assert not re.search("[A-Za-z0-9+/]{20}", shown)
    for width in (64, 76):
        wrapped = re.sub(f"(.{{{width}}})", "\\1\n", b64encode(key.encode()).decode())
        assert not re.search("[A-Za-z0-9+/]{20}", hide(wrapped, [key]))


def test_colours_that_begin_within_a_secret_stay() -> None:
    """Otherwise the rest of the log would be red."""
    assert hide("\x1b[31mpass\x1b[0mword1\n", ["password1"]) == "\x1b[31m***\x1b[0m\n"


def test_a_secret_in_the_title_of_the_terminal_is_hidden() -> None:
    """An escape's own words are words too."""
    assert "password1" not in hide("\x1b]0;ssh password1\x07", ["password1"])
    assert "password1" not in hide("pass\x1b]0;password1\x07word1", ["password1"])


@pytest.mark.parametrize("cut", range(1, 60, 3))
def test_a_value_that_a_build_names_is_hidden_from_there_on(cut: int) -> None:
    """S19: and not shown by the command that names it (actions/runner#158)."""
    masking = Masking([])
    assert masking.feed(b"before token-12\n") == b"before token-12\n"
    log = b"::add-mask::token-12\nafter token-12 and dG9rZW4tMTI=\n  ::add-mask::two%0Athree-lines\r\nthree-lines\n"
    shown = fed(masking, log, [cut, cut + 20, cut + 41])
    assert shown == b"::add-mask::***\nafter *** and ***\n  ::add-mask::two%0A***\r\n***\n"


def test_values_that_a_build_names_are_bounded() -> None:
    """A build that masks everything spoils its own log only, and costs nobody memory."""
    masking = Masking([])
    for number in range(500):
        masking.feed(b"::add-mask::value-%06d\n" % number)
    assert masking.feed(b"value-000099 value-000100\n") == b"*** value-000100\n"


def test_a_log_of_nothing_but_escapes_holds_little_back() -> None:
    """What may begin a secret waits, but not for ever."""
    masking = Masking(["password1"])
    masking.feed(b"p")
    given_on = sum(len(masking.feed(b"\x1b[0m" * 1000)) for _ in range(100))
    assert given_on > 300_000


def test_text_for_people_is_hidden_whole_and_else_untouched() -> None:
    """Details, warnings, test names: also with characters that are no UTF-8."""
    masking = Masking(["password1"])
    assert masking.hide("at\ud800 x") == "at\ud800 x"
    assert masking.hide("user:password1@host") == "user:***@host"
    assert masking.feed(b"password1") == MASK
    assert masking.hide("password1") == "***"
    assert masking.feed(b"password1 ") == b" "
