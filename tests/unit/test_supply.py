"""What Hubwright is made of: licences, the bill of materials, advisories, a release that can be made again (S45)."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import audit
import release
from dependencies import NOT_SHIPPED, ROOT, Dependency, find_dependencies, find_licence, load_project
from licences import ALLOWED, CHOSEN, find_wrong, is_allowed
from sbom import VENDORED, read_vendored, write_sbom

DOCS = (ROOT / "docs" / "security-testing.md").read_text()


@pytest.fixture(scope="module")
def found() -> list[Dependency]:
    """What is installed."""
    return find_dependencies()


def package(**told: Any) -> Dependency:
    return Dependency(**{"name": "x", "version": "1", "licence": "MIT", **told})


def test_what_runs_is_counted_and_what_tests_is_not(found: list[Dependency]) -> None:
    """Also what our packages bring along; each names the extras that bring it."""
    names = {one.name: one for one in found}
    assert "core" in names["click"].extras
    assert names["markupsafe"].extras == {"hub"}
    assert "markupsafe" in names["jinja2"].needs
    assert not {"pytest", "hypothesis", "ruff", "mypy"} & names.keys()
    assert set(load_project()["optional-dependencies"]) >= NOT_SHIPPED - {"docs"}


def test_each_package_may_be_shipped(found: list[Dependency]) -> None:
    """None with a licence that asks for ours; what was let through by hand is still what it was."""
    assert not list(find_wrong(found))
    assert CHOSEN.keys() <= {one.name for one in found}


def test_a_licence_that_is_not_allowed_or_not_told_is_found() -> None:
    """Also one that a chosen package has since then."""
    told = [
        package(licence="AGPL-3.0-only"),
        package(name="y", licence=""),
        package(name="psycopg", licence="AGPL-3.0-only"),
    ]
    assert [line.partition(":")[0] for line in find_wrong(told)] == ["psycopg", "x 1", "y 1"]


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True), ("GPL-3.0-only", False), ("GPL-3.0-only OR MIT", True), ("GPL-3.0-only AND MIT", False),
        ("", False),
        ("MPL-2.0 AND (Apache-2.0 OR GPL-2.0-only)", True), ("(MIT", False), ("MIT)", False), ("MIT AND", False),
        ("MIT WITH x", False),
    ],
)  # fmt: skip
def test_an_expression_is_read_whole(licence: str, allowed: bool) -> None:
    """Of OR one side is enough, of AND each counts; what is no expression is not allowed."""
    assert is_allowed(licence) is allowed


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License-Expression": "MIT OR Apache-2.0", "License": "x"}, "MIT OR Apache-2.0"),
        ({"License": "BSD"}, "BSD-3-Clause"),
        ({"License": "UNKNOWN", "Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
        ({"License": "Copyright (c) somebody, with all the words of it"}, ""),
        ({}, ""),
    ],
)
def test_what_old_packages_write_becomes_an_expression(fields: dict[str, str], licence: str) -> None:
    """A text of a licence is none: a person has to look."""
    metadata = Message()
    for name, value in fields.items():
        metadata[name] = value
    assert find_licence(metadata) == licence


def test_the_bill_of_materials_is_good_and_the_same_each_time(found: list[Dependency]) -> None:
    """CycloneDX's own schema; every package with version, licence and address, and all that is needed is in it."""
    text = write_sbom(load_project(), found, "1700000000")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == write_sbom(load_project(), found, "1700000000")
    bill = json.loads(text)
    known = {one["bom-ref"] for one in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert len(bill["components"]) == len(found) + 1
    assert all(set(one["dependsOn"]) <= known for one in bill["dependencies"])
    assert all(one["licenses"] and one["version"] for one in bill["components"])
    assert bill["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


def test_code_of_others_in_our_tree_is_in_it_with_its_sums() -> None:
    """The table beside it is what is read; the files are as it says."""
    (chart,) = read_vendored(VENDORED.read_text())
    assert chart["purl"].startswith("pkg:npm/uplot@")
    for file in chart["components"]:
        content = (VENDORED.parent / file["name"]).read_bytes()
        assert file["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}]


ADVISORY = {"id": "PYSEC-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2"]}


def test_what_nobody_could_look_up_is_not_called_fine() -> None:
    """pip-audit says "No known vulnerabilities found" of packages that it has skipped."""
    skipped = {
        "dependencies": [{"name": "x", "skip_reason": "not found on PyPI"}, {"name": "y", "version": "1", "vulns": []}]
    }
    assert audit.read_answer(json.dumps(skipped), "") == ([("x", None), ("y", [])], "not found on PyPI")
    assert audit.read_answer("", "Traceback\nno such host") == ([], "no such host")


def test_a_known_weakness_counts_until_somebody_has_said_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only until that day: then a person looks again."""
    told = [("x", [ADVISORY]), ("y", None)]
    assert audit.find_weak(told, "2026-01-01") == ["x: PYSEC-1, CVE-2026-1: mended in 2"]
    monkeypatch.setattr(audit, "ACCEPTED", {"CVE-2026-1": ("we never call it", "2026-06-30")})
    assert audit.find_weak(told, "2026-06-30") == []
    assert audit.find_weak(told, "2026-07-01")


@pytest.mark.parametrize(
    ("told", "required", "code", "words"),
    [
        ([("x", [])], True, 0, "1 packages, 0 with a known weakness"),
        ([("x", [ADVISORY])], False, 1, "1 with a known weakness"),
        ([], False, 0, "NOT CHECKED for 1 of 1"),
        ([], True, 1, "NOT CHECKED for 1 of 1"),
    ],
)
def test_the_audit_says_how_it_stands(
    told: Any,
    required: bool,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without the advisories a check goes on and says so; a release stops."""
    monkeypatch.setattr(audit, "find_dependencies", lambda: [package()])
    monkeypatch.setattr(audit, "ask", lambda _: (told, ""))
    monkeypatch.setenv("AUDIT", "required" if required else "")
    assert audit.main() == code
    assert words in capsys.readouterr().out


def test_a_release_is_the_same_wherever_and_whenever_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two checkouts at other places with files of other times: the same wheel and sdist, byte for byte."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    built = []
    for name in ("here", "elsewhere/deeper"):
        checkout = tmp_path / name
        for part in ("pyproject.toml", "README.md", "LICENSE", "src/hubwright/__init__.py", "src/hubwright/domain"):
            (checkout / part).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile)(ROOT / part, checkout / part)
        built.append(release.build(checkout, tmp_path / f"{len(built)}"))
    assert [file.suffix for file in built[0]] == [".whl", ".gz"] or [file.suffix for file in built[0]] == [
        ".gz",
        ".whl",
    ]
    assert not release.find_differences(*built)
    built[1][0].write_bytes(b"another")
    assert release.find_differences(*built) == [built[1][0].name]


def test_a_release_tells_what_it_was_made_of_and_can_be_checked(tmp_path: Path) -> None:
    """Sums that sha256sum reads, signed by a key, and provenance that names the commit."""
    file = tmp_path / "hubwright.whl"
    file.write_bytes(b"wheel")
    told = json.loads(release.write_provenance([file], "c" * 40, "1700000000", audit.Audit(40, 38, ())))
    advisories = told["predicate"]["buildDefinition"]["internalParameters"]["advisories"]
    assert advisories == {"packages": 40, "answered": 38, "weak": 0}  # what was answered, not what was wanted
    assert told["subject"] == [{"name": "hubwright.whl", "digest": {"sha256": release.sum_of(file)}}]
    assert told["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"] == {"gitCommit": "c" * 40}
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    release.keep_sums(tmp_path, [file], str(key))
    subprocess.run(["sha256sum", "--check", "--status", "SHA256SUMS"], cwd=tmp_path, check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"maker {(tmp_path / 'key.pub').read_text()}")
    argv = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "maker", "-n", release.SIGNED_FOR]
    argv += ["-s", str(tmp_path / "SHA256SUMS.sig")]
    subprocess.run(argv, input=(tmp_path / "SHA256SUMS").read_bytes(), check=True, capture_output=True)


def test_the_page_names_what_is_allowed() -> None:
    """docs/security-testing.md has the allow-list and each choice."""
    listed = set(re.findall(r"`([A-Za-z0-9.-]+)`", DOCS.partition("## What it is made of")[2]))
    assert listed >= ALLOWED | CHOSEN.keys()
