"""Test reports are read whatever wrote them, and can do no harm."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import junitparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpu_time import costs_less_than
from hubwright.builder.harvest import (
    MAX_CASES,
    UnreadableReportError,
    count_cases,
    merge_attempts,
    read_report,
)
from hubwright.builder.report_cases import MAX_MESSAGE, read_seconds
from hubwright.wire import Case, Totals

CORPUS = Path(__file__).parents[1] / "data" / "reports"


def read(name: str) -> list[Case]:
    return read_report((CORPUS / name).read_bytes(), name)


def case(name: str, result: str = "passed", **fields: object) -> Case:
    return Case(suite="s", classname="c", name=name, result=result, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "totals"),
    [
        ("pytest.xml", (4, 1, 1, 2)),
        ("surefire.xml", (4, 2, 1, 1)),
        ("gtest.xml", (3, 1, 1, 1)),
        ("ctest-junit.xml", (3, 1, 1, 1)),
        ("ctest-dashboard.xml", (4, 1, 1, 2)),
        ("jest.xml", (2, 1, 0, 1)),
        ("go-junit-report.xml", (2, 1, 0, 1)),
        ("nested.xml", (3, 2, 0, 1)),
        ("no-suite.xml", (1, 1, 0, 0)),
        ("control-characters.xml", (1, 0, 0, 1)),
        ("node.tap", (3, 1, 1, 1)),
        ("twelve.tap", (5, 2, 1, 2)),
        ("bail.tap", (2, 1, 0, 1)),
        ("skipped-all.tap", (1, 0, 1, 0)),
        ("go.json", (6, 1, 1, 4)),
        ("nim-folder.json", (3, 1, 1, 1)),
        ("nim-results.json", (3, 1, 1, 1)),
        ("nim-old.json", (7, 4, 1, 2)),
    ],
)
def test_every_dialect_has_its_totals(name: str, totals: tuple[int, int, int, int]) -> None:
    """System 1's four numbers; errors are failures."""
    total, passed, skipped, failed = totals

    assert count_cases(read(name)) == Totals(total=total, passed=passed, skipped=skipped, failed=failed)


@pytest.mark.parametrize(
    ("name", "test", "file", "line"),
    [
        ("pytest.xml", "test_wrap[8-3]", "tests/test_ring.py", 14),
        ("pytest.xml", "tests.test_broken", "tests/test_broken.py", 1),
        ("surefire.xml", "wraps", "RingTest.java", 42),
        ("gtest.xml", "Empty", "src/ring_test.cc", 8),
        ("gtest.xml", "Wraps", "src/ring_test.cc", 15),
        ("ctest-junit.xml", "lexer", "/ws/test/lexer_test.c", 31),
        ("ctest-dashboard.xml", "ring", "/ws/test/ring_test.c", 7),
        ("jest.xml", "ring wraps", "src/ring.test.js", 9),
        ("go-junit-report.xml", "TestWrap/by_3", "ring_test.go", 21),
        ("nested.xml", "first", "spec/outer.rb", None),
        ("node.tap", "wraps", "/ws/ring.test.js", 9),
        ("go.json", "TestWrap/by_3", "example.org/ring/ring_test.go", 21),
        ("go.json", "build", "broken/a.go", 3),
        ("nim-folder.json", "tests/array/tbad.nim c", "tests/array/tbad.nim", None),
    ],
)
def test_a_case_knows_its_file_and_line(name: str, test: str, file: str, line: int | None) -> None:
    """From the report's own words, or from the message or traceback of the failure."""
    (found,) = [one for one in read(name) if one.name == test]

    assert (found.file, found.line) == (file, line)


