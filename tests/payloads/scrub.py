"""Make octokit-webhooks-examples.json.xz from npm's @octokit/webhooks-examples: `python scrub.py index.json`.

With more files, of other releases, octokit-webhooks-others.json.xz has their payloads that the first file lacks.
Addresses of people and signed links are replaced by stable fakes; all else stays as it was published.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "octokit-webhooks-examples.json.xz"
OTHERS = Path(__file__).parent / "octokit-webhooks-others.json.xz"
KEPT = {"git@github.com", "noreply@github.com", "octocat@github.com"}
EMAIL = re.compile(r"[A-Za-z0-9._%+\-\[\]]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
SIGNED = re.compile(r"AKIA[0-9A-Z]{16}|(?<=X-Amz-Signature=)[0-9a-f]{64}")


def scrub(text: str) -> str:
    """Replace each person's e-mail address and each key or signature of a signed link."""
    return SIGNED.sub("SCRUBBED", EMAIL.sub(_fake_address, text))


def _fake_address(match: re.Match[str]) -> str:
    address = match[0]
    return address if address in KEPT else f"person-{hashlib.sha256(address.encode()).hexdigest()[:8]}@example.org"


def read_pairs(source: str) -> list[list[Any]]:
    """The [event, payload] pairs of a release."""
    events = json.loads(scrub(Path(source).read_text(encoding="utf-8")))
    return [[event["name"], payload] for event in events for payload in event["examples"]]


def write(target: Path, pairs: list[list[Any]]) -> None:
    """Keep them."""
    document = json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))
    target.write_bytes(lzma.compress(document.encode(), preset=9 | lzma.PRESET_EXTREME))
    sys.stdout.write(f"{len(pairs)} payloads, {target.stat().st_size} bytes\n")


def main(first: str, *others: str) -> None:
    """Read the package's api.github.com/index.json, and those of other releases."""
    pairs = read_pairs(first)
    write(TARGET, pairs)
    known = {json.dumps(pair, sort_keys=True) for pair in pairs}
    found: dict[str, list[Any]] = {}
    for pair in (pair for source in others for pair in read_pairs(source)):
        found.setdefault(json.dumps(pair, sort_keys=True), pair)
    if others:
        write(OTHERS, [pair for name, pair in found.items() if name not in known])


if __name__ == "__main__":
    main(*sys.argv[1:])
