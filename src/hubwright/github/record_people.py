"""The events about teams, members, stars, hooks and installations: who belongs where. Pure."""

from __future__ import annotations

from typing import Any

from hubwright.github.record_changes import (
    DELETING,
    follow_record,
    get_object,
    name_organization,
    name_place,
    name_text,
    read_past,
)
from hubwright.github.record_fields import time
from hubwright.github.record_readers import Doc, Reader, read_id


def read_team(reader: Reader, payload: Doc, parent: Doc) -> None:
    """A team, and which repositories it has; `team_add` has no action and says that it has one more."""
    action = payload.get("action")
    team, repository = get_object(payload, "team"), parent.get("repository_id")
    gone = action in DELETING
    under = {"organization_login": place["org"], **place} if (place := name_organization(payload)) else {}
    thing = reader.read("team", team, under, direct=True, gone=gone, past=read_past(payload))
    if thing is None or gone:
        return
    if action in ("added_to_repository", "removed_from_repository", None) and repository is not None:
        told = {"permission": name_text(team, "permission")} if "permission" in team else {}
        reader.add_live("team_repository", (thing, repository), told, live=action != "removed_from_repository")
    follow_record(reader, "team", payload, parent)


def read_membership(reader: Reader, payload: Doc, _parent: Doc) -> None:
    """Event `membership`: who came into a team or left it; a team that was deleted has only its number."""
    team, member, place = get_object(payload, "team"), get_object(payload, "member"), name_organization(payload)
    under = {"organization_login": place["org"], **place} if place else {}
    thing = None if team.get("deleted") is True else reader.read("team", team, under)
    person = read_id(member)
    reader.read_account(member)
    if thing is None or person is None:
        return
    live = payload.get("action") != "removed"
    reader.add_live("team_member", (thing, person), {"user_login": name_text(member, "login")}, live=live)
    if place and isinstance(team.get("slug"), str):
        reader.follow("team_members", {**place, "team": team["slug"], "team_id": thing})


def read_organization(reader: Reader, payload: Doc, _parent: Doc) -> None:
    """The organization itself, or one of its members."""
    action, place = payload.get("action"), name_organization(payload)
    if action in ("deleted", "renamed"):
        gone = action == "deleted"
        reader.read("organization", payload.get("organization"), {}, direct=True, gone=gone, past=read_past(payload))
        return
    membership = get_object(payload, "membership")
    member = get_object(membership, "user")
    person = read_id(member)
    for account in (member, payload.get("user"), get_object(payload, "invitation").get("inviter")):
        reader.read_account(account)
    if action in ("member_added", "member_removed") and person is not None and place:
        told = {name: name_text(membership, name) for name in ("role", "state") if name in membership}
        told["user_login"] = name_text(member, "login")
        key = (place["organization_id"], person)
        reader.add_live("organization_member", key, told, live=action == "member_added")
        reader.follow("org_members", place)


def read_member(reader: Reader, payload: Doc, parent: Doc) -> None:
    """Event `member`: who may do what in a repository."""
    member, repository = get_object(payload, "member"), parent.get("repository_id")
    person = read_id(member)
    reader.read_account(member)
    if person is None or repository is None:
        return
    told: dict[str, Any] = {"user_login": name_text(member, "login")}
    changes = get_object(payload, "changes")
    for name in ("permission", "role_name"):
        if (to := name_text(get_object(changes, name), "to")) is not None:
            told[name] = to
    reader.add_live("user_repository", (person, repository), told, live=payload.get("action") != "removed")
    reader.follow("collaborators", name_place(parent))


def read_star(reader: Reader, payload: Doc, parent: Doc) -> None:
    """Event `star`: whoever sent it gave the star, or took it back."""
    sender, repository = get_object(payload, "sender"), parent.get("repository_id")
    person = read_id(sender)
    if person is not None and repository is not None:
        starred_at = time(payload.get("starred_at"))
        told = {
            "user_login": name_text(sender, "login"),
            "starred_at": starred_at if isinstance(starred_at, float) else None,
        }
        live = payload.get("action") not in DELETING
        seen = reader.origin.seen + (0.0 if live else 0.5)  # in whole seconds: who takes it back gave it before
        reader.add_live("star", (person, repository), told, live=live, seen=seen)


def read_hook(reader: Reader, payload: Doc, parent: Doc) -> None:
    """Events `ping` and `meta`: the hook that sends, and its end. That of an App has no place."""
    under = parent if "repository_id" in parent else name_organization(payload)
    gone = payload.get("action") in DELETING
    reader.read("hook", payload.get("hook"), under, direct=True, gone=gone)


def read_installation(reader: Reader, payload: Doc, _parent: Doc) -> None:
    """An App's installation, and the repositories that it has."""
    gone = payload.get("action") in DELETING
    thing = reader.read("installation", payload.get("installation"), {}, direct=True, gone=gone)
    if thing is None:
        return
    lists = (("repositories", not gone), ("repositories_added", True), ("repositories_removed", False))
    for name, live in lists:
        for repository in payload[name] if isinstance(payload.get(name), list) else []:
            number = reader.read("repository", repository, {})
            if number is not None:
                told = {"full_name": name_text(repository, "full_name")}
                reader.add_live("installation_repository", (thing, number), told, live=live)
