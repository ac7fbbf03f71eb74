"""What a log says is wrong is found, with file and line, while it streams by; and nothing in it can hold that up."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpu_time import costs_less_than
from hubwright.domain.places import relative_path
from hubwright.domain.problem_watch import ProblemWatch
from hubwright.domain.problems import MAX_MESSAGE, MAX_OF_MATCHER, MAX_PROBLEMS, Found, Problem, Severity

CORPUS = Path(__file__).parents[1] / "data" / "output"
ROOTS = ("/ws", "C:\\ws")


def watch(*pieces: bytes, limit: int = 10**9) -> list[Problem]:
    watching = ProblemWatch(ROOTS, limit)
    for piece in pieces:
        watching.feed(piece)
    return watching.finish()[0]


def short(problem: Problem) -> tuple[object, ...]:
    file = relative_path(problem.file, ROOTS) or (f"outside {problem.file}" if problem.file else "")
    first = problem.message.partition("\n")[0]
    return (problem.matcher, problem.severity.value, file, problem.line, problem.column, problem.code, first)


EXPECTED = {
    "gcc.txt": [
        ("gcc", "error", "src/ring.c", 88, 23, "", "'struct ring' has no member named 'tail'"),
        ("gcc", "warning", "src/lexer.c", 12, 9, "-Wunused-variable", "unused variable 'x'"),
        ("gcc", "error", "src/a.c", 3, 5, "", "conflicting types for 'f'; have 'int(void)'"),
        ("gcc", "error", "src/a.c", 1, 10, "", "nothing.h: No such file or directory"),
        ("gcc", "error", "outside /usr/include/outside.h", 3, 1, "", "outside the workspace"),
    ],
    "clang.txt": [
        ("gcc", "error", "src/a.cc", 4, 3, "clang-diagnostic-error",
         "use of undeclared identifier 'ring'; did you mean 'king'?"),
        ("gcc", "error", "outside ../escape/b.cc", 1, 1, "", "up and away"),
    ],
    "msvc.txt": [
        ("msvc", "error", "src/ring.cpp", 12, 5, "C2065", "'tail': undeclared identifier"),
        ("msvc", "warning", "src/lexer.cpp", 7, None, "C4101", "'x': unreferenced local variable"),
        ("msvc", "error", "src/lexer.cpp", 1, None, "C1083", "Cannot open include file: 'nothing.h'"),
    ],
    "tsc.txt": [
        ("tsc", "error", "src/ring.ts", 3, 5, "TS2322", "Type 'string' is not assignable to type 'number'."),
        ("tsc", "error", "src/lexer.ts", 9, 14, "TS2304", "Cannot find name 'tail'."),
    ],
    "eslint.txt": [
        ("eslint", "error", "src/ring.js", 1, 10, "no-unused-vars", "'tail' is defined but never used"),
        ("eslint", "warning", "src/ring.js", 12, 3, "no-console", "Unexpected console statement"),
        ("eslint", "error", "src/lexer.js", 3, 7, "", "Parsing error: Unexpected token"),
        ("eslint", "error", "src/old.js", 4, 2, "semi", "Missing semicolon."),
    ],
    "rustc.txt": [
        ("rustc", "error", "src/lib.rs", 14, 5, "E0308", "mismatched types"),
        ("rustc", "warning", "src/main.rs", 3, 9, "", "unused variable: `x`"),
    ],
    "go.txt": [
        ("go", "error", "ring.go", 12, 7, "", "undefined: tail"),
        ("go", "error", "cmd/main.go", 5, 2, "", "unreachable code"),
        ("go", "error", "cmd/main.go", 17, None, "", "panic: runtime error: index out of range [4] with length 4"),
    ],
    "java.txt": [
        ("javac", "error", "src/main/java/Ring.java", 12, None, "", "';' expected"),
        ("maven", "error", "src/main/java/Ring.java", 14, 9, "", "cannot find symbol"),
        ("maven", "warning", "src/main/java/Lexer.java", 3, 1, "", "deprecated item is not annotated"),
    ],
    "cmake.txt": [
        ("cmake", "error", "CMakeLists.txt", 14, None, "find_package",
         'Could not find a package configuration file provided by "Ring" with any of'),
        ("cmake", "warning", "cmake/extra.cmake", 3, None, "message", "This is old."),
        ("cmake", "error", "", None, None, "", 'The source directory "/nowhere" does not exist.'),
    ],
    "ld.txt": [
        ("ld", "error", "src/main.c", 7, None, "", "undefined reference to `ring_push'"),
        ("ld", "error", "lexer.c", None, None, "", "undefined reference to `ring_pop'"),
    ],
    "nim.txt": [
        ("nim", "error", "src/ring.nim", 14, 5, "", "undeclared identifier: 'tail'"),
        ("nim", "warning", "lexer.nim", 3, 9, "", "imported and not used: 'strutils'"),
    ],
    "shell.txt": [
        ("shellcheck", "warning", "install.sh", 3, None, "SC2086", "Double quote to prevent globbing."),
        ("shellcheck", "warning", "build.sh", 7, 4, "SC2046", "Quote this to prevent word splitting."),
    ],
    "python.txt": [
        ("mypy", "error", "src/ring.py", 3, None, "return-value",
         'Incompatible return value type (got "str", expected "int")'),
        ("ruff", "error", "src/lexer.py", 1, 8, "F401", "`os` imported but unused"),
        ("ruff", "error", "src/ring.py", 9, 5, "F821", "Undefined name `tail`"),
        ("pytest", "error", "tests/test_ring.py", 14, None, "", "assert 3 == 4"),
        ("pytest", "error", "tests/test_other.py", None, None, "", "test_x: ValueError: no"),
        ("pytest", "error", "tests/test_broken.py", None, None, "", "ModuleNotFoundError: No module named 'nothing'"),
        ("python", "error", "src/ring.py", 40, None, "",
         "FileNotFoundError: [Errno 2] No such file or directory: 'nothing'"),
    ],
    "commands.txt": [
        ("command", "error", "src/ring.c", 7, 3, "", "Broken: ring: It"),
        ("command", "warning", "", None, None, "", "Plain words"),
        ("command", "notice", "a.c", None, None, "", "Only a file"),
        ("command", "error", "", None, None, "", "Azure's way"),
        ("command", "warning", "", None, None, "", "A warning of theirs"),
        ("command", "error", "src/b.c", 9, 2, "100", "From a task"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_what_tools_print_is_understood(name: str) -> None:
    """ux.md 2.2: compilers, linters, interpreters, GitHub's and Azure's commands."""
    assert [short(problem) for problem in watch((CORPUS / name).read_bytes())] == EXPECTED[name]


def test_messages_have_what_belongs_to_them() -> None:
    """A note of gcc, the text below a CMake error, pytest's reasons, decoded commands."""

    def message(name: str, line: int) -> str:
        return next(one.message for one in watch((CORPUS / name).read_bytes()) if one.line == line)

    assert message("gcc.txt", 3).endswith("\nnote: previous declaration of 'f' with type 'void(void)'")
    assert message("cmake.txt", 14).splitlines()[1] == "the following names:"
    assert message("python.txt", 14) == "assert 3 == 4\n+  where 3 = len(Ring())"
    assert message("commands.txt", 7) == "Broken: ring: It\nis, 100% broken"


