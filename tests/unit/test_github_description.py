"""The check of requests against GitHub's own description must find what GitHub would refuse, and nothing else."""

from __future__ import annotations

import jsonschema_rs
import orjson
import pytest

from github_description import _document, find_answer_problems, find_operation, find_request_problems

SHA = "a" * 40
ANNOTATION = {"path": "a.c", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "m"}


def problems(method: str, path: str, query: str = "", **body: object) -> list[str]:
    return find_request_problems(method, path, query, orjson.dumps(body) if body else b"")


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "/repos/octo/hello", "", {}),
        ("GET", "/repos/octo/hello/issues", "state=all&since=2026-01-01T00:00:00Z&per_page=100&page=2", {}),
        ("GET", "/repositories/12/issues", "per_page=100&after=Y3Vyc29y&page=2", {}),
        ("GET", "/repos/octo/hello/contents/a/b.c", "ref=main", {}),
        ("GET", "/repos/octo/hello/branches/feature/x", "", {}),
        ("GET", "/repos/octo/hello/compare/main...octo:dev", "", {}),
        ("GET", "/app/hook/deliveries", "per_page=100&cursor=v1_1", {}),
        ("POST", f"/repos/octo/hello/statuses/{SHA}", "", {"state": "pending", "context": "c"}),
        ("POST", "/repos/octo/hello/check-runs", "", {"name": "n", "head_sha": SHA, "status": "in_progress"}),
        ("PATCH", "/repos/octo/hello/check-runs/1", "", {"status": "completed", "conclusion": "success"}),
        ("POST", "/app/installations/1/access_tokens", "", {}),
        ("POST", "/repos/octo/hello/hooks/1/deliveries/2/attempts", "", {}),
        ("DELETE", "/repos/octo/hello/hooks/1", "", {}),
    ],
)
def test_what_github_takes_passes(method: str, path: str, query: str, body: dict[str, object]) -> None:
    assert problems(method, path, query, **body) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "found"),
    [
        ("GET", "/repos/octo/hello/nothing", "", {}, "there is no GET"),
        ("PUT", "/repos/octo/hello/check-runs/1", "", {}, "there is no PUT"),
        ("GET", "/repos/octo/hello/issues", "status=all", {}, "no parameter status"),
        ("GET", "/repos/octo/hello/issues", "state=everything", {}, "state: 'everything' is not one of"),
        ("GET", "/repos/octo/hello/issues", "since=yesterday", {}, "since: 'yesterday' is not a 'date-time'"),
        ("GET", "/repos/octo/hello/issues", "per_page=500", {}, "per_page"),
        ("GET", "/repos/octo/hello/issues", "page=two", {}, "page: 'two' is not of type 'integer'"),
        ("GET", "/search/issues", "", {}, "q is missing"),
        ("POST", f"/repos/octo/hello/statuses/{SHA}", "", {}, "the body is missing"),
        ("POST", f"/repos/octo/hello/statuses/{SHA}", "", {"state": "green"}, "state: 'green'"),
        ("POST", f"/repos/octo/hello/statuses/{SHA}", "", {"context": "c"}, "'state' is a required property"),
        ("POST", f"/repos/octo/hello/statuses/{SHA}", "", {"state": "error", "contxt": "c"}, "no property contxt"),
        ("POST", "/repos/octo/hello/check-runs", "", {"name": "n"}, "head_sha"),
        (
            "PATCH", "/repos/octo/hello/check-runs/1", "",
            {"output": {"title": "t", "summary": "s", "annotations": [ANNOTATION] * 51}}, "too long",
        ),
        ("PATCH", "/repos/octo/hello/check-runs/1", "", {"output": {"summary": "s" * 65_536}}, "too long"),
    ],
)  # fmt: skip
def test_what_github_refuses_is_found(method: str, path: str, query: str, body: dict[str, object], found: str) -> None:
    assert found in "\n".join(problems(method, path, query, **body))


def test_answers_are_described_too() -> None:
    assert find_answer_problems("GET", "/repos/octo/hello/labels", 200, []) == []
    assert "required" in "\n".join(find_answer_problems("GET", "/repos/octo/hello/labels", 200, [{"id": 1}]))
    assert find_answer_problems("POST", f"/repos/octo/hello/statuses/{SHA}", 204, None)


def test_the_description_is_whole_and_sound() -> None:
    """Each schema is one, and the nearest operation is found first.

    A thousand schemas take `jsonschema` itself longer than all other tests here together.
    """
    document = _document()
    assert len(document["operations"]) == 1223
    for schema in document["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    assert not jsonschema_rs.meta.is_valid({"type": "nonsense"})
    assert find_operation("GET", "/repos/o/r/pulls/comments") == "GET /repos/{owner}/{repo}/pulls/comments"
    assert find_operation("GET", "/repos/o/r/pulls/1") == "GET /repos/{owner}/{repo}/pulls/{pull_number}"
