"""What belongs to which topic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.errors import MalformedError
from hubwright.store.views_records import FactView
from hubwright.web.topics import Topic, read_topic, read_topics

FACT = FactView(
    id=9, kind="RunStarted", at=1.0, job_id=1, build_id=5, run_id=7, sentence="", data={"job": "a/b", "builder": "oak"}
)


@pytest.mark.parametrize("text", ["facts", "builds", "build:5", "run:7", "job:a/b", "job:a", "job:/a/", "builder:oak"])
def test_a_fact_belongs_to_its_topics(text: str) -> None:
    assert read_topic(text).has(FACT)


@pytest.mark.parametrize("text", ["queue", "builders", "build:6", "run:5", "job:a/b/c", "job:a/", "builder:elm"])
def test_a_fact_does_not_belong_elsewhere(text: str) -> None:
    """`job:a/` is the folder `a`, which has it."""
    assert read_topic(text).has(FACT) is (text == "job:a/")


@given(st.text(max_size=500))
def test_any_text_is_a_topic_or_explained(text: str) -> None:
    """And a topic's text leads to the same topic again."""
    try:
        topic = read_topic(text)
    except MalformedError:
        return
    assert read_topic(topic.text) == topic
    topic.has(FACT)


def test_what_is_asked_for_twice_is_there_once() -> None:
    assert read_topics(["run:07", "run:7", "builds"]) == [Topic("run", "7"), Topic("builds")]
