"""Real webhook payloads that nobody of this project wrote (tests/payloads/README.md)."""

from __future__ import annotations

import functools
import lzma
from pathlib import Path
from typing import Any

import orjson

_FOLDER = Path(__file__).parent / "payloads"


@functools.cache
def _load_document(name: str) -> bytes:
    return lzma.decompress((_FOLDER / f"octokit-webhooks-{name}.json.xz").read_bytes())


def all_payloads() -> list[tuple[str, dict[str, Any]]]:
    """Return the 329 (event, payload) pairs, fresh each time, in the order of the published file."""
    return [(event, payload) for event, payload in orjson.loads(_load_document("examples"))]


def other_payloads() -> list[tuple[str, dict[str, Any]]]:
    """Return the payloads of other releases and of GitHub Enterprise Server that those do not have."""
    return [(event, payload) for event, payload in orjson.loads(_load_document("others"))]
