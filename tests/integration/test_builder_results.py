"""A real builder tells what it found: test cases with their places, flaky ones, problems of the log."""

from __future__ import annotations

from pathlib import Path

from builder_process import hub_and_builder, scenario
from hub_stand_in import payload
from hubwright.wire import Event, Problems, ReportLimits, Totals
from hubwright.wire import Tests as Cases

FAILING = """
mkdir -p src tests
echo 'int main(void) { return 0; }' > src/ring.c
echo 'assert 1 == 2' > tests/test_ring.py
printf '\\033[01m\\033[Ksrc/ring.c:88:23:\\033[m\\033[K \\033[01;31m\\033[Kerror: \\033[m\\033[Kno tail\\n'
echo "$PWD/src/ring.c:12:9: warning: unused variable 'x' [-Wunused-variable]"
echo '/etc/passwd:1:1: error: far away'
echo '::error file=tests/test_ring.py,line=1,title=Broken::It is%2C really'
cat > report.xml <<XML
<testsuite name="pytest"><testcase classname="tests.test_ring" name="test_good" time="0.5"/>
<testcase classname="tests.test_ring" name="test_bad"><failure message="assert 1 == 2">
$PWD/tests/test_ring.py:1: AssertionError</failure></testcase></testsuite>
XML
exit 1
"""


@scenario
async def test_a_failure_is_told_with_files_and_lines(tmp_path: Path) -> None:
    """Problems before the stage's result, at files of the workspace, with the byte where their line begins."""
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload({"name": "t", "run": FAILING, "reports": ["report.xml"]}))
        await hub.result(told)

    (message,) = told.of(Problems)
    assert told.messages.index(message) < len(told.messages) - 2
    found = [(one.severity, one.file, one.line, one.column, one.message, one.code) for one in message.problems]
    assert found == [
        ("error", "src/ring.c", 88, 23, "no tail", ""),
        ("warning", "src/ring.c", 12, 9, "unused variable 'x'", "-Wunused-variable"),
        ("error", "", None, None, "/etc/passwd:1: far away", ""),
        ("error", "tests/test_ring.py", 1, None, "Broken: It is, really", ""),
    ]
    for problem in message.problems:
        assert problem.offset is not None
        line = bytes(told.log[problem.offset :]).partition(b"\n")[0]
        assert problem.message.split(": ")[-1].split(",")[0].encode() in line
    (cases,) = told.of(Cases)
    assert [(one.name, one.result, one.file, one.line) for one in cases.cases] == [
        ("test_good", "passed", "", None),
        ("test_bad", "failed", "tests/test_ring.py", 1),
    ]


@scenario
async def test_a_test_that_failed_and_then_passed_in_a_retry_is_flaky(tmp_path: Path) -> None:
    """The last attempt counts, also when each writes a report of its own; its problems are those of the last."""
    script = """
    if [ -e again ]; then result=''; else result='<failure message="too late"/>'; fi
    cat > report.xml <<XML
<testsuite name="s"><testcase name="solid"/><testcase name="shaky">$result</testcase></testsuite>
XML
    if [ -e again ]; then exit 0; fi
    echo 'a.c:1:1: error: only once'
    echo '<testsuite name="s"><testcase name="once"/></testsuite>' > first.xml
    touch again; exit 1
    """
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload({"name": "t", "run": script, "reports": ["*.xml"], "retry": 2}))
        result = await hub.result(told)

    assert result.result == "success"
    (cases,) = told.of(Cases)
    assert sorted((one.name, one.result, one.flaky, one.message) for one in cases.cases) == [
        ("once", "passed", False, ""),
        ("shaky", "passed", True, "too late"),
        ("solid", "passed", False, ""),
    ]
    assert told.messages[-2].tests == Totals(total=3, passed=3, skipped=0, failed=0)  # type: ignore[attr-defined]
    assert told.of(Problems) == []


@scenario
async def test_a_hub_of_version_1_hears_an_event_in_place_of_problems(tmp_path: Path) -> None:
    """Numbers have no gap, and the older hub knows every message that it gets."""
    async with hub_and_builder(tmp_path) as (hub, _):
        hub.wire = 1
        assert hub.connection is not None
        await hub.connection.close()
        await hub.until(lambda: len(hub.hellos) > 1)
        told = await hub.build(payload({"name": "t", "run": "echo 'a.c:1:1: error: no'; exit 1"}))
        result = await hub.result(told)

    assert result.result == "failure"
    assert [one.event for one in told.of(Event) if one.event == "problems"] == ["problems"]
    assert told.of(Problems) == []


@scenario
async def test_what_is_too_much_of_reports_is_told(tmp_path: Path) -> None:
    """S26: files, bytes and cases are bounded by the hub's settings, and the log says what was left out."""
    script = """
    for n in 1 2 3 4; do echo '<testsuite><testcase name="a"/><testcase name="b"/></testsuite>' > r$n.xml; done
    echo "<testsuite><testcase name='$(seq 1 400 | tr -d '\\n')'/></testsuite>" > big.xml
    echo '<testsuite><testcase name="whole"/><testcase name="ha' > cut.xml
    """
    limits = ReportLimits(files=5, size=500, cases=4)
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload({"name": "t", "run": script, "reports": ["*.xml"]}, reports=limits))
        result = await hub.result(told)

    assert result.result == "success"
    assert sum(len(message.cases) for message in told.of(Cases)) == 4
    warnings = [one.text for one in told.of(Event) if one.event == "warning"]
    assert [text.partition(":")[0] for text in warnings] == [
        "Of 6 report files the first 5 are read.",
        "Report not read",
        "Report not read to its end",
        "Of more than 4 test cases in the reports the first are kept.",
    ]
    assert "big.xml is larger than 500 bytes" in warnings[1]
    assert "cut.xml is not well-formed XML" in warnings[2]
    for text in warnings:
        assert text.encode() in told.log


@scenario
async def test_secrets_are_hidden_in_reports(tmp_path: Path) -> None:
    """S18: a report is a file, no mask was on its way."""
    script = """cat > r.xml <<XML
<testsuite name="s"><testcase name="t $KEY"><failure message="got $KEY">at $KEY</failure></testcase></testsuite>
XML"""
    stage = {"name": "t", "run": script, "reports": ["r.xml"], "secrets": ["KEY"]}
    async with hub_and_builder(tmp_path) as (hub, _):
        told = await hub.build(payload(stage, secrets={"KEY": "canary-of-a-secret"}))
        await hub.result(told)

    (cases,) = told.of(Cases)
    assert (cases.cases[0].name, cases.cases[0].message) == ("t ***", "got ***\nat ***")
