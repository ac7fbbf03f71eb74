"""Pushes as GitHub sends them: about 8 KB of JSON, each with its own commit, delivery id and signature."""

from __future__ import annotations

import hashlib
import hmac
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

SECRET = "a secret of the benchmark"
OWNER, NAME = "bench", "app"
REPOSITORY = f"{OWNER}/{NAME}"

_SHA, _BEFORE = "5" * 40, "4" * 40
_LINKS = [
    "forks",
    "keys{/key_id}",
    "collaborators{/collaborator}",
    "teams",
    "hooks",
    "issue_events{/number}",
    "events",
    "assignees{/user}",
    "branches{/branch}",
    "tags",
    "git_blobs{/sha}",
    "git_tags{/sha}",
    "git_refs{/sha}",
    "trees{/sha}",
    "statuses{sha}",
    "languages",
    "stargazers",
    "contributors",
    "subscribers",
    "subscription",
    "commits{/sha}",
    "git_commits{/sha}",
    "comments{/number}",
    "issue_comment{/number}",
    "contents{+path}",
    "compare{base}...{head}",
    "merges",
    "archive{/ref}",
    "downloads",
    "issues{/number}",
    "pulls{/number}",
    "milestones{/number}",
    "notifications{?since}",
    "labels{/name}",
    "releases{/id}",
    "deployments",
]


@dataclass(frozen=True)
class Push:
    """One delivery: its id, the commit it tells of, and the body as sent."""

    guid: str
    sha: str
    body: bytes

    def headers(self) -> dict[str, str]:
        """GitHub's headers."""
        digest = hmac.new(SECRET.encode(), self.body, hashlib.sha256).hexdigest()
        legacy = hmac.new(SECRET.encode(), self.body, hashlib.sha1).hexdigest()
        return {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": self.guid,
            "X-Hub-Signature": f"sha1={legacy}",
            "X-Hub-Signature-256": f"sha256={digest}",
        }


class Pushes:
    """Makes pushes to one branch. `message` is the head commit's: `[skip ci]` asks for no build."""

    def __init__(self, *, branch: str = "main", message: str = "Read a value in quotes") -> None:
        self._template = orjson.dumps(_document(branch, message))
        self._made = 0

    def make(self, sha: str | None = None) -> Push:
        """A push nobody has seen; of commit `sha`, or of one that no repository has."""
        self._made += 1
        guid = str(uuid.uuid4())
        sha = sha or hashlib.sha1(guid.encode()).hexdigest()
        before = hashlib.sha1(sha.encode()).hexdigest()
        return Push(
            guid, sha, self._template.replace(_SHA.encode(), sha.encode()).replace(_BEFORE.encode(), before.encode())
        )

    def make_many(self, count: int) -> list[Push]:
        """So many of them."""
        return [self.make() for _ in range(count)]


def write_requests(pushes: Sequence[Push], host: str, path: str, file: Path) -> None:
    """Keep whole HTTP requests in a file, each after its length, as the load generator reads them."""
    with file.open("wb") as out:
        for push in pushes:
            fields = {"Host": host, **push.headers(), "Content-Length": str(len(push.body))}
            head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in fields.items())
            request = head.encode() + b"\r\n" + push.body
            out.write(struct.pack("=I", len(request)) + request)


def _document(branch: str, message: str) -> dict[str, object]:
    api = f"https://api.github.com/repos/{REPOSITORY}"
    commit = _commit(message)
    return {
        "ref": f"refs/heads/{branch}",
        "before": _BEFORE,
        "after": _SHA,
        "repository": {
            "id": 1296269,
            "node_id": "MDEwOlJlcG9zaXRvcnkxMjk2MjY5",
            "name": NAME,
            "full_name": REPOSITORY,
            "private": False,
            "owner": {"name": OWNER, "email": "bench@example.org", **_user(OWNER, 17)},
            "html_url": f"https://github.com/{REPOSITORY}",
            "description": "A small library in C that reads configuration files",
            "fork": False,
            "url": f"https://github.com/{REPOSITORY}",
            **{link.partition("{")[0] + "_url": f"{api}/{link}" for link in _LINKS},
            "created_at": 1704067200,
            "updated_at": "2026-11-02T08:11:30Z",
            "pushed_at": 1793000000,
            "git_url": f"git://github.com/{REPOSITORY}.git",
            "ssh_url": f"git@github.com:{REPOSITORY}.git",
            "clone_url": f"https://github.com/{REPOSITORY}.git",
            "size": 5120,
            "stargazers_count": 40,
            "language": "C",
            "default_branch": "main",
            "master_branch": "main",
        },
        "pusher": {"name": "ada", "email": "ada@example.org"},
        "organization": {**_user(OWNER, 17), "description": "Programs that are measured"},
        "sender": _user("ada", 18),
        "created": False,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "compare": f"https://github.com/{REPOSITORY}/compare/{_BEFORE[:12]}...{_SHA[:12]}",
        "commits": [commit],
        "head_commit": commit,
    }


def _commit(message: str) -> dict[str, object]:
    person = {"name": "Ada Lovelace", "email": "ada@example.org", "username": "ada"}
    return {
        "id": _SHA,
        "tree_id": "6" * 40,
        "distinct": True,
        "message": message,
        "timestamp": "2026-11-02T08:11:12Z",
        "url": f"https://github.com/{REPOSITORY}/commit/{_SHA}",
        "author": person,
        "committer": person,
        "added": ["tests/test_quotes.c"],
        "removed": [],
        "modified": [f"src/values/value_{number:02}.c" for number in range(24)],
    }


def _user(login: str, number: int) -> dict[str, object]:
    api = f"https://api.github.com/users/{login}"
    return {
        "login": login,
        "id": number,
        "node_id": "MDQ6VXNlcjE3",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
        "html_url": f"https://github.com/{login}",
        **{
            f"{name}_url": f"{api}/{name}"
            for name in ("followers", "gists", "starred", "subscriptions", "orgs", "repos")
        },
        "type": "User",
        "site_admin": False,
    }