@pytest.mark.parametrize("name", EXPECTED)
def test_it_is_the_same_in_any_pieces(name: str) -> None:
    """The builder reads what the kernel gives: a line may be cut anywhere."""
    output = (CORPUS / name).read_bytes()
    whole = watch(output)

    assert watch(*(output[at : at + 7] for at in range(0, len(output), 7))) == whole
    assert watch(*(output[at : at + 1] for at in range(len(output)))) == whole


@pytest.mark.parametrize("name", EXPECTED)
def test_who_looks_meanwhile_is_told_the_same_once(name: str) -> None:
    """A stage that goes on: first nothing, as what belongs to a line may still come; then all; the rest at the end."""
    output = (CORPUS / name).read_bytes()
    watching = ProblemWatch(ROOTS, 10**9)
    watching.feed(output)
    assert watching.look() == []
    found = watching.look()
    assert watching.look() == []
    assert found + watching.finish()[0] == watch(output)
    watching.feed(output)
    assert len(watching.finish()[0]) == len(watch(output)), "the next stage begins anew"


def test_a_line_is_told_when_others_have_had_their_time_to_follow() -> None:
    watching = ProblemWatch(ROOTS, 10**9)
    watching.feed(b"a.c:1:2: error: one\nfine\nb.c:1:2: error: tw")
    assert watching.look() == []
    watching.feed(b"o\nfine\n")
    assert [one.file for one in watching.look()] == ["a.c"]
    assert [(one.file, one.message) for one in watching.look()] == [("b.c", "two")]
    assert watching.finish() == ([], 0)


def test_offsets_lead_to_the_line() -> None:
    """The page jumps there; beyond the log's bound nobody knows where the line is."""
    filler = b"all is well here\n" * 60_000
    line = b"a.c:1:2: error: no\n"
    (first, second) = watch(filler, line, filler, line.replace(b"a.c", b"b.c"), limit=len(filler) + 100)

    assert (first.offset, second.offset) == (len(filler), None)


