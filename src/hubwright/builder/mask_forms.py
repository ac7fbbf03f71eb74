"""Every form in which a secret value is recognised in a log: as it is, encoded, escaped and quoted. Pure.

No form has a line break in it: a value of several lines is looked for line by line.
"""

from __future__ import annotations

import html
import json
import re
import shlex
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape as escape_xml

SHORTEST = 4
"""Bytes of a form; shorter ones would hide half the log."""

LONGEST = 256
"""Bytes of a form; longer ones are looked for in pieces of this size, so that little need be held back."""

SHORTEST_LINE = 6
"""Bytes of a line of a longer value."""

_FEW_LINES = 4  # are also looked for one by one in base64; those of a key are too many and of no use by themselves
_WRAPS = (64, 76)  # openssl and PEM; MIME and base64(1)
_PLAIN = re.compile(rb"[A-Za-z0-9]+")
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_UNSAFE_IN_SHELL = re.compile(r"([^\w@%+=:,./-])", re.ASCII)
_ENCODE_URI = ";,/?:@&=+$-_.!~*'()#"  # what JavaScript's encodeURI leaves alone
_ENCODE_COMPONENT = "-_.!~*'()"
_URLSAFE = bytes.maketrans(b"+/", b"-_")


def find_forms(secret: str) -> dict[bytes, set[bytes]]:
    """The forms of a value below a part that each of them contains: where that is not, none of them is."""
    groups: dict[bytes, set[bytes]] = {}
    raw = secret.encode("utf-8", "surrogateescape")
    lines = {line.strip() for line in raw.splitlines()}
    if len(lines) > 1:
        lines = {line for line in lines if len(line) >= SHORTEST_LINE}
    for line in lines:
        anchor = _anchor(line)
        for form in {line, *(_text_forms(line.decode("utf-8", "surrogateescape")))}:
            _add(groups, form, anchor if anchor in form else b"")
    for value in {raw, *(lines if len(lines) <= _FEW_LINES else ())}:
        for form, anchor in _base64_forms(value):
            _add(groups, form, anchor)
            _add(groups, form.translate(_URLSAFE), anchor)
    for digits in (raw.hex(), raw.hex().upper()):
        _add(groups, digits.encode(), b"")
    return groups


def _add(groups: dict[bytes, set[bytes]], form: bytes, anchor: bytes) -> None:
    """Keep a form, or its pieces; a piece that the anchor is not in is its own."""
    if len(form) < SHORTEST or b"\n" in form or b"\r" in form:
        return
    for start in range(0, len(form), LONGEST):
        piece = form[start : start + LONGEST] if start + LONGEST <= len(form) else form[-LONGEST:]
        groups.setdefault(anchor if anchor and anchor in piece else piece, set()).add(piece)


def _anchor(form: bytes) -> bytes:
    """The longest part that no escaping changes; "" when there is none to speak of."""
    longest: bytes = max(_PLAIN.findall(form), key=len, default=b"")
    return longest[:LONGEST] if len(longest) >= SHORTEST else b""


def _base64_forms(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The value within base64, at each of its three offsets, and the anchor of each form."""
    for shift in range(3):
        encoded = b64encode(b"\0" * shift + value)
        first = (0, 2, 3)[shift]  # characters that bytes before the value have a part in
        last = len(encoded) - (0, 3, 2)[(shift + len(value)) % 3]
        anchor = _anchor(encoded[first:last])
        for form in {encoded[first:last], encoded[first:], encoded[first:].rstrip(b"=")}:  # amid others, or at the end
            yield form, anchor
        for wrap in _WRAPS if shift == 0 else ():
            for at in range(0, last if last > wrap else 0, wrap):
                yield encoded[at : at + wrap], _anchor(encoded[at : at + wrap])


def _text_forms(text: str) -> Iterator[bytes]:
    """A line as URLs, documents and programs write it."""
    for form in (*_in_urls(text), *_in_documents(text), *_in_shells(text), *_in_programs(text)):
        yield form.encode("utf-8", "surrogateescape")
    bare = text.strip("'\"")
    if bare != text and len(bare) >= SHORTEST_LINE:  # a program reads it as quoted, and prints what is within
        yield bare.encode("utf-8", "surrogateescape")


def _in_urls(text: str) -> Iterator[str]:
    raw = text.encode("utf-8", "surrogateescape")
    for form in (
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        quote(raw, _ENCODE_URI),
        quote(raw, _ENCODE_COMPONENT),
    ):
        yield form
        yield _PERCENT.sub(lambda match: match[0].lower(), form)


def _in_documents(text: str) -> Iterator[str]:
    """JSON (also within JSON, and as Go and PHP write it), XML and HTML, CSV."""
    for ascii_only in (False, True):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield once.replace("/", "\\/")
        yield re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", once)
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
    yield escape_xml(text)
    yield escape_xml(text, {'"': "&quot;"})
    yield escape_xml(text, {'"': "&#34;"})
    yield html.escape(text)
    yield escape_xml(text, {'"': "&quot;", "'": "&apos;"})
    yield escape_xml(text, {'"': "&#34;", "'": "&#39;"})
    yield html.escape(text).replace("&#x27;", "&#39;")
    yield escape_xml(text).encode("ascii", "xmlcharrefreplace").decode()
    yield text.replace('"', '""')


def _in_shells(text: str) -> Iterator[str]:
    """POSIX shells: four ways to quote; PowerShell: three; cmd."""
    yield shlex.quote(text).removeprefix("'").removesuffix("'")
    yield text.replace("'", "'\\''")
    yield re.sub(r'([\\"$`])', r"\\\1", text)
    yield re.sub(r'([\\"$`!])', r"\\\1", text)
    yield _UNSAFE_IN_SHELL.sub(r"\\\1", text)
    yield re.sub(r"([\\'])", r"\\\1", text)
    octal = "".join(f"\\{byte:03o}" if byte > 126 else chr(byte) for byte in text.encode("utf-8", "surrogateescape"))
    yield re.sub(r"(\\(?![0-7]{3})|')", r"\\\1", octal)
    yield text.replace("'", "''")
    yield re.sub(r'([`"$])', r"`\1", text)
    yield re.sub(r"([\^&|<>%])", r"^\1", text)


def _in_programs(text: str) -> Iterator[str]:
    """Python's `repr`, of text and of bytes; Go's `%q`, which is JSON's but for control characters."""
    yield repr(text)[1:-1]
    yield ascii(text)[1:-1]
    yield repr(text.encode("utf-8", "surrogateescape"))[2:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1].replace("\x7f", "\\x7f")
