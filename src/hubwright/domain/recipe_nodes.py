"""The text of a build file, made into YAML nodes with positions; nothing hostile gets through (S16)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from hubwright.domain.recipe_format import MAX_BYTES, MAX_DEPTH, MAX_NODES
from hubwright.errors import RecipeError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What YAML does not allow in a stream: https://yaml.org/spec/1.1/#c-printable
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")  # can be in no variable, argument or file name


def read_text(source: str | bytes, file: str) -> str:
    """The source as text without a byte order mark; RecipeError if it is too large, not UTF-8 or has odd characters."""
    size = len(source) if isinstance(source, bytes) else len(source.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise RecipeError(file, [(1, 1, f"the file is too large: at most {MAX_BYTES} bytes")])
    try:
        text = source.decode() if isinstance(source, bytes) else source
    except UnicodeDecodeError as error:
        line, column = _place(source[: error.start].decode(errors="replace"))  # type: ignore[union-attr]
        raise RecipeError(file, [(line, column, "the file is not UTF-8: save it as UTF-8")]) from error
    text = text.removeprefix("\ufeff")
    if found := _FORBIDDEN.search(text):
        message = f"the character U+{ord(found[0]):04X} is not allowed in a build file"
        raise RecipeError(file, [(*_place(text[: found.start()]), message)])
    return text


def _place(before: str) -> tuple[int, int]:
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", before)
    return len(lines), len(lines[-1]) + 1


def read_nodes(text: str, file: str) -> yaml.Node:
    """The one document of the text; RecipeError at the first thing that is not plain YAML or is out of bounds."""
    composer = _Composer(yaml.parse(text, Loader=_LOADER), file)
    try:
        return composer.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        found = "".join(text.splitlines()[line - 1 : line])[column - 1 : column]
        message = "a tab can't be used here, indent with blanks" if found == "\t" else error.problem
        raise RecipeError(file, [(line, column, f"not valid YAML: {message}")]) from error
    except (
        yaml.YAMLError,
        ValueError,
        OverflowError,
    ) as error:  # the last two: escapes and directives, without libyaml
        raise RecipeError(file, [(1, 1, f"not valid YAML: {str(error).partition(chr(10))[0]}")]) from error


class _Composer:
    """Makes nodes from events, one at a time, so that every bound holds before memory or stack is spent."""

    def __init__(self, events: Iterator[Any], file: str) -> None:
        self._events = events
        self._file = file
        self._count = 0
        self._anchors: dict[str, tuple[yaml.Node, int]] = {}

    def document(self) -> yaml.Node:
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            message = "the file is empty; the smallest has `stages:` and below it `- test: make check`"
            raise RecipeError(self._file, [(1, 1, message)])
        node = self._node(next(self._events), 1)
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._problem(event, "a build file is one document: remove the `---` and what follows")
        return node

    def _node(self, event: Any, depth: int) -> yaml.Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._count
        self._add(event, 1)
        if depth > MAX_DEPTH:
            raise self._problem(event, f"too deep: at most {MAX_DEPTH} levels")
        if event.tag is not None:
            raise self._problem(event, "tags (`!…`) are not allowed: every value is plain text")
        node = self._content(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._count - before)
        return node

    def _content(self, event: Any, depth: int) -> yaml.Node:
        marks = (event.start_mark, event.end_mark)
        if isinstance(event, yaml.ScalarEvent):
            if _UNUSABLE.search(event.value):
                raise self._problem(event, "this text has a character that no variable or command can hold")
            return yaml.ScalarNode("", event.value, *marks, style=event.style)
        if isinstance(event, yaml.SequenceStartEvent):
            items = [self._node(inner, depth + 1) for inner in self._until(yaml.SequenceEndEvent)]
            return yaml.SequenceNode("", items, *marks)
        pairs = [
            (self._node(inner, depth + 1), self._node(next(self._events), depth + 1))
            for inner in self._until(yaml.MappingEndEvent)
        ]
        return yaml.MappingNode("", pairs, *marks)

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _alias(self, event: Any) -> yaml.Node:
        if event.anchor not in self._anchors:
            raise self._problem(event, f"there is no complete anchor &{event.anchor} before this")
        node, size = self._anchors[event.anchor]
        self._add(event, size)
        return node

    def _add(self, event: Any, size: int) -> None:
        self._count += size
        if self._count > MAX_NODES:
            raise self._problem(event, f"too many values: at most {MAX_NODES}, counting what aliases repeat")

    def _problem(self, event: Any, message: str) -> RecipeError:
        return RecipeError(self._file, [(event.start_mark.line + 1, event.start_mark.column + 1, message)])
