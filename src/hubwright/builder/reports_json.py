"""Test reports in JSON: `go test -json`, and what nim's tester leaves. Pure.

https://pkg.go.dev/cmd/test2json https://github.com/nim-lang/Nim/blob/devel/testament/backend.nim
"""

from __future__ import annotations

from typing import Any

import msgspec

from hubwright.builder.report_cases import MAX_CASES, UnreadableReportError, make_case, read_seconds
from hubwright.wire import Case

_OUTPUT = 64 * 1024
_ENDS = {"pass": "passed", "fail": "failed", "skip": "skipped", "bench": "passed"}
_NOISE = ("=== ", "--- PASS", "--- SKIP", "PASS\n", "ok  \t")


class _Event(msgspec.Struct, rename="pascal"):
    action: str
    package: str = ""
    test: str = ""
    elapsed: float | None = None
    output: str = ""
    import_path: str = ""
    failed_build: str = ""


_EVENTS = msgspec.json.Decoder(_Event)


def is_go(line: bytes) -> bool:
    """Whether the line is an event of `go test -json`."""
    try:
        event = _EVENTS.decode(line)
    except (msgspec.MsgspecError, ValueError):
        return False
    return bool(event.package or event.import_path)


def read_go(content: bytes, file: str = "", most: int = MAX_CASES) -> list[Case]:
    """The tests of `go test -json`, subtests too; a package that fails without a failed test is an error of its own.

    Lines between that are no events are passed over. A test that began and never ended has failed with its package.
    """
    packages: dict[str, _Package] = {}
    builds: dict[str, list[str]] = {}
    for line in content.splitlines():
        if not line.startswith(b"{"):
            continue
        try:
            event = _EVENTS.decode(line)
        except (msgspec.MsgspecError, ValueError):
            continue
        if event.action == "build-output":
            builds.setdefault(event.import_path, []).append(event.output)
        elif event.package:
            packages.setdefault(event.package, _Package(event.package)).hear(event)
    cases = [case for package in packages.values() for case in package.finish(builds)]
    if not packages and not builds:
        raise UnreadableReportError(f"{file} has no events of `go test -json`.")
    return cases[:most]


class _Package:
    def __init__(self, name: str) -> None:
        self._name = name
        self._result = ""
        self._failed_build = ""
        self._ends: dict[str, tuple[str, float | None]] = {}
        self._outputs: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}

    def hear(self, event: _Event) -> None:
        if event.action == "output":
            self._print(event)
        elif event.action == "run":
            self._ends.setdefault(event.test, ("", None))
        elif event.action in _ENDS and event.test:
            self._ends[event.test] = (_ENDS[event.action], event.elapsed)
            if event.action != "fail":
                self._outputs.pop(event.test, None)
        elif event.action in _ENDS:
            self._result, self._failed_build = event.action, event.failed_build

    def _print(self, event: _Event) -> None:
        size = self._sizes.get(event.test, 0)
        if size < _OUTPUT and not event.output.startswith(_NOISE):
            self._outputs.setdefault(event.test, []).append(event.output)
            self._sizes[event.test] = size + len(event.output)

    def finish(self, builds: dict[str, list[str]]) -> list[Case]:
        whole = "".join(self._outputs.get("", ()))
        cases = []
        for name, (result, seconds) in self._ends.items():
            output = "" if result == "passed" else "".join(self._outputs.get(name, ()))
            if not result:
                output = f"The test did not end.\n{output}{whole}"
            cases.append(self._case(name, result or "failed", seconds, output))
        if self._result == "fail" and not any(case.result == "failed" for case in cases):
            why = "".join(builds.get(self._failed_build or self._name, ())) or whole
            name = "build" if self._failed_build or "[build failed]" in whole else "package"
            cases.append(self._case(name, "error", None, why))
        return cases

    def _case(self, name: str, result: str, seconds: float | None, output: str) -> Case:
        case = make_case((self._name, "", name), result, read_seconds(str(seconds)), output.strip())
        if case.file and "/" not in case.file.removeprefix("./"):  # go names the file alone: it lies in the package
            case = msgspec.structs.replace(case, file=f"{self._name}/{case.file.removeprefix('./')}")
        return case


_NIM_RESULTS = {"reSuccess": "passed", "reDisabled": "skipped", "reIgnored": "skipped", "reJoined": "skipped"}


class _NimTest(msgspec.Struct):
    name: str
    result: str | int | None = None
    category: str = ""
    target: str = ""
    expected: str | None = None
    given: str | None = None


class _NimTotals(msgspec.Struct):
    total: int
    passed: int
    skipped: int = 0
    results: list[_NimTest] | None = None


_NIM_OLD = ("reject", "compile", "run")


def read_nim(content: bytes, file: str = "", most: int = MAX_CASES) -> list[Case]:
    """nim's `testresults.json` in its three shapes, and the files of its folder `testresults`.

    A list of tests; an object with totals and a list; or only totals, of which cases without names are made up.
    Raises UnreadableReportError.
    """
    try:
        value: Any = msgspec.json.decode(content.strip().removesuffix(b","))
        if isinstance(value, list):
            tests = msgspec.convert([one for one in value if one], list[_NimTest])
            return [_nim_case(test, file) for test in tests[:most]]
        groups = {name: value[name] for name in _NIM_OLD if name in value} or {"": value}
        counts = {name: msgspec.convert(group, _NimTotals) for name, group in groups.items()}
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise UnreadableReportError(f"{file} is JSON, but no test report that is known here: {error}.") from error
    cases: list[Case] = []
    for name, group in counts.items():
        if group.results:
            cases += [_nim_case(test, file) for test in group.results[:most]]
        else:
            cases += _nameless(group, name, file, most)
    return cases[:most]


def _nim_case(test: _NimTest, file: str) -> Case:
    result = _NIM_RESULTS.get(str(test.result), "failed") if test.result != 1 else "passed"
    message = ""
    if result == "failed":
        message = f"{test.result}\nexpected: {test.expected or ''}\ngiven: {test.given or ''}".rstrip()
    category = " ".join(part for part in (test.category.strip(), test.target) if part)
    source = test.name.partition(" ")[0].replace("\\", "/")
    place = (source, None) if source.endswith(".nim") else (None, None)
    return make_case((file, category, test.name), result, None, message, place)


def _nameless(totals: _NimTotals, group: str, file: str, most: int) -> list[Case]:
    """System 1's builders knew no more than totals."""
    failed = max(totals.total - totals.passed - totals.skipped, 0)
    counts = {"passed": totals.passed, "skipped": totals.skipped, "failed": failed}
    return [
        make_case((file, group, f"{result} {number}"), result)
        for result, count in counts.items()
        for number in range(1, min(max(count, 0), most) + 1)
    ]
