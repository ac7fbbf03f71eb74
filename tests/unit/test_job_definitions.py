"""Definitions of jobs: JSON and YAML in and out, and every problem with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.domain.job_definitions import read_definition, write_definition
from hubwright.domain.job_nodes import Form
from hubwright.domain.recipe import read_recipe
from hubwright.errors import DefinitionError

WHOLE = """
title: The compiler
repository: ann/compiler
default_branch: devel
recipe:
  stages:
    - build: make
    - test: {run: make check, timeout: 20m}
parameters:
  - {name: FLAVOUR, title: Flavour, required: true, default: plain, allowed: [plain, spicy]}
  - {name: JOBS, type: integer, default: 4}
environment: {CC: clang, DEBUG: true, VERSION: 1.10}
secrets: DEPLOY_KEY
platforms: [linux-*, freebsd-15]
triggers:
  push: [devel, release/*]
  tag: true
  pull_request: false
  schedule: {cron: 30 4 * * 1-5, zone: Europe/Zurich}
  after: libs/parser
  poll: 10m
commits: head
timeout: 2h
retention: {builds: 90d, keep: 20}
notifications: {irc: "#builds", events: [broken, fixed]}
priority: -5
concurrency: {group: deploy, limit: 1, policy: cancel superseded}
platform_limits: {macos-*: 2}
on_failure: ./tell-all
"""

CANONICAL: dict[str, Any] = {
    "title": "The compiler",
    "repository": "ann/compiler",
    "default_branch": "devel",
    "parameters": [
        {"name": "FLAVOUR", "title": "Flavour", "required": True, "default": "plain", "allowed": ["plain", "spicy"]},
        {"name": "JOBS", "type": "integer", "default": "4"},
    ],
    "environment": {"CC": "clang", "DEBUG": "true", "VERSION": "1.10"},
    "secrets": ["DEPLOY_KEY"],
    "platforms": ["linux-*", "freebsd-15"],
    "triggers": {
        "push": ["devel", "release/*"],
        "tag": ["**"],
        "pull_request": [],
        "schedule": [{"cron": "30 4 * * 1-5", "zone": "Europe/Zurich"}],
        "after": [{"job": "libs/parser"}],
        "poll": 600,
    },
    "commits": "head",
    "timeout": 7200,
    "retention": {"builds": 90, "keep": 20},
    "notifications": {"irc": ["#builds"], "events": ["broken", "fixed"]},
    "priority": -5,
    "concurrency": {"group": "deploy", "limit": 1, "policy": "cancel-superseded"},
    "platform_limits": {"macos-*": 2},
    "on_failure": ["./tell-all"],
}

JOB_FILE = {
    "title": "My cool project",
    "onStart": "echo hello",
    "onFailure": "./mail-everybody",
    "parameters": [{"title": "branch", "required": True}, {"title": "Build number"}],
    "stages": [
        {
            "title": "Build",
            "onSuccess": "echo built",
            "steps": [
                {"title": "clean", "command": "make clean", "ignoreExitCode": True},
                {"title": "compile", "command": "make"},
            ],
        },
        {"title": "Test", "steps": [{"title": "unit", "command": "make check"}]},
    ],
}

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.text(" \n\t\r\x85\u2028#:-'\"|>%@`{}[],&*!?a\ufeff", max_size=8),
)
LINE = st.sampled_from(
    ["a", "null", "true", "1.50", "~", "# b", "- c", "'d'", "é: 漢", "x y", "0x1F", "2026-01-01", "*e", "!f"]
)
NAME = st.sampled_from(["A", "null", "yes", "NO", "_x1"])
GLOBS = st.lists(st.sampled_from(["**", "main", "!wip/*", "release/*"]), max_size=3)
RECIPES = st.one_of(
    st.builds(lambda run: {"text": json.dumps({"stages": [{"test": run}]})}, LINE),
    st.just({"text": "stages:\n  - build: |\n      make\n      make check\n\n"}),
    st.just({"path": "ci/build.yml"}),
    st.just({"detect": True}),
)
COUNT = st.integers(1, 9999)
PARAMETER = st.fixed_dictionaries(
    {"name": NAME}, optional={"title": LINE, "required": st.booleans(), "default": TEXT, "type": st.just("string")}
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "title": LINE,
        "description": TEXT,
        "repository": st.just("ann/app"),
        "enabled": st.booleans(),
        "default_branch": st.sampled_from(["main", "null", "1.0"]),
        "recipe": RECIPES,
        "parameters": st.lists(PARAMETER, max_size=3, unique_by=lambda one: one["name"]),
        "environment": st.dictionaries(NAME, TEXT, max_size=3),
        "platforms": st.lists(LINE, max_size=2),
        "triggers": st.fixed_dictionaries(
            {},
            optional={
                "push": GLOBS,
                "release": GLOBS,
                "schedule": st.lists(st.just({"cron": "@daily", "zone": "UTC", "parameters": {"A": "~"}}), max_size=2),
                "after": st.lists(st.just({"job": "team/lib", "result": "always"}), max_size=2),
                "poll": st.one_of(st.booleans(), st.integers(10, 9999)),
            },
        ),
        "commits": st.sampled_from(["each", "head", "bisect"]),
        "timeout": st.integers(1, 604_800),
        "comment": st.booleans(),
        "retention": st.fixed_dictionaries({}, optional={"builds": COUNT, "keep": COUNT, "archive": COUNT}),
        "priority": st.integers(-100, 100),
        "concurrency": st.fixed_dictionaries(
            {}, optional={"group": LINE, "limit": COUNT, "policy": st.sampled_from(["queue", "cancel-superseded"])}
        ),
        "platform_limits": st.dictionaries(LINE, COUNT, max_size=2),
        "on_start": st.lists(st.sampled_from(["make", "a\nb\n", "~"]), max_size=2),
    },
)


def problems(source: Any, **more: Any) -> dict[str, str]:
    """Pointers and messages of a refusal."""
    with pytest.raises(DefinitionError) as caught:
        read_definition(source, **more)
    return {one.pointer: one.message for one in caught.value.problems}


def test_a_definition_is_read_in_one_form() -> None:
    document = read_definition(WHOLE)
    recipe = read_recipe(document.pop("recipe")["text"])

    assert document == CANONICAL
    assert [(stage.name, stage.run, stage.timeout) for stage in recipe.stages] == [
        ("build", "make", None),
        ("test", "make check", 1200),
    ]


def test_json_and_values_say_the_same() -> None:
    assert read_definition(json.dumps(CANONICAL)) == CANONICAL
    assert read_definition(CANONICAL) == CANONICAL
    assert read_definition('{"environment": {"V": 1.10}}') == {"environment": {"V": "1.10"}}


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, st.sampled_from(["json", "yaml"]))
def test_what_is_written_is_read_as_the_same(document: dict[str, Any], form: Form) -> None:
    text = write_definition(document, form)

    assert read_definition(text, form) == document
    assert read_definition(text) == document
    assert read_definition(document) == document


def test_yaml_is_pleasant_to_read() -> None:
    text = write_definition({"recipe": {"text": "stages:\n  - test: make\n"}, "title": "App"}, "yaml")

    assert text == "title: App\nrecipe:\n  text: |\n    stages:\n      - test: make\n"


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("ci/build.yml", {"path": "ci/build.yml"}),
        ("detect", {"detect": True}),
        ("stages: [{test: make}]", {"text": "stages: [{test: make}]"}),
        ({"detect": "true"}, {"detect": True}),
    ],
)
def test_a_recipe_is_a_text_a_path_or_detected(said: object, made: dict[str, object]) -> None:
    assert read_definition({"recipe": said}) == {"recipe": made}


def test_what_the_api_took_before_is_still_read() -> None:
    """Every field of the settings that jobs have had so far, under `settings` and its old names."""
    before = {
        "commits": "bisect",
        "max_commits_per_push": 5,
        "recipe": "stages:\n- test: make\n",
        "recipe_path": "x.yml",
        "checkout": False,
        "platforms": ["linux"],
        "env": {"A": "b"},
        "timeout": 60,
        "backfill": False,
        "approval": "never",
        "untrusted_recipe": "base",
        "comment": True,
        "issue": None,
    }

    document = read_definition({"repo": "ann/app", "enabled": True, "settings": before})

    expected = {key: value for key, value in before.items() if key not in {"recipe", "recipe_path", "env", "issue"}}
    assert document == {
        "repository": "ann/app",
        "enabled": True,
        **expected,
        "recipe": {"text": before["recipe"]},
        "environment": {"A": "b"},
    }
    assert read_definition({"settings": {"recipe_path": "x.yml"}}) == {"recipe": {"path": "x.yml"}}


def test_job_files_of_stampede_are_read() -> None:
    document = read_definition(json.dumps(JOB_FILE))
    recipe = read_recipe(document["recipe"]["text"])

    assert document["on_start"] == ["echo hello"]
    assert document["on_failure"] == ["./mail-everybody"]
    assert document["parameters"] == [
        {"name": "branch", "title": "branch", "required": True},
        {"name": "BUILD_NUMBER", "title": "Build number"},
    ]
    assert [stage.name for stage in recipe.stages] == ["Build", "Test"]
    assert recipe.stages[1].run == "make check"


def test_null_says_nothing() -> None:
    assert read_definition("timeout: null\nenvironment: {A: ~, B: 'null'}\n") == {"environment": {"B": "null"}}
    assert read_definition({"timeout": None, "environment": {"A": None}}) == {"environment": {}}
    assert read_definition("# nothing yet\n") == {}


def test_every_problem_has_its_pointer_and_what_was_meant() -> None:
    found = problems(
        {
            "timeoot": 5,
            "commits": "heads",
            "parameters": [{"name": "PATH"}, {"name": "A", "default": "x", "allowed": 5, "requird": True}],
            "triggers": {"schedule": [{"cron": "@daily"}, {"cron": "@daily", "tz": "UTC"}]},
            "environment": {"a-b": "c"},
        }
    )

    assert found["/timeoot"] == "unknown key 'timeoot' in the definition, did you mean 'timeout'?"
    assert found["/commits"] == "`commits` must be each, head or bisect, not 'heads', did you mean 'head'?"
    assert "did you mean 'required'?" in found["/parameters/1/requird"]
    assert "/triggers/schedule/1/tz" in found
    assert "'a-b' in `environment` is not a variable's name" in found["/environment/a-b"]


def test_a_yaml_problem_has_its_line_too() -> None:
    with pytest.raises(DefinitionError) as caught:
        read_definition("title: App\nonStart: make\ntriggers:\n  push: main\n  psuh: main\n")

    assert caught.value.errors == [
        {
            "pointer": "#/triggers/psuh",
            "detail": "unknown key 'psuh' in `triggers`, did you mean 'push'?",
            "line": 5,
            "column": 3,
        }
    ]
    assert str(caught.value) == "line 5: Unknown key 'psuh' in `triggers`, did you mean 'push'?"


@pytest.mark.parametrize(
    ("document", "pointer", "says"),
    [
        ({"recipe": {"text": "stages: [{test: {rum: x}}]"}}, "/recipe", "did you mean 'run'"),
        ({"recipe": {"path": "a", "detect": True}}, "/recipe", "exactly one"),
        ({"recipe": {"path": "../a"}}, "/recipe/path", "no `..`"),
        ({"recipe": "detect", "stages": JOB_FILE["stages"]}, "/stages", "not both"),
        ({"parameters": [{"name": "A"}, {"name": "A"}]}, "/parameters/0", "2 parameters A"),
        ({"parameters": {"A": {"type": "choice"}}}, "/parameters/A/type", "allowed"),
        ({"parameters": [{"required": True}]}, "/parameters/0", "needs a `name`"),
        ({"parameters": [{"title": "9 lives"}]}, "/parameters/0", "needs a `name`"),
        ({"parameters": [{"name": "KEY"}], "secrets": ["KEY"]}, "/parameters/0", "not typed"),
        ({"parameters": [{"name": "A", "default": "ghp_" + "x1" * 18}]}, "/parameters/0/default", "as a secret"),
        ({"environment": {"TOKEN": "ghp_" + "x1" * 18}}, "/environment/TOKEN", "as a secret"),
        ({"secrets": ["OK_1", "PATH"]}, "/secrets/1", "have already"),
        ({"triggers": {"schedule": "61 * * * *"}}, "/triggers/schedule", "minute is wrong"),
        ({"triggers": {"schedule": [{"cron": "@daily", "zone": "Mars"}]}}, "/triggers/schedule/0", "zone"),
        ({"triggers": {"poll": 1}}, "/triggers/poll", "10 seconds"),
        ({"triggers": {"after": ["a//b"]}}, "/triggers/after/0", "path"),
        ({"timeout": "8d"}, "/timeout", "7 days"),
        ({"default_branch": "a..b"}, "/default_branch", "git allows"),
        ({"clone_url": "https://u:p@host/a/b"}, "/clone_url", "password"),
        ({"priority": 101}, "/priority", "-100 to 100"),
        ({"allowed": [None]}, "/allowed", "no place for null"),
        ({"env": {"A": "1"}, "environment": {"A": "2"}}, "/environment", "given twice"),
        ({"onStart": {}}, "/onStart", "must be"),
        ({"environment": {"A": 1.5}}, "", "in quotes"),
        ({"title": "a\0b"}, "", "character"),
    ],
)
def test_what_can_not_be_meant_is_told_at_its_place(document: dict[str, Any], pointer: str, says: str) -> None:
    found = problems(document)

    assert pointer in found
    assert says in found[pointer]


def test_folders_can_not_say_what_a_job_is() -> None:
    assert read_definition({"timeout": 5}, folder=True) == {"timeout": 5}
    assert problems({"repository": "ann/app"}, folder=True).keys() == {"/repository"}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "{" + '"x": 1,' * 60_000 + "}",
        "a: &a [x,x]\nb: &b [*a,*a,*a,*a]\n" + "".join(f"k{at}: [*b,*b,*b,*b,*b,*b]\n" for at in range(200)),
        "title: !!python/object/apply:os.system [id]",
        '{"title": NaN}',
        '{"title": "a", "title": "b"}',
        '{"title": "\\ud800"}',
        '{"timeout": ' + "9" * 5000 + "}",
        "- a",
        '"text"',
        "a: 1\n--- \nb: 2",
        "\x00",
        b"\xff\xfe",
    ],
)
def test_hostile_documents_are_refused(text: str) -> None:
    """S16: bombs, depths, tags, duplicates."""
    assert problems(text)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(TEXT, st.recursive(st.one_of(TEXT, st.integers(), st.none()), lambda inner: st.dictionaries(LINE, inner)))
)
def test_anything_is_read_or_refused(source: Any) -> None:
    try:
        document = read_definition(source if isinstance(source, str | dict) else str(source))
    except DefinitionError:
        return
    assert read_definition(document) == document


def test_a_banner_of_signs_is_read_at_once() -> None:
    """A pattern that can cut a comment in many ways would look for hours whether nothing else is in the text."""
    assert read_definition("#" * 500 + "\ntitle: Nightly\n") == {"title": "Nightly"}
    assert read_definition("#" * 500 + "\n") == {}
