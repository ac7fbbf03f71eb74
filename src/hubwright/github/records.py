"""GitHub's documents in, records of the copy out: the same readers for webhooks and for the API. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hubwright.domain.replica import FollowUp, Reading
from hubwright.github.record_changes import name_text, rank_action
from hubwright.github.record_events import read_main
from hubwright.github.record_fields import time
from hubwright.github.record_readers import (
    API_RANK,
    REPEATED,
    Origin,
    Reader,
    is_key,
    read_id,
)
from hubwright.github.record_refs import read_branch, read_commit
from hubwright.github.record_special import SPECIAL

_WRITTEN = ("updated_at", "pushed_at", "created_at", "submitted_at", "published_at", "starred_at")
"""Times that GitHub's own clock gave; those of commits and of an app's checks are anybody's."""

_DAY = 86_400.0
_MEMBERS = {
    "user_repository": "repository_id",
    "team_member": "team_id",
    "organization_member": "organization_id",
    "star": "repository_id",
}
_REPOSITORIES = {"team_repository": "team_id", "installation_repository": "installation_id"}


def read_delivery(event: str, payload: Mapping[str, Any], received_at: float) -> Reading:
    """Everything that a webhook tells; what it does not know it leaves alone. Never raises for what is in `payload`."""
    rank = rank_action(payload.get("action"))
    reader = Reader(Origin(seen=_when_written(payload, received_at), rank=rank, came=received_at), SPECIAL)
    parent = _read_around(event, reader, payload)
    read_main(event, reader, payload, parent)
    return _end(reader)


def read_listed(kind: str, item: Mapping[str, Any], *, parent: Mapping[str, Any], observed_at: float) -> Reading:
    """What an item of a listing, or a single record that was fetched, tells.

    `kind` names the table (`issue`). `parent` has what the item lacks: `repository_id`, `organization_id`,
    `organization_login`, `pull_request_id`, `pull_request_number`, `issue_id`, `issue_number`, `team_id`, `hook_id`,
    `installation_id`, `sha`; `viewer_id` is whose token asked, where repositories tell what that user may do.
    `observed_at` is the answer's `Date` in Unix seconds.
    """
    return read_page(kind, [item], parent=parent, observed_at=observed_at)


def read_page(
    kind: str, items: Iterable[Mapping[str, Any]], *, parent: Mapping[str, Any], observed_at: float
) -> Reading:
    """What all items of an answer tell, as `read_listed`; what many of them mention is read once."""
    reader = Reader(Origin(seen=observed_at, rank=API_RANK), SPECIAL, repeated=(*REPEATED, "label", "milestone"))
    for item in items:
        _read_item(reader, kind, item, parent)
    return _end(reader)


def _read_item(reader: Reader, kind: str, item: Mapping[str, Any], parent: Mapping[str, Any]) -> None:
    if kind in _MEMBERS:
        _read_member(reader, kind, item, parent)
    elif kind in _REPOSITORIES:
        _read_repository_of(reader, kind, item, parent)
    elif kind == "pull_request_file":
        _read_file(reader, item, parent)
    elif kind in {"commit", "branch"} and read_id(parent, "repository_id") is not None:
        (read_commit if kind == "commit" else read_branch)(reader, item, parent["repository_id"], direct=True)
    elif kind == "user":
        reader.read_account(item, direct=True)
    else:
        reader.read(kind, item, parent, direct=True)


def _when_written(payload: Mapping[str, Any], received_at: float) -> float:
    """When GitHub wrote the payload, at the earliest; nought when it has no time of GitHub's."""
    docs = [payload, *(doc for doc in payload.values() if isinstance(doc, Mapping))]
    found = (time(doc[name]) for doc in docs for name in _WRITTEN if name in doc)
    most = received_at + _DAY
    return max((at for at in found if isinstance(at, float) and at <= most), default=0.0)


def _read_around(event: str, reader: Reader, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Read what comes with every event; what its main record has as its parent."""
    parent: dict[str, Any] = {}
    repository, organization = payload.get("repository"), payload.get("organization")
    if isinstance(repository, Mapping):
        number = read_id(repository) if event in {"repository", "public"} else reader.read("repository", repository, {})
        owner, _, name = (name_text(repository, "full_name") or "").partition("/")
        if number is not None:
            parent = {"repository_id": number} | ({"owner": owner, "repo": name} if owner and name else {})
    reader.read("organization", organization, {})
    reader.read_account(payload.get("sender"))
    return parent


def _read_member(reader: Reader, kind: str, item: Mapping[str, Any], parent: Mapping[str, Any]) -> None:
    """Read an account that belongs somewhere."""
    user = item["user"] if isinstance(item.get("user"), Mapping) else item
    person, place = read_id(user), read_id(parent, _MEMBERS[kind])
    reader.read_account(user)
    if person is None or place is None:
        reader.left_out.append(f"{kind}: it has no id")
        return
    values = reader.read_values(kind, {**item, **_rights(item)}, {"user_login": name_text(user, "login")})
    key = (person, place) if kind in {"user_repository", "star"} else (place, person)
    reader.add_live(kind, key, values)


def _read_repository_of(reader: Reader, kind: str, item: Mapping[str, Any], parent: Mapping[str, Any]) -> None:
    number, place = reader.read("repository", item, {}), read_id(parent, _REPOSITORIES[kind])
    if number is not None and place is not None:
        reader.add_live(kind, (place, number), reader.read_values(kind, item, {}))


def _rights(item: Mapping[str, Any]) -> Mapping[str, Any]:
    rights = item.get("permissions")
    return rights if isinstance(rights, Mapping) else {}


def _read_file(reader: Reader, item: Mapping[str, Any], parent: Mapping[str, Any]) -> None:
    """Read a file of a pull request: its name is the key, for two may have the same content and a moved one none."""
    pull_request = read_id(parent, "pull_request_id")
    if pull_request is None or not is_key(item.get("filename")):
        reader.left_out.append("pull_request_file: it has no name, or one that is too long")
        return
    values = reader.read_values("pull_request_file", item, parent)
    reader.add_live("pull_request_file", (pull_request, str(item["filename"])), values)


def _end(reader: Reader) -> Reading:
    follow_ups: dict[FollowUp, None] = dict.fromkeys(reader.follow_ups)
    return Reading(tuple(reader.records), tuple(follow_ups), tuple(reader.left_out))
