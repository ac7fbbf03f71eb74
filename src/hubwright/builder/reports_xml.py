"""Test reports in XML: JUnit's dialects and CTest's dashboards, read from the parser's events; no tree is built. Pure.

A document with a DOCTYPE is refused, and with it every entity of its own (XXE, billion laughs); `junitparser`, which
knows the dialects, builds whole trees and leaves entities to its parser, so it is only the tests' yardstick.
https://github.com/testmoapp/junitxml https://cmake.org/cmake/help/latest/manual/ctest.1.html
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Protocol
from xml.etree import ElementTree

from hubwright.builder.report_cases import (
    MAX_CASES,
    UnreadableReportError,
    add_output,
    make_case,
    read_seconds,
)
from hubwright.domain.ansi import strip_escapes
from hubwright.wire import Case

_VERDICTS = {"failure": "failed", "error": "error", "skipped": "skipped", "disabled": "skipped"}
_FLAKY = frozenset({"flakyFailure", "flakyError"})
_AGAIN = frozenset({"rerunFailure", "rerunError"})
_OUTPUTS = frozenset({"system-out", "system-err"})
_UNRUN = frozenset({"notrun", "suppressed", "disabled", "skipped"})
_MOST_TEXT = 256 * 1024
_CONTROLS = bytes(range(9)) + bytes([11, 12]) + bytes(range(14, 32))
_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding=[\"']([\w-]{1,40})")
_ESCAPE = re.compile(rb"&#(?:x0*1[bB]|0*27);")
_REFERENCES = re.compile(rb"&#(?:x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));")


def read_xml(content: bytes, file: str = "", most: int = MAX_CASES) -> list[Case]:
    """The test cases of a report in XML, at most `most`.

    Control characters, which tests print and XML forbids, are passed over. Raises UnreadableReportError; a report that
    breaks off carries the cases before.
    """
    content = content.lstrip(b" \t\r\n")
    try:
        return _parse(content, file, most)
    except UnreadableReportError as error:
        if error.__cause__ is None or b"\0" in content[:64]:
            raise
        cleaned = strip_escapes(_ESCAPE.sub(b"\x1b", content))
        cleaned = _REFERENCES.sub(b"?", cleaned.translate(None, _CONTROLS))
        declared = _ENCODING.match(content)
        if declared is None or declared[1].lower() in {b"utf-8", b"us-ascii"}:
            cleaned = cleaned.decode("utf-8", "replace").encode()
        if cleaned == content:
            raise
        return _parse(cleaned, file, most)


def _parse(content: bytes, file: str, most: int) -> list[Case]:
    reading = _Reading(file, most)
    parser = ElementTree.XMLParser(target=reading)  # noqa: S314  no DTD gets past the reading
    try:
        parser.feed(content)
        parser.close()
    except UnreadableReportError:
        raise
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UnreadableReportError(f"{file} is not well-formed XML: {error}.", reading.cases) from error
    if not reading.known:
        raise UnreadableReportError(f"{file} is XML, but no test report: its root is <{reading.root[:40]}>.")
    return reading.cases


class _Dialect(Protocol):
    """Takes elements: start, text and end."""

    def start(self, name: str, attributes: dict[str, str]) -> None: ...

    def data(self, text: str) -> None: ...

    def end(self, name: str) -> Case | None: ...


class _Reading:
    """The parser's target: chooses the dialect by the root and keeps the cases."""

    def __init__(self, file: str, most: int) -> None:
        self.cases: list[Case] = []
        self.root = ""
        self.known = False
        self._file = file
        self._most = most
        self._dialect: _Dialect = _Junit(file)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        name = tag.rpartition("}")[2]
        if not self.root:
            self.root = name
            if name == "Site":
                self._dialect = _CTest(attributes.get("Name") or self._file)
        self.known = self.known or name in {"testsuite", "testsuites", "testcase", "Testing"}
        self._dialect.start(name, attributes)

    def data(self, text: str) -> None:
        """Text."""
        self._dialect.data(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        case = self._dialect.end(tag.rpartition("}")[2])
        if case is not None and len(self.cases) < self._most:
            self.cases.append(case)

    def doctype(self, *_: str | None) -> None:
        """A DOCTYPE could define entities that grow without bound or name other files."""
        raise UnreadableReportError(f"{self._file} has a DOCTYPE, which reports may not have.")

    def close(self) -> None:
        """The document has ended."""


class _Text:
    """Text that is gathered, up to a bound; the beginning and the end of a longer one."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def add(self, text: str) -> None:
        self._parts.append(text)
        self._size += len(text)
        if self._size > 2 * _MOST_TEXT:
            whole = "".join(self._parts)
            self._parts = [whole[: _MOST_TEXT // 2], whole[-_MOST_TEXT // 2 :]]
            self._size = _MOST_TEXT

    def take(self) -> str:
        text = "".join(self._parts).strip()
        self._parts, self._size = [], 0
        return text


class _Junit:
    """JUnit XML: of several verdicts on a case the first counts; what it printed is kept when it failed."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._suites: list[dict[str, str]] = []
        self._case: dict[str, str] | None = None
        self._verdict = ""
        self._flaky = False
        self._message: list[str] = []
        self._outputs: list[tuple[str, str]] = []
        self._within = ""  # the element whose text is gathered
        self._text = _Text()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "testsuite":
            self._suites.append(attributes)
        elif name == "testcase":
            self._case, self._verdict, self._flaky = attributes, "", False
            self._message, self._outputs = [], []
        elif self._case is not None and not self._within:
            self._begin(name, attributes)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if name in _VERDICTS and not self._verdict:
            self._verdict = _VERDICTS[name]
        elif name in _FLAKY:
            self._flaky = True
        elif name not in _OUTPUTS | _AGAIN:
            return
        self._within = name
        if name not in _OUTPUTS:
            self._message.append(attributes.get("message", ""))

    def data(self, text: str) -> None:
        if self._within:
            self._text.add(text)

    def end(self, name: str) -> Case | None:
        if name == self._within:
            text = self._text.take()
            if name in _OUTPUTS:
                self._outputs.append((name, text))
            else:
                self._message.append(text)
            self._within = ""
        elif name == "testsuite" and self._suites:
            self._suites.pop()
        elif name == "testcase" and self._case is not None:
            case, self._case = self._finish(self._case), None
            return case
        return None

    def _finish(self, case: dict[str, str]) -> Case:
        unrun = {case.get("status", "").lower(), case.get("result", "").lower()} & _UNRUN
        result = self._verdict or ("skipped" if unrun else "passed")
        message = _join(self._message)
        if result in {"failed", "error"}:
            for kind, text in self._outputs:
                message = add_output(message, kind, text)
        suite = next((one["name"] for one in reversed(self._suites) if one.get("name")), self._file)
        file = case.get("file") or next((one["file"] for one in reversed(self._suites) if one.get("file")), None)
        return make_case(
            (suite, case.get("classname") or case.get("class") or "", case.get("name", "")),
            result,
            read_seconds(case.get("time")),
            message,
            (file, case.get("line")),
            flaky=self._flaky,
        )


def _join(parts: list[str]) -> str:
    """The message and the text, which often begins with the message again."""
    whole = ""
    for part in parts:
        if part and part not in whole:
            whole = part if part.startswith(whole) else f"{whole}\n{part}"
    return whole


class _CTest:
    """CTest's Test.xml: `Test` with a `Status`, a `Name`, measurements, and the output as text or packed."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._status = ""
        self._fields: dict[str, str] = {}
        self._measure = ""
        self._packed = False
        self._within = ""
        self._text = _Text()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Test" and "Status" in attributes:
            self._status, self._fields = attributes["Status"].lower(), {}
        elif name in {"NamedMeasurement", "Measurement"}:
            self._measure = attributes.get("name", "Output")
        elif name in {"Name", "Path", "Value"} and self._status:
            self._within = name
            self._packed = "compression" in attributes or attributes.get("encoding") == "base64"

    def data(self, text: str) -> None:
        if self._within:
            self._text.add(text)

    def end(self, name: str) -> Case | None:
        if name == self._within:
            text = self._text.take()
            self._fields[self._measure if name == "Value" else name] = _unpack(text) if self._packed else text
            self._within = ""
        elif name == "Test" and self._status:
            return self._finish()
        return None

    def _finish(self) -> Case:
        fields, status, self._status = self._fields, self._status, ""
        result = {"passed": "passed", "failed": "failed"}.get(status, "skipped")
        if status == "notrun" and fields.get("Completion Status", "").lower() not in {"disabled", "skipped", ""}:
            result = "error"  # its program is missing, or what it needs has failed
        message = fields.get("Output", "") if result in {"failed", "error"} else ""
        why = [fields[key] for key in ("Exit Code", "Exit Value", "Completion Status") if fields.get(key)]
        if result != "passed":
            message = _join([", ".join(why), message])
        seconds = read_seconds(fields.get("Execution Time"))
        return make_case((self._site, "", fields.get("Name", "")), result, seconds, message)


def _unpack(text: str) -> str:
    """Output that CTest has packed, at most so much of it."""
    try:
        data = base64.b64decode(text, validate=False)
        data = zlib.decompressobj().decompress(data, _MOST_TEXT) if data[:1] == b"\x78" else data
    except (binascii.Error, zlib.error, ValueError):
        return "(output that can't be unpacked)"
    return data[:_MOST_TEXT].decode("utf-8", "replace")
