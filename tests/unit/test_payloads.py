"""What must hold when GitHub's JSON is read into our values."""

from __future__ import annotations

import contextlib
import copy
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.repos import NO_COMMIT, Other, PullRequestEvent, Push, RefEvent
from hubwright.errors import MalformedError
from hubwright.github.payloads import MAX_COMMITS, is_skipped, name_repository, read_event
from hubwright.github.webhook import LEGACY_PUSH
from payload_corpus import all_payloads

SHA, OLD = "de8251ff97ee194a289832576287d6f8ad74e3d0", "5aef35982fb2d34e9d9d4502f6ede1072793222d"
HOSTILE_BRANCHES = [
    'zzz";echo${IFS}"hello";#', "$(touch${IFS}x)", "`id`", "a;b", "a|b", "a&b", "a'b", "<script>", "a%2Fb", "@",
    "-rf", "--upload-pack=x", "HEAD", "größe/日本語", "🐛",
]  # fmt: skip
REFUSED_REFS = [
    "", "a b", "a\nb", "a\x00b", "a\x7fb", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "a..b", "a@{b", "a//b",
    "/a", "a/", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "../../etc/passwd", "x" * 2000,
]  # fmt: skip
LEGACY = {
    "before": OLD,
    "repository": {
        "url": "http://github.com/defunkt/github",
        "name": "github",
        "description": "You're lookin' at it.",
        "watchers": 5,
        "forks": 2,
        "private": 1,
        "owner": {"email": "chris@example.org", "name": "defunkt"},
    },
    "commits": [
        {
            "id": "41a212ee83ca127e3c8cf465891ab7216a705f59",
            "url": "http://github.com/defunkt/github/commit/41a212ee83ca127e3c8cf465891ab7216a705f59",
            "author": {"email": "chris@example.org", "name": "Chris Wanstrath"},
            "message": "okay i give in",
            "timestamp": "2008-02-15T14:57:17-08:00",
            "added": ["filepath.rb"],
        },
        {
            "id": SHA,
            "url": f"http://github.com/defunkt/github/commit/{SHA}",
            "author": {"email": "chris@example.org", "name": "Chris Wanstrath"},
            "message": "update pricing a tad",
            "timestamp": "2008-02-15T14:36:34-08:00",
        },
    ],
    "after": SHA,
    "ref": "refs/heads/master",
}


def push(**changes: Any) -> dict[str, Any]:
    return {
        "ref": "refs/heads/main",
        "before": OLD,
        "after": SHA,
        "repository": {
            "id": 2**40,
            "name": "r",
            "owner": {"login": "o"},
            "created_at": 1,
            "updated_at": "2026-01-01T00:00:00Z",
        },
        "commits": [
            {"id": SHA, "message": "m", "author": {"name": "Ada", "email": "ada@example.org", "username": "ada"}}
        ],
        "pusher": {"name": "ada"},
    } | changes


def read_push(**changes: Any) -> Push:
    event = read_event("push", push(**changes))
    assert isinstance(event, Push)
    return event


def test_every_recorded_payload_is_read() -> None:
    """Nothing that GitHub really sent may be refused."""
    payloads = all_payloads()
    assert len(payloads) == 329
    kinds = Counter(type(read_event(event, payload)) for event, payload in payloads)
    events = Counter(event for event, _ in payloads)
    assert kinds[Push] == events["push"] + events["merge_group"] == 9
    assert kinds[PullRequestEvent] == events["pull_request"]
    assert kinds[RefEvent] == events["create"] + events["delete"]


def test_whose_a_delivery_is_is_known_without_reading_all_of_it() -> None:
    """All that may lead to more has its order among the deliveries of the repository that it is read to be about."""
    named = [(name_repository(event, payload), read_event(event, payload)) for event, payload in all_payloads()]
    assert all(read.repository and name == read.repository.full_name for name, read in named if name)
    assert not [read for name, read in named if name is None and not isinstance(read, Other)]
    assert name_repository("push", push()) == "o/r"
    assert name_repository(LEGACY_PUSH, LEGACY) == "defunkt/github"
    assert name_repository("star", push()) is None
    for odd in ({}, {"repository": []}, {"repository": {"full_name": "o/r\n"}}, {"repository": {"full_name": "o"}}):
        assert name_repository("push", odd) is None