def test_words_of_the_dialects() -> None:
    """Commas in times, reruns of surefire, packed output of CTest, what a test printed, suites in suites."""
    surefire = {one.name: one for one in read("surefire.xml")}
    assert surefire["grows"].seconds == 1200.25
    assert surefire["races"].flaky
    assert surefire["races"].message.startswith("too late")
    assert not surefire["wraps"].flaky
    assert surefire["wraps"].message.endswith("--- system-out\nring of 8")
    assert read("jest.xml")[1].seconds == 0.25
    assert read("ctest-dashboard.xml")[1].message.startswith("Failed, 8\nline one\n")
    assert [one.suite for one in read("nested.xml")] == ["inner", "inner", "outer"]
    assert read("nested.xml")[1].message == "boom\n--- system-err\nthe reason"
    assert read("gtest.xml")[1].message.count("Which is: 3") == 1
    assert read("control-characters.xml")[0].message == "no\nbell  and nd \N{REPLACEMENT CHARACTER}"
    assert read("node.tap")[1].classname == "ring"
    assert "this is no test point" in read("node.tap")[1].message
    assert read("go.json")[5].message.startswith("The test did not end.\npanic: runtime error")
    assert "reOutputsDiffer\nexpected: 4\ngiven: 3" in read("nim-folder.json")[1].message


@pytest.mark.parametrize(
    "name",
    ["pytest.xml", "surefire.xml", "gtest.xml", "ctest-junit.xml", "jest.xml", "go-junit-report.xml", "nested.xml"],
)
def test_junit_is_read_as_junitparser_reads_it(name: str) -> None:
    """The library that knows the dialects is the yardstick; it is not used in builders, as it builds whole trees."""

    def cases(suite: junitparser.TestSuite) -> list[junitparser.TestCase]:
        own = [one for one in suite if isinstance(one, junitparser.TestCase)]
        return own + [one for inner in suite.testsuites() for one in cases(inner)]

    def result(one: junitparser.TestCase) -> str:
        kinds = {junitparser.Failure: "failed", junitparser.Error: "error", junitparser.Skipped: "skipped"}
        return next((kinds[type(part)] for part in one.result if type(part) in kinds), "passed")

    document = junitparser.JUnitXml.fromfile(str(CORPUS / name))
    suites = [document] if isinstance(document, junitparser.TestSuite) else list(document)
    theirs = {one.name: result(one) for suite in suites for one in cases(suite)}
    ours = {one.name: one.result for one in read(name)}

    theirs |= {name: "skipped" for name in theirs if name.startswith("DISABLED_")}  # googletest's, unknown to it
    assert ours == theirs


def test_a_report_that_breaks_off_gives_what_it_had() -> None:
    """The tests crashed while they wrote it: what is before the break is true."""
    with pytest.raises(UnreadableReportError, match=r"^cut-off\.xml is not well-formed XML: .*\.$") as caught:
        read("cut-off.xml")

    assert [one.name for one in caught.value.cases] == ["whole", "also whole"]


@pytest.mark.parametrize(
    "text",
    [
        "<testsuite><testcase name='a'/></testsuite>",
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
    with pytest.raises(UnreadableReportError, match="DOCTYPE"):
        read_report("<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>".encode("utf-16"), "f")
    declared = b'<?xml version="1.0" encoding="cp037"?>' + "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>".encode("cp037")
    with pytest.raises(UnreadableReportError):
        read_report(declared, "f")


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><testsuite><testcase name="&l9;"/></testsuite>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><testsuite><testcase>&e;</testcase></testsuite>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><testsuite/>',
        '<!doctype x SYSTEM "file:///etc/passwd"><testsuite/>',
        "<testsuite><testcase name='a'>",
        "<testsuite>&undefined;</testsuite>",
        '<?xml version="1.0" encoding="no-such"?><testsuite/>',
        "<!DOCTYPE html><html/>",
        "<html><body/></html>",
        "< nonsense",
    ],
)
def test_harmful_and_broken_xml_is_refused(text: str) -> None:
    """XXE, billion laughs: no entities, no files or addresses from outside, no traceback, and at once."""
    with costs_less_than(1), pytest.raises(UnreadableReportError, match=r"^f\.xml .*\.$"):
        read_report(text.encode(), "f.xml")