def test_stages_are_apart() -> None:
    """What one stage printed is no problem of the next; offsets go on."""
    watching = ProblemWatch(ROOTS, 10**6)
    watching.feed(b"a.c:1:2: error: no\n")
    assert [one.offset for one in watching.finish()[0]] == [0]
    watching.feed(b"fine\n")
    assert watching.finish() == ([], 0)
    watching.feed(b"a.c:1:2: error: no\n")
    assert [one.offset for one in watching.finish()[0]] == [24]


def test_many_warnings_hide_no_error() -> None:
    """Bounded, each once, and each severity has room of its own."""
    warnings = b"".join(b"a.c:%d:1: warning: w\n" % number for number in range(1, 25_000))
    watching = ProblemWatch(ROOTS, 10**9)
    watching.feed(warnings + warnings + b"b.c:1:1: error: e\n")
    problems, left_out = watching.finish()

    assert len(problems) == MAX_OF_MATCHER + 1
    assert problems[-1].severity is Severity.ERROR
    assert left_out > 10_000


def test_all_bounds_hold() -> None:
    """S26: of everything only so much."""
    found = Found()
    for matcher in range(100):
        for line in range(1, 100):
            found.add(Problem(Severity.ERROR, "m" * 9_999, str(matcher), "a.c", line * 1000 + matcher))
    problems = found.take()

    assert len(problems) == MAX_PROBLEMS
    assert all(len(one.message) == MAX_MESSAGE for one in problems)


EVIL = [
    b"a" * 4_000 + b"error",
    b"error: " * 500,
    b"a:1:" * 900 + b" error",
    b"a.c(1," * 600 + b") error",
    b"[" * 3_000 + b" error: x [-W",
    b"::error " + b"a=b," * 900,
    b"::error file=" + b":" * 3_500,
    b" " * 3_900 + b"1:1  error  x",
    b"  1:1  error  " + b"x  " * 1_200,
    b'  File "' * 400 + b"Traceback error",
    b"CMake Error at " + b"(" * 3_500,
    b"x: " * 1_200 + b"undefined reference to error",
    b"a.py:" * 700 + b"1: xError",
    b"FAILED " + b"a.py::" * 600 + b" - error",
    b"\x1b[" * 1_900 + b"error",
    b"\x1b]8;;" * 700 + b"error",
    b" --> " * 800,
    b"panic: \t" + b"a.go:1 " * 500,
    b"^" * 3_500 + b" SC2086 (error)",
    b"Traceback (most recent call last):",
]


@pytest.mark.parametrize("line", EVIL, ids=range(len(EVIL)))
def test_no_line_takes_long(line: bytes) -> None:
    """Catastrophic patterns: a thousand lines made to be hard are read in less than a second or two."""
    with costs_less_than(3):
        watch(*([line + b" %d\n" % number for number in range(1_000)]))


def test_a_log_of_one_endless_line_is_passed_over() -> None:
    """A binary file that was printed: bounded memory and time, and what comes after is found."""
    with costs_less_than(5):
        (found,) = watch(*([b"error" * 13_000] * 300), b"\na.c:1:2: error: no\n")

    assert found.file == "a.c"


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40), st.sampled_from([path.read_bytes()[:300] for path in sorted(CORPUS.iterdir())])
        ),
        max_size=8,
    )
)
def test_any_output_is_watched(pieces: list[bytes]) -> None:
    """Whatever bytes: problems that fit the wire."""
    for problem in watch(*pieces):
        assert problem.message
        assert problem.line is None or problem.line >= 1


@pytest.mark.parametrize(
    ("path", "relative"),
    [
        ("/ws/src/a.c", "src/a.c"), ("./src/../src/a.c", "src/a.c"), ("src\\a.cpp", "src/a.cpp"),
        ("C:\\ws\\a.cpp", "a.cpp"), ("/ws/../etc/passwd", None), ("../a.c", None), ("/etc/passwd", None),
        ("C:\\x\\a.c", None), ("\\\\host\\share\\a", None), ("~/a", None), ("http://host/a.c", None),
        ("a\0b", None), ("a\nb", None), ("", None), (".", None), ("/ws", None), ("/wsx/a.c", None), ("a" * 501, None),
        ("a\u202eb.c", None), ("<stdin>", None),
    ],
)  # fmt: skip
def test_paths_stay_in_the_workspace(path: str, relative: str | None) -> None:
    """S27: climbing, absolute, drive letters, UNC, odd characters."""
    assert relative_path(path, ROOTS) == relative