def test_the_corpus_holds_no_address_of_a_person() -> None:
    """Recorded payloads are scrubbed before they are committed."""
    assert not any("gmail.com" in str(payload) or "AKIA" in str(payload) for _, payload in all_payloads())


def test_a_push_is_read_whole() -> None:
    event = read_push()
    assert (event.repository.id, event.repository.full_name) == (2**40, "o/r")
    assert (event.branch, event.tag, event.pusher) == ("main", None, "ada")
    assert (event.created, event.deleted, event.forced) == (False, False, False)
    assert event.commits[0].author_login == "ada"


def test_created_deleted_and_forced_pushes_are_told_apart() -> None:
    assert read_push(created=True, before=NO_COMMIT, commits=[]).created
    assert read_push(deleted=True, after=NO_COMMIT, commits=[], head_commit=None).deleted
    assert read_push(forced=True).forced


def test_a_tag_has_no_branch() -> None:
    assert (read_push(ref="refs/tags/v1").tag, read_push(ref="refs/tags/v1").branch) == ("v1", None)


@pytest.mark.parametrize("author", [None, {}, "ada", {"name": "Ada", "email": None}, {"username": 7}])
def test_a_commit_may_lack_an_author_or_a_login(author: object) -> None:
    """Authors without a GitHub account have no username; old imports have no author."""
    assert read_push(commits=[{"id": SHA, "author": author}]).commits[0].author_login is None


@pytest.mark.parametrize("commits", [[], None, "none", {}])
def test_a_push_may_have_no_commits(commits: object) -> None:
    assert read_push(commits=commits).commits == ()


def test_as_many_commits_are_read_as_github_sends() -> None:
    commits = [{"id": f"{number:040x}"} for number in range(1, MAX_COMMITS + 1)]
    assert [commit.sha for commit in read_push(commits=commits).commits] == [commit["id"] for commit in commits]


def test_nul_in_a_text_is_replaced() -> None:
    """PostgreSQL takes no NUL in a text, so one commit message could stop a queue (R12)."""
    assert read_push(commits=[{"id": SHA, "message": "a\x00b"}]).commits[0].message == "a\ufffdb"


@pytest.mark.parametrize("branch", HOSTILE_BRANCHES)
def test_hostile_branch_names_are_kept_as_data(branch: str) -> None:
    """What git accepts is accepted unchanged: such names are data, never shell, path or page text."""
    assert read_push(ref=f"refs/heads/{branch}").branch == branch
    created = read_event("create", push(ref=branch, ref_type="branch"))
    assert isinstance(created, RefEvent)
    assert created.ref == branch


@pytest.mark.parametrize("name", REFUSED_REFS)
def test_names_that_git_refuses_are_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        read_push(ref=f"refs/heads/{name}")


@pytest.mark.parametrize("ref", ["-rf", "--upload-pack=x", "@", "/refs/heads/a"])
def test_a_whole_ref_is_never_an_option(ref: str) -> None:
    with pytest.raises(MalformedError):
        read_push(ref=ref)


@pytest.mark.parametrize("sha", ["", "HEAD", "a" * 39, "a" * 41, "g" * 40, "--upload-pack=x", "a" * 40 + "\n", 7, None])
def test_a_commit_id_must_be_one(sha: object) -> None:
    with pytest.raises(MalformedError):
        read_push(after=sha)
    with pytest.raises(MalformedError):
        read_push(commits=[{"id": sha}])


def test_sha256_repositories_are_read() -> None:
    assert read_push(after="0" * 64, before="A" * 64).before == "a" * 64
    assert read_push(after="0" * 64).deleted


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a b", "a\nb", "r\n", "<b>", "x" * 101, "é"])
def test_repository_names_are_githubs(name: str) -> None:
    for repository in ({"name": name, "owner": {"login": "o"}}, {"name": "r", "owner": {"login": name}}):
        with pytest.raises(MalformedError):
            read_push(repository=repository)


def test_a_refusal_is_one_short_sentence() -> None:
    with pytest.raises(MalformedError) as refused:
        read_push(ref="refs/heads/" + "\x1b[31m \n" * 500)
    assert len(str(refused.value)) < 500
    assert str(refused.value).isprintable()


def test_a_pull_request_from_a_deleted_fork_counts_as_from_elsewhere() -> None:
    """An unknown head must never be trusted with secrets."""
    event = read_event("pull_request", pull_request(repo=None))
    assert isinstance(event, PullRequestEvent)
    assert (event.number, event.author_login, event.labels, event.from_fork) == (7, "ada", ("ci",), True)