def test_deep_and_long_documents_are_read_in_bounds() -> None:
    """S26: neither depth nor length of a report costs more than its bytes."""
    deep = b"<testsuite>" * 50_000 + b"<testcase name='x'/>" + b"</testsuite>" * 50_000
    assert len(read_report(deep, "f.xml")) == 1
    many = b"<testsuite>" + b"<testcase name='x'/>" * (MAX_CASES + 5) + b"</testsuite>"
    assert len(read_report(many, "f.xml")) == MAX_CASES
    assert len(read_report(many, "f.xml", 7)) == 7
    long = b"<testcase name='x'><failure>first line\n" + b"y" * 5_000_000 + b"\nlast line</failure></testcase>"
    (found,) = read_report(long, "f.xml")
    assert len(found.message) < MAX_MESSAGE + 100
    assert found.message.startswith("first line\n")
    assert found.message.endswith("last line")
    assert "characters left out" in found.message


def test_ten_thousand_cases_are_read_in_a_moment() -> None:
    """A large suite must not hold a builder up."""
    body = "".join(
        f'<testcase classname="pkg.T{n % 50}" name="n{n}" time="0.001">'
        + ('<failure message="no">src/a.py:3: AssertionError</failure>' if n % 10 == 0 else "")
        + "</testcase>"
        for n in range(10_000)
    )
    with costs_less_than(3):
        assert len(read_report(f"<testsuite>{body}</testsuite>".encode(), "f.xml")) == 10_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0.25", 0.25), ("1,234.5", 1234.5), ("1,234", 1234), ("0,25", 0.25), ("12,5", 12.5), ("", None), ("nan", None),
     ("-1", None), ("1e400", None), ("soon", None), (None, None), ("0.5s", 0.5)],
)  # fmt: skip
def test_times_of_every_locale(text: str | None, seconds: float | None) -> None:
    """Surefire groups thousands; others write a decimal comma."""
    assert read_seconds(text) == seconds


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"everything is okay\n",
        b"\x00\xff\xfe",
        b"ok\n",
        b"{}",
        b"[1, 2]",
        b'{"name": "a package"}',
        b"[" * 100_000,
    ],
)
def test_other_files_are_no_reports(content: bytes) -> None:
    """A glob may be too wide."""
    with pytest.raises(UnreadableReportError):
        read_report(content, "x")


def test_of_a_stage_tried_again_the_last_attempt_counts() -> None:
    """Totals are not doubled; what failed and then passed is flaky and keeps what its failure said."""
    first = [case("good"), case("shaky", "failed", message="too late"), case("bad", "failed"), case("bad", "passed")]
    second = [case("shaky"), case("bad", "failed"), case("new")]

    merged = merge_attempts([first, second])

    assert [(one.name, one.result, one.flaky) for one in merged] == [
        ("good", "passed", False),
        ("shaky", "passed", True),
        ("bad", "failed", False),
        ("bad", "passed", False),
        ("new", "passed", False),
    ]
    assert merged[1].message == "too late"


@given(
    st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(("passed", "failed"))), max_size=6), max_size=4)
)
def test_merged_attempts_hold_each_case_once(attempts: list[list[tuple[str, str]]]) -> None:
    """As many cases of a name as the attempt that had most of them, and what the last of each said."""
    merged = merge_attempts([[case(name, result) for name, result in attempt] for attempt in attempts])

    for name in "abc":
        counts = [[one for one in attempt if one[0] == name] for attempt in attempts]
        ours = [one for one in merged if one.name == name]
        assert len(ours) == max((len(one) for one in counts), default=0)
        assert all(not one.flaky or one.result == "passed" for one in ours)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_are_cases_or_a_refusal(content: bytes) -> None:
    """Reports come from builds: nothing in them may stop the builder."""
    for start in (b"", b"<testsuite>", b"1..1\n", b"{", b"[{", b'{"Action":"run","Package":"p"}\n', b"<Site><Testing>"):
        with suppress(UnreadableReportError):
            assert isinstance(read_report(start + content, "f"), list)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from(("ok", "not ok 1 - x", "    ok", "1..2", "  ---", "  ...", "Bail out!", "# Subtest: a", "")),
        max_size=30,
    )
)
def test_any_tap_is_read(lines: list[str]) -> None:
    """Whatever its order: no point is counted that is not there."""
    text = "TAP version 14\n" + "\n".join(lines)

    assert len(read_report(text.encode(), "f")) <= len(lines) + 1
