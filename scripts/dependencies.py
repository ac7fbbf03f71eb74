"""What Hubwright needs when it runs: each package as it is installed here, with its licence and what it needs itself.

Only of this Python and platform; the packages of tests and checks are not among them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import Message
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
NOT_SHIPPED = frozenset({"test", "check", "docs", "fuzz"})
"""Extras of those who work on Hubwright."""

SPDX = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "lgpl-2.0-or-later": "LGPL-2.0-or-later",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "new bsd": "BSD-3-Clause",
    "python software foundation license": "PSF-2.0",
}
"""What packages without a licence expression write, in small letters, and what it is called in SPDX."""

_PLAIN = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """A package. `licence` is an SPDX expression, empty where the package tells none; `extras` are those of Hubwright
    that bring it, `core` for all; `needs` are the names of packages.
    """

    name: str
    version: str
    licence: str
    summary: str = ""
    homepage: str = ""
    extras: frozenset[str] = frozenset()
    needs: frozenset[str] = field(default_factory=frozenset)


def load_project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def find_dependencies() -> list[Dependency]:
    """The packages by name. Raises PackageNotFoundError for one that is not installed."""
    project = load_project()
    asked: dict[str, list[str]] = {"core": project["dependencies"]}
    asked |= {extra: lines for extra, lines in project["optional-dependencies"].items() if extra not in NOT_SHIPPED}
    brought: dict[str, set[str]] = {}
    needs: dict[str, set[str]] = {}
    for extra, lines in asked.items():
        for name in _walk(lines, needs):
            brought.setdefault(name, set()).add(extra)
    return [_describe(name, frozenset(brought[name]), frozenset(needs[name])) for name in sorted(brought)]


def spell(name: str) -> str:
    """A package's name in the one form that counts (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def find_licence(metadata: Message) -> str:
    """The SPDX expression that a package's metadata tell (PEP 639), or one made of what came before that."""
    if told := metadata.get("License-Expression"):
        return str(told)
    written = (metadata.get("License") or "").strip()
    for text in (written, *_classified(metadata)):
        if known := SPDX.get(text.lower()):
            return known
        if _PLAIN.fullmatch(text) and text.lower() not in {"unknown", "other"}:
            return text
    return ""


def _classified(metadata: Message) -> list[str]:
    classifiers = [one.split(" :: ") for one in metadata.get_all("Classifier", [])]
    return [parts[-1] for parts in classifiers if parts[0] == "License"]


def _walk(lines: Iterable[str], needs: dict[str, set[str]]) -> set[str]:
    """The names of all packages that these requirements bring, the requirements' own among them."""
    done: set[tuple[str, str]] = set()
    left = [(one, "") for one in map(Requirement, lines) if one.marker is None or one.marker.evaluate()]
    while left:
        requirement, _ = left.pop()
        name = spell(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in done:
                continue
            done.add((name, extra))
            inner = [one for one in _requirements(name) if _applies(one, extra)]
            needs.setdefault(name, set()).update(spell(one.name) for one in inner)
            left += [(one, "") for one in inner]
    return {name for name, _ in done}


def _requirements(name: str) -> list[Requirement]:
    try:
        return [Requirement(line) for line in distribution(name).requires or ()]
    except PackageNotFoundError as error:
        raise PackageNotFoundError(f"{name}: install it first: make check does") from error


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _describe(name: str, extras: frozenset[str], needs: frozenset[str]) -> Dependency:
    metadata = distribution(name).metadata
    links = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL") or [] if ", " in line)
    home = metadata.get("Home-page") or next(
        (links[key] for key in ("Homepage", "homepage", "Source", "Repository", "repository") if key in links), ""
    )
    return Dependency(
        name=name, version=metadata["Version"], licence=find_licence(metadata), extras=extras, needs=needs,  # type: ignore[arg-type]
        summary=(metadata.get("Summary") or "").strip(), homepage=home if home.startswith("http") else "",
    )  # fmt: skip
