"""One JSON document of GitHub's to the records it tells of, itself and those nested in it. Pure.

The same for webhooks and for the API: what differs is only what they can tell of the document's version (`Origin`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hubwright.domain.replica import LIVE, FollowUp, Record, Version
from hubwright.github.record_fields import (
    KINDS,
    MAX_ID,
    MAX_INDEXED,
    UNREADABLE,
    count,
    form_plan,
    number,
    text,
    time,
    words,
)

Doc = Mapping[str, Any]
Key = tuple[int | str, ...]

CREATED, MENTIONED, CHANGED, ENDED, REVIVED, DELETED, API_RANK = range(7)
"""What tells more of a thing where GitHub's times are the same; `domain.replica.Version`.

Bots label and close an issue within a second; the documents of both events then bear the same time.
"""

_TOKEN = "temp_clone_token"  # noqa: S105 - a key's name
_ORIGINS = ("parent", "source", "template_repository")
_FUTURE = 86_400.0
_BRANCH = 512

REPEATED = ("user", "organization", "repository")
"""What a payload has many times."""
_STATUS = {"completed": 0.2, "in_progress": 0.1}


Special = Callable[["Reader", Doc, dict[str, Any], Doc], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What orders the documents. `seen` is when GitHub wrote them, at the earliest; `came` when we got them.

    `came` is None for an answer of the API. `rank` as in `Version`, of what the delivery is about.
    """

    seen: float
    rank: int
    came: float | None = None


