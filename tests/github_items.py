"""Records as GitHub's API lists them, in its own shape: issues, pull requests, labels and what else a load reads."""

from __future__ import annotations

from typing import Any

from fake_repository import FakeRepository, user

BASE = "https://api.github.com/repos/octo/hello"


def moment(number: int, day: int = 1) -> str:
    """A time that grows with the number."""
    return f"2026-02-{day:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"


def person(number: int) -> dict[str, Any]:
    """One of fifty users."""
    return user(f"user{number % 50}", 9_000_000_000 + number % 50)


def label(number: int, name: str | None = None, **changes: Any) -> dict[str, Any]:
    """A label."""
    name = name or f"label-{number}"
    return {"id": 5_000_000_000 + number, "node_id": f"LA_{number}", "url": f"{BASE}/labels/{name}", "name": name,
            "color": "d73a4a", "default": False, "description": "Something isn't working", **changes}  # fmt: skip


def milestone(number: int, **changes: Any) -> dict[str, Any]:
    """A milestone."""
    return {"id": 6_000_000_000 + number, "node_id": f"MI_{number}", "number": number, "title": f"v{number}",
            "url": f"{BASE}/milestones/{number}", "html_url": f"https://github.com/octo/hello/milestone/{number}",
            "labels_url": f"{BASE}/milestones/{number}/labels", "description": None, "creator": user("ada"),
            "open_issues": 1, "closed_issues": 0, "state": "open", "created_at": moment(number),
            "updated_at": moment(number), "due_on": None, "closed_at": None, **changes}  # fmt: skip


def issue(number: int, **changes: Any) -> dict[str, Any]:
    """An issue of octo/hello with two labels."""
    here = f"{BASE}/issues/{number}"
    return {
        "url": here, "repository_url": BASE, "labels_url": f"{here}/labels{{/name}}",
        "comments_url": f"{here}/comments", "events_url": f"{here}/events", "html_url": f"https://github.com/octo/hello/issues/{number}",
        "id": 3_000_000_000 + number, "node_id": f"I_{number}", "number": number, "title": f"Issue {number}",
        "user": person(number), "labels": [label(number % 7), label(7 + number % 5)], "state": "open",
        "locked": False, "assignee": None, "assignees": [], "milestone": None, "comments": number % 9,
        "created_at": moment(number), "updated_at": moment(number), "closed_at": None, "author_association": "NONE",
        "active_lock_reason": None, "body": f"It breaks.\r\n\r\nSince version {number}: " + "crash log line " * 60,
        "closed_by": None, "state_reason": None, "timeline_url": f"{here}/timeline",
        "reactions": {"url": f"{here}/reactions", "total_count": 0, "+1": 0, "-1": 0, "laugh": 0, "hooray": 0,
                      "confused": 0, "heart": 0, "rocket": 0, "eyes": 0},
        "performed_via_github_app": None, **changes,
    }  # fmt: skip


def pull(number: int, repository: FakeRepository, **changes: Any) -> dict[str, Any]:
    """A pull request as lists have it."""
    here = f"{BASE}/pulls/{number}"
    sides = {
        side: {"label": f"octo:{ref}", "ref": ref, "sha": f"{number:040x}", "user": user("octo"),
               "repo": repository.describe()}
        for side, ref in (("head", f"topic-{number}"), ("base", "main"))
    }  # fmt: skip
    return {
        "url": here, "id": 2_000_000_000 + number, "node_id": f"PR_{number}", "number": number, "state": "open",
        "html_url": f"https://github.com/octo/hello/pull/{number}", "issue_url": f"{BASE}/issues/{number}",
        "locked": False, "title": f"Pull request {number}", "user": person(number), "body": None,
        "created_at": moment(number), "updated_at": moment(number), "closed_at": None, "merged_at": None,
        "merge_commit_sha": f"{number + 1:040x}", "assignee": None, "assignees": [], "requested_reviewers": [],
        "requested_teams": [], "labels": [], "milestone": None, "draft": False, "author_association": "MEMBER",
        "auto_merge": None, "active_lock_reason": None, **sides, **changes,
    }  # fmt: skip


def pull_file(number: int, **changes: Any) -> dict[str, Any]:
    """A file of a pull request; all of them have the same content, as empty files do."""
    return {"sha": f"{1:040x}", "filename": f"src/file{number}.c", "status": "added", "additions": 1, "deletions": 0,
            "changes": 1, "blob_url": "https://github.com/octo/hello/blob/x", "raw_url": "https://github.com/octo/raw",
            "contents_url": f"{BASE}/contents/x", "patch": "@@ -0,0 +1 @@\n+x", **changes}  # fmt: skip


def comment(number: int, on: int = 1, **changes: Any) -> dict[str, Any]:
    """A comment on an issue."""
    return {"id": 7_000_000_000 + number, "node_id": f"IC_{number}", "url": f"{BASE}/issues/comments/{number}",
            "html_url": f"https://github.com/octo/hello/issues/{on}#issuecomment-{number}",
            "issue_url": f"{BASE}/issues/{on}", "user": user("bo"), "created_at": moment(number),
            "updated_at": moment(number), "author_association": "NONE", "body": "Me too.",
            "performed_via_github_app": None, **changes}  # fmt: skip


def review(number: int, **changes: Any) -> dict[str, Any]:
    """A review of a pull request."""
    return {"id": 8_000_000_000 + number, "node_id": f"PRR_{number}", "user": user("bo"), "body": "",
            "state": "APPROVED", "html_url": "https://github.com/octo/hello/pull/1#pullrequestreview-1",
            "pull_request_url": f"{BASE}/pulls/1",
            "author_association": "MEMBER", "submitted_at": moment(number), "commit_id": f"{1:040x}",
            "_links": {}, **changes}  # fmt: skip
