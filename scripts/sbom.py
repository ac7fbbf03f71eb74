"""`python scripts/sbom.py FILE`: what Hubwright is made of, as CycloneDX 1.6 in JSON. https://cyclonedx.org/docs/

The same packages give the same bytes; SOURCE_DATE_EPOCH is its time, as of all that is built.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from dependencies import ROOT, Dependency, find_dependencies, load_project, spell

VENDORED = ROOT / "src" / "hubwright" / "web" / "static" / "vendor" / "README.md"
"""Tells of the code of others that is shipped in ours."""

_ROW = r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| `([0-9a-f]{64})` \|$"
_SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # of RFC 9562 for addresses


def main() -> int:
    """Write the file; exit code 1 where it would be no good CycloneDX."""
    target = Path(sys.argv[1])
    found = find_dependencies()
    text = write_sbom(load_project(), found, os.environ.get("SOURCE_DATE_EPOCH"))
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        print(f"not a good SBOM: {error}")
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    print(f"SBOM: {len(found)} packages in {target}, sha256 {hashlib.sha256(text.encode()).hexdigest()[:16]}…")
    return 0


def write_sbom(project: dict[str, Any], dependencies: Sequence[Dependency], built_at: str | None = None) -> str:
    """The document; `built_at` is Unix seconds, in digits."""
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    addresses = {one.name: address_of(one) for one in dependencies}
    lines = [*project["dependencies"], *(line for lines in project["optional-dependencies"].values() for line in lines)]
    asked = {spell(Requirement(line).name) for line in lines} & addresses.keys()
    vendored = read_vendored(VENDORED.read_text())
    metadata: dict[str, Any] = {
        "component": {
            "type": "application", "bom-ref": own, "name": project["name"], "version": project["version"],
            "description": project["description"], "licenses": [{"license": {"id": project["license"]}}], "purl": own,
        },
    }  # fmt: skip
    if built_at:
        metadata["timestamp"] = f"{datetime.fromtimestamp(int(built_at), UTC):%Y-%m-%dT%H:%M:%SZ}"
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": [*map(_component, dependencies), *vendored],
        "dependencies": [
            {
                "ref": own,
                "dependsOn": sorted([*(addresses[name] for name in asked), *(one["bom-ref"] for one in vendored)]),
            },
            *(
                {
                    "ref": address_of(one),
                    "dependsOn": sorted(addresses[name] for name in one.needs if name in addresses),
                }
                for one in dependencies
            ),
        ],
    }
    content = json.dumps(document, sort_keys=True)
    document = {"serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, content)}", **document}
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def address_of(one: Dependency) -> str:
    """The package URL. https://github.com/package-url/purl-spec"""
    return f"pkg:pypi/{one.name}@{one.version}"


def read_vendored(text: str) -> list[dict[str, Any]]:
    """The code of others that is in the source tree, by the table of its README: one component, with its files."""
    found: dict[str, dict[str, Any]] = {}
    for file, of, licence, digest in re.findall(_ROW, text, re.MULTILINE):
        told = re.match(r"\[(\S+)\]\((\S+)\) (\S+),", of)
        if told:
            name = told[1].lower()
            purl = f"pkg:npm/{name}@{told[3]}"
            found[purl] = {
                "type": "library", "bom-ref": purl, "name": told[1], "version": told[3], "purl": purl,
                "licenses": [_licence(licence.partition(",")[0])], "components": [], "scope": "required",
                "externalReferences": [{"type": "website", "url": told[2]}],
            }  # fmt: skip
        hashes = [{"alg": "SHA-256", "content": digest}]
        list(found.values())[-1]["components"].append({"type": "file", "name": file, "hashes": hashes})
    return list(found.values())


def _component(one: Dependency) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library", "bom-ref": address_of(one), "name": one.name, "version": one.version,
        "purl": address_of(one),
        "scope": "required" if "core" in one.extras else "optional", "licenses": [_licence(one.licence)],
        "properties": [{"name": "hubwright:extra", "value": extra} for extra in sorted(one.extras)],
    }  # fmt: skip
    if one.summary:
        found["description"] = one.summary
    if one.homepage:
        found["externalReferences"] = [{"type": "website", "url": one.homepage}]
    return found


def _licence(licence: str) -> dict[str, Any]:
    if " " in licence:
        return {"expression": licence}
    return {"license": {"id": licence}}


if __name__ == "__main__":
    sys.exit(main())
