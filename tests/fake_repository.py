"""A repository of the fake GitHub: real commits, and the webhook bodies that GitHub would send about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from git_repositories import FIRST_SECOND, NO_COMMIT, Author, Files, GitRepository, LoggedCommit

CREATED_AT = "2026-01-01T00:00:00Z"
PUSHED_AT = datetime.fromtimestamp(FIRST_SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def user(login: str, number: int = 0) -> dict[str, Any]:
    """Return a user as GitHub describes one."""
    number = number or sum(login.encode()) + 2**31
    return {"login": login, "id": number, "node_id": f"U_{number}", "type": "User", "site_admin": False,
            "html_url": f"https://github.com/{login}"}  # fmt: skip


class FakeRepository(GitRepository):
    """`owner/name` with GitHub's number; `private` ones are only shown to a token."""

    def __init__(self, path: Path, *, number: int, full_name: str, base_url: str, private: bool = False) -> None:
        super().__init__(path)
        self.id = number
        self.full_name = full_name
        self.private = private
        self._base_url = base_url
        self._authors: dict[str, str | None] = {}
        self._seconds = 0

    @property
    def owner(self) -> str:
        """The first half of the full name."""
        return self.full_name.split("/")[0]

    @property
    def name(self) -> str:
        """The second half of the full name."""
        return self.full_name.split("/")[1]

    @property
    def clone_url(self) -> str:
        """Where git finds it over HTTP."""
        return f"{self._base_url}/{self.full_name}.git"

    def commit_each(self, changes: Any, *, branch: str = "main", author: Author | None = None) -> list[str]:
        """As in git, and remembers which account the author has."""
        author = author or Author()
        self._authors[author.email] = author.login
        return super().commit_each(changes, branch=branch, author=author)

    def push(self, files: Files, message: str = "Change", *, branch: str = "main") -> dict[str, Any]:
        """Commit and return the push payload of that commit."""
        before = self.head(branch) or NO_COMMIT
        return self.push_payload(branch, before=before, after=self.commit(files, message, branch=branch))

    def describe(self, *, webhook: bool = False) -> dict[str, Any]:
        """Return the repository as the API sends it; pushes have two times as Unix numbers (isaacs/github#1534)."""
        html_url = f"{self._base_url}/{self.full_name}"
        return {
            "id": self.id,
            "node_id": f"R_{self.id}",
            "name": self.name,
            "full_name": self.full_name,
            "private": self.private,
            "owner": user(self.owner) | ({"name": self.owner, "email": None} if webhook else {}),
            "html_url": html_url,
            "description": None,
            "fork": False,
            "url": html_url,
            "clone_url": self.clone_url,
            "created_at": FIRST_SECOND if webhook else CREATED_AT,
            "updated_at": CREATED_AT,
            "pushed_at": FIRST_SECOND if webhook else PUSHED_AT,
            "default_branch": "main",
            "visibility": "private" if self.private else "public",
        }

    def push_payload(
        self, branch: str = "main", *, before: str | None = None, after: str | None = None, ref: str | None = None
    ) -> dict[str, Any]:
        """Return the body of event `push`; without `after` the branch's head, without `before` its parent."""
        after = after or self.head(branch) or NO_COMMIT
        before = before or (self.find(f"{after}^") if after != NO_COMMIT else None) or NO_COMMIT
        commits = [self._describe_commit(commit) for commit in reversed(self._pushed(before, after))]
        return {
            "ref": ref or f"refs/heads/{branch}",
            "before": before,
            "after": after,
            "repository": self.describe(webhook=True),
            "pusher": {"name": "ada", "email": "ada@example.org"},
            "sender": user("ada"),
            "created": before == NO_COMMIT,
            "deleted": after == NO_COMMIT,
            "forced": NO_COMMIT not in (before, after) and not self.is_ancestor(before, after),
            "base_ref": None,
            "compare": f"{self._base_url}/{self.full_name}/compare/{before[:12]}...{after[:12]}",
            "commits": commits,
            "head_commit": self._describe_commit(self.log([after], limit=1)[0]) if after != NO_COMMIT else None,
        }

    def ref_payload(self, ref: str, ref_type: str = "branch") -> dict[str, Any]:
        """Return the body of events `create` and `delete`."""
        return {"ref": ref, "ref_type": ref_type, "master_branch": "main", "description": None, "pusher_type": "user",
                "repository": self.describe(), "sender": user("ada")}  # fmt: skip

    def pull_request_payload(
        self,
        number: int,
        branch: str,
        *,
        base: str = "main",
        action: str = "opened",
        head: FakeRepository | None = None,
    ) -> dict[str, Any]:
        """Return the body of event `pull_request` for `branch` of `head` (this repository when none is given)."""
        source = head or self
        sides = {
            "head": {"label": f"{source.owner}:{branch}", "ref": branch, "sha": source.head(branch),
                     "user": user(source.owner), "repo": source.describe() | {"fork": source is not self}},
            "base": {"label": f"{self.owner}:{base}", "ref": base, "sha": self.head(base),
                     "user": user(self.owner), "repo": self.describe()},
        }  # fmt: skip
        pull_request = {
            "id": 2**32 + number, "number": number, "state": "closed" if action == "closed" else "open",
            "title": f"Pull request {number}", "body": None,
            "user": user(source.owner), "draft": False, "merged": False, "labels": [], **sides,
            "created_at": CREATED_AT, "updated_at": self._next_moment(),
        }  # fmt: skip
        return {"action": action, "number": number, "pull_request": pull_request, "repository": self.describe(),
                "sender": user(source.owner)}  # fmt: skip

    def _next_moment(self) -> str:
        """A second after the last: GitHub's times tell what is newer."""
        self._seconds += 1
        return (datetime.fromisoformat(CREATED_AT) + timedelta(seconds=self._seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def describe_for_api(self, commit: LoggedCommit) -> dict[str, Any]:
        """Return a commit as the REST API sends it."""
        who = {"name": commit.author_name, "email": commit.author_email, "date": commit.timestamp}
        login = self._authors.get(commit.author_email)
        return {
            "sha": commit.sha,
            "node_id": f"C_{commit.sha}",
            "commit": {"author": who, "committer": who, "message": commit.message, "tree": {"sha": commit.tree}},
            "author": user(login) if login else None,
            "committer": user(login) if login else None,
            "html_url": f"{self._base_url}/{self.full_name}/commit/{commit.sha}",
        }

    def _pushed(self, before: str, after: str) -> list[LoggedCommit]:
        if after == NO_COMMIT:
            return []
        others = [sha for sha in self.branches().values() if sha != after]
        return self.log([after, *(f"^{sha}" for sha in ([before] if before != NO_COMMIT else others))])

    def _describe_commit(self, commit: LoggedCommit) -> dict[str, Any]:
        login = self._authors.get(commit.author_email)
        author = {"name": commit.author_name, "email": commit.author_email} | ({"username": login} if login else {})
        return {
            "id": commit.sha,
            "tree_id": commit.tree,
            "distinct": True,
            "message": commit.message,
            "timestamp": commit.timestamp,
            "url": f"{self._base_url}/{self.full_name}/commit/{commit.sha}",
            "author": author,
            "committer": author,
            "added": commit.added,
            "removed": commit.removed,
            "modified": commit.modified,
        }
