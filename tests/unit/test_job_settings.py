"""Effective settings as values."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.domain.concurrency import Policy
from hubwright.domain.job_definitions import read_definition
from hubwright.domain.job_inheritance import Layer, Origin, Source, lay_all
from hubwright.domain.job_parameters import Parameter
from hubwright.domain.job_settings import (
    DEFAULTS,
    After,
    Concurrency,
    EffectiveSettings,
    Timed,
    Triggers,
    read_effective,
    write_document,
)
from hubwright.domain.jobs import Approval, Commits, JobSettings, RecipeSide
from hubwright.domain.schedules import Schedule

WORDS = st.text("abc.*", min_size=1, max_size=5)
BEFORE = st.builds(
    JobSettings,
    commits=st.sampled_from(Commits),
    max_commits_per_push=st.integers(1, 99),
    recipe=st.one_of(st.none(), st.just("stages: [{test: make}]")),
    recipe_path=st.sampled_from([".hubwright.yml", "x.yml"]),
    checkout=st.booleans(),
    platforms=st.lists(WORDS, max_size=2).map(tuple),
    env=st.dictionaries(st.sampled_from(["A", "B"]), WORDS, max_size=2),
    timeout=st.integers(1, 999),
    backfill=st.booleans(),
    approval=st.sampled_from([None, *Approval]),
    untrusted_recipe=st.sampled_from([None, *RecipeSide]),
    comment=st.sampled_from([None, True, False]),
    issue=st.sampled_from([None, True, False]),
)


def test_the_defaults_say_what_holds_where_nobody_says_anything() -> None:
    """The page shows them as values with the origin `default`: they must be the true ones."""
    assert read_effective(lay_all([DEFAULTS]).document()) == EffectiveSettings()
    assert read_effective({}) == EffectiveSettings()


def test_a_whole_definition_as_values() -> None:
    document = read_definition(
        """
        recipe: detect
        parameters: [{name: FLAVOUR, required: true}]
        secrets: [KEY]
        triggers:
          push: [main]
          schedule: {cron: "@daily", zone: Europe/Zurich, branch: next, parameters: {FLAVOUR: x}}
          after: {job: libs/parser, result: always}
          poll: false
        notifications: {irc: "#a"}
        concurrency: {group: deploy, limit: 2, policy: cancel-superseded}
        on_failure: tell
        """
    )

    effective = read_effective(lay_all([DEFAULTS, Layer(Origin(Source.JOB, "app"), document)]).document())

    assert effective == EffectiveSettings(
        detect=True,
        parameters=(Parameter(name="FLAVOUR", required=True),),
        secrets=("KEY",),
        triggers=Triggers(
            push=("main",),
            schedule=(Timed(schedule=Schedule("@daily", "Europe/Zurich"), branch="next", parameters={"FLAVOUR": "x"}),),
            after=(After(job="libs/parser", result="always"),),
            poll=False,
        ),
        notifications={"irc": ("#a",)},
        concurrency=Concurrency(group="deploy", limit=2, policy=Policy.CANCEL_SUPERSEDED),
        on_failure=("tell",),
    )


@settings(deadline=None)
@given(BEFORE)
def test_settings_of_older_versions_become_documents(before: JobSettings) -> None:
    """What is in the database, and what wiring makes of the hub's settings; nothing is lost on the way."""
    document = write_document(before)
    after = read_effective(document)
    names: dict[str, Any] = {name: getattr(after, name) for name in JobSettings.__slots__}
    if before.recipe is not None:
        names["recipe_path"] = before.recipe_path  # means nothing beside a text

    assert JobSettings(**names) == before
    assert read_definition(document) == document


def test_triggers_choose_by_branch_and_tag() -> None:
    triggers = Triggers(push=("main", "release/*"), tag=("v*", "!v0*"))

    assert triggers.want("push", "release/1.2")
    assert not triggers.want("push", "next")
    assert triggers.want("tag", "v1")
    assert not triggers.want("tag", "v0.1")
    assert triggers.want("pull_request", "anything")
    assert not triggers.want("release", "v1")


def test_keys_of_newer_versions_are_passed_over() -> None:
    assert read_effective({"hover": 1, "retention": {"moon": 2}, "concurrency": {"x": 1}}) == EffectiveSettings()
