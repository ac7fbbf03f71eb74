"""What some kinds of records have beside their plain fields: labels, people, the sides of a pull request … Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from hubwright.github.record_changes import name_text
from hubwright.github.record_fields import KINDS, words
from hubwright.github.record_readers import Doc, Reader, Special, read_id
from hubwright.github.record_refs import read_pushed_commit


def last_of(url: Any) -> str | None:
    """The last part of an address's path."""
    return unquote(url.rstrip("/").rpartition("/")[2]) if isinstance(url, str) and url else None


def number_of(url: Any) -> int | None:
    """The number at an address's end: an issue's, a pull request's."""
    last = last_of(url)
    return int(last) if last and last.isascii() and last.isdigit() and len(last) < 10 else None


def name_things(docs: Any, *names: str) -> list[dict[str, Any]] | None:
    """What is nested many times, by its numbers and names, in an order that does not depend on who tells."""
    if not isinstance(docs, list):
        return None
    things = [
        {name: doc.get(name) if name == "id" else name_text(doc, name) for name in names}
        for doc in docs
        if isinstance(doc, Mapping) and read_id(doc)
    ]
    return sorted(things, key=lambda thing: int(thing["id"]))


def _read_labels(reader: Reader, doc: Doc, values: dict[str, Any], parent: Doc) -> None:
    if "labels" in doc:
        values["labels"] = name_things(doc["labels"], "id", "name")
        for label in doc["labels"] if isinstance(doc["labels"], list) else []:
            if isinstance(label, Mapping) and read_id(label):  # very old documents have labels without numbers
                reader.read("label", label, parent)


def _read_people(reader: Reader, doc: Doc, values: dict[str, Any], *names: str) -> None:
    for name in names:
        if name in doc:
            values[name] = name_things(doc[name], "id", "login")
            for account in doc[name] if isinstance(doc[name], list) else []:
                reader.read_account(account)


def _read_issue(reader: Reader, doc: Doc, values: dict[str, Any], parent: Doc) -> None:
    _read_labels(reader, doc, values, parent)
    _read_people(reader, doc, values, "assignees")


def _read_pull_request(reader: Reader, doc: Doc, values: dict[str, Any], parent: Doc) -> None:
    _read_labels(reader, doc, values, parent)
    _read_people(reader, doc, values, "assignees", "requested_reviewers")
    if "requested_teams" in doc:
        values["requested_teams"] = name_things(doc["requested_teams"], "id", "slug")
        for team in doc["requested_teams"] if isinstance(doc["requested_teams"], list) else []:
            reader.read("team", team, {})
    for side in ("head", "base"):
        end = doc.get(side)
        if not isinstance(end, Mapping):
            continue
        values |= {f"{side}_{name}": name_text(end, name) for name in ("ref", "sha") if isinstance(end.get(name), str)}
        repository = end.get("repo")
        known = reader.read("repository", repository, {}) if isinstance(repository, Mapping) else None
        if side == "base":
            values |= {"repository_id": known} if known is not None else {}
        elif "repo" in end:  # null where the fork was deleted
            values |= {
                "head_repository_id": known,
                "head_repository": name_text(repository, "full_name") if isinstance(repository, Mapping) else None,
            }
            values |= reader.read_person("head_user", end.get("user"))


def _read_repository(reader: Reader, doc: Doc, values: dict[str, Any], parent: Doc) -> None:
    owner = doc.get("owner")
    if isinstance(owner, Mapping) and "type" in owner:
        of = owner if owner["type"] == "Organization" else {}
        values |= {"organization_id": read_id(of), "organization_login": name_text(of, "login")}
    elif isinstance(doc.get("organization"), Mapping):  # very old owners do not say what they are
        values |= reader.read_person("organization", doc["organization"])
    viewer, rights = parent.get("viewer_id"), doc.get("permissions")
    if isinstance(viewer, int) and isinstance(rights, Mapping):
        told = {
            name: rights[name] for name in words(KINDS["user_repository"].flags) if isinstance(rights.get(name), bool)
        }
        reader.add_live("user_repository", (viewer, int(doc["id"])), told)


def _read_comment(_reader: Reader, doc: Doc, values: dict[str, Any], _parent: Doc) -> None:
    if "issue_number" not in values and (found := number_of(doc.get("issue_url"))) is not None:
        values["issue_number"] = found


def _read_review(_reader: Reader, doc: Doc, values: dict[str, Any], _parent: Doc) -> None:
    if isinstance(values.get("state"), str):
        values["state"] = values["state"].upper()  # webhooks say `approved` and the API `APPROVED`
    if "pull_request_number" not in values and (found := number_of(doc.get("pull_request_url"))) is not None:
        values["pull_request_number"] = found


def _read_status(_reader: Reader, doc: Doc, values: dict[str, Any], _parent: Doc) -> None:
    if "sha" not in values and (sha := last_of(doc.get("url"))) is not None:
        values["sha"] = sha


def _read_app(reader: Reader, doc: Doc, values: dict[str, Any], _parent: Doc) -> None:
    app = doc.get("app")
    if isinstance(app, Mapping):
        reader.read_account(app.get("owner"))
        values |= {"app_id": read_id(app), "app_slug": name_text(app, "slug")}


def _read_check_suite(reader: Reader, doc: Doc, values: dict[str, Any], parent: Doc) -> None:
    _read_app(reader, doc, values, parent)
    commit, repository_id = doc.get("head_commit"), read_id(parent, "repository_id")
    if commit and repository_id is not None:
        read_pushed_commit(reader, commit, repository_id, direct=False)


def _read_team(reader: Reader, doc: Doc, values: dict[str, Any], _parent: Doc) -> None:
    organization = doc.get("organization")
    if isinstance(organization, Mapping):
        reader.read("organization", organization, {})
        values |= {"organization_id": read_id(organization), "organization_login": name_text(organization, "login")}


def _read_release(reader: Reader, doc: Doc, _values: dict[str, Any], _parent: Doc) -> None:
    assets = doc.get("assets")
    for asset in assets if isinstance(assets, list) else []:
        if isinstance(asset, Mapping):
            reader.read_account(asset.get("uploader"))


SPECIAL: Mapping[str, Special] = {
    "issue": _read_issue,
    "pull_request": _read_pull_request,
    "repository": _read_repository,
    "issue_comment": _read_comment,
    "review": _read_review,
    "review_comment": _read_review,
    "status": _read_status,
    "check_run": _read_app,
    "check_suite": _read_check_suite,
    "team": _read_team,
    "release": _read_release,
}
"""What each kind has beside its plain fields."""
