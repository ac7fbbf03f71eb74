"""A small GitHub that changes, and all that it says of it: deliveries, and answers of its API, each with its time.

Several things happen in one second, and some deliveries come minutes late: GitHub delivers in no order.
"""

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
        self._comments: dict[int, dict[str, Any]] = {}
        self._releases: dict[int, dict[str, Any]] = {}
        self._reviews: dict[int, dict[str, Any]] = {}
        self.stars: set[int] = set()
        self._members: set[int] = set()

    def live(self, steps: int) -> list[News]:
        """Let that many things happen; what was said, and now and then asked."""
        told: list[News] = []
        for _ in range(steps):
            self._now += self._chance.randint(0, 3)
            told.append(self._chance.choice(self._acts())())
            if self._chance.random() < 0.2:
                told += self._chance.sample(self.load(), k=1)
        return told

    def load(self, after: int = 1) -> list[News]:
        """All that the API would answer so many seconds later."""
        self._now += after
        found = [self._page("repository", self._repository)]
        for kind, things in (("label", self._labels), ("issue", self._issues), ("pull_request", self._pulls),
                             ("issue_comment", self._comments), ("release", self._releases),
                             ("review", self._reviews)):  # fmt: skip
            found += [self._page(kind, thing) for thing in things.values()]
        found += [self._page("branch", {"name": name, "commit": {"sha": sha}}) for name, sha in self.branches.items()]
        return found

    def truth(self) -> dict[str, dict[int, dict[str, Any]]]:
        """What the tables must have in the end."""
        told = {"label": ("name", "color"), "issue": ("title", "state"), "pull_request": ("title", "state"),
                "issue_comment": ("body",), "release": ("name",), "review": ("state",)}  # fmt: skip
        things = {"label": self._labels, "issue": self._issues, "pull_request": self._pulls,
                  "issue_comment": self._comments, "release": self._releases, "review": self._reviews}  # fmt: skip
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
        acts += [self._label_issue] * 2 * bool(self._labels and self._issues) + [self._delete_label] * bool(
            self._labels
        )
        acts += [self._star, self._star, self._member, self._publish]
        acts += [self._edit_release, self._delete_release] * bool(self._releases)
        acts += [self._comment] * bool(self._issues)
        acts += [self._edit_comment, self._delete_comment] * bool(self._comments)
        acts += [self._push_pull, self._review] * bool(self._pulls) + [self._dismiss] * bool(self._reviews)
        return [*acts, self._open_pull]

    def _push(self) -> News:
        name = self._chance.choice(["main", "topic"])
        before, after = self.branches.get(name, NO_COMMIT), self._sha()
        return self._moved(name, before, after)

    def _delete_branch(self) -> News:
        """Not twice in a second: which of two pushes came between nothing would tell."""
        self._now += 1
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

    def _delete_label(self) -> News:
        """The issues that had it have it no longer, as GitHub says of each of them."""
        number = self._any(self._labels)
        label = self._labels.pop(number)
        for issue in self._issues.values():
            issue["labels"] = [one for one in issue["labels"] if one["id"] != number]
        return self._event("label", action="deleted", label=label)

    def _star(self) -> News:
        """Somebody gives a star or takes it back, which is a change of the repository. Only this bears a time."""
        self._now += 1
        self._repository["updated_at"] = iso(self._now)
        number = self._chance.choice(self._users)["id"]
        self.stars ^= {number}
        given = number in self.stars
        sender = next(user for user in self._users if user["id"] == number)
        told = {"action": "created" if given else "deleted", "starred_at": iso(self._now) if given else None}
        return self._event("star", sender=sender, **told)

    def _member(self) -> News:
        member = self._chance.choice(self._users)
        self._members ^= {member["id"]}
        return self._event("member", action="added" if member["id"] in self._members else "removed", member=member)

    def _publish(self) -> News:
        number = self._next()
        self._releases[number] = {"id": number, "tag_name": f"v{number}", "name": f"release {number}", "body": None,
                                  "author": self._users[0], "created_at": iso(self._now),
                                  "published_at": iso(self._now), "draft": False, "assets": []}  # fmt: skip
        return self._event("release", action="created", release=self._releases[number])

    def _edit_release(self) -> News:
        release = self._releases[self._any(self._releases)]
        changes = {"name": {"from": release["name"]}}
        release["name"] = f"release {self._next()}"
        return self._event("release", action="edited", release=release, changes=changes)

    def _delete_release(self) -> News:
        return self._event("release", action="deleted", release=self._releases.pop(self._any(self._releases)))

    def _comment(self) -> News:
        number, issue = self._next(), self._issues[self._any(self._issues)]
        self._comments[number] = {"id": number, "body": f"body {number}", "user": self._chance.choice(self._users),
                                  "issue_url": f"https://api.github.com/repos/octo/hello/issues/{issue['number']}",
                                  "created_at": iso(self._now), "updated_at": iso(self._now), "of": issue}  # fmt: skip
        return self._comment_event("created", number)

    def _edit_comment(self) -> News:
        number = self._any(self._comments)
        self._comments[number] |= {"body": f"body {self._next()}", "updated_at": iso(self._now)}
        return self._comment_event("edited", number)

    def _delete_comment(self) -> News:
        number = self._any(self._comments)
        news = self._comment_event("deleted", number)
        del self._comments[number]
        return news

    def _comment_event(self, action: str, number: int) -> News:
        comment = {name: value for name, value in self._comments[number].items() if name != "of"}
        return self._event("issue_comment", action=action, comment=comment, issue=self._comments[number]["of"])

    def _review(self) -> News:
        number, pull, user = self._next(), self._any(self._pulls), self._chance.choice(self._users)
        self._reviews[number] = {"id": number, "state": "APPROVED", "body": "", "user": user, "pull": pull,
                                 "submitted_at": iso(self._now)}  # fmt: skip
        return self._review_event("submitted", number)

    def _dismiss(self) -> News:
        number = self._any(self._reviews)
        self._reviews[number]["state"] = "DISMISSED"
        return self._review_event("dismissed", number)

    def _review_event(self, action: str, number: int) -> News:
        review = {name: value for name, value in self._reviews[number].items() if name != "pull"}
        review["state"] = review["state"].lower()
        return self._event("pull_request_review", action=action, review=review,
                           pull_request=self._pulls[self._reviews[number]["pull"]])  # fmt: skip

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
        """The delivery, which comes a moment later, or a good while."""
        sender = self._chance.choice(self._users)
        payload = copy.deepcopy({"repository": self._repository, "organization": self._org, "sender": sender, **told})
        came = self._now + self._chance.choice([0.2, 0.5, 0.7, 3.5, 100.0])
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
