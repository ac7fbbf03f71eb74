"""What a pull request changes about what is run: the effective recipes of base and head, field by field. Pure.

Whoever approves a build reads this; nothing from outside may look like what it is not, so all of it is made visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from difflib import unified_diff
from fnmatch import fnmatchcase
from typing import Any

from hubwright.domain.recipe_values import Recipe, Stage
from hubwright.domain.wording import make_visible, word_count

MAX_LINES = 2_000
"""Lines of a difference that are shown; it says when there are more."""

_COMPARED = 400
_PASSED_OVER = frozenset({"stages", "warnings"})
_FILES = (
    ".hubwright.yml", ".hubwright/*", ".github/*", ".gitmodules", ".gitattributes", "*Makefile", "*makefile",
    "*.mk", "*CMakeLists.txt", "*.cmake", "*configure", "*configure.ac", "*Dockerfile*", "*.sh", "*meson.build",
    "*setup.py", "*pyproject.toml", "*tox.ini", "*noxfile.py", "*conftest.py", "*package.json", "*Cargo.toml",
    "*build.rs", "*build.gradle*", "*pom.xml", "*.nimble", "*.nims", "*Justfile", "*justfile",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One field that differs: `where` is `recipe` or `stage NAME`, `what` the field, or `added` or `removed`."""

    where: str
    what: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def compare_recipes(base: Recipe, head: Recipe) -> tuple[Change, ...]:
    """What the head's recipe says otherwise than the base's, recipe first, then its stages in the head's order."""
    changes = list(_compare("recipe", base, head))
    before = {stage.name: stage for stage in base.stages}
    after = {stage.name: stage for stage in head.stages}
    for name, stage in after.items():
        if name in before:
            changes += _compare(f"stage {name}", before[name], stage)
        else:
            changes.append(Change(where=f"stage {name}", what="added", before=(), after=_whole(stage)))
    changes += [
        Change(where=f"stage {name}", what="removed", before=_whole(stage), after=())
        for name, stage in before.items()
        if name not in after
    ]
    kept = [[name for name in names if name in before and name in after] for names in (before, after)]
    if kept[0] != kept[1]:
        changes.append(Change(where="recipe", what="order of stages", before=tuple(before), after=tuple(after)))
    return tuple(changes)


def deciding_files(paths: Iterable[str], recipe_path: str = ".hubwright.yml") -> tuple[str, ...]:
    """Those of the files that decide by their name what a build runs; others may do so too, by being run."""
    return tuple(path for path in paths if path == recipe_path or any(fnmatchcase(path, glob) for glob in _FILES))


def write_changes(changes: Sequence[Change]) -> str:
    """The changes for people: a title for each, then lines with `-` and `+`."""
    if not changes:
        return "The recipe runs the same as the base's.\n"
    lines: list[str] = []
    for change in changes:
        lines += [f"{change.where}: {change.what}", *_mark(change), ""]
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"… and {word_count(len(lines) - MAX_LINES, 'line')} more."]
    return "\n".join(make_visible(line) for line in lines).rstrip("\n") + "\n"


def _mark(change: Change) -> list[str]:
    if max(len(change.before), len(change.after)) > _COMPARED:
        return [*(f"- {line}" for line in change.before), *(f"+ {line}" for line in change.after)]
    marked = list(unified_diff(change.before, change.after, n=2, lineterm=""))[2:]
    return [f"{line[0]} {line[1:]}" for line in marked if not line.startswith("@@")]


def _compare(where: str, before: Any, after: Any) -> Iterable[Change]:
    for key in fields(after):
        old, new = getattr(before, key.name), getattr(after, key.name)
        if key.name not in _PASSED_OVER and old != new:
            yield Change(where=where, what=key.name, before=_lines(old), after=_lines(new))


def _whole(stage: Stage) -> tuple[str, ...]:
    """A stage as lines, without what it says nothing of."""
    default = Stage(name=stage.name, run="")
    found: list[str] = []
    for key in fields(stage):
        value = getattr(stage, key.name)
        if key.name != "name" and value != getattr(default, key.name):
            found += [f"{key.name}: {line}" for line in _lines(value)]
    return tuple(found)


def _lines(value: Any) -> tuple[str, ...]:
    if value in (None, (), {}):
        return ()
    if isinstance(value, str):
        return tuple(value.split("\n"))
    if isinstance(value, dict):
        return tuple(_line(f"{key}={_word(item)}") for key, item in value.items())
    if isinstance(value, tuple):
        return tuple(_line(_word(item)) for item in value)
    return (_line(_word(value)),)


def _word(value: Any) -> str:
    if is_dataclass(value):
        said = ((key.name, getattr(value, key.name)) for key in fields(value))
        return ", ".join(f"{name}: {_word(each)}" for name, each in said if each not in (None, (), {}))
    if isinstance(value, dict):
        return ", ".join(f"{key}={_word(item)}" for key, item in value.items())
    return " ".join(_word(item) for item in value) if isinstance(value, tuple) else str(value)


def _line(text: str) -> str:
    return text.replace("\n", "⏎")
