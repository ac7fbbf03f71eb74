"""Check runs, comments and issues within GitHub's limits, whatever is put into them. No database, no GitHub."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.results import Result
from hubwright.github.check_runs import (
    AT_ONCE,
    MAX_TEXT,
    Action,
    Annotation,
    CheckRun,
    Conclusion,
    Level,
    Status,
    cut_bytes,
    form_change,
    form_check_run,
    is_of_app,
    read_check_run,
)
from hubwright.github.requests import cut_text, write_json
from hubwright.github.talk import form_comment, form_issue
from hubwright.reports.check_texts import find_annotations, form_check
from hubwright.reports.markdown import write_block, write_cell, write_code
from hubwright.reports.sayings import Saying
from hubwright.store.views_results import ProblemView

ANY = st.text(st.characters(codec="utf-8"), max_size=300)
CHECK = CheckRun(name="hubwright", sha="a" * 40, title="queued", summary="s")


def problem(**values: Any) -> ProblemView:
    row: dict[str, Any] = {
        "id": 1, "run_id": 1, "position": 0, "severity": "error", "message": "bad", "file": "a.c", "line": 3, "col": 5,
        "code": None, "matcher": "gcc", "log_offset": None,
    }  # fmt: skip
    return ProblemView(**row | values)


@given(st.text(st.characters(codec="utf-8")), st.integers(3, 60))
def test_a_cut_is_within_the_bytes_and_on_a_characters_border(text: str, limit: int) -> None:
    """GitHub counts bytes (github/docs#35252); half a character would be refused."""
    found = cut_bytes(text, limit)
    assert len(found.encode()) <= limit
    assert found == text or (found.endswith("…") and text.startswith(found[:-1]))
    assert found == text or len(text.encode()) > limit


def test_texts_end_exactly_at_the_bound() -> None:
    fits = replace(CHECK, summary="x" * MAX_TEXT, text="\U0001f4a5" * 20_000)
    output = form_check_run("octo", "hello", fits).json["output"]
    assert len(output["summary"]) == MAX_TEXT
    assert MAX_TEXT - 6 <= len(output["text"].encode()) <= MAX_TEXT
    assert (
        form_check_run("octo", "hello", replace(CHECK, summary="x" * (MAX_TEXT + 1))).json["output"]["summary"]
        == "x" * (MAX_TEXT - 3) + "…"
    )


@given(ANY, ANY, ANY, st.integers(-(2**40), 2**40), st.one_of(st.none(), st.integers(-5, 2**40)))
def test_no_text_from_outside_breaks_the_bounds(
    name: str, title: str, text: str, line: int, column: int | None
) -> None:
    annotation = Annotation(path="a", message=text * 300, level=Level.NOTICE, line=line, column=column, title=title)
    action = Action(label=text, about=text, identifier=text)
    check = replace(CHECK, name=name, title=title, text=text, annotations=(annotation,) * 70, actions=(action,) * 5)
    body = form_check_run("octo", "hello", check).json
    orjson.dumps(body)
    assert len(body["name"]) <= 255
    assert 0 < len(body["output"]["title"]) <= 255
    assert len(body["actions"]) == 3
    assert len(body["output"]["annotations"]) == AT_ONCE
    one = body["output"]["annotations"][0]
    assert 0 < one["start_line"] == one["end_line"] < 2**31
    assert 0 < len(one["message"].encode()) <= 64 * 1024
    assert len(one.get("title", "")) <= 255
    assert one.get("start_column", 1) > 0


def test_annotations_follow_in_batches() -> None:
    notes = tuple(Annotation(path="a", message="m", level=Level.FAILURE, line=n) for n in range(1, 121))
    check = replace(CHECK, annotations=notes)
    sent = [form_change("o", "r", 5, check, at).json["output"].get("annotations", []) for at in (0, 50, 100, 120)]
    assert [len(batch) for batch in sent] == [50, 50, 20, 0]
    assert [one["start_line"] for batch in sent for one in batch] == list(range(1, 121))


def test_a_conclusion_completes() -> None:
    body = form_check_run("o", "r", replace(CHECK, conclusion=Conclusion.FAILURE, completed_at=0.0)).json
    assert (body["status"], body["conclusion"]) == (Status.COMPLETED, "failure")
    assert body["completed_at"] == "1970-01-01T00:00:00Z"
    assert "conclusion" not in form_check_run("o", "r", CHECK).json


@pytest.mark.parametrize(
    ("result", "conclusion"),
    [("success", "success"), ("skip", "skipped"), ("failure", "failure"), ("timeout", "timed_out"),
     ("cancellation", "cancelled"), ("error", "failure")],
)  # fmt: skip
def test_every_result_has_a_conclusion(result: str, conclusion: str) -> None:
    saying = Saying(name="x", about="commit", words="w", path="/builds/1", result=Result(result))
    assert form_check(saying, "a" * 40, "https://ci").conclusion == conclusion


@pytest.mark.parametrize(
    "file", ["/usr/include/stdio.h", "../x.c", "a/../../x.c", "", ".", "..", "C:\\x.c", "c:/x", ".git/config", "a\x00b"]
)
def test_only_files_of_the_repository_are_annotated(file: str) -> None:
    assert find_annotations([problem(file=file)]) == ()


@pytest.mark.parametrize(("file", "path"), [("./a.c", "a.c"), ("src\\a.c", "src/a.c"), ("a//b/../c.c", "a/c.c")])
def test_paths_are_as_git_has_them(file: str, path: str) -> None:
    (one,) = find_annotations([problem(file=file)])
    assert one.path == path


def test_a_problem_without_a_line_is_at_the_first() -> None:
    (one,) = find_annotations([problem(line=None, col=None, severity="warning")])
    assert (one.line, one.column, one.level, one.title) == (1, None, Level.WARNING, "gcc")


@given(ANY)
def test_text_in_markdown_stays_within_its_code(text: str) -> None:
    """Nothing from outside ends the code it stands in, or the cell."""
    for written in (write_code(text), write_cell(text)):
        fence = written[: len(written) - len(written.lstrip("`"))]
        inside = written[len(fence) : len(written) - len(fence)]
        assert fence
        assert written.endswith(fence)
        assert fence not in inside
        assert "\n" not in written
    assert "|" not in write_cell(text)
    block = write_block(text).split("\n")
    fence = block[0].removesuffix("text")
    assert block[-1] == fence
    assert not [line for line in block[1:-1] if line.strip().startswith(fence)]


@pytest.mark.parametrize(
    "data", [None, [], {}, {"id": "5"}, {"id": True}, {"id": None, "output": {"annotations_count": 3}}]
)
def test_what_is_no_check_run_is_none(data: object) -> None:
    assert read_check_run(data) is None


def test_an_app_is_known_by_its_id_or_its_clients() -> None:
    app = {"id": 4711, "client_id": "Iv23x"}
    assert is_of_app(app, "4711")
    assert is_of_app(app, "Iv23x")
    assert not is_of_app(app, "471")
    assert not is_of_app(None, "4711")
    assert not is_of_app({"id": None, "client_id": None}, "")


@given(ANY)
def test_comments_and_issues_fit(text: str) -> None:
    assert len(form_comment("o", "r", 1, text * 300).json["body"].encode()) <= 65_000
    assert len(form_issue("o", "r", text, text).json["title"]) <= 256


@pytest.mark.parametrize(
    "one", ["e\u0301", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f", "\u0915\u094d"]
)
@pytest.mark.parametrize("limit", range(40, 60))
def test_what_people_see_as_one_character_is_not_halved(one: str, limit: int) -> None:
    """Combining marks, joined emoji, variations."""
    for cut, whole in ((cut_bytes(one * 50, limit), one), (cut_text(one * 50, limit), cut_text(one, 99))):
        kept = cut.removesuffix("…")
        assert kept == whole * (len(kept) // len(whole)) != ""


def test_a_letter_with_marks_without_end_is_cut_all_the_same() -> None:
    assert len(cut_bytes("e" + "\u0301" * 50_000, 65_535).encode()) > 65_000


@given(text=st.text(alphabet=st.sampled_from("a\ud83d\udca5\udfff\u0301 \n"), max_size=30))
def test_half_a_surrogate_pair_costs_no_report(text: str) -> None:
    r"""JSON may say `\\ud83d` alone, and UTF-8 can't: a report would be tried for a day."""
    one = Annotation(path=text, message=text, level=Level.NOTICE, title=text)
    check = CheckRun(
        name=text, sha=CHECK.sha, title=text, summary=text, text=text, external_id=text, annotations=(one,),
        details_url=f"https://x/{text}",
    )  # fmt: skip
    body = form_check_run("octo", "hello", check).json
    assert set(orjson.loads(write_json(body))) == set(body)
