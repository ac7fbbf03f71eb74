"""Whatever is asked of the API, as its own description allows it or not, no answer is a fault of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from builder_process import open_folder
from fake_github import FakeGitHub
from hub_process import ADMIN, GREEN, HubProcess

CHUNKS = 6
"""Tests that share the operations, so that they run side by side."""

EXAMPLES = 4
"""Requests of each operation that its description allows, and as many that it does not."""

FEW, ALIKE = 2, ("/load/", "/api/v1/github/")
"""The same of operations that are one function at many addresses."""

DEFINITIONS = {f"/api/v1/{kind}s/{{path}}": f"any/{kind}" for kind in ("job", "folder")}
"""Where definitions are kept, and where those go that the description allows: hardly any other path is one."""

OTHERS = frozenset({502, 503})
"""What says that GitHub, a repository or the database did not do its part."""

TIMEOUT = 30.0
"""Seconds for an answer."""


@pytest.fixture(scope="module")
def hub(github: FakeGitHub) -> Iterator[HubProcess]:
    """A hub that has built something, so that low numbers lead somewhere."""
    repository = github.create_repository("octo/any-request", GREEN)
    with open_folder() as folder, HubProcess(folder, github=github) as hub:
        hub.deliver("push", repository.push(GREEN))
        hub.finished(repository)
        yield hub


@pytest.fixture(scope="module")
def operations(hub: HubProcess) -> list[Any]:
    """All of the description, but those that stream for ever: they have tests of their own."""
    schema = schemathesis.openapi.from_url(f"{hub.url}/openapi.json")
    found = (result.ok() for result in schema.get_all_operations())
    return [one for one in found if "text/event-stream" not in str(one.definition.raw.get("responses", {}))]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_request_of_the_description_is_answered_with_a_fault(
    hub: HubProcess, operations: list[Any], chunk: int
) -> None:
    """R21: what a stranger can think of leads to a 4xx that explains itself, never to a 5xx."""
    faults: list[str] = []
    for operation in operations[chunk::CHUNKS]:
        examples = FEW if operation.path.startswith(ALIKE) else EXAMPLES
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            for case in make_cases(operation, mode, examples):
                ask(hub, case, faults)
    assert not faults, "\n".join(faults)
    assert "Traceback" not in hub.said


def test_definitions_that_the_description_allows_are_kept_or_explained(hub: HubProcess, operations: list[Any]) -> None:
    """Whatever the schema lets through is taken, or refused with a pointer to what it can't say; some of each."""
    faults: list[str] = []
    for operation in operations:
        if operation.path not in DEFINITIONS or operation.method not in {"put", "patch"}:
            continue
        statuses = set()
        for case in make_cases(operation, GenerationMode.POSITIVE, 3 * EXAMPLES):
            case.path_parameters, case.media_type = {"path": DEFINITIONS[operation.path]}, "application/json"
            if operation.label == "PUT /api/v1/jobs/{path}":
                case.body.pop("clone_url", None)
                case.body["repository"] = "octo/any-request"
            answer = ask(hub, case, faults)
            statuses.add(answer.status_code)
            if answer.status_code == 422 and not all("pointer" in one for one in answer.json()["errors"]):
                faults.append(f"no pointer: {answer.text}")
        assert {200, 201} & statuses, operation.label
        assert statuses <= {200, 201, 422}, (operation.label, statuses)
    assert not faults, "\n".join(faults)


def ask(hub: HubProcess, case: Any, faults: list[str]) -> Any:
    answer = case.call(base_url=hub.url, headers={"Authorization": f"Bearer {ADMIN}"}, timeout=TIMEOUT)
    if answer.status_code >= 500 and answer.status_code not in OTHERS:
        faults.append(f"{answer.status_code} {case.as_curl_command()}")
    return answer


def make_cases(operation: Any, mode: GenerationMode, examples: int) -> list[Any]:
    """The same requests in every run."""
    cases: list[Any] = []
    if mode is GenerationMode.NEGATIVE and takes_anything(operation):
        return cases

    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(mode))
    def collect(case: Any) -> None:
        cases.append(case)

    with suppress(Unsatisfiable):
        collect()
    return cases


def takes_anything(operation: Any) -> bool:
    """Whether it can't be asked wrongly: it takes nothing, or words of any kind in its path.

    To find that out by trying takes longer than all requests.
    """
    schemas = [parameter.definition["schema"] for parameter in operation.path_parameters]
    if operation.query or operation.headers or operation.cookies or operation.body:
        return False
    return all(one.get("type") == "string" and set(one) <= {"type", "title", "description"} for one in schemas)


def test_the_description_is_whole(hub: HubProcess) -> None:
    """All that the contract names below /api/v1 is described, and described as OpenAPI 3.1."""
    document = httpx2.get(f"{hub.url}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    paths = set(document["paths"])
    for wanted in ("builds", "jobs", "builders", "queue", "commits", "deliveries", "facts", "ping", "info", "events"):
        assert f"/api/v1/{wanted}" in paths