def test_a_pull_request_of_the_same_repository_is_no_fork() -> None:
    event = read_event("pull_request", pull_request(repo={"id": 1, "name": "r", "owner": {"login": "o"}}))
    assert isinstance(event, PullRequestEvent)
    assert not event.from_fork


def pull_request(repo: object) -> dict[str, Any]:
    head = {"sha": SHA, "ref": "topic", "repo": repo, "user": None}
    return {
        "action": "opened",
        "number": 7,
        "repository": {"id": 1, "name": "r", "owner": {"login": "o"}},
        "pull_request": {
            "title": "T",
            "head": head,
            "base": {"sha": OLD, "ref": "main"},
            "user": {"login": "ada", "id": 2**33},
            "labels": [{"name": "ci"}, None],
        },
    }


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_push_document_of_2008_is_read(wrapped: bool) -> None:
    """System 0's document, bare or in `payload`: no ids, owner by name, private as 1."""
    event = read_event(LEGACY_PUSH, {"payload": LEGACY} if wrapped else LEGACY)
    assert isinstance(event, Push)
    assert (event.repository.full_name, event.repository.id, event.repository.private) == ("defunkt/github", None, True)
    assert [commit.message for commit in event.commits] == ["okay i give in", "update pricing a tad"]
    assert (event.commits[0].added, event.branch, event.after) == (("filepath.rb",), "master", SHA)


@pytest.mark.parametrize(
    "url", [None, "", "file:///etc/passwd", "http://github.com/", "http://github.com/a/../b", "-x", "http://["]
)
def test_a_2008_document_without_a_repository_address_is_refused(url: object) -> None:
    document = copy.deepcopy(LEGACY)
    document["repository"]["url"] = url  # type: ignore[index]
    with pytest.raises(MalformedError):
        read_event(LEGACY_PUSH, document)


def test_unknown_events_are_kept() -> None:
    """GitHub invents events at any time; one with an odd body must not stop the rest."""
    event = read_event("quantum_merge", {"action": "tangled", "repository": [1]})
    assert event == Other(event="quantum_merge", action="tangled")


def test_a_ping_tells_its_hook() -> None:
    event = read_event("ping", {"zen": "Keep it logically awesome.", "hook_id": 5, "hook": {}})
    assert isinstance(event, Other)
    assert event.details == {"zen": "Keep it logically awesome.", "hook_id": 5}


@pytest.mark.parametrize(
    "message",
    [
        "wip [skip ci]",
        "[CI SKIP] x",
        "x\n\n[no ci]",
        "***NO_CI***",
        "x\n\n\nskip-checks: true\n",
        "x\n\nskip-checks:true",
    ],
)
def test_a_commit_may_ask_for_no_build(message: str) -> None:
    assert is_skipped(message)


@pytest.mark.parametrize(
    "message",
    ["", "skip ci", "skip-checks: true", "x\n\nskip-checks: true\n\nmore", "x\nskip-checks: false", "[skip actions]"],
)
def test_other_messages_do_not(message: str) -> None:
    assert not is_skipped(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
KEYS = [
    "ref",
    "before",
    "after",
    "commits",
    "head_commit",
    "repository",
    "pusher",
    "pull_request",
    "number",
    "action",
    "ref_type",
    "payload",
]
EVENTS = ["push", "pull_request", "create", "delete", "ping", LEGACY_PUSH, "unheard_of"]


@given(st.sampled_from(EVENTS), st.dictionaries(st.sampled_from(KEYS) | st.text(), JSON))
def test_any_object_is_read_or_refused(event: str, payload: dict[str, Any]) -> None:
    """No JSON object may raise anything but the error that has a name."""
    with contextlib.suppress(MalformedError):
        read_event(event, payload)


@given(st.sampled_from(all_payloads()), st.data())
def test_any_damage_to_a_real_payload_is_read_or_refused(pair: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    """Real payloads with one value replaced, down to two levels, reach further than random ones."""
    event, payload = pair[0], copy.deepcopy(pair[1])
    target = payload
    key = data.draw(st.sampled_from(sorted(target)))
    if isinstance(target[key], dict) and target[key] and data.draw(st.booleans()):
        target = target[key]
        key = data.draw(st.sampled_from(sorted(target)))
    target[key] = data.draw(JSON)
    with contextlib.suppress(MalformedError):
        read_event(event, payload)
