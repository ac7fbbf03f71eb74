"""What the events share: what was replaced, where it is, and what must be loaded because no version orders it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubwright.github.record_fields import text
from hubwright.github.record_readers import CHANGED, CREATED, DELETED, ENDED, REVIVED, Doc, Reader, read_id

DELETING = ("deleted",)
_RANKS = {
    **dict.fromkeys(("created", "opened", "submitted", "requested"), CREATED),
    **dict.fromkeys(("closed", "completed", "archived", "converted_to_draft", "dismissed", "locked", "suspend"), ENDED),
    **dict.fromkeys(("reopened", "rerequested", "unarchived", "ready_for_review", "unlocked", "unsuspend"), REVIVED),
    **dict.fromkeys(DELETING, DELETED),
}


def rank_action(action: Any) -> int:
    """How much an event tells of what it is about beside others of the same second."""
    return _RANKS.get(action, CHANGED) if isinstance(action, str) else CHANGED


def read_past(payload: Doc) -> dict[str, Any] | None:
    """The values that were replaced; None where the event tells of no change."""
    changes = payload.get("changes")
    if not isinstance(changes, Mapping):
        return None
    return {
        name: change["from"] for name, change in changes.items() if isinstance(change, Mapping) and "from" in change
    }


_NO_VERSION = {"label": ("label", "name", "name"), "release": ("release", "id", "id"), "team": ("team", "slug", "team")}
"""Records whose documents bear no version: what was edited is loaded, by a listing, a field and its parameter."""


def follow_record(reader: Reader, kind: str, payload: Doc, parent: Doc) -> None:
    """Load the record anew where nothing but its arrival orders what was told of it."""
    known = _NO_VERSION.get(kind)
    if known is None or reader.origin.rank == CREATED:
        return
    listing, field, parameter = known
    named = name_text(get_object(payload, kind), field) or read_id(get_object(payload, kind), field)
    place = parent if kind != "team" else name_organization(payload)
    if named and place:
        reader.follow(listing, {**name_place(place), parameter: named})


def name_place(parent: Doc) -> dict[str, Any]:
    """What the address of a listing needs of the repository or the organization."""
    wanted = ("owner", "repo", "repository_id", "org", "organization_id")
    return {name: parent[name] for name in wanted if name in parent}


def name_organization(payload: Doc) -> dict[str, Any]:
    """The organization that the payload is of; empty when it is of none."""
    organization = get_object(payload, "organization")
    number, login = read_id(organization), name_text(organization, "login")
    return {"org": login, "organization_id": number} if number and login else {}


def name_text(doc: Doc, name: str) -> str | None:
    """The text of this name, None where there is none."""
    value = text(doc.get(name))
    return value if isinstance(value, str) else None


def get_object(doc: Doc, name: str) -> Doc:
    """The object of this name, an empty one where there is none."""
    value = doc.get(name)
    return value if isinstance(value, Mapping) else {}
