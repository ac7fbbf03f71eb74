"""Forming issues and comments within GitHub's limits. Pure.

https://docs.github.com/en/rest/issues
"""

from __future__ import annotations

from hubwright.github.check_runs import cut_bytes
from hubwright.github.requests import Request, cut_text, form_path

MAX_BODY = 65_000
"""Bytes; GitHub refuses more than 65,536 characters."""

MAX_TITLE = 256


def form_comment(owner: str, repository: str, number: int, body: str) -> Request:
    """Write a comment at an issue or a pull request."""
    path = form_path("repos", owner, repository, "issues", number, "comments")
    return Request(method="POST", path=path, json={"body": cut_bytes(body, MAX_BODY)}, owner=owner)


def form_comment_change(owner: str, repository: str, comment: int, body: str) -> Request:
    """Write a comment anew, in its place."""
    path = form_path("repos", owner, repository, "issues", "comments", comment)
    return Request(method="PATCH", path=path, json={"body": cut_bytes(body, MAX_BODY)}, owner=owner)


def form_comments(owner: str, repository: str, number: int) -> Request:
    """Ask for the comments at an issue or a pull request, oldest first."""
    path = form_path("repos", owner, repository, "issues", number, "comments")
    return Request(method="GET", path=f"{path}?per_page=100", owner=owner, remember=False)


def form_issue(owner: str, repository: str, title: str, body: str) -> Request:
    """Open an issue."""
    json = {"title": cut_text(title, MAX_TITLE), "body": cut_bytes(body, MAX_BODY)}
    return Request(method="POST", path=form_path("repos", owner, repository, "issues"), json=json, owner=owner)


def form_issue_end(owner: str, repository: str, number: int, body: str) -> Request:
    """Close an issue as completed; `body` is all that it then says."""
    json = {"state": "closed", "state_reason": "completed", "body": cut_bytes(body, MAX_BODY)}
    return Request(method="PATCH", path=form_path("repos", owner, repository, "issues", number), json=json, owner=owner)


def form_issues(owner: str, repository: str) -> Request:
    """Ask for the open issues, newest first."""
    path = form_path("repos", owner, repository, "issues")
    return Request(method="GET", path=f"{path}?state=open&per_page=100", owner=owner, remember=False)
