"""A definition as it was sent, JSON or YAML, as a tree of nodes in which every value knows its JSON pointer.

The tree is that of build files, with their bounds (S16): numbers, true and false are the text that was written. What is
null is left out: it says nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import yaml

from hubwright.domain.pointers import write_pointer
from hubwright.domain.recipe_format import MAX_BYTES, MAX_DEPTH, MAX_NODES
from hubwright.domain.recipe_nodes import read_nodes, read_text
from hubwright.errors import DefinitionError, RecipeError, Wrong

Form = Literal["json", "yaml"]

_NOWHERE = yaml.Mark("", 0, 0, 0, None, 0)
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BLANK = re.compile(r"(?:\s|#[^\n]*+|---|\.\.\.)*+\Z")  # possessive: a line of signs # can be cut in many ways


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written: a key may be there twice."""


class Tree:
    """The nodes of a definition: `root` is a mapping, `pointers` has where each node stands, by the node's `id`.

    `nulls` has the paths of the keys of mappings that are null, as they were written. `lines`: whether the nodes know
    their lines.
    """

    def __init__(self, root: yaml.Node, *, lines: bool) -> None:
        self.lines = lines
        if not isinstance(root, yaml.MappingNode):
            raise DefinitionError([Wrong("", "a definition is a mapping of keys to values")])
        self.root = root
        self.pointers: dict[int, str] = {}
        self.nulls: list[tuple[str, ...]] = []
        self._made: list[yaml.Node] = []
        problems = [self.blame(node, message) for node, message in self._walk(root, ())]
        if problems:
            raise DefinitionError(problems)

    def blame(self, node: yaml.Node, message: str) -> Wrong:
        """What is wrong, with the place of the node."""
        mark = node.start_mark
        where = (mark.line + 1, mark.column + 1) if self.lines else (None, None)
        return Wrong(self.pointers.get(id(node), ""), message, *where)

    def keep(self, node: yaml.Node, like: yaml.Node) -> None:
        """A node that was made stands where another does."""
        self.pointers[id(node)] = self.pointers.get(id(like), "")
        self._made.append(node)  # while it lives, no other node has its id

    def find(self, path: Iterable[str | int]) -> yaml.Node:
        """The node at a path, or the nearest above it; a number may also count the entries of a mapping."""
        node: yaml.Node = self.root
        for part in path:
            found = list(_inside(node, part))
            if not found:
                break
            node = found[0]
        return node

    def _walk(self, node: yaml.Node, path: tuple[str | int, ...]) -> Iterator[tuple[yaml.Node, str]]:
        """Note the pointers of all nodes and drop what is null; what can't be dropped is a problem."""
        self.pointers.setdefault(id(node), write_pointer(path))
        if isinstance(node, yaml.MappingNode):
            null = [key for key, value in node.value if _is_null(value)]
            self.nulls += [(*map(str, path), key.value) for key in null if isinstance(key, yaml.ScalarNode)]
            node.value = [(key, value) for key, value in node.value if not _is_null(value)]
            for key, value in node.value:
                inner = (*path, key.value if isinstance(key, yaml.ScalarNode) else "")
                self.pointers.setdefault(id(key), write_pointer(inner))
                yield from self._walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for at, value in enumerate(node.value):
                if _is_null(value):
                    yield node, "a list has no place for null: leave it out, or write an empty text in quotes"
                yield from self._walk(value, (*path, at))


def grow(source: str | bytes | Mapping[str, Any], form: Form | None = None) -> Tree:
    """The tree of a text, or of JSON that has been read already. Without `form` a text that begins with `{` is JSON.

    Raises DefinitionError.
    """
    if not isinstance(source, str | bytes):
        return Tree(_Builder().build(source, 1), lines=False)
    head = source.lstrip()[:1]
    if form == "json" or (form is None and head in ("{", b"{")):
        return Tree(_Builder().build(_read_json(source), 1), lines=False)
    try:
        text = read_text(source, "definition")
        if _BLANK.match(text):
            return Tree(yaml.MappingNode("", [], _NOWHERE, _NOWHERE), lines=True)
        return Tree(read_nodes(text, "definition"), lines=True)
    except RecipeError as error:
        raise DefinitionError([Wrong("", message, line, column) for line, column, message in error.problems]) from error


def _read_json(text: str | bytes) -> Any:
    if len(text) > MAX_BYTES:
        raise DefinitionError([Wrong("", f"too large: at most {MAX_BYTES} bytes")])
    try:
        return json.loads(
            text, object_pairs_hook=_Pairs, parse_float=str, parse_int=str, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise DefinitionError([Wrong("", f"not valid JSON: {error.msg}", error.lineno, error.colno)]) from error
    except UnicodeDecodeError as error:
        raise DefinitionError([Wrong("", "not valid JSON: it is not UTF-8")]) from error
    except RecursionError as error:
        raise DefinitionError([Wrong("", f"too deep: at most {MAX_DEPTH} levels")]) from error


def _refuse_constant(name: str) -> Any:
    raise DefinitionError([Wrong("", f"not valid JSON: {name} is no number")])


class _Builder:
    """Makes nodes of values; every bound holds before memory or stack is spent."""

    def __init__(self) -> None:
        self._count = 0
        self._size = 0

    def build(self, value: Any, depth: int) -> yaml.Node:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            raise DefinitionError([Wrong("", f"too large: at most {MAX_DEPTH} levels and {MAX_NODES} values")])
        if isinstance(value, Mapping | _Pairs):
            pairs = value.items() if isinstance(value, Mapping) else value
            nodes = [(self._scalar(str(key), '"'), self.build(inner, depth + 1)) for key, inner in pairs]
            return yaml.MappingNode("", nodes, _NOWHERE, _NOWHERE)
        if isinstance(value, list | tuple):
            items = [self.build(inner, depth + 1) for inner in value]
            return yaml.SequenceNode("", items, _NOWHERE, _NOWHERE)
        if isinstance(value, str):
            return self._scalar(value, '"')
        return self._scalar(_write_plain(value), None)

    def _scalar(self, text: str, style: str | None) -> yaml.ScalarNode:
        self._size += len(text)
        if self._size > MAX_BYTES:
            raise DefinitionError([Wrong("", f"too large: at most {MAX_BYTES} characters")])
        if _UNUSABLE.search(text):
            raise DefinitionError([Wrong("", f"{text[:60]!a} has a character that no variable can hold")])
        return yaml.ScalarNode("", text, _NOWHERE, _NOWHERE, style=style)


def _write_plain(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 10**18:
        return str(value)
    raise DefinitionError([Wrong("", f"{ascii(value)[:60]} can't be told from its text: write it in quotes")])


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULLS


def _inside(node: yaml.Node, part: str | int) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        yield from node.value[part : part + 1]
    elif isinstance(node, yaml.MappingNode):
        if isinstance(part, int):
            yield from (value for _, value in node.value[part : part + 1])
        else:
            yield from (value for key, value in node.value if key.value == part)
