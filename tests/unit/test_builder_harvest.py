"""Test reports are read whatever wrote them, and can do no harm."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.builder.harvest import (
    MAX_CASES,
    UnreadableReportError,
    count_cases,
    read_junit,
    read_report,
    read_tap,
)
from hubwright.wire import Case, Totals

JUNIT = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="outer"><testsuite name="inner">
  <testcase classname="pkg.Test" name="good" time="0.25"/>
  <testcase classname="pkg.Test" name="bad" time="1,000.5"><failure message="1 != 2" type="x">trace</failure></testcase>
  <testcase name="broken"><system-out>words</system-out><error>boom</error></testcase>
</testsuite>
  <testcase name="left out"><skipped message="not here"/></testcase>
</testsuite></testsuites>"""


def test_junit_is_read() -> None:
    """Nested suites, thousands separators, any order of children."""
    assert read_report(JUNIT, "r.xml") == [
        Case(suite="inner", classname="pkg.Test", name="good", result="passed", seconds=0.25),
        Case(suite="inner", classname="pkg.Test", name="bad", result="failed", seconds=1000.5, message="1 != 2\ntrace"),
        Case(suite="inner", classname="", name="broken", result="error", message="boom"),
        Case(suite="outer", classname="", name="left out", result="skipped", message="not here"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "<testsuite><testcase name='a'/></testsuite>",
        "<testcase name='a'/>",
        "<x:testsuites xmlns:x='urn:x'><x:testcase name='a' time='soon'/></x:testsuites>",
        "\ufeff  <testsuite name=''><testcase name='a' time='-1'/></testsuite>",
    ],
)
def test_other_shapes_of_junit_are_read(text: str) -> None:
    """Namespaces, no suite, a byte order mark, times that are none."""
    assert read_report(text.strip().encode(), "f.xml") == [Case(suite="f.xml", classname="", name="a", result="passed")]


def test_junit_in_utf_16_is_read_and_guarded() -> None:
    """The guard sees through the encoding."""
    assert read_report("<testsuite><testcase name='ä'/></testsuite>".encode("utf-16"), "f")[0].name == "ä"
    with pytest.raises(UnreadableReportError):
        read_junit("<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>".encode("utf-16"))
    declared = b'<?xml version="1.0" encoding="cp037"?>' + "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>".encode("cp037")
    with pytest.raises(UnreadableReportError):
        read_junit(declared)


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>',
        '<!doctype x SYSTEM "file:///etc/passwd"><testsuite/>',
        "<testsuite><testcase name='a'>",
        "<testsuite>&undefined;</testsuite>",
        '<?xml version="1.0" encoding="no-such"?><testsuite/>',
        "<!DOCTYPE html><html/>",
        "< nonsense",
    ],
)
def test_harmful_and_broken_xml_is_refused(text: str) -> None:
    """S16's kin: no entities, no files from outside, no traceback."""
    with pytest.raises(UnreadableReportError, match=r"^f\.xml .*\.$"):
        read_report(text.encode(), "f.xml")


def test_cases_are_bounded() -> None:
    """S26: a report with more cases than anybody can read is cut."""
    many = b"<testsuite>" + b"<testcase name='x'/>" * (MAX_CASES + 5) + b"</testsuite>"

    assert len(read_report(many, "f.xml")) == MAX_CASES


TAP = b"""TAP version 14
1..5
ok 1 - adds
not ok 2 - subtracts # time=12ms
  ---
  got: 3
  ...
ok 3 - divides # SKIP no zero here
not ok 4 - dreams # TODO later
    ok 1 - inner
ok
# a comment
"""


def test_tap_is_read() -> None:
    """Directives, subtests, diagnostics, times, tests without a name."""
    cases = read_report(TAP, "t.tap")

    assert [(case.name, case.result) for case in cases] == [
        ("adds", "passed"),
        ("subtracts", "failed"),
        ("divides", "skipped"),
        ("dreams", "skipped"),
        ("inner", "passed"),
        ("", "passed"),
    ]
    assert cases[1].seconds == 0.012
    assert cases[1].message == "---\ngot: 3\n..."


def test_a_bail_out_is_an_error() -> None:
    """The tests that did not run any more are not passed over in silence."""
    assert read_tap(b"1..2\nok 1\nBail out! no database\n")[-1].result == "error"


@pytest.mark.parametrize("content", [b"", b"everything is okay\n", b"\x00\xff\xfe", b"ok\n"])
def test_other_files_are_no_reports(content: bytes) -> None:
    """A glob may be too wide."""
    with pytest.raises(UnreadableReportError):
        read_report(content, "x")


def test_cases_are_counted() -> None:
    """System 1's four numbers."""
    assert count_cases(read_report(JUNIT, "")) == Totals(total=4, passed=1, skipped=1, failed=2)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300))
def test_any_bytes_are_cases_or_a_refusal(content: bytes) -> None:
    """Reports come from builds: nothing in them may stop the builder."""
    for start in (b"", b"<testsuite>", b"1..1\n"):
        with suppress(UnreadableReportError):
            assert isinstance(read_report(start + content, "f"), list)
