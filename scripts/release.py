"""`python scripts/release.py FOLDER`: a release and what proves where it comes from.

Wheel, sdist, SBOM, `provenance.json` and `SHA256SUMS`; with RELEASE_KEY, the file of an SSH key, `SHA256SUMS.sig` too.
All is made of a commit, in a tree without changes, twice: what is not the same byte for byte is no release. The
commit's time is that of all files in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from audit import Audit, look
from dependencies import ROOT, load_project

SIGNED_FOR = "hubwright-release"
"""The namespace of the signature: `ssh-keygen -Y verify -n hubwright-release …`."""

BUILD_TYPE = "https://packaging.python.org/en/latest/specifications/source-distribution-format/"


def main() -> int:
    """Make the release; exit code 1 with the reason where it can't be one."""
    target = Path(sys.argv[1]).absolute()
    changes = _git("status", "--porcelain")
    if changes:
        print(f"not released: the tree has changes that no commit has\n{changes}")
        return 1
    commit, seconds = _git("log", "-1", "--format=%H %ct").split()
    os.environ["SOURCE_DATE_EPOCH"] = seconds
    is_licensed = subprocess.call([sys.executable, str(ROOT / "scripts" / "licences.py")]) == 0
    audit = look()
    if not (is_licensed and audit.is_fine):  # each has said what is wrong
        print("not released: see above")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        files, again = build(ROOT, Path(folder, "once")), build(ROOT, Path(folder, "twice"))
        if different := find_differences(files, again):
            print(f"not released: built twice, they are not the same: {', '.join(different)}")
            return 1
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, target)
    sbom = target / f"hubwright-{load_project()['version']}.cdx.json"
    subprocess.run([sys.executable, str(ROOT / "scripts" / "sbom.py"), str(sbom)], check=True)
    kept = [*(target / file.name for file in files), sbom]
    provenance = target / "provenance.json"
    provenance.write_text(write_provenance(kept, commit, seconds, audit))
    keep_sums(target, [*kept, provenance], os.environ.get("RELEASE_KEY"))
    print(f"released into {target}: {', '.join(sorted(one.name for one in target.iterdir()))}")
    return 0


def build(source: Path, target: Path) -> list[Path]:
    """The wheel and the sdist of a checkout; SOURCE_DATE_EPOCH is the time of all files in them."""
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(target)]
    subprocess.run(argv, cwd=source, check=True, capture_output=True)
    return sorted(target.iterdir())


def find_differences(files: list[Path], again: list[Path]) -> list[str]:
    """The names of files that the other build does not have, byte for byte."""
    sums, others = ({one.name: sum_of(one) for one in built} for built in (files, again))
    return sorted(name for name in sums.keys() | others.keys() if sums.get(name) != others.get(name))


def sum_of(file: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write_provenance(files: list[Path], commit: str, built_at: str, audit: Audit) -> str:
    """What was made of which commit: an in-toto statement of SLSA provenance. https://slsa.dev/spec/v1.0/provenance"""
    project = load_project()
    made_by = {"python": platform.python_version(), "hatchling": version("hatchling"), "system": platform.platform()}
    statement: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": one.name, "digest": {"sha256": sum_of(one)}} for one in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"version": project["version"], "command": "make release"},
                "internalParameters": {
                    "SOURCE_DATE_EPOCH": built_at,
                    "advisories": {"packages": audit.packages, "answered": audit.answered, "weak": len(audit.weak)},
                },
                "resolvedDependencies": [{"uri": f"git+{project['name']}", "digest": {"gitCommit": commit}}],
            },
            "runDetails": {"builder": {"id": "scripts/release.py", "version": made_by}},
        },
    }
    return json.dumps(statement, indent=1, sort_keys=True) + "\n"


def keep_sums(target: Path, files: list[Path], key: str | None) -> None:
    """`SHA256SUMS`, as `sha256sum --check` reads it, signed with an SSH key where one is given."""
    sums = target / "SHA256SUMS"
    sums.write_text("".join(f"{sum_of(one)}  {one.name}\n" for one in sorted(files)))
    if key:
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", SIGNED_FOR, str(sums)], check=True)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
