"""Compiled templates, kept beside Python's compiled modules: a hub's first page of a kind is as quick as its second.

To compile those of a build's page takes a fifth of a second, to read them a hundredth. What is kept depends on the
template's source, Jinja and Python alone (a test holds that no filter of ours runs while one is compiled). Like `.pyc`
files they are no truth: where they can't be written, or are damaged, templates are compiled as ever.
"""

from __future__ import annotations

import importlib.util
import marshal
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from hubwright.storage.folder import write_file

_SEAL = sha256().digest_size
_MADE_BY = jinja2.__version__.encode() + importlib.util.MAGIC_NUMBER


def find_folder() -> Path:
    """Where they are kept: by Python's rules for what it compiles (`__pycache__`, or `PYTHONPYCACHEPREFIX`)."""
    return Path(importlib.util.cache_from_source(__file__)).parent / f"templates.{sys.implementation.cache_tag}"


class KeptCode(BytecodeCache):
    """Code in a folder, a file for each template, that begins with a seal over its source and itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the bucket its code, if just that is there."""
        try:
            kept = (self._folder / bucket.key).read_bytes()
        except OSError:
            return
        code = kept[_SEAL:]
        if kept[:_SEAL] == _seal(bucket, code):
            bucket.code = marshal.loads(code)  # noqa: S302  who can write there can write our modules too

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the bucket's code, unless Python is told to keep none (`PYTHONDONTWRITEBYTECODE`)."""
        if sys.dont_write_bytecode:
            return
        code = marshal.dumps(bucket.code)
        with suppress(OSError):
            write_file(self._folder / bucket.key, _seal(bucket, code) + code)


def _seal(bucket: Bucket, code: bytes) -> bytes:
    return sha256(b"\0".join((_MADE_BY, bucket.checksum.encode(), code))).digest()
