"""A small GitHub that changes, and all that it says of it: deliveries, and answers of its API, each with its time."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from hubwright.domain.replica import Reading
from hubwright.github.records import read_delivery, read_listed

START = 1_700_000_000
NO_COMMIT = "0" * 40


def iso(at: float) -> str:
    """As GitHub writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, eq=False)
class News:
    """One thing that was said."""

    via: Literal["webhook", "api"]
    read: Callable[[], Reading]


class World:
    """One repository of an organization; each step of its life takes seconds, and is told by a delivery."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._now = START
        self._number = 0
        self._users = [{"id": 10 + n, "login": f"user{n}", "type": "User", "site_admin": False} for n in range(3)]
        self._org = {"id": 5, "login": "octo", "description": None}
        owner = {"id": 5, "login": "octo", "type": "Organization"}
        self._repository = {"id": 2**40, "name": "hello", "full_name": "octo/hello", "owner": owner, "private": False,
                            "created_at": iso(START), "updated_at": iso(START), "pushed_at": iso(START),
                            "default_branch": "main"}  # fmt: skip
        self.branches: dict[str, str] = {}
        self._labels: dict[int, dict[str, Any]] = {}
        self._issues: dict[int, dict[str, Any]] = {}
        self._pulls: dict[int, dict[str, Any]] = {}

    def live(self, steps: int) -> list[News]:
        """Let that many things happen; what was said, and now and then asked."""
        told: list[News] = []
        for _ in range(steps):
            self._now += self._chance.randint(1, 3)
            told.append(self._chance.choice(self._acts())())
            if self._chance.random() < 0.2:
                told += self._chance.sample(self.load(), k=1)
        return told

    def load(self) -> list[News]:
        """All that the API would answer now."""
        self._now += 1
        found = [self._page("repository", self._repository)]
        for kind, things in (("label", self._labels), ("issue", self._issues), ("pull_request", self._pulls)):
            found += [self._page(kind, thing) for thing in things.values()]
        found += [self._page("branch", {"name": name, "commit": {"sha": sha}}) for name, sha in self.branches.items()]
        return found

    def truth(self) -> dict[str, dict[int, dict[str, Any]]]:
        """What the tables must have in the end."""
        told = {"label": ("name", "color"), "issue": ("title", "state"), "pull_request": ("title", "state")}
        things = {"label": self._labels, "issue": self._issues, "pull_request": self._pulls}
        found = {
            kind: {number: {name: thing[name] for name in told[kind]} for number, thing in things[kind].items()}
            for kind in things
        }
        for number, pull in self._pulls.items():
            found["pull_request"][number]["head_sha"] = pull["head"]["sha"]
        return found

    def _acts(self) -> list[Callable[[], News]]:
        acts = [self._push, self._open_issue, self._make_label, self._rename_repository]
        acts += [self._push] * 2 + [self._delete_branch] * bool(self.branches)
        acts += [self._edit_issue, self._close_or_open, self._delete_issue] * bool(self._issues)
        acts += [self._label_issue, self._edit_label] * bool(self._labels and self._issues)
        return [*acts, self._open_pull, *([self._push_pull] * bool(self._pulls))]

    def _push(self) -> News:
        name = self._chance.choice(["main", "topic"])
        before, after = self.branches.get(name, NO_COMMIT), self._sha()
        return self._moved(name, before, after)

    def _delete_branch(self) -> News:
        name = self._chance.choice(sorted(self.branches))
        return self._moved(name, self.branches[name], NO_COMMIT)

    def _moved(self, name: str, before: str, after: str) -> News:
        self._repository["pushed_at"] = iso(self._now)
        self.branches[name] = after
        if after == NO_COMMIT:
            del self.branches[name]
        pushed = {"id": after, "message": "m", "timestamp": iso(self._now), "author": {"name": "a", "email": "b"}}
        commits = [pushed] if after != NO_COMMIT else []
        repository = {**self._repository, "pushed_at": self._now, "created_at": START}
        return self._event("push", repository=repository, ref=f"refs/heads/{name}", before=before, after=after,
                           commits=commits, deleted=after == NO_COMMIT)  # fmt: skip

    def _open_issue(self) -> News:
        number = self._next()
        self._issues[2**33 + number] = self._new(2**33 + number, number)
        return self._issue_event("opened", 2**33 + number)

    def _edit_issue(self) -> News:
        return self._issue_event("edited", self._any(self._issues), title=f"title {self._next()}")

    def _close_or_open(self) -> News:
        number = self._any(self._issues)
        closed = self._issues[number]["state"] == "open"
        told = {"state": "closed" if closed else "open", "closed_at": iso(self._now) if closed else None}
        return self._issue_event("closed" if closed else "reopened", number, **told)

    def _delete_issue(self) -> News:
        number = self._any(self._issues)
        news = self._issue_event("deleted", number)
        del self._issues[number]
        return news

    def _label_issue(self) -> News:
        labels = self._chance.sample(sorted(self._labels), k=self._chance.randint(0, len(self._labels)))
        return self._issue_event("labeled", self._any(self._issues), labels=[self._labels[one] for one in labels])

    def _issue_event(self, action: str, number: int, **told: Any) -> News:
        self._issues[number] |= {"updated_at": iso(self._now), **told}
        return self._event("issues", action=action, issue=self._issues[number])

    def _make_label(self) -> News:
        number = self._next()
        self._labels[number] = {"id": number, "name": f"label {number}", "color": "f00", "default": False}
        return self._event("label", action="created", label=self._labels[number])

    def _edit_label(self) -> News:
        label = self._labels[self._any(self._labels)]
        change = {"name": {"from": label["name"]}}
        label["name"] = f"label {self._next()}"
        for issue in self._issues.values():
            issue["labels"] = [self._labels[one["id"]] for one in issue["labels"]]
        return self._event("label", action="edited", label=label, changes=change)

    def _rename_repository(self) -> News:
        name = f"hello{self._next()}"
        self._repository |= {"name": name, "full_name": f"octo/{name}", "updated_at": iso(self._now)}
        return self._event("repository", action="renamed", changes={})

    def _open_pull(self) -> News:
        number = self._next()
        head = {"ref": "topic", "sha": self._sha(), "repo": None, "user": None}
        base = {"ref": "main", "sha": self._sha(), "repo": self._repository, "user": self._users[0]}
        self._pulls[2**34 + number] = {**self._new(2**34 + number, number), "head": head, "base": base, "draft": False}
        return self._event("pull_request", action="opened", pull_request=self._pulls[2**34 + number])

    def _push_pull(self) -> News:
        pull = self._pulls[self._any(self._pulls)]
        before = pull["head"]["sha"]
        pull |= {"head": {**pull["head"], "sha": self._sha()}, "updated_at": iso(self._now)}
        pull["base"] = {**pull["base"], "repo": self._repository}
        return self._event("pull_request", action="synchronize", pull_request=pull, before=before)

    def _new(self, identity: int, number: int) -> dict[str, Any]:
        return {"id": identity, "number": number, "title": f"title {number}", "state": "open", "closed_at": None,
                "user": self._chance.choice([*self._users, None]), "labels": [], "assignees": [], "milestone": None,
                "created_at": iso(self._now), "updated_at": iso(self._now), "body": "b"}  # fmt: skip

    def _event(self, event: str, **told: Any) -> News:
        """The delivery, which comes some seconds later."""
        sender = self._chance.choice(self._users)
        payload = copy.deepcopy({"repository": self._repository, "organization": self._org, "sender": sender, **told})
        came = self._now + 0.5
        return News("webhook", lambda: read_delivery(event, payload, came))

    def _page(self, kind: str, item: dict[str, Any]) -> News:
        kept, at = copy.deepcopy(item), float(self._now)
        parent = {"repository_id": self._repository["id"]}
        return News("api", lambda: read_listed(kind, kept, parent=parent, observed_at=at))

    def _any(self, things: dict[int, dict[str, Any]]) -> int:
        return self._chance.choice(sorted(things))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _sha(self) -> str:
        return f"{self._chance.getrandbits(160):040x}"
