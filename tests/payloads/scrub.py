"""Make octokit-webhooks-examples.json.xz from npm's @octokit/webhooks-examples: `python scrub.py index.json`.

Addresses of people and signed links are replaced by stable fakes; all else stays as it was published.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import sys
from pathlib import Path

TARGET = Path(__file__).parent / "octokit-webhooks-examples.json.xz"
KEPT = {"git@github.com", "noreply@github.com", "octocat@github.com"}
EMAIL = re.compile(r"[A-Za-z0-9._%+\-\[\]]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
SIGNED = re.compile(r"AKIA[0-9A-Z]{16}|(?<=X-Amz-Signature=)[0-9a-f]{64}")


def scrub(text: str) -> str:
    """Replace each person's e-mail address and each key or signature of a signed link."""
    return SIGNED.sub("SCRUBBED", EMAIL.sub(_fake_address, text))


def _fake_address(match: re.Match[str]) -> str:
    address = match[0]
    return address if address in KEPT else f"person-{hashlib.sha256(address.encode()).hexdigest()[:8]}@example.org"


def main(source: str) -> None:
    """Read the package's api.github.com/index.json and write [event, payload] pairs."""
    events = json.loads(scrub(Path(source).read_text(encoding="utf-8")))
    pairs = [[event["name"], payload] for event in events for payload in event["examples"]]
    document = json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))
    TARGET.write_bytes(lzma.compress(document.encode(), preset=9 | lzma.PRESET_EXTREME))
    sys.stdout.write(f"{len(pairs)} payloads, {TARGET.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1])
