"""Where branches, tags and pull requests are, as GitHub lists them, and the events that would have told of it. Pure.

https://docs.github.com/en/rest/branches/branches#list-branches
https://docs.github.com/en/rest/repos/repos#list-repository-tags
https://docs.github.com/en/rest/commits/commits#compare-two-commits
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from hubwright.domain.repos import NO_COMMIT

Json = Mapping[str, Any]


BRANCHES, TAGS, PULLS = "branches", "tags", "pulls"
"""GitHub's lists, by the end of their address."""

_PREFIXES = {BRANCHES: "refs/heads/", TAGS: "refs/tags/", PULLS: "refs/pull/"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A branch (`refs/heads/…`), a tag (`refs/tags/…`) or an open pull request (`refs/pull/N`), and its commit.

    `item` is GitHub's JSON. The commit of an annotated tag is the one that it stands for, as in a push's `head_commit`.
    """

    ref: str
    sha: str
    item: Json = field(repr=False)

    @property
    def kind(self) -> str:
        """Which of GitHub's lists it is from."""
        return kind_of(self.ref)

    @property
    def event(self) -> str:
        """The event that tells of it."""
        return "pull_request" if self.kind == PULLS else "push"


def kind_of(ref: str) -> str:
    """Which of GitHub's lists has the ref."""
    return next(kind for kind, prefix in _PREFIXES.items() if ref.startswith(prefix))


def read_heads(kind: str, items: Iterable[Any]) -> list[Head]:
    """The heads of a list of GitHub's; what can't be read is left out."""
    return read_pulls(items) if kind == PULLS else read_refs(kind, items)


def read_refs(kind: str, items: Iterable[Any]) -> list[Head]:
    """The heads of listed branches or tags."""
    found = []
    for item in items:
        commit = item.get("commit") if isinstance(item, dict) else None
        sha = commit.get("sha") if isinstance(commit, dict) else None
        if isinstance(sha, str) and isinstance(item.get("name"), str):
            found.append(Head(ref=f"{_PREFIXES[kind]}{item['name']}", sha=sha, item=item))
    return found


def read_pulls(items: Iterable[Any]) -> list[Head]:
    """The heads of listed pull requests."""
    found = []
    for item in items:
        head = item.get("head") if isinstance(item, dict) else None
        sha = head.get("sha") if isinstance(head, dict) else None
        if isinstance(sha, str) and type(item.get("number")) is int:
            found.append(Head(ref=f"refs/pull/{item['number']}", sha=sha, item=item))
    return found


def name_found(repository_id: int, head: Head) -> str:
    """What stands in the place of a delivery's guid: the same head of the same ref is found once."""
    return f"compared-{sha256(f'{repository_id} {head.ref} {head.sha}'.encode()).hexdigest()[:40]}"


def form_event(head: Head, repository: Json, before: str | None, commits: Sequence[Json] = (), status: str = "") -> Any:
    """The body of the event that would have told of the head: a push from `before`, or a pull request.

    `commits` are GitHub's, oldest first, the head last; `status` is how GitHub compares both. A tag's push has none.
    """
    if head.kind == PULLS:
        action = "opened" if before is None else "synchronize"
        sender = head.item.get("user")
        number = head.item["number"]
        return {"action": action, "number": number, "pull_request": head.item, "repository": repository,
                "sender": sender}  # fmt: skip
    listed = [_form_commit(commit) for commit in commits]
    pushed = [] if head.kind == TAGS else listed if before is not None else listed[-1:]
    return {
        "ref": head.ref,
        "before": before or NO_COMMIT,
        "after": head.sha,
        "created": before is None,
        "deleted": False,
        "forced": status in {"diverged", "behind"},
        "commits": pushed,
        "head_commit": next((commit for commit in reversed(listed) if commit["id"] == head.sha), None),
        "repository": repository,
    }


def _form_commit(item: Json) -> dict[str, Any]:
    """A commit of the API as a push has it; which files it changed is not told."""
    commit = _object(item, "commit")
    author, committer = ({**_object(commit, role)} for role in ("author", "committer"))
    timestamp = committer.get("date") or author.get("date")
    for role, person in (("author", author), ("committer", committer)):
        person.pop("date", None)
        if login := _object(item, role).get("login"):
            person["username"] = login
    return {
        "id": item.get("sha"),
        "tree_id": _object(commit, "tree").get("sha"),
        "distinct": True,
        "message": commit.get("message"),
        "timestamp": timestamp,
        "url": item.get("html_url"),
        "author": author,
        "committer": committer,
    }


def _object(data: Json, key: str) -> Json:
    value = data.get(key)
    return value if isinstance(value, dict) else {}
