"""What to do with a project that has no build file: told by the files it has, C first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from itertools import chain, count
from shlex import quote
from typing import Any

from hubwright.domain.recipe_values import Recipe, Stage

ReadFile = Callable[[str], bytes | None]
"""Gives the content of a file of the tree, None when it can't be had."""

_MAX_READ = 1024 * 1024
_MAX_SOURCES = 300
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")  # the order of GNU make
_MANIFESTS = ("Cargo.toml", "pyproject.toml", "setup.py", "package.json", "go.mod")
_MAIN = re.compile(r"^[ \t]{0,8}(?:(?:int|void)[ \t]{1,8})?main[ \t]{0,8}\(", re.MULTILINE)


def detect_recipe(paths: Collection[str], read: ReadFile) -> Recipe | None:
    """A recipe for a tree of these files, None when it is of no kind we know; `origin` tells what was seen.

    `read` is called for few files, and only for such as are in `paths`.
    """
    files = frozenset(paths)
    for detect in (_autotools, _make, _cmake, _meson, _cargo, _python, _node, _go, _plain_c):
        if recipe := detect(files, read):
            return recipe
    return None


def _recipe(seen: str, build: str, test: str | None, reports: tuple[str, ...] = ()) -> Recipe:
    stages = [Stage(name="build", kind="build", run=build)]
    if test:
        stages.append(Stage(name="test", kind="test", run=test, reports=reports))
    return Recipe(stages=tuple(stages), origin=f"detected: {seen}")


def _text(path: str, read: ReadFile) -> str:
    return (read(path) or b"")[:_MAX_READ].decode(errors="replace")


def _first(files: frozenset[str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in files), None)


def _free_folder(files: frozenset[str]) -> str:
    """A folder to build in that the project does not have itself."""
    taken = {path.partition("/")[0] for path in files}
    names = chain(["build"], (f"build-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _autotools(files: frozenset[str], _read: ReadFile) -> Recipe | None:
    seen = _first(files, ("configure.ac", "configure.in", "configure"))
    if seen is None:
        return None
    prepare = "" if "configure" in files else "autoreconf -i\n"
    # `check` is in every Makefile that automake writes; a Makefile.in by hand tells itself.
    tested = "Makefile.am" in files or "Makefile.in" in files
    return _recipe(seen, f"{prepare}./configure\nmake", "make check" if tested else None)


def _make(files: frozenset[str], read: ReadFile) -> Recipe | None:
    seen = _first(files, _MAKEFILES)
    if seen is None:
        return None
    targets = _targets(_text(seen, read))
    test = next((f"make {target}" for target in ("check", "test") if target in targets), None)
    if test is None and _first(files, _MANIFESTS):
        return None  # a bag of shortcuts beside another tool's project
    return _recipe(seen, "make", test)


def _targets(makefile: str) -> set[str]:
    found: set[str] = set()
    for line in makefile.splitlines():
        names, colon, rest = line.partition(":")
        if colon and not names.startswith(("\t", "#")) and "=" not in names and not rest.lstrip(":").startswith("="):
            found.update(names.split())
    return found


def _cmake(files: frozenset[str], _read: ReadFile) -> Recipe | None:
    if "CMakeLists.txt" not in files:
        return None
    folder = _free_folder(files)
    build = f"cmake -S . -B {folder}\ncmake --build {folder}"
    test = f"ctest --test-dir {folder} --output-on-failure --output-junit junit.xml"
    return _recipe("CMakeLists.txt", build, test, reports=(f"{folder}/junit.xml",))


def _meson(files: frozenset[str], _read: ReadFile) -> Recipe | None:
    if "meson.build" not in files:
        return None
    folder = _free_folder(files)
    build = f"meson setup {folder}\nmeson compile -C {folder}"
    report = f"{folder}/meson-logs/testlog.junit.xml"
    return _recipe("meson.build", build, f"meson test -C {folder} --print-errorlogs", reports=(report,))


def _cargo(files: frozenset[str], _read: ReadFile) -> Recipe | None:
    return _recipe("Cargo.toml", "cargo build", "cargo test") if "Cargo.toml" in files else None


def _python(files: frozenset[str], _read: ReadFile) -> Recipe | None:
    seen = _first(files, ("pyproject.toml", "setup.py"))
    if seen is None:
        return None
    tested = any(re.match(r"tests?/|test_[^/]*\.py$", path) for path in files)
    test = ".venv/bin/pip install pytest\n.venv/bin/python -m pytest --junitxml=junit.xml" if tested else None
    return _recipe(seen, "python3 -m venv .venv\n.venv/bin/pip install .", test, reports=("junit.xml",))


def _node(files: frozenset[str], read: ReadFile) -> Recipe | None:
    if "package.json" not in files:
        return None
    scripts = _scripts(_text("package.json", read))
    locked = _first(files, ("package-lock.json", "npm-shrinkwrap.json"))
    build = ("npm ci" if locked else "npm install") + ("\nnpm run build" if "build" in scripts else "")
    # What `npm init` writes when there are no tests: https://docs.npmjs.com/cli/commands/npm-init
    tested = "no test specified" not in str(scripts.get("test", "no test specified"))
    return _recipe("package.json", build, "npm test" if tested else None)


def _scripts(text: str) -> Mapping[str, Any]:
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    scripts = package.get("scripts") if isinstance(package, dict) else None
    return scripts if isinstance(scripts, dict) else {}


def _go(files: frozenset[str], _read: ReadFile) -> Recipe | None:
    return _recipe("go.mod", "go build ./...", "go test ./...") if "go.mod" in files else None


def _plain_c(files: frozenset[str], read: ReadFile) -> Recipe | None:
    """One program for each file with a `main`, linked with the files that have none; those named as tests are run."""
    sources = sorted(path for path in files if re.fullmatch(r"(?:src/)?[^/]+\.c", path) and path.isprintable())
    if not sources or len(sources) > _MAX_SOURCES:
        return None
    folder = _free_folder(files)
    mains = [path for path in sources if _MAIN.search(_text(path, read))]
    parts = [path for path in sources if path not in mains]
    includes = "".join(
        f" -I{name}" for name in ("include", "src") if any(path.startswith(f"{name}/") for path in files)
    )
    compiler = f"${{CC:-cc}} ${{CFLAGS:--O2 -Wall}} -I.{includes}"
    lines = [f"mkdir -p {folder}"]
    lines += [f"{compiler} -c -o {_output(folder, path, '.o')} {_source(path)}" for path in parts]
    objects = "".join(f" {_output(folder, path, '.o')}" for path in parts)
    lines += [f"{compiler} -o {_output(folder, path, '')} {_source(path)}{objects} -lm" for path in mains]
    tests = [_output(folder, path, "") for path in mains if re.search(r"(?:^|/)tests?[_.-]|_tests?\.c$", path)]
    return _recipe("*.c", "\n".join(lines), "\n".join(tests) or None)


def _source(path: str) -> str:
    return quote(f"./{path}")


def _output(folder: str, path: str, suffix: str) -> str:
    return quote(f"{folder}/{path.removesuffix('.c').replace('/', '_')}{suffix}")
