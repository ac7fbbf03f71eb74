"""The manner of the code: sizes, names, and exceptions that carry their reason."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "src" / "hubwright").rglob("*.py"))
OWN = [path for path in FILES if "migrations" not in path.parts]  # a migration is one list, written once
TESTS = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path != Path(__file__)]

LONGEST_FILE, USUAL_FILE = 400, 300
LONGEST_FUNCTION, USUAL_FUNCTION = 60, 35
MOST_ARGUMENTS = 7
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base", "core", "service"}
BROAD = {"Exception", "BaseException"}
PLAIN = {"ARG002"}
"""Rules whose exceptions explain themselves: an argument that a shared signature has and this one does not need."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def text_of(path: Path) -> str:
    return path.read_text()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(tree_of(path)))


@cache
def functions(path: Path) -> list[Function]:
    return [node for node in nodes_of(path) if isinstance(node, Function)]


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def lines_of(path: Path) -> list[str]:
    return text_of(path).splitlines()


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def percentile(values: list[int], share: float) -> int:
    return sorted(values)[int(len(values) * share)]


def arguments(node: Function) -> int:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([one for one in every if one.arg not in {"self", "cls"}])


def is_command(node: Function) -> bool:
    """A command of click has one argument for each option."""
    return any(".option" in ast.unparse(one) or ".command" in ast.unparse(one) for one in node.decorator_list)


def test_no_file_is_too_long() -> None:
    """One idea a file; a reader holds 400 lines in mind at most."""
    assert not [place(path, len(lines_of(path))) for path in OWN if len(lines_of(path)) > LONGEST_FILE]


def test_no_two_files_of_tests_have_one_name() -> None:
    """Python would take one for the other: run together they stop everything."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_no_function_is_too_long() -> None:
    """A function that needs more is several functions."""
    assert not [
        (place(path, node.lineno), length(node))
        for path in OWN
        for node in functions(path)
        if length(node) > LONGEST_FUNCTION
    ]


def test_no_function_takes_too_much() -> None:
    """Arguments that travel together are a value that is missing."""
    assert not [
        (place(path, node.lineno), arguments(node))
        for path in OWN
        for node in functions(path)
        if arguments(node) > MOST_ARGUMENTS and not is_command(node)
    ]


def test_most_files_and_functions_are_small() -> None:
    """The tail is what makes a code base heavy: 95 of 100 stay within the usual."""
    assert percentile([len(lines_of(path)) for path in OWN], 0.95) <= USUAL_FILE
    assert percentile([length(node) for path in OWN for node in functions(path)], 0.95) <= USUAL_FUNCTION


def test_no_module_has_a_name_that_says_nothing() -> None:
    """Such a module collects whatever has no place."""
    source = ROOT / "src"

    assert not [
        str(path) for path in FILES if BANNED & {part.removesuffix(".py") for part in path.relative_to(source).parts}
    ]


def test_imports_stand_at_the_top() -> None:
    """An import inside a function or for typing only hides who knows whom."""
    inside = [
        place(path, inner.lineno)
        for path in OWN
        if any(is_import(node) and node.col_offset for node in nodes_of(path))
        for node in functions(path)
        for inner in ast.walk(node)
        if is_import(inner)
    ]

    assert inside == []
    assert not [str(path) for path in OWN if re.search(r"\bTYPE_CHECKING\b", text_of(path))]


def test_exceptions_from_rules_give_their_reason() -> None:
    """`# noqa: RULE  reason`, once a file for each rule: the next reader must be able to judge if it still holds."""
    unexplained = []
    for path in OWN:
        explained = set(PLAIN)
        for number, line in enumerate(lines_of(path), 1):
            for said in re.findall(r"#\s*noqa(.*)$", line):
                match = re.match(r": ([A-Z]+\d+(?:, ?[A-Z]+\d+)*)(\s+(?:- )?\S.*)?", said)
                rules = set(re.split(", ?", match[1])) if match else {"all"}
                if match and match[2]:
                    explained |= rules
                if not rules <= explained:
                    unexplained.append(place(path, number))

    assert unexplained == []


def test_ignored_types_name_what_is_ignored() -> None:
    """A bare `type: ignore` hides the next fault as well."""
    assert not [
        place(path, number)
        for path in FILES
        for number, line in enumerate(lines_of(path), 1)
        if re.search(r"#\s*type:\s*ignore(?!\[)", line)
    ]


def test_who_catches_everything_tells_it() -> None:
    """It is raised again, logged with its traceback, or there is a comment with the reason: no fault disappears."""
    silent = []
    for path in OWN:
        lines = lines_of(path)
        for node in nodes_of(path):
            if not isinstance(node, ast.ExceptHandler) or (node.type and ast.unparse(node.type) not in BROAD):
                continue
            near = lines[node.lineno - 2 : node.lineno + 1]
            told = any(isinstance(inner, ast.Raise) for inner in ast.walk(node)) or ".exception(" in ast.unparse(node)
            if not told and not any(re.search(r"#\s*\S", line) for line in near):
                silent.append(place(path, node.lineno))

    assert silent == []


def test_nothing_is_left_for_later() -> None:
    """Unfinished work belongs into an issue, not into the code."""
    assert not [
        place(path, number)
        for path in FILES
        for number, line in enumerate(lines_of(path), 1)
        if re.search(r"#.*\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError", line)
    ]


def test_no_test_is_skipped() -> None:
    """A skipped test is a promise that nobody keeps: what it needs is installed or started instead."""
    assert not [
        place(path, number)
        for path in TESTS
        for number, line in enumerate(lines_of(path), 1)
        if re.search(r"pytest\.(mark\.)?(skip|xfail)|skipif|importorskip", line)
    ]


def test_test_modules_say_what_they_hold() -> None:
    """A reader who looks for a promise finds the file by its first line."""
    assert not [
        str(path.relative_to(ROOT))
        for path in TESTS
        if path.name.startswith("test_") and not ast.get_docstring(tree_of(path))
    ]


def test_no_two_test_modules_have_one_name() -> None:
    """pytest imports them by their names alone: the second one would end the collection of all."""
    names = Counter(path.name for path in TESTS if path.name.startswith("test_"))
    assert [name for name, count in names.items() if count > 1] == []
