"""What GitHub has told of its own things: observations, of which the rows of the copy are the join.

Every field of a row keeps the value with the greatest version; so news may come in any order, doubled, by webhook or
by the API, and the row ends the same. `domain.replica_merge` does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

RETURNING = frozenset({
    "branch", "user_repository", "issue_label", "star", "team_member", "team_repository", "organization_member",
    "installation_repository", "pull_request_file",
})  # fmt: skip
"""Kinds of things that may go and come again under the same key. All others have a number that is given once."""

DERIVED = frozenset({"issue_label"})
"""Kinds of things whose life follows from another row that is locked meanwhile: what was found last of it is so."""

LIFE = {"branch": "sha"}
"""The field that says whether something still is, where a thing may go and come again; `live` for the others."""

LIVE = "live"
"""No column: whether somebody is a member, a repository has a star … `deleted_at` shows it."""


class Version(NamedTuple):
    """How new an observation is; the greatest wins. All by GitHub's own clocks, Unix seconds.

    `at`: the version that the document itself bears, such as its `updated_at`. `seen`: when GitHub wrote the document,
    at the earliest: the greatest time in a webhook, the `Date` of an answer. `rank`: that something was created tells
    less than what is mentioned of it in passing, that less than a change of it, and that less than that it was closed,
    opened again, or deleted.
    """

    at: float
    seen: float = 0.0
    rank: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What one document tells of one thing. `kind` names the table (`issue`: `gh_issue`), `key` its primary key.

    `values` has only what the document holds, explicit nulls included, by the names of the columns; times are Unix
    seconds. `raw` is the whole JSON of what the document is about, None for what it only mentions.

    `past` makes `values` steps: the document bears no version of GitHub's, and `version.at` is when the delivery came.
    It has the values that were replaced, as far as the event names them; such a value loses against its successor.

    `deleted`: GitHub had it no longer at `version.seen`; what GitHub tells of it later makes it live again. With
    `gone_at` GitHub said itself that it was deleted, in a delivery of that moment: nothing undoes it.
    """

    kind: str
    key: tuple[int | str, ...]
    version: Version
    values: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] | None = None
    past: Mapping[str, Any] | None = None
    deleted: bool = False
    gone_at: float | None = None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What an event only tells of in part: a listing or a record to load, and what its address needs.

    `where` is sorted pairs, such as `(("number", 7), ("owner", "octo"), ("repo", "hello"))`.
    """

    listing: str
    where: tuple[tuple[str, int | str], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a delivery or an item of a listing tells. `left_out` says what could not be read, and why."""

    records: tuple[Record, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    left_out: tuple[str, ...] = ()