@dataclass(slots=True)
class Reader:
    """Collects what a document tells; `read` and `add` never raise for what is in it.

    `special` adds what a kind has beside its plain fields: it gets the reader, the document, its values, its parent.
    """

    origin: Origin
    special: Mapping[str, Special]
    records: list[Record] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    repeated: tuple[str, ...] = REPEATED
    known: dict[tuple[str, int], Doc] = field(default_factory=dict)

    def read(
        self,
        kind: str,
        doc: Any,
        parent: Doc,
        *,
        direct: bool = False,
        gone: bool = False,
        past: Doc | None = None,
        more: Doc | None = None,
    ) -> int | None:
        """Read a record with a number of GitHub's; that number. `direct`: the delivery or answer is about it."""
        if not isinstance(doc, Mapping):
            return None
        thing = read_id(doc)
        if thing is None:
            self.left_out.append(f"{kind}: it has no id")
            return None
        if not direct and kind in self.repeated:
            if self.known.get((kind, thing)) == doc:
                return thing
            self.known[kind, thing] = doc
        values = self.read_values(kind, doc, parent)
        special = self.special.get(kind)
        if special is not None:
            special(self, doc, values, parent)
        if kind == "issue" and doc.get("pull_request"):  # GitHub lists pull requests as issues too, under other numbers
            return thing
        if more:
            values |= more
        self.add(kind, (thing,), values, doc, direct=direct, gone=gone, past=past)
        return thing

    def read_values(self, kind: str, doc: Doc, parent: Doc) -> dict[str, Any]:
        """The values of the columns that the document has; its people and nested records are read too."""
        told = KINDS[kind]
        values: dict[str, Any] = {}
        for name, convert in form_plan(kind):
            if name in doc:
                value = convert(doc[name])
                if value is UNREADABLE:
                    self.left_out.append(f"{kind}.{name}: {str(doc[name])[:40]!r} is not what it holds")
                else:
                    values[name] = value
        for role in words(told.people):
            if role in doc:
                values |= self.read_person(role, doc[role])
        for name in words(told.belongs):
            if name in parent and name not in values:
                convert = text if name.endswith(("_login", "sha")) else count if "_number" in name else number
                value = convert(parent[name])
                values |= {} if value is UNREADABLE else {name: value}
        for name, nested in (told.nested or {}).items():
            if name in doc:
                self._read_nested(name, nested, doc[name], values, parent)
        return values

    def read_person(self, role: str, account: Any) -> dict[str, Any]:
        """The columns of an account, which is null for a ghost; a person or an organization of its own.

        Commits of unknown authors have an empty one. Pushes of old have owners with other fields, which tell neither.
        """
        if not account:
            return {f"{role}_id": None, f"{role}_login": None}
        if not isinstance(account, Mapping):
            self.left_out.append(f"{role}: {str(account)[:40]!r} is no account")
            return {}
        self.read_account(account)
        told = {f"{role}_id": read_id(account), f"{role}_login": text(account.get("login"))}
        return {name: value for name, value in told.items() if value not in (None, UNREADABLE)}

    def read_account(self, account: Any, *, direct: bool = False) -> None:
        """A user, or the organization that GitHub shows in a user's place. Authors of commits may have no number."""
        if isinstance(account, Mapping) and read_id(account) is not None and "login" in account:
            kind = "organization" if account.get("type") == "Organization" else "user"
            if not direct and ("name" in account or "email" in account):  # in a push the `name` is the login
                account = {name: account[name] for name in account if name not in {"name", "email"}}
            self.read(kind, account, {}, direct=direct)

    def add(
        self,
        kind: str,
        key: Key,
        values: dict[str, Any],
        doc: Doc,
        *,
        direct: bool = False,
        gone: bool = False,
        past: Doc | None = None,
    ) -> None:
        """Add the record of this key, with the version that the document has."""
        version, steps = self._judge(kind, doc, direct=direct, known=past)
        self.records.append(
            Record(
                kind=kind,
                key=key,
                version=version,
                values=values,
                raw=without_tokens(doc) if direct else None,
                past=(past or {}) if steps else None,
                deleted=gone,
                gone_at=self.origin.came if gone else None,
            )
        )

    def add_live(
        self, kind: str, key: Key, values: dict[str, Any], *, live: bool = True, seen: float | None = None
    ) -> None:
        """Add that somebody belongs somewhere, or no longer does; a delivery about it bears no time of its own.

        `seen` is when GitHub wrote it, at the earliest, where that is known better than from all of the delivery.
        """
        origin = self.origin
        values = {**values, LIVE: live}
        if origin.came is None:
            self.records.append(
                Record(kind=kind, key=key, version=Version(origin.seen, origin.seen, API_RANK), values=values)
            )
            return
        version = Version(origin.came, origin.seen if seen is None else seen, origin.rank)
        self.records.append(Record(kind=kind, key=key, version=version, values=values, past={LIVE: not live}))

    def follow(self, listing: str, where: Doc) -> None:
        """Have something loaded, when all that its address needs is known."""
        placed = {"owner", "repo"} <= where.keys() or "org" in where
        if placed and all(type(value) in (int, str) for value in where.values()):
            self.follow_ups.append(FollowUp(listing, tuple(sorted(where.items()))))

    def _read_nested(self, name: str, kind: str, doc: Any, values: dict[str, Any], parent: Doc) -> None:
        thing = None
        if isinstance(doc, Mapping) and (len(doc) > 1 or kind != "check_suite"):  # the API only names the suite
            thing = self.read(kind, doc, parent)
        elif isinstance(doc, Mapping):
            thing = read_id(doc)
        values[f"{name}_id"] = thing
        if kind == "milestone":
            told = count(doc.get("number")) if isinstance(doc, Mapping) else None
            values["milestone_number"] = told if told is not UNREADABLE else None

    def _judge(self, kind: str, doc: Doc, *, direct: bool, known: Doc | None) -> tuple[Version, bool]:
        """The version of a document, and whether it only is a step."""
        origin, told = self.origin, KINDS[kind]
        at = self._read_clock(kind, doc)
        rank = origin.rank if direct or origin.came is None else MENTIONED
        if told.timed and at is not None:
            return Version(at, max(origin.seen, at), rank), False
        if direct and told.stepwise and origin.came is not None:
            if at is not None:
                return Version(at, at, rank), False
            if rank == CREATED and known is None:  # that it was created is the oldest news there can be
                return Version(0.0, 0.0, CREATED), True
            return Version(origin.came, origin.seen, rank), True
        if told.timed:  # a part of it, without a time: it tells what nothing else does
            return Version(0.0, origin.seen, rank), False
        return Version(origin.seen, origin.seen, rank), False

    def _read_clock(self, kind: str, doc: Doc) -> float | None:
        told = [at for name in words(KINDS[kind].clock) if isinstance(at := time(doc.get(name)), float)]
        if not told:
            return None
        most = (self.origin.seen if self.origin.came is None else self.origin.came) + _FUTURE
        at = min(max(told), most)  # what an app says of its own checks may lie in any future
        if kind == "check_run":
            at = float(int(at)) + _STATUS.get(str(doc.get("status")), 0.0)
        return at


def read_id(doc: Doc, name: str = "id") -> int | None:
    """A number of GitHub's."""
    value = doc.get(name)
    return value if type(value) is int and 0 < value <= MAX_ID else None


def without_tokens(doc: Doc) -> Doc:
    """The document as it is kept: GitHub gives repositories with a token that clones them, to those who may."""
    if _TOKEN in doc:
        doc = {name: value for name, value in doc.items() if name != _TOKEN}
    for name in _ORIGINS:
        if name in doc and isinstance(inner := doc[name], Mapping) and _TOKEN in inner:
            doc = {**doc, name: without_tokens(inner)}
    return doc


def is_key(value: Any, most: int = MAX_INDEXED) -> bool:
    """Whether a text can be part of a key."""
    return isinstance(value, str) and 0 < len(value.encode("utf-8", "replace")) <= most and "\x00" not in value


def is_branch(name: Any) -> bool:
    """Whether a branch of this name can have a row."""
    return is_key(name, _BRANCH)
