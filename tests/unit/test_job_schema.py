"""The published schema says what the reader takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hubwright.domain.job_definitions import read_definition
from hubwright.domain.job_format import ALIASES
from hubwright.domain.job_patches import patch_definition
from hubwright.domain.job_schema import change_schema, job_schema
from hubwright.domain.job_settings import DEFAULTS
from hubwright.errors import DefinitionError

TRIGGERS = job_schema()["properties"]["triggers"]["properties"]

GOOD = """
title: App
repository: ann/app
recipe: {stages: [{test: {run: make, timeout: 20m}}]}
parameters: [{name: A, required: true, allowed: [x, 5]}]
environment: {A: 1.5, B: true, C: ""}
triggers: {push: main, tag: false, schedule: [{cron: "@daily"}], after: a/b, poll: 600}
timeout: 3600
retention: {builds: 30, keep: 5}
concurrency: 2
platform_limits: {linux: 1}
on_start: [make]
"""


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(job_schema())
    jsonschema.Draft7Validator.check_schema(job_schema(folder=True))


def test_what_editors_see_of_a_definition_is_valid() -> None:
    """They turn numbers and booleans into such before they look."""
    jsonschema.validate(yaml.safe_load(GOOD), job_schema())


def test_canonical_documents_are_valid() -> None:
    """So a program may send back what it was given."""
    jsonschema.validate(read_definition(GOOD), job_schema())
    jsonschema.validate(dict(DEFAULTS.document), job_schema(folder=True))


@pytest.mark.parametrize(
    "document",
    [
        {"titel": "x"},
        {"commits": "all"},
        {"triggers": {"pushes": True}},
        {"parameters": [{"name": "a-b"}]},
        {"timeout": "soon"},
    ],
)
def test_what_the_reader_refuses_the_schema_does_too(document: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        read_definition(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, job_schema())


def test_every_key_is_told_in_the_documentation() -> None:
    """docs/jobs.md is what people read before they write one."""
    text = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text()

    inner = [*TRIGGERS, *ALIASES, *job_schema()["properties"]]
    assert [key for key in inner if f"`{key}`" not in text] == []


def test_folders_are_no_jobs() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"repository": "ann/app"}, job_schema(folder=True))


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        (
            {"timeout": None, "environment": {"A": None}, "triggers": {"push": None}, "concurrency": {"group": None}},
            True,
        ),
        ({"concurrency": 2, "recipe": None, "parameters": [{"name": "A"}]}, True),
        ({"titel": None}, False),
        ({"triggers": {"pushes": None}}, False),
        ({"environment": {"a-b": None}}, False),
    ],
)
def test_changes_have_a_schema_too(change: dict[str, Any], good: bool) -> None:
    """As PATCH takes them: null unsays a key, and those of maps that are inherited key by key."""
    jsonschema.Draft202012Validator.check_schema(change_schema())
    assert jsonschema.Draft202012Validator(change_schema()).is_valid(change) == good
    if good:
        patch_definition({"title": "App"}, change)
