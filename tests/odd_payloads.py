"""Deliveries as GitHub may send them and nobody has published them, each with the rows that it must leave.

Written by hand from GitHub's documentation and from what went wrong for others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BIG = 2**53 + 1
"""Beyond what a float or JavaScript can hold."""

AT = "2024-05-06T07:08:09Z"
SECONDS = 1_714_979_289.0
ADA = {"id": 101, "login": "ada", "type": "User", "site_admin": False}
GHOST = {"id": 10137, "login": "ghost", "type": "User", "site_admin": False}
ROBOT = {"id": 49699333, "login": "dependabot[bot]", "type": "Bot", "site_admin": False}
OCTO = {"id": 5, "login": "octo", "type": "Organization"}
NO_COMMIT = "0" * 40

Rows = list[tuple[str, dict[str, Any], dict[str, Any]]]
"""Tables, keys, and what the row of each has."""


@dataclass(frozen=True, slots=True)
class Odd:
    """A delivery and what it leaves. Each has a repository of its own, so that none disturbs another."""

    name: str
    event: str
    payload: dict[str, Any]
    rows: Rows


def _repository(number: int, **told: Any) -> dict[str, Any]:
    return {
        "id": number, "name": f"r{number}", "full_name": f"octo/r{number}", "owner": OCTO, "private": False,
        "html_url": f"https://github.com/octo/r{number}", "created_at": AT, "updated_at": AT, "pushed_at": AT,
        "default_branch": "main", **told,
    }  # fmt: skip


def _commit(number: int, **told: Any) -> dict[str, Any]:
    who = {"name": "Ada", "email": "ada@example.org", "username": "ada"}
    return {"id": f"{number:040x}", "tree_id": "e" * 40, "message": f"change {number}", "timestamp": AT, "url": "",
            "author": who, "committer": who, "added": [], "removed": [], "modified": [], **told}  # fmt: skip


def _issue(thing: int, **told: Any) -> dict[str, Any]:
    return {"id": thing, "number": 1, "title": "t", "body": None, "state": "open", "user": ADA, "labels": [],
            "assignees": [], "milestone": None, "created_at": AT, "updated_at": AT, "closed_at": None,
            **told}  # fmt: skip


def _pull(thing: int, repository: dict[str, Any], **told: Any) -> dict[str, Any]:
    side = {"ref": "topic", "sha": "a" * 40, "user": ADA, "repo": repository, "label": "octo:topic"}
    return {**_issue(thing), "draft": False, "merged": False, "head": side,
            "base": {**side, "ref": "main", "sha": "b" * 40}, "requested_reviewers": [], "requested_teams": [],
            **told}  # fmt: skip


def odd_deliveries() -> list[Odd]:
    """All of them, each of a repository with a number of its own."""
    found = []
    for number, (name, event, payload, rows) in enumerate(_all(), 7_000_000_001):
        repository = _repository(number, **payload.pop("repository_told", {}))
        whole = {"sender": ADA, "organization": OCTO, **payload, "repository": repository}
        found.append(Odd(name, event, _place(whole, repository), [_place(row, repository) for row in rows]))
    return found


def _place(value: Any, repository: dict[str, Any]) -> Any:
    """The same with its repository where "HERE" stands, and its number where "REPOSITORY" does."""
    if isinstance(value, dict):
        return {name: _place(inner, repository) for name, inner in value.items()}
    if isinstance(value, list):
        return [_place(inner, repository) for inner in value]
    if isinstance(value, tuple):
        return tuple(_place(inner, repository) for inner in value)
    return repository["id"] if value == "REPOSITORY" else repository if value == "HERE" else value


_HERE: dict[str, Any] = {"repository_id": "REPOSITORY"}
Told = tuple[str, str, dict[str, Any], Rows]


def _all() -> Iterator[Told]:
    yield from _pushes()
    yield from _conversations()
    yield from _pull_requests()
    yield from _repositories()
    yield from _checks()
    yield from _people()
    yield from _strange()


def _pushes() -> Iterator[Told]:
    def branch(name: str, **told: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
        return "gh_branch", {**_HERE, "name": name}, told

    def push(ref: str, after: str, commits: list[dict[str, Any]], **told: Any) -> dict[str, Any]:
        return {"ref": ref, "before": "f" * 40, "after": after, "created": False, "deleted": False, "forced": False,
                "commits": commits, "head_commit": commits[-1] if commits else None,
                "pusher": {"name": "ada"}, "repository_told": {"pushed_at": int(SECONDS), "created_at": int(SECONDS)},
                **told}  # fmt: skip

    name = 'feature/größe-🐛/it\'s "quoted";$(id)'.replace(" ", "_")
    pushed = _commit(1, message="nul \x00 and emoji 🐛\r\n" + "x" * 100_000, added=["a b", "c\x00d"])
    yield "a branch of many signs", "push", push(f"refs/heads/{name}", f"{1:040x}", [pushed]), [
        branch(name, sha=f"{1:040x}", deleted_at=None),
        ("gh_commit", {**_HERE, "sha": f"{1:040x}"},
         {"message": "nul \ufffd and emoji 🐛\r\n" + "x" * 100_000, "author_login": "ada", "authored_at": SECONDS}),
        ("gh_repository", {"id": "REPOSITORY"}, {"pushed_at": SECONDS, "created_at": SECONDS, "updated_at": SECONDS}),
    ]  # fmt: skip
    gone = push("refs/heads/old", NO_COMMIT, [], deleted=True)
    yield "a branch that is deleted", "push", gone, [branch("old", sha=None)]
    tag = push("refs/tags/v1.0", f"{2:040x}", [], created=True, before=NO_COMMIT, head_commit=_commit(2))
    yield "a tag", "push", tag, [("gh_commit", {**_HERE, "sha": f"{2:040x}"}, {"message": "change 2"})]
    many = [_commit(number) for number in range(10_000, 12_048)]
    yield "as many commits as there can be", "push", push("refs/heads/main", many[-1]["id"], many), [
        branch("main", sha=many[-1]["id"]),
        *(("gh_commit", {**_HERE, "sha": one["id"]}, {"message": one["message"]}) for one in many[::500]),
    ]  # fmt: skip
    bare = _commit(3, author={"name": "n"}, committer=None, timestamp=None)
    yield "a commit of nobody", "push", push("refs/heads/main", f"{3:040x}", [bare]), [
        ("gh_commit", {**_HERE, "sha": f"{3:040x}"}, {"author_name": "n", "author_login": None, "authored_at": None})
    ]  # fmt: skip
    made = {"ref": "a/b", "ref_type": "branch", "master_branch": "main", "description": None, "pusher_type": "user"}
    yield "a branch that is made", "create", made, [branch("a/b", deleted_at=None)]
    yield "a tag that is made", "create", {**made, "ref": "v1", "ref_type": "tag"}, []


def _conversations() -> Iterator[Told]:
    label = {"id": BIG, "name": "größe 🐛", "color": "d73a4a", "default": False, "description": None}
    milestone = {"id": 31, "number": 2, "title": "m", "state": "open", "creator": None, "due_on": AT,
                 "created_at": AT, "updated_at": AT, "closed_at": None, "open_issues": 1}  # fmt: skip
    issue = _issue(BIG + 2, user=None, labels=[label], milestone=milestone, body="a\x00b", closed_at=None,
                   assignee=GHOST, assignees=[GHOST, ROBOT], locked=True, active_lock_reason="too heated")  # fmt: skip
    yield "an issue of a ghost", "issues", {"action": "labeled", "issue": issue, "label": label}, [
        ("gh_issue", {"id": BIG + 2},
         {**_HERE, "user_id": None, "user_login": None, "milestone_id": 31, "milestone_number": 2, "body": "a\ufffdb",
          "assignee_id": 10137, "closed_at": None, "locked": True, "active_lock_reason": "too heated"}),
        ("gh_label", {"id": BIG}, {**_HERE, "name": "größe 🐛", "color": "d73a4a", "description": None}),
        ("gh_issue_label", {"issue_id": BIG + 2, "label_id": BIG}, {"label_name": "größe 🐛", "deleted_at": None}),
        ("gh_milestone", {"id": 31}, {**_HERE, "creator_id": None, "due_on": SECONDS}),
        ("gh_user", {"id": 49699333}, {"login": "dependabot[bot]", "type": "Bot"}),
    ]  # fmt: skip
    elsewhere = _repository(88, name="other", full_name="octo/other")
    moved = {"action": "transferred", "issue": _issue(41),
             "changes": {"new_issue": _issue(42, number=9), "new_repository": elsewhere}}  # fmt: skip
    yield "an issue that moves", "issues", moved, [
        ("gh_issue", {"id": 42}, {"repository_id": 88, "number": 9, "deleted_at": None}),
        ("gh_repository", {"id": 88}, {"full_name": "octo/other"}),
    ]  # fmt: skip
    comment = {"id": BIG + 4, "body": "", "user": None, "created_at": AT, "updated_at": AT, "html_url": "h",
               "issue_url": "https://api.github.com/repos/octo/r/issues/1"}  # fmt: skip
    at_pull = {"action": "created", "comment": comment, "issue": _issue(43, number=6, pull_request={"url": "u"})}
    yield "a comment at a pull request", "issue_comment", at_pull, [
        ("gh_issue_comment", {"id": BIG + 4}, {**_HERE, "issue_number": 6, "issue_id": 43, "body": "", "user_id": None})
    ]  # fmt: skip
    renamed = {**label, "id": 51, "name": "defect"}
    yield "a label that is renamed", "label", {
        "action": "edited", "label": renamed, "changes": {"name": {"from": "bug"}}
    }, [("gh_label", {"id": 51}, {**_HERE, "name": "defect"})]  # fmt: skip
    release = {"id": 61, "tag_name": "v1", "name": None, "body": None, "draft": False, "author": ROBOT, "assets": [],
               "created_at": AT, "published_at": None, "prerelease": True, "target_commitish": "main"}  # fmt: skip
    yield "a release without words", "release", {
        "action": "edited", "release": release, "changes": {"body": {"from": "b"}}
    }, [("gh_release", {"id": 61}, {**_HERE, "body": None, "name": None, "published_at": None})]  # fmt: skip
    said = {"id": 71, "commit_id": "c" * 40, "path": None, "position": None, "line": None, "body": "b", "user": ADA,
            "created_at": AT, "updated_at": AT}  # fmt: skip
    yield "a comment at a commit", "commit_comment", {"action": "created", "comment": said}, [
        ("gh_commit_comment", {"id": 71}, {**_HERE, "commit_id": "c" * 40, "path": None, "line": None})
    ]  # fmt: skip


def _pull_requests() -> Iterator[Told]:
    here = _repository(0)
    away = {"ref": "topic", "sha": "a" * 40, "user": None, "repo": None, "label": "unknown repository"}
    pull = _pull(BIG + 6, here, number=8, head=away, user=None, auto_merge=None, mergeable=None)
    pull["base"]["repo"] = "HERE"
    asked = {"id": 81, "slug": "core", "name": "Core", "parent": {"id": 82, "slug": "all", "name": "All"}}
    told = {"action": "review_requested", "number": 8, "pull_request": {**pull, "requested_teams": [asked]}}
    yield "a pull request of a deleted fork", "pull_request", told, [
        ("gh_pull_request", {"id": BIG + 6},
         {**_HERE, "head_repository_id": None, "head_user_id": None, "user_id": None, "head_sha": "a" * 40,
          "base_sha": "b" * 40, "mergeable": None, "number": 8}),
        ("gh_team", {"id": 81}, {"slug": "core", "parent_id": 82}),
        ("gh_team", {"id": 82}, {"slug": "all"}),
    ]  # fmt: skip
    draft = {**pull, "id": 83, "draft": True, "auto_merge": {"enabled_by": ADA, "merge_method": "squash"}}
    yield "a pull request that becomes a draft", "pull_request", {
        "action": "converted_to_draft", "number": 8, "pull_request": draft
    }, [("gh_pull_request", {"id": 83}, {"draft": True, "auto_merge": draft["auto_merge"]})]  # fmt: skip
    review = {"id": BIG + 8, "state": "dismissed", "body": None, "user": None, "submitted_at": AT,
              "commit_id": "a" * 40}  # fmt: skip
    yield "a review that is dismissed", "pull_request_review", {
        "action": "dismissed", "review": review, "pull_request": {**pull, "id": 84}
    }, [("gh_review", {"id": BIG + 8},
         {**_HERE, "state": "DISMISSED", "pull_request_id": 84, "user_id": None})]  # fmt: skip
    comment = {"id": 85, "body": "b", "user": ADA, "path": "a b", "line": None, "position": None, "diff_hunk": "@@",
               "original_line": 3, "pull_request_review_id": BIG + 8, "in_reply_to_id": BIG + 10,
               "created_at": AT, "updated_at": AT}  # fmt: skip
    yield "a comment that is outdated", "pull_request_review_comment", {
        "action": "edited", "comment": comment, "pull_request": {**pull, "id": 86}, "changes": {"body": {"from": ""}}
    }, [("gh_review_comment", {"id": 85},
         {**_HERE, "line": None, "original_line": 3, "pull_request_id": 86, "pull_request_review_id": BIG + 8,
          "in_reply_to_id": BIG + 10})]  # fmt: skip


def _repositories() -> Iterator[Told]:
    def about(**told: Any) -> Rows:
        return [("gh_repository", {"id": "REPOSITORY"}, told)]

    changes = {"repository": {"name": {"from": "before"}}}
    yield "a new name", "repository", {
        "action": "renamed", "changes": changes, "repository_told": {"name": "after", "full_name": "octo/after"}
    }, about(name="after", full_name="octo/after", deleted_at=None)  # fmt: skip
    yield "a new owner", "repository", {
        "action": "transferred", "changes": {"owner": {"from": {"user": {**ADA, "id": 102, "login": "bob"}}}}
    }, [*about(owner_id=5, owner_login="octo", organization_id=5),
        ("gh_user", {"id": 102}, {"login": "bob"})]  # fmt: skip
    yield (
        "an end of changes",
        "repository",
        {"action": "archived", "repository_told": {"archived": True}},
        about(archived=True),
    )
    yield (
        "open to all",
        "public",
        {"repository_told": {"private": False, "visibility": "public"}},
        about(private=False, visibility="public"),
    )
    fork = _repository(91, name="fork", full_name="ada/fork", owner=ADA, fork=True, public=True)
    yield "a fork", "fork", {"forkee": fork}, [
        ("gh_repository", {"id": 91}, {"fork": True, "parent_id": "REPOSITORY", "owner_id": 101})
    ]  # fmt: skip


def _checks() -> Iterator[Told]:
    commit = {"sha": "c" * 40, "author": {}, "committer": None, "commit": {"message": "m", "tree": {"sha": "d" * 40}},
              "html_url": "h", "parents": []}  # fmt: skip
    status = {"id": BIG + 12, "sha": "c" * 40, "state": "error", "context": "c" * 3000, "description": None,
              "target_url": None, "created_at": AT, "updated_at": AT, "commit": commit,
              "branches": [{"name": "main", "commit": {"sha": "c" * 40, "url": "u"}}]}  # fmt: skip
    yield "a status of a long context", "status", status, [
        ("gh_status", {"id": BIG + 12}, {**_HERE, "context": "c" * 3000, "description": None, "sha": "c" * 40}),
        ("gh_commit", {**_HERE, "sha": "c" * 40}, {"message": "m", "author_id": None, "tree_sha": "d" * 40}),
        ("gh_branch", {**_HERE, "name": "main"}, {"sha": "c" * 40}),
    ]  # fmt: skip
    app = {"id": 15, "slug": "other-ci", "owner": OCTO}
    suite = {"id": BIG + 14, "head_branch": None, "head_sha": "c" * 40, "status": "completed", "conclusion": "stale",
             "app": app, "pull_requests": [], "created_at": AT, "updated_at": AT, "before": None, "after": None,
             "head_commit": _commit(0xC0FFEE)}  # fmt: skip
    yield "a suite of another App", "check_suite", {"action": "completed", "check_suite": suite}, [
        ("gh_check_suite", {"id": BIG + 14}, {**_HERE, "head_branch": None, "conclusion": "stale", "app_id": 15}),
        ("gh_commit", {**_HERE, "sha": f"{0xC0FFEE:040x}"}, {"tree_sha": "e" * 40}),
    ]  # fmt: skip
    run = {"id": BIG + 16, "name": "n", "head_sha": "c" * 40, "status": "completed", "conclusion": None, "app": app,
           "started_at": AT, "completed_at": "2999-01-01T00:00:00Z", "pull_requests": None, "output": None,
           "check_suite": {"id": BIG + 14}, "external_id": ""}  # fmt: skip
    yield "a check without pull requests", "check_run", {"action": "created", "check_run": run}, [
        ("gh_check_run", {"id": BIG + 16}, {**_HERE, "pull_requests": None, "output": None, "check_suite_id": BIG + 14})
    ]  # fmt: skip
    for action in ("checks_requested", "destroyed"):
        group = {"head_sha": f"{0xABC:040x}", "head_ref": "refs/heads/gh-readonly-queue/main/pr-1-x",
                 "base_ref": "refs/heads/main", "base_sha": "b" * 40, "head_commit": _commit(0xABC)}  # fmt: skip
        yield f"a queue: {action}", "merge_group", {"action": action, "merge_group": group}, [
            ("gh_commit", {**_HERE, "sha": f"{0xABC:040x}"}, {"message": f"change {0xABC}"})
        ]  # fmt: skip


def _people() -> Iterator[Told]:
    team = {"id": 21, "slug": "t", "name": "T", "privacy": "closed", "permission": "pull", "description": None,
            "parent": {"id": 22, "slug": "p", "name": "P"}}  # fmt: skip
    yield "a team below another", "team", {"action": "added_to_repository", "team": team}, [
        ("gh_team", {"id": 21}, {"parent_id": 22, "organization_id": 5, "organization_login": "octo"}),
        ("gh_team_repository", {"team_id": 21, "repository_id": "REPOSITORY"}, {"deleted_at": None}),
    ]  # fmt: skip
    yield "who comes into a team", "membership", {
        "action": "added", "scope": "team", "team": {**team, "id": 23}, "member": ROBOT
    }, [("gh_team_member", {"team_id": 23, "user_id": 49699333},
         {"user_login": "dependabot[bot]", "deleted_at": None})]  # fmt: skip
    joined = {"url": "u", "state": "pending", "role": "member", "user": {**ADA, "id": 103, "login": "cleo"}}
    yield "who comes into an organization", "organization", {"action": "member_added", "membership": joined}, [
        ("gh_organization_member", {"organization_id": 5, "user_id": 103}, {"role": "member", "state": "pending"}),
        ("gh_organization", {"id": 5}, {"login": "octo"}),
    ]  # fmt: skip
    yield "who may write", "member", {
        "action": "added", "member": GHOST, "changes": {"permission": {"to": "write"}, "role_name": {"to": "write"}}
    }, [("gh_user_repository", {"user_id": 10137, "repository_id": "REPOSITORY"},
         {"permission": "write", "role_name": "write", "deleted_at": None})]  # fmt: skip
    yield "a star that is taken back", "star", {"action": "deleted", "starred_at": None}, [
        ("gh_star", {"user_id": 101, "repository_id": "REPOSITORY"}, {"starred_at": None})
    ]  # fmt: skip
    hook = {"id": BIG + 18, "type": "Repository", "name": "web", "active": True, "events": ["*"],
            "config": {"url": "https://ci.example", "secret": "***"}, "created_at": AT, "updated_at": AT}  # fmt: skip
    yield "a hook that begins", "ping", {"zen": "z", "hook_id": BIG + 18, "hook": hook}, [
        ("gh_hook", {"id": BIG + 18}, {**_HERE, "active": True, "events": ["*"], "deleted_at": None})
    ]  # fmt: skip
    installation = {"id": 25, "account": OCTO, "app_id": 15, "app_slug": "s", "target_id": 5, "events": [],
                    "target_type": "Organization", "repository_selection": "selected", "permissions": {},
                    "created_at": int(SECONDS), "updated_at": int(SECONDS), "suspended_at": AT,
                    "suspended_by": ADA}  # fmt: skip
    yield "an installation that is suspended", "installation", {"action": "suspend", "installation": installation}, [
        ("gh_installation", {"id": 25},
         {"account_id": 5, "suspended_by_id": 101, "suspended_at": SECONDS, "created_at": SECONDS})
    ]  # fmt: skip


def _strange() -> Iterator[Told]:
    """What no reader expects: it is kept, and harms nothing."""
    here: Rows = [("gh_repository", {"id": "REPOSITORY"}, {"default_branch": "main"})]
    yield "an event of tomorrow", "quantum_entangled", {"action": "observed", "quark": [1, None, {"id": "x"}]}, here
    yield "an action of tomorrow", "issues", {"action": "teleported", "issue": _issue(44, mood="good")}, [
        ("gh_issue", {"id": 44}, {"title": "t", "state": "open"})
    ]  # fmt: skip
    yield "lists for objects", "issues", {"action": "opened", "issue": [_issue(45)], "label": []}, here
    yield "nothing in it", "check_run", {"action": None, "check_run": None}, here
    wrong = _issue(
        46, number="1", comments="3", locked="false", created_at="yesterday", state=7, title=["t"], labels={}
    )
    yield "texts for numbers", "issues", {"action": "edited", "issue": wrong, "changes": []}, [
        ("gh_issue", {"id": 46},
         {"number": None, "comments": None, "locked": None, "title": None, "updated_at": SECONDS})
    ]  # fmt: skip
    no_id = {"action": "edited", "issue": _issue(47) | {"id": "47"}, "sender": {"login": "x"}}
    yield "numbers as texts", "issues", no_id, here
