"""What is read of GitHub's lists of deliveries and heads: whatever stands in them, and nothing that can't be read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.builds import commits_to_build
from hubwright.domain.jobs import JobSettings
from hubwright.domain.repos import Push
from hubwright.github.heads import BRANCHES, PULLS, TAGS, form_event, kind_of, read_heads
from hubwright.github.hook_deliveries import join_tries, read_request, read_sent
from hubwright.github.payloads import read_event

SENT = {
    "id": 12345678, "guid": "0b989ba4-242f-11e5-81e1-c7b6966d2516", "delivered_at": "2019-06-03T00:57:16Z",
    "redelivery": False, "duration": 0.27, "status": "OK", "status_code": 200, "event": "issues", "action": "opened",
    "installation_id": 123, "repository_id": 456, "throttled_at": None,
}  # fmt: skip
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
REPOSITORY = {
    "id": 1,
    "name": "hello",
    "full_name": "octo/hello",
    "owner": {"login": "octo", "id": 2},
    "private": False,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def test_githubs_own_example_is_read() -> None:
    """https://docs.github.com/en/rest/repos/webhooks#list-deliveries-for-a-repository-webhook"""
    sent = read_sent(SENT)
    assert sent is not None
    assert (sent.id, sent.guid, sent.event, sent.status_code, sent.arrived) == (
        12345678,
        SENT["guid"],
        "issues",
        200,
        True,
    )
    assert sent.delivered_at == 1559523436.0


@pytest.mark.parametrize("wrong", [{"id": "1"}, {"id": True}, {"id": 2**63}, {"guid": "a b"}, {"delivered_at": "soon"}])
def test_what_names_no_delivery_is_left_out(wrong: dict[str, Any]) -> None:
    assert read_sent(SENT | wrong) is None


def test_tries_of_one_event_are_one() -> None:
    """The latest try is the one to be asked for; it was first sent when it was; once arrived is arrived."""
    tries = [
        read_sent(SENT | {"id": 1, "status_code": 502}),
        read_sent(SENT | {"id": 3, "status_code": 500, "delivered_at": "2019-06-03T02:00:00Z", "redelivery": True}),
        read_sent(SENT | {"id": 2, "status_code": 202, "delivered_at": "2019-06-03T01:00:00Z", "redelivery": True}),
    ]
    (joined,) = join_tries(one for one in tries if one is not None)
    assert (joined.id, joined.status_code, joined.arrived, joined.delivered_at) == (3, 500, True, 1559523436.0)


def test_a_record_gives_body_and_headers_but_no_signature() -> None:
    headers = {"X-GitHub-Event": "issues", "X-Hub-Signature-256": "sha256=0", "User-Agent": "GitHub-Hookshot/1", "X": 1}
    found = read_request(SENT | {"request": {"headers": headers, "payload": {"action": "opened"}}})
    assert found is not None
    assert (found.event, orjson.loads(found.body)) == ("issues", {"action": "opened"})
    assert found.headers == {"X-GitHub-Event": "issues", "User-Agent": "GitHub-Hookshot/1"}
    assert read_request(SENT | {"request": {"payload": None}}) is None


def test_a_found_tag_asks_for_the_same_build_as_its_webhook() -> None:
    """`/tags` tells the commit that an annotated tag stands for; the webhook has it as `head_commit`."""
    (head,) = read_heads(TAGS, [{"name": "v1.0", "commit": {"sha": SHA, "url": ""}}])
    assert (head.ref, head.kind, head.event) == ("refs/tags/v1.0", TAGS, "push")
    commit = {"id": SHA, "message": "Release", "timestamp": "2026-01-01T00:00:00Z", "distinct": True,
              "author": {"name": "a", "email": "a@b"}, "committer": {"name": "a", "email": "a@b"}}  # fmt: skip
    told = {"ref": "refs/tags/v1.0", "before": "0" * 40, "after": "f" * 40, "created": True, "deleted": False,
            "forced": False, "commits": [], "head_commit": commit, "repository": REPOSITORY}  # fmt: skip
    triggers = set()
    for document in (form_event(head, REPOSITORY, None), told):
        event = read_event("push", document)
        assert isinstance(event, Push)
        triggers.add(tuple(one.trigger for one in commits_to_build(event, JobSettings())))
    assert triggers == {(f"refs/tags/v1.0@{SHA}",)}


@pytest.mark.parametrize("kind", [BRANCHES, TAGS, PULLS])
@given(items=st.lists(JSON, max_size=5))
def test_no_list_breaks_a_look(kind: str, items: list[Any]) -> None:
    """What can't be read is left out, wherever it is wrong."""
    assert all(kind_of(head.ref) == kind for head in read_heads(kind, items))
    assert join_tries(one for one in map(read_sent, items) if one is not None) == []
    assert all(read_request(item) is None for item in items)
