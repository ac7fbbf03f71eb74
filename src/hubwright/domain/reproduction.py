"""The commands that run a build's stage again on somebody's own machine."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Reproduction:
    """What is to be run again: the commit and where it is, the stage (None for all), and what the run was given.

    `secrets` are the names of those that the stage asks for; whoever runs it has to have values of their own.
    """

    clone_url: str
    ref: str
    sha: str
    platform: str
    stage: str | None = None
    matrix: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def write_commands(wanted: Reproduction) -> str:
    """Lines for a POSIX shell. Whatever came from outside is one quoted word, and one line.

    A commit of a fork is in no branch, so its ref is fetched by name.
    """
    folder = wanted.clone_url.rstrip("/").rpartition("/")[2].removesuffix(".git") or "source"
    run = ["hubwright", "run"]
    if wanted.stage is not None:
        run += ["--", wanted.stage] if wanted.stage.startswith("-") else [wanted.stage]
    options = [word for axis, value in wanted.matrix.items() for word in ("--matrix", f"{axis}={value}")]
    options += [word for name, value in wanted.parameters.items() for word in ("--parameter", f"{name}={value}")]
    lines = [
        _join(["git", "clone", wanted.clone_url, folder]),
        _join(["cd", folder]),
        _join(["git", "fetch", "origin", wanted.ref]),
        _join(["git", "checkout", "--detach", wanted.sha]),
        _join([*run[:2], *options, *run[2:]]),
    ]
    notes = [f"# on {_flat(wanted.platform)}"]
    if wanted.secrets:
        notes.append(f"# needs in the environment: {_flat(', '.join(wanted.secrets))}")
    return "\n".join([*notes, *lines])


def _join(words: list[str]) -> str:
    return " ".join(_quote(word) for word in words)


def _quote(word: str) -> str:
    """As the shell reads it; with a newline in it as one line all the same (POSIX has `$'…'` since 2024)."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = "".join(
        f"\\{c}"
        if c in "\\'"
        else c
        if c.isprintable()
        else "".join(f"\\{byte:03o}" for byte in c.encode("utf-8", "replace"))
        for c in word
    )
    return f"$'{escaped}'"


def _flat(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
