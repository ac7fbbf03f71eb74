"""Webhooks as GitHub lists them, compared with what they should be; nothing that differs is passed over."""

from __future__ import annotations

from typing import Any

import pytest

from hubwright.domain.github_hooks import EVENTS, ORGANIZATION_EVENTS, compare_app, compare_hooks, is_ours

URL = "https://ci.example/hooks/github"


def hook(number: int = 1, **changes: Any) -> dict[str, Any]:
    config = {"url": URL, "content_type": "json", "insecure_ssl": "0", "secret": "********"}
    config |= changes.pop("config", {})
    return {
        "id": number,
        "name": "web",
        "active": True,
        "events": list(EVENTS),
        "config": config,
        "last_response": {"code": None, "status": "unused", "message": None},
        **changes,
    }


def test_a_hook_as_it_should_be_is_on() -> None:
    state = compare_hooks([hook()], URL)
    assert (state.word, state.id, state.differences, state.code) == ("on", 1, (), None)


def test_without_a_hook_of_ours_the_others_are_counted() -> None:
    """System 4 compared addresses wrongly and showed `off` for what it had installed; here only the address counts."""
    state = compare_hooks([hook(config={"url": "https://elsewhere.example/hooks/github"})], URL)
    assert (state.word, state.id, state.others) == ("none", None, 1)


@pytest.mark.parametrize(
    ("changes", "word", "part"),
    [
        ({"active": False}, "off", "switched off"),
        ({"events": ["push"]}, "different", "does not send check_run"),
        ({"events": [*EVENTS, "watch"]}, "different", "sends watch"),
        ({"events": None}, "different", "does not send"),
        ({"config": {"content_type": "form"}}, "different", "form instead of json"),
        ({"config": {"content_type": None}}, "different", "form instead of json"),
        ({"config": {"secret": ""}}, "different", "no secret"),
        ({"config": {"insecure_ssl": "1"}}, "different", "certificate"),
        ({"config": {"insecure_ssl": 1}}, "different", "certificate"),
        ({"config": {"url": "http://ci.example/hooks/github"}}, "different", "http://ci.example/hooks/github"),
        ({"config": {"url": "https://ci.example/replication/issues"}}, "different", "/replication/issues"),
    ],
)
def test_each_difference_is_told(changes: dict[str, Any], word: str, part: str) -> None:
    state = compare_hooks([hook(**changes)], URL)
    assert state.word == word
    assert any(part in difference for difference in state.differences), state.differences


def test_all_events_are_enough() -> None:
    """`*` sends what we read too; that it sends more is said."""
    state = compare_hooks([hook(events=["*"])], URL)
    assert not any("does not send" in difference for difference in state.differences)


@pytest.mark.parametrize(("code", "word"), [(202, "on"), (401, "failing"), (502, "failing"), (None, "on")])
def test_what_the_last_delivery_was_answered_counts(code: int | None, word: str) -> None:
    """A hook whose secret is wrong looks right; only the 401 that our side gave tells."""
    state = compare_hooks([hook(last_response={"code": code, "status": "x", "message": "y"})], URL)
    assert state.word == word


def test_of_two_hooks_the_right_one_is_compared_and_the_other_is_a_double() -> None:
    state = compare_hooks([hook(1, config={"url": "https://ci.example/replication"}), hook(2)], URL)
    assert (state.id, state.doubles, state.word) == (2, (1,), "different")


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("https://ci.example/hooks/github/", True),
        ("https://CI.example/hooks/github", True),
        ("https://ci.example/hooks/githubs", False),
        ("https://ci.example.evil/hooks/github", False),
        ("https://[broken", False),
        (None, False),
        (7, False),
    ],
)
def test_ours_is_what_sends_to_our_address(address: object, ours: bool) -> None:
    assert is_ours({"config": {"url": address}}, URL) is ours
    assert not is_ours({"config": "no object"}, URL)


def test_below_a_path_only_that_path_is_ours() -> None:
    url = "https://example.org/ci/hooks/github"
    assert is_ours({"config": {"url": url}}, url)
    assert not is_ours({"config": {"url": "https://example.org/hooks/github"}}, url)


def test_an_organizations_hook_has_its_events_too() -> None:
    """`team` and `membership` come to it; a repository's hook would be refused with them."""
    whole = hook(events=list(ORGANIZATION_EVENTS))
    assert compare_hooks([whole], URL, ORGANIZATION_EVENTS).word == "on"
    (told,) = compare_hooks([hook()], URL, ORGANIZATION_EVENTS).differences
    assert told == "it does not send membership, organization, team"


APP = {"id": 7, "events": list(ORGANIZATION_EVENTS)}
CONFIG = {"url": URL, "content_type": "json", "insecure_ssl": "0", "secret": "********"}


@pytest.mark.parametrize(
    ("app", "config", "sent", "word", "part"),
    [
        ({}, {}, {}, "on", None),
        ({}, {}, {"status_code": 202, "status": "OK"}, "on", None),
        ({}, {}, {"status_code": 401, "status": "Invalid HTTP Response: 401"}, "failing", None),
        ({"events": ["push"]}, {}, {}, "different", "an App's events are chosen on its page at GitHub"),
        ({}, {"url": "https://elsewhere.example/hooks/github"}, {}, "different", "instead of https://ci.example"),
        ({}, {"url": None}, {}, "off", "nowhere"),
        ({}, {"secret": None}, {}, "different", "no secret"),
        ({}, {"insecure_ssl": 1}, {}, "different", "certificate"),
        ({}, {"content_type": "form"}, {}, "different", "form"),
    ],
)
def test_an_apps_hook_is_compared_like_any_other(
    app: dict[str, Any], config: dict[str, Any], sent: dict[str, Any], word: str, part: str | None
) -> None:
    """Its settings, its events and its last delivery come from three places of GitHub's API."""
    state = compare_app(APP | app, CONFIG | config, sent, URL)
    assert state.word == word
    assert part is None or any(part in difference for difference in state.differences), state.differences
    assert state.code == sent.get("status_code")
