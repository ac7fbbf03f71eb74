"""Build files of other systems, read as plain values that know their line, and the recipe that is made of them.

What is understood becomes keys of a recipe; what is not becomes a note with the line where it stands. Nothing is left
out in silence, and what stands under a condition that can't be translated is left out rather than run without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from hubwright.domain.recipe_nodes import read_nodes, read_text
from hubwright.errors import RecipeError

MAX_POINTS = 256
"""Points of a matrix that are looked at: as many as a build has runs at most."""

_NO_NAME = re.compile(r"\$\{\{.*?\}\}|\$\{?\w+\}?|[^A-Za-z0-9 ._-]+")
"""What a stage's name leaves out: values that are known only when it runs, and signs that names don't have."""

_NAME_LENGTH = 64


class Words(str):
    """A text and its line, 1-based."""

    line: int = 1


class Rows(list[Any]):
    """A list and its line."""

    line: int = 1


class Keys(dict[str, Any]):
    """A mapping and its line."""

    line: int = 1


class Note(NamedTuple):
    """What a person has to look at: the line in the other system's file, and a sentence."""

    line: int
    text: str


@dataclass
class Outline:
    """A recipe in the making. `keys` are those of the file but `stages`."""

    keys: dict[str, Any] = field(default_factory=dict)
    stages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def note(self, at: object, text: str) -> None:
        """Tell it, once."""
        found = Note(line_of(at), text)
        if found not in self.notes:
            self.notes.append(found)

    def add_stage(self, name: str, run: str, **more: Any) -> dict[str, Any]:
        """One stage more, under a name that no other has; keys without a value are left out."""
        stage = {"run": run, **{key: value for key, value in more.items() if value not in (None, {}, [], "")}}
        self.stages.append((self._free_name(name), stage))
        return stage

    def recipe(self) -> dict[str, Any]:
        """All of it, in the form of a recipe."""
        return {
            **{key: value for key, value in self.keys.items() if value not in (None, {}, [], "")},
            "stages": [{name: stage["run"] if [*stage] == ["run"] else stage} for name, stage in self.stages],
        }

    def _free_name(self, name: str) -> str:
        told = [word for word in _NO_NAME.sub(" ", name).split() if any(map(str.isalnum, word))]
        words = " ".join(told).strip("._-")[:_NAME_LENGTH].strip() or "step"
        taken = {one.casefold() for one, _ in self.stages}
        number, free = 1, words
        while free.casefold() in taken:
            number += 1
            free = f"{words[: _NAME_LENGTH - 5]} {number}"
        return free


def read_foreign(source: str | bytes, file: str) -> Keys:
    """The file's mapping; every value is the text as written. Raises RecipeError with the line of what is wrong."""
    read = _plain(read_nodes(read_text(source, file), file))
    if not isinstance(read, Keys):
        raise RecipeError(file, [(1, 1, "a mapping is expected: this is no build file")])
    return read


def line_of(value: object) -> int:
    """Where it stands; 1 for what does not know it."""
    return int(getattr(value, "line", 1))


def at_line(text: str, other: object) -> Words:
    """The text, at the line of something else."""
    words = Words(text)
    words.line = line_of(other)
    return words


def listed(value: Any) -> list[Any]:
    """One value as a list of it, a list as it is, nothing as an empty one."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def texts_of(value: Any) -> list[Words]:
    """All texts of a value or list of values, one level of lists within lists included."""
    found: list[Words] = []
    for one in listed(value):
        found += [inner for inner in listed(one) if isinstance(inner, Words)]
    return found


def mapping_of(value: Any) -> Mapping[str, Any]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def ordered(names: Iterable[str], needs: Mapping[str, Iterable[str]]) -> list[str]:
    """The names, each after those that it needs; those of a circle in the order given."""
    done: list[str] = []
    waiting = [*names]
    while waiting:
        ready = [name for name in waiting if not {*needs.get(name, ())} & {*waiting} - {name}]
        chosen = ready[0] if ready else waiting[0]
        waiting.remove(chosen)
        done.append(chosen)
    return done


def write_export(name: str, value: str) -> str:
    """A line of a script that sets a variable to what the shell makes of `value`."""
    return f'export {name}="{value.replace(chr(34), chr(92) + chr(34)).replace("`", chr(92) + "`")}"'


def _plain(node: yaml.Node) -> Words | Rows | Keys:
    found: Words | Rows | Keys
    if isinstance(node, yaml.ScalarNode):
        found = Words("" if node.style is None and node.value in ("~", "null") else node.value)
    elif isinstance(node, yaml.SequenceNode):
        found = Rows(_plain(item) for item in node.value)
    else:
        found = Keys(_pairs(node))
    found.line = node.start_mark.line + 1
    return found


def _pairs(node: Any) -> Iterator[tuple[str, Any]]:
    """Merged ones (`<<`) first, so that what is written beside them wins: https://yaml.org/type/merge.html."""
    for key, value in node.value:
        if key.value == "<<":
            for merged in listed(_plain(value)):
                yield from mapping_of(merged).items()
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value != "<<":
            yield at_line(key.value, _Mark(key.start_mark.line + 1)), _plain(value)


class _Mark(NamedTuple):
    line: int
