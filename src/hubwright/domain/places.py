"""Where in the source something is: paths that tools print, made relative to the workspace or refused. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

MAX_PATH = 500
"""Characters of a path; a longer one is none."""

MAX_NUMBER = 2**31 - 1
"""The greatest line or column; a greater number is none."""

_ODD = re.compile(r'[\x00-\x1f\x7f<>"|?*\ud800-\udfff\u202a-\u202e\u2066-\u2069]|://')
_ABSOLUTE = re.compile(r"/|[A-Za-z]:|~")


class Place(NamedTuple):
    """A file, as printed, and a line in it (from 1)."""

    file: str
    line: int


def relative_path(path: str, roots: Sequence[str] = ()) -> str | None:
    """The path from the workspace's root on, with slashes; None for what lies outside or is no honest path.

    `roots` are the absolute addresses of the workspace. `..` may climb inside of it, not out of it.
    """
    path = path.strip().strip("'\"").replace("\\", "/")
    if not path or len(path) > MAX_PATH or _ODD.search(path):
        return None
    for root in roots:
        inside = root.replace("\\", "/").rstrip("/") + "/"
        if path.startswith(inside):
            path = path[len(inside) :]
            break
    if _ABSOLUTE.match(path):
        return None
    path = posixpath.normpath(path)
    return None if path in {".", ".."} or path.startswith("../") else path


def source_base(hosted: str, clone_url: str | None, repository: str) -> str | None:
    """The address of the repository's pages, `https://github.com/octo/hello`; None when it is none of GitHub's.

    `hosted` is where repositories are cloned from, `clone_url` where this one is, if elsewhere.
    """
    if not hosted.startswith(("https://", "http://")) or repository.count("/") != 1:
        return None
    address = f"{hosted.rstrip('/')}/{quote(repository)}"
    if clone_url is not None and clone_url.rstrip("/").removesuffix(".git").lower() != address.lower():
        return None
    return address


def source_address(base: str | None, sha: str, file: str | None, line: int | None) -> str | None:
    """The address of a line in a file at a commit."""
    if base is None or not file:
        return None
    return f"{base}/blob/{quote(sha)}/{quote(file)}" + (f"#L{line}" if line else "")


def read_number(text: str | None) -> int | None:
    """A line or column from 1; None for anything else."""
    if not text or len(text) > 10 or not (text.isascii() and text.isdecimal()):
        return None
    number = int(text)
    return number if 1 <= number <= MAX_NUMBER else None


_PYTHON = re.compile(r'^ *File "([^"\n]{1,500})", line (\d{1,9})', re.MULTILINE)
_AT_START = re.compile(r"^[ \t]*([^\s:()\[\]][^:\n()\[\]]{0,300}\.\w{1,8}):(\d{1,9})(?=[:\s]|$)", re.MULTILINE)
_IN_BRACKETS = re.compile(
    r"\(([^()\s:]{1,300}):(\d{1,9})(?::\d{1,9})?\)|^ *at ([^()\s:]{1,300}):(\d{1,9})", re.MULTILINE
)
_NIM = re.compile(r"^([^\s()\n][^()\n]{0,300}\.nims?)\((\d{1,9})(?:, ?\d{1,9})?\)", re.MULTILINE)
_FOREIGN = ("node_modules/", "site-packages/", "/usr/", "<", "node:", "internal/")


def find_places(text: str) -> Iterator[Place]:
    """The places that a failure's message or traceback names, the likeliest first.

    Of a Python traceback that is the last frame, elsewhere the first; libraries are passed over.
    """
    found = [(match[1], match[2]) for match in _PYTHON.finditer(text)][::-1]
    starts = [(match[1], match[2]) for match in _AT_START.finditer(text)]
    found += starts[::-1] if any(path.endswith(".py") for path, _ in starts) else starts
    found += [(match[1], match[2]) for match in _NIM.finditer(text)]
    found += [(match[1] or match[3], match[2] or match[4]) for match in _IN_BRACKETS.finditer(text)]
    for path, line in found:
        number = read_number(line)
        if number is not None and not any(part in path for part in _FOREIGN):
            yield Place(path, number)
