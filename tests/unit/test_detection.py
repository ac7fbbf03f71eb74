"""Projects without a build file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.detection import detect_recipe
from hubwright.domain.recipe_values import Recipe

AUTOTOOLS = "autoreconf -i\n./configure\nmake"


def detect(files: dict[str, str]) -> Recipe | None:
    return detect_recipe(files.keys(), lambda path: files[path].encode())


def summary(files: dict[str, str]) -> tuple[str, list[str]]:
    recipe = detect(files)
    assert recipe is not None
    assert [stage.kind for stage in recipe.stages] == [stage.name for stage in recipe.stages]
    return recipe.origin, [stage.run for stage in recipe.stages]


@pytest.mark.parametrize(
    ("files", "seen", "runs"),
    [
        ({"Makefile": "all:\n\ncheck: all\n"}, "Makefile", ["make", "make check"]),
        ({"makefile": "all clean test: x\n"}, "makefile", ["make", "make test"]),
        ({"GNUmakefile": "check test::\n", "Makefile": ""}, "GNUmakefile", ["make", "make check"]),
        ({"Makefile": "# test:\n.PHONY: test\ntest := 1\n\ttest: x\nT=a test: b\n"}, "Makefile", ["make"]),
        ({"configure.ac": "", "Makefile.am": ""}, "configure.ac", [AUTOTOOLS, "make check"]),
        ({"configure.ac": "", "Makefile": "test:\n"}, "configure.ac", [AUTOTOOLS]),
        ({"configure": "", "Makefile.in": ""}, "configure", ["./configure\nmake", "make check"]),
        ({"Cargo.toml": "", "src/main.rs": ""}, "Cargo.toml", ["cargo build", "cargo test"]),
        ({"go.mod": "", "main.go": ""}, "go.mod", ["go build ./...", "go test ./..."]),
        ({"package.json": "{}"}, "package.json", ["npm install"]),
        ({"package.json": "[" * 100_000, "package-lock.json": ""}, "package.json", ["npm ci"]),
        (
            {"package.json": '{"scripts": {"test": "jest", "build": "tsc"}}'},
            "package.json",
            ["npm install\nnpm run build", "npm test"],
        ),
        (
            {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\""}}'},
            "package.json",
            ["npm install"],
        ),
        ({"package.json": '{"scripts": []}'}, "package.json", ["npm install"]),
    ],
)
def test_each_kind_of_project_has_its_stages(files: dict[str, str], seen: str, runs: list[str]) -> None:
    assert summary(files) == (f"detected: {seen}", runs)


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ({"CMakeLists.txt": ""}, "CMakeLists.txt"),
        ({"meson.build": ""}, "meson.build"),
        ({"CMakeLists.txt": "", "meson.build": "", "Makefile": "all:\n"}, "Makefile"),
        ({"Makefile": "all:\n", "configure.ac": ""}, "configure.ac"),
        ({"Makefile": "test:\n", "pyproject.toml": ""}, "Makefile"),
        ({"Makefile": "fmt:\n", "pyproject.toml": ""}, "pyproject.toml"),
        ({"a.c": "", "CMakeLists.txt": ""}, "CMakeLists.txt"),
        ({"src/ext.c": "", "setup.py": ""}, "setup.py"),
        ({"Cargo.toml": "", "package.json": ""}, "Cargo.toml"),
    ],
)
def test_of_several_kinds_one_wins(files: dict[str, str], seen: str) -> None:
    assert summary(files)[0] == f"detected: {seen}"


def test_reports_are_kept_where_the_tool_writes_them() -> None:
    for files, report in [
        ({"CMakeLists.txt": ""}, "build/junit.xml"),
        ({"CMakeLists.txt": "", "build/x": ""}, "build-2/junit.xml"),
        ({"meson.build": ""}, "build/meson-logs/testlog.junit.xml"),
        ({"pyproject.toml": "", "tests/test_a.py": ""}, "junit.xml"),
    ]:
        recipe = detect(files)
        assert recipe is not None
        assert recipe.stages[1].reports == (report,)


@pytest.mark.parametrize(
    "files", [{}, {"README.md": ""}, {"docs/Makefile": "test:"}, {"lib/deep/a.c": ""}, {"src\n/a.c": ""}]
)
def test_nothing_known_is_none(files: dict[str, str]) -> None:
    assert detect(files) is None


def test_a_file_that_cannot_be_read_is_not_fatal() -> None:
    """The content may be too large or a link that leads nowhere."""
    recipe = detect_recipe(["Makefile"], lambda _path: None)

    assert recipe is not None
    assert [stage.run for stage in recipe.stages] == ["make"]


# Stands in for a compiler: makes its output a program that says what it was made of.
COMPILER = """\
#!/bin/sh
said="$*"
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho "%s"\\n' "$said" > "$2"
chmod +x "$2"
"""


def build(files: dict[str, str], folder: Path) -> dict[str, str]:
    """What the stages of a plain C project make, by name, and what was said to the compiler for it."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    compiler = folder / "cc.sh"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    recipe = detect(files)
    assert recipe is not None
    for stage in recipe.stages:
        subprocess.run(
            ["sh", "-eu", "-c", stage.run], cwd=folder, env={"PATH": "/usr/bin:/bin", "CC": "./cc.sh"}, check=True
        )
    return {path.name: path.read_text() for path in (folder / "build").iterdir()}


def test_one_main_is_one_program_of_all_files(tmp_path: Path) -> None:
    made = build({"hello.c": "int\nmain(void)\n{}", "src/part.c": "int part(void);", "include/p.h": ""}, tmp_path)

    assert set(made) == {"hello", "src_part.o"}
    assert "-I. -Iinclude -Isrc -o build/hello ./hello.c build/src_part.o -lm" in made["hello"]


def test_several_mains_are_programs_linked_with_the_rest_and_tests_are_run(tmp_path: Path) -> None:
    files = {
        "a.c": "int main() {}",
        "b.c": "void main (int c) {}",
        "lib.c": "int domain(int);",
        "lib_test.c": "main() {}",
    }

    made = build(files, tmp_path)

    assert set(made) == {"a", "b", "lib_test", "lib.o"}
    recipe = detect(files)
    assert recipe is not None
    assert [stage.run for stage in recipe.stages][1:] == ["build/lib_test"]


def test_hostile_file_names_stay_file_names(tmp_path: Path) -> None:
    """S14: a file's name is data; here each would run a command or be taken for an option."""
    files = {
        "$(touch hacked).c": "",
        "a;touch hacked;.c": "",
        "-o.c": "",
        "'`touch hacked`.c": "",
        'm "x.c': "int main(void) {}",
    }

    made = build(files, tmp_path)

    assert set(made) == {"$(touch hacked).o", "a;touch hacked;.o", "-o.o", "'`touch hacked`.o", 'm "x'}
    assert not (tmp_path / "hacked").exists()


def test_too_many_sources_are_not_a_plain_project() -> None:
    assert detect({f"{i}.c": "" for i in range(301)}) is None


_names = st.sampled_from(
    ["Makefile", "package.json", "a.c", "src/b.c", "CMakeLists.txt", "configure", "build/x", "build-2"]
)


@given(st.dictionaries(_names | st.text(max_size=10), st.binary(max_size=100)))
def test_any_tree_gives_a_recipe_or_none(files: dict[str, bytes]) -> None:
    recipe = detect_recipe(files.keys(), files.get)

    assert recipe is None or (recipe.stages and recipe.origin.startswith("detected: "))
