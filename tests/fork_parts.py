"""A pull request of a fork on a desk, and comments on it."""

from __future__ import annotations

from typing import Any

from hub_parts import RECIPE, Desk, rows
from hubwright.domain.facts import FactKind
from hubwright.hub.approvals import approve
from hubwright.store import schema
from hubwright.store.approvals import Approver

FILE = ".hubwright.yml"
ADA = Approver(token_name="ada", token_id=1)


class Fork:
    """A desk with a pull request of a fork."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.base, self.head = desk.repository(), desk.repository("mallory/hello")
        self.base.commit({FILE: RECIPE})
        self.base.git("branch", "stable", "main")

    def push(self, number: int = 3, **files: str) -> str:
        """A commit in the fork, where the base's repository shows it; GitHub has told nothing yet."""
        sha = self.head.commit({FILE: RECIPE, **files}, branch="topic")
        self.show(number)
        return sha

    def show(self, number: int = 3) -> None:
        self.base.git("fetch", "-q", str(self.head.path), f"+refs/heads/topic:refs/pull/{number}/head")

    def tell(self, action: str = "opened", base: str = "main", **changes: Any) -> None:
        """GitHub tells of the pull request."""
        payload = self.base.pull_request_payload(3, "topic", action=action, base=base, head=self.head)
        payload["pull_request"].update(changes.pop("pull_request", {}))
        self.desk.understand("pull_request", payload | changes)

    def approve(self, build: int = 1, sha: str | None = None) -> int:
        sha = sha or self.desk.builds(id=build)[0].sha
        return self.desk.database.write(lambda it: approve(it, build, sha, ADA, self.desk.clock()))

    def states(self) -> list[str]:
        return [run.state for run in self.desk.runs(latest=True)]

    def facts(self, kind: FactKind) -> list[Any]:
        return rows(self.desk.database, schema.fact, kind=kind.value)


def comment(
    fork: Fork, text: str, *, by: int = 7, action: str = "created", pull: bool = True, **sender: Any
) -> dict[str, Any]:
    """The body of event `issue_comment`, written by grace."""
    who = {"login": "grace", "id": 7, "type": "User"}
    return {
        "action": action,
        "issue": {"number": 3, **({"pull_request": {"url": "x"}} if pull else {})},
        "comment": {"id": 1, "body": text, "user": who | {"id": by}},
        "repository": fork.base.describe(),
        "sender": who | sender,
    }


def outcome(fork: Fork, payload: dict[str, Any]) -> str | None:
    number = fork.desk.deliver("issue_comment", payload)
    fork.desk.work()
    return str(fork.desk.delivery(number).outcome)
