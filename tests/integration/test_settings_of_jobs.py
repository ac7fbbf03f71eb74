"""Each setting of a definition, said by a folder or the job itself, does what it says to what is built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub_parts import Desk, open_desk, rows
from hubwright.domain.job_definitions import read_definition
from hubwright.hub.admission import settle
from hubwright.hub.sealing import Keys, make_key
from hubwright.hub.secrets import Vault
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.folders import keep_folder
from hubwright.store.versions import Change

FILE = ".hubwright.yml"
RECIPE = "secrets: [OWN]\nenv: {FLAVOUR: recipe, R: '1'}\nstages:\n  - build: make\n  - test: make check\n"


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A desk on SQLite."""
    with closing(Database(sqlite_url)) as database, open_desk(database, tmp_path) as opened:
        yield opened


def define(desk: Desk, folder: dict[str, Any] | None = None, **said: Any) -> None:
    who = Change("ann", desk.clock())
    document = {"repository": "octo/hello", **said}
    desk.database.write(lambda connection: keep_folder(connection, "team", folder or {}, who))
    desk.database.write(lambda connection: keep_document(connection, "team/app", document, who))


def stages(run: Any) -> list[tuple[str, str]]:
    return [(stage["name"], stage["run"]) for stage in run.assignment["stages"]]


def test_what_a_folder_says_reaches_the_runs(desk: Desk) -> None:
    """Hooks with secrets, environment, parameters' defaults, secrets, platforms, time and priority."""
    repository = desk.repository()
    define(
        desk,
        {
            "on_start": ["./begin", "./more"], "on_failure": ["./tell"], "environment": {"A": "folder", "R": "0"},
            "secrets": ["DEPLOY", "OWN"], "platforms": ["linux", "windows"], "timeout": 77, "priority": 5,
            "parameters": [{"name": "FLAVOUR", "default": "plain"}, {"name": "ASKED", "required": True}],
            "default_branch": "trunk",
        },
        environment={"B": "job"}, on_success=["./cheer"],
    )  # fmt: skip
    desk.understand("push", repository.push({FILE: RECIPE}))
    one, other = desk.runs()
    assert [row.platform for row in (one, other)] == ["linux", "windows"]
    assert stages(one) == stages(other) == [
        ("on start", "./begin\n./more"), ("build", "make"), ("test", "make check"), ("on success", "./cheer"),
        ("on failure", "./tell"),
    ]  # fmt: skip
    said = one.assignment
    assert [said["env"].get(key) for key in ("A", "B", "R", "FLAVOUR", "ASKED")] == [
        "folder",
        "job",
        "1",
        "plain",
        None,
    ]
    assert said["env"]["CI_REPO_DEFAULT_BRANCH"] == "trunk"
    assert said["secrets"] == {"OWN": "", "DEPLOY": ""}
    assert {tuple(sorted(stage["secrets"])) for stage in said["stages"]} == {("DEPLOY", "OWN")}
    assert (said["timeout"], one.priority, desk.builds()[0].priority) == (77, 15, 10)
    assert next(row.name for row in rows(desk.database, schema.stage, run_id=one.id)) == "on start"


def test_hooks_make_no_run_where_the_recipe_has_nothing_to_do(desk: Desk) -> None:
    repository = desk.repository()
    define(desk, on_start=["./begin"])
    desk.understand("push", repository.push({FILE: "when: {branch: release}\n" + RECIPE}))
    assert (desk.builds()[0].result, desk.runs()) == ("skip", [])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("recipe: ci/build.yml", [("deep", "./deep")]),
        ("recipe: detect", None),
        ("recipe: {text: 'stages: [{inline: ./inline}]'}\ncheckout: false", [("inline", "./inline")]),
        ("stages: [{title: Old way, steps: [{command: ./old}]}]", [("Old way", "./old")]),
    ],
)
def test_the_recipe_is_where_the_definition_says(desk: Desk, said: str, expected: list[tuple[str, str]] | None) -> None:
    """Also where the repository has one at the usual place."""
    definition = read_definition(f"repository: octo/hello\n{said}\n".encode(), "yaml")
    define(desk, **definition)
    repository = desk.repository()
    files = {FILE: RECIPE, "ci/build.yml": "stages: [{deep: ./deep}]\n", "Makefile": "all:\n\ncheck:\n"}
    desk.understand("push", repository.push(files))
    (build,), (run,) = desk.builds(), desk.runs()
    assert build.problem is None
    if expected is None:
        assert build.recipe.startswith("detected")
    else:
        assert stages(run) == expected
    assert run.assignment["source"]["checkout"] is ("checkout" not in said)


def test_a_job_that_comes_by_itself_inherits_at_once(desk: Desk) -> None:
    """The first push makes a job, which has what the folders above say at once."""
    repository = desk.repository()
    who = Change("ann", desk.clock())
    desk.database.write(lambda connection: keep_folder(connection, "", {"commits": "head", "timeout": 5}, who))
    repository.commit_each([({FILE: RECIPE, "a": str(number)}, "m") for number in range(3)])
    desk.understand("push", repository.push_payload(before="0" * 40))
    assert [row.sha for row in desk.builds()] == [repository.head()]
    assert desk.runs()[0].assignment["timeout"] == 5


def test_a_copy_has_its_parents_secrets_and_the_nearest_counts(desk: Desk) -> None:
    keys = Keys((make_key(),))
    vault = Vault(lambda: keys)
    define(desk)
    row = {"path": "team/app_pr1", "repository": "octo/hello", "settings": {}, "created_at": 1.0}
    of = {"copy_of": rows(desk.database, schema.job)[0].id, "copy_key": "pull_request:1"}
    desk.database.write(lambda connection: connection.execute(schema.job.insert().values(**row, **of)))
    for scope, name in (
        ("team", "A"),
        ("team/app", "A"),
        ("team/app", "B"),
        ("team/app_pr1", "B"),
        ("team/other", "C"),
    ):
        value = f"{name} of {scope}, long enough"
        desk.database.write(
            lambda it, scope=scope, name=name, value=value: vault.set(it, scope, name, value, ("ann", 1.0))
        )
    with desk.database.reading() as connection:
        handed = vault.hand_out(connection, "team/app_pr1", ["A", "B", "C"])
    assert handed.values == {"A": "A of team/app, long enough", "B": "B of team/app_pr1, long enough"}
    assert handed.warnings[0].endswith("`hubwright secret set C --job team/app` sets it.")


@pytest.mark.parametrize(
    ("policy", "results"),
    [("queue", [None, None, None, None]), ("cancel-superseded", ["cancellation"] * 3 + [None])],
)
def test_of_a_push_whose_commits_are_all_built_the_policy_says_what_is_left(
    desk: Desk, policy: str, results: list[str | None]
) -> None:
    """`queue` drops nothing. To supersede means that the newest commit alone counts: what was cancelled says by what,
    and stays in the list."""
    repository = desk.repository()
    define(desk, commits="each", concurrency={"group": "deploy", "limit": 1, "policy": policy})
    first = repository.commit({FILE: "stages:\n- build: make\n"})
    desk.understand("push", repository.push_payload())
    for at in range(3):
        repository.commit({"a": str(at)})
    desk.understand("push", repository.push_payload(before=first))
    desk.database.write(lambda connection: settle(connection, desk.clock()))
    builds = desk.builds()
    assert [row.result for row in builds] == results
    assert builds[-1].sha == repository.head()
    cancelled = {row.cancel for row in desk.runs() if row.result == "cancellation"}
    assert cancelled == ({"Superseded by team/app #4."} if policy != "queue" else set())
