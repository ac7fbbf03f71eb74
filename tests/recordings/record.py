"""Make octokit-fixtures.json.xz from npm's @octokit/fixtures: `python record.py package/scenarios/api.github.com`.

The accounts are GitHub's own for tests; the one address of a person is replaced, all else stays as it was published.
"""

from __future__ import annotations

import json
import lzma
import re
import sys
from pathlib import Path

TARGET = Path(__file__).parent / "octokit-fixtures.json.xz"
EMAIL = re.compile(r"[\w.%+-]+@kytrinyx\.com")
KEPT = ("method", "path", "status", "rawHeaders", "response")


def main(folder: str) -> None:
    """Read each scenario's recording, as it was recorded, and write [scenario, exchanges] pairs."""
    scenarios = []
    for file in sorted(Path(folder).glob("*/raw-fixture.json")):
        exchanges = json.loads(EMAIL.sub("person@example.org", file.read_text(encoding="utf-8")))
        scenarios.append([file.parent.name, [{name: one[name] for name in KEPT} for one in exchanges]])
    document = json.dumps(scenarios, ensure_ascii=False, separators=(",", ":"))
    TARGET.write_bytes(lzma.compress(document.encode(), preset=9 | lzma.PRESET_EXTREME))
    sys.stdout.write(f"{len(scenarios)} scenarios, {TARGET.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1])
