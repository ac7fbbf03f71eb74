"""Real webhook payloads that nobody of this project wrote (tests/payloads/README.md)."""

from __future__ import annotations

import functools
import lzma
from pathlib import Path
from typing import Any

import orjson

_FILE = Path(__file__).parent / "payloads" / "octokit-webhooks-examples.json.xz"


@functools.cache
def _load_document() -> bytes:
    return lzma.decompress(_FILE.read_bytes())


def all_payloads() -> list[tuple[str, dict[str, Any]]]:
    """Return the 329 (event, payload) pairs, fresh each time, in the order of the published file."""
    return [(event, payload) for event, payload in orjson.loads(_load_document())]
