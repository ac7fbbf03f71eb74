"""What GitHub really answered, recorded by nobody of this project (tests/recordings/README.md)."""

from __future__ import annotations

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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

GITHUB = "https://api.github.com"

_OCTOKIT = Path(__file__).parent / "recordings" / "octokit-fixtures.json.xz"
_SDIST = "github3.py-4.0.1.tar.gz"
_DIGEST = "30d571076753efc389edc7f9aaef338a4fcb24b54d8968d5f39b1342f45ddd36"
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
    return tuple(
        Exchange(tape, method, url, status, headers, body.encode())
        for tape, method, url, status, headers, body in orjson.loads(gzip.decompress(_fetch().read_bytes()))
    )


def all_tapes() -> tuple[Exchange, ...]:
    """Both."""
    return octokit_tapes() + github3_tapes()


def _fetch() -> Path:
    """The file with the exchanges, made of the source distribution when this machine has none yet."""
    made = _PLACE / "github3-4.0.1.json.gz"
    _PLACE.mkdir(parents=True, exist_ok=True)
    with (_PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            sdist = _PLACE / _SDIST
            if not sdist.exists():
                _download(sdist)
            if hashlib.sha256(sdist.read_bytes()).hexdigest() != _DIGEST:
                raise RecordingsError(f"{sdist} is not what was published; remove it.")
            document = orjson.dumps(list(_unpack(sdist)))
            partial = made.with_suffix(".part")
            partial.write_bytes(gzip.compress(document, 6))
            partial.rename(made)
            sdist.unlink()
    return made


def _download(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "github3.py"]
        done = subprocess.run(
            [*argv, "--dest", folder, "github3.py==4.0.1"], check=False, capture_output=True, text=True, timeout=170
        )
        if done.returncode:
            raise RecordingsError(f"pip has not fetched it; put {_SDIST} into {target.parent}. {done.stderr[-500:]}")
        (Path(folder) / _SDIST).rename(target)


def _unpack(sdist: Path) -> Iterator[tuple[str, str, str, int, dict[str, str], str]]:
    with tarfile.open(sdist) as archive:
        for member in archive:
            if "/tests/cassettes/" not in member.name or not member.name.endswith(".json"):
                continue
            file = archive.extractfile(member)
            assert file is not None
            for one in orjson.loads(file.read())["http_interactions"]:
                uri: str = one["request"]["uri"]
                answer = one["response"]
                if uri.startswith(f"{GITHUB}/"):
                    status = answer["status"]["code"] if "status" in answer else answer["status_code"]
                    headers = _pick((name, _first(value)) for name, value in answer["headers"].items())
                    tape = f"github3 {Path(member.name).stem}"
                    yield (
                        tape,
                        one["request"]["method"],
                        uri.removeprefix(GITHUB),
                        status,
                        headers,
                        _text(answer["body"]),
                    )


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
