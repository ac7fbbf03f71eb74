"""Which of the files that builds keep a browser may show, and under which rules. What is not named is a download."""

from __future__ import annotations

import hmac
from hashlib import sha256
from pathlib import PurePosixPath

SECONDS = 3600
"""For so long an address at which files are shown is good."""

_TEXT = "text/plain; charset=utf-8"
_TYPES = {
    "html": "text/html", "htm": "text/html", "css": "text/css", "png": "image/png", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "avif": "image/avif", "ico": "image/x-icon",
    "svg": "image/svg+xml", "woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf", "js": "text/javascript",
    "mjs": "text/javascript", "mp4": "video/mp4", "webm": "video/webm",
} | dict.fromkeys(
    ("txt", "log", "md", "rst", "csv", "tsv", "json", "jsonl", "sarif", "xml", "yml", "yaml", "toml", "ini", "cfg", "c",
     "h", "cc", "cpp", "hpp", "rs", "go", "py", "rb", "java", "sh", "diff", "patch", "sha256", "asc", "tap"), _TEXT,
)  # fmt: skip
_PARTS = frozenset({"css", "js", "mjs", "woff", "woff2", "ttf", "ico"})
"""Kinds that only pages need: nobody looks at one by itself."""

_SHUT = (
    "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "media-src 'self'"
)
_ENDS = "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"


def media_type(path: str) -> str | None:
    """What a browser is told that the file is; None for what is only downloaded. Its content is never looked at."""
    return _TYPES.get(PurePosixPath(path).suffix.lower().removeprefix("."))


def is_worth_a_look(path: str) -> bool:
    """Whether a link to look at the file helps."""
    return media_type(path) is not None and PurePosixPath(path).suffix.lower().removeprefix(".") not in _PARTS


def content_policy(*, apart: bool) -> str:
    """The rules for a file that is shown: it has no origin, so no cookie, storage or page of anybody is its own.

    No script runs either, but `apart`, at an origin that has nothing but such files; what runs there reaches nothing.
    https://www.w3.org/TR/CSP3/#directive-sandbox
    """
    if not apart:
        return f"sandbox; {_SHUT}; {_ENDS}"
    return f"sandbox allow-scripts; {_SHUT}; script-src 'self' 'unsafe-inline'; connect-src 'none'; {_ENDS}"


def make_pass(key: bytes, run: int, now: float) -> str:
    """What lets whoever has it see the files of one run until `SECONDS` after `now`."""
    until = int(now) + SECONDS
    return f"{until}-{_sign(key, run, until)}"


def is_good(key: bytes, text: str, run: int, now: float) -> bool:
    """Whether this is such a pass for the run."""
    until, _, signature = text.partition("-")
    if not (until.isascii() and until.isdecimal() and len(until) < 15):
        return False
    return hmac.compare_digest(
        _sign(key, run, int(until)), signature.encode("ascii", "replace").decode()
    ) and now < int(until)


def _sign(key: bytes, run: int, until: int) -> str:
    return hmac.new(key, f"{run} {until}".encode(), sha256).hexdigest()
