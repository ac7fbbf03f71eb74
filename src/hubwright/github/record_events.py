"""What each event of GitHub's is about. Pure.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hubwright.domain.repos import NO_COMMIT
from hubwright.github import record_people
from hubwright.github.payloads import MAX_COMMITS
from hubwright.github.record_changes import DELETING, follow_record, get_object, name_place, read_past
from hubwright.github.record_fields import text, time
from hubwright.github.record_readers import CREATED, Doc, Reader, is_branch
from hubwright.github.record_refs import read_branch, read_commit, read_moved_branch, read_pushed_commit

Read = Callable[[Reader, Doc, Doc], None]


def read_main(event: str, reader: Reader, payload: Doc, parent: Doc) -> None:
    """Read what the event is about; nothing of an event that is not known."""
    known = _READERS.get(event)
    if known is not None:
        known(reader, payload, parent)


def _about(name: str, kind: str) -> Read:
    """An event about one record, by the name that the payload gives it."""

    def read(reader: Reader, payload: Doc, parent: Doc) -> None:
        gone = payload.get("action") in DELETING
        thing = reader.read(kind, payload.get(name), parent, direct=True, gone=gone, past=read_past(payload))
        if not gone and thing is not None:
            follow_record(reader, kind, payload, parent)

    return read


def _read_push(reader: Reader, payload: Doc, parent: Doc) -> None:
    repository_id, ref = parent.get("repository_id"), payload.get("ref")
    if repository_id is None or not isinstance(ref, str):
        return
    commits = payload.get("commits")
    commits = commits if isinstance(commits, list) else []
    head = payload.get("head_commit")
    for commit in [*commits, *([head] if head else [])]:
        read_pushed_commit(reader, commit, repository_id)
    before, after = text(payload.get("before")), text(payload.get("after"))
    if ref.startswith("refs/heads/") and isinstance(after, str):
        past = {"sha": None if before == NO_COMMIT else before} if isinstance(before, str) else {}
        to = None if after == NO_COMMIT or payload.get("deleted") is True else after
        read_moved_branch(reader, ref.removeprefix("refs/heads/"), repository_id, _pushed_at(reader, payload), past, to)
    if _is_cut(payload, commits):
        base = before if before != NO_COMMIT else get_object(payload, "repository").get("default_branch")
        if isinstance(base, str) and isinstance(after, str) and ref != f"refs/heads/{base}":
            reader.follow("compared", {**name_place(parent), "before": base, "after": after})
        else:
            reader.follow("commits", name_place(parent))


def _is_cut(payload: Doc, commits: list[Any]) -> bool:
    """Whether the push has more commits than are listed: GitHub lists 2,048, other forms of the event fewer.

    They tell the `size`; else the commit that the branch is at is missing from its list.
    """
    size = payload.get("size")
    if len(commits) >= MAX_COMMITS or (type(size) is int and size > len(commits)):
        return True
    listed = {str(commit.get("id")) for commit in commits if isinstance(commit, Mapping)}
    return bool(listed) and str(payload["ref"]).startswith("refs/heads/") and str(payload.get("after")) not in listed


def _pushed_at(reader: Reader, payload: Doc) -> float:
    """GitHub's time of the push. Its documents have whole seconds."""
    at = time(get_object(payload, "repository").get("pushed_at"))
    return at if isinstance(at, float) else reader.origin.came or 0.0


def _read_create(reader: Reader, payload: Doc, parent: Doc) -> None:
    """The push that comes with it tells the commit; that may be lost, or not be sent for many branches."""
    if payload.get("ref_type") == "branch" and is_branch(payload.get("ref")) and "repository_id" in parent:
        reader.add("branch", (parent["repository_id"], payload["ref"]), {}, {})
        reader.follow("branch", {**name_place(parent), "name": payload["ref"]})


def _read_delete(reader: Reader, payload: Doc, parent: Doc) -> None:
    if payload.get("ref_type") == "branch" and "repository_id" in parent:
        read_moved_branch(reader, payload.get("ref"), parent["repository_id"], _pushed_at(reader, payload), {}, None)


def _read_pull_request(reader: Reader, payload: Doc, parent: Doc) -> None:
    doc = get_object(payload, "pull_request")
    past = read_past(payload)
    if isinstance(payload.get("before"), str):
        past = {**(past or {}), "head_sha": payload["before"]}
    thing = reader.read("pull_request", doc, parent, direct=True, past=past)
    if thing is not None and payload.get("action") in ("opened", "synchronize", "reopened", "edited"):
        reader.follow("pull_files", _of_pull(doc, parent, thing))


def _of_pull(doc: Doc, parent: Doc, thing: int) -> dict[str, Any]:
    return {**name_place(parent), **_pull_parent(doc, thing), "number": doc.get("number")}


def _pull_parent(doc: Doc, thing: int | None) -> dict[str, Any]:
    return {"pull_request_id": thing, "pull_request_number": doc.get("number")}


def _under_pull(name: str, kind: str) -> Read:
    """What is said at a pull request, whose document comes with it."""

    def read(reader: Reader, payload: Doc, parent: Doc) -> None:
        doc = get_object(payload, "pull_request")
        thing = reader.read("pull_request", doc, parent)
        under = {**parent, **(_pull_parent(doc, thing) if thing is not None else {})}
        gone = payload.get("action") in DELETING
        said = reader.read(kind, payload.get(name), under, direct=True, gone=gone, past=read_past(payload))
        if kind == "review" and reader.origin.rank != CREATED and said is not None and thing is not None:
            reader.follow("pull_review", {**_of_pull(doc, parent, thing), "id": said})

    return read


def _read_thread(reader: Reader, payload: Doc, parent: Doc) -> None:
    doc = get_object(payload, "pull_request")
    thing = reader.read("pull_request", doc, parent)
    comments = get_object(payload, "thread").get("comments")
    for comment in comments if isinstance(comments, list) else []:
        reader.read("review_comment", comment, {**parent, **_pull_parent(doc, thing)})


def _read_issues(reader: Reader, payload: Doc, parent: Doc) -> None:
    """A transferred issue has another number and place: the old one is gone."""
    changes, action = get_object(payload, "changes"), payload.get("action")
    gone = action in ("deleted", "transferred")
    reader.read("issue", payload.get("issue"), parent, direct=True, gone=gone, past=read_past(payload))
    for way, away in (("new", False), ("old", True)):
        repository, issue = changes.get(f"{way}_repository"), changes.get(f"{way}_issue")
        if isinstance(repository, Mapping):
            number = reader.read("repository", repository, {})
            if isinstance(issue, Mapping) and number is not None:
                reader.read("issue", issue, {"repository_id": number}, direct=True, gone=away)


def _read_issue_comment(reader: Reader, payload: Doc, parent: Doc) -> None:
    issue = get_object(payload, "issue")
    thing = reader.read("issue", issue, parent)
    under = {**parent, "issue_id": thing, "issue_number": issue.get("number")} if thing is not None else parent
    gone = payload.get("action") in DELETING
    reader.read("issue_comment", payload.get("comment"), under, direct=True, gone=gone, past=read_past(payload))
    if issue.get("pull_request") and isinstance(issue.get("number"), int):
        reader.follow("pull", {**name_place(parent), "number": issue["number"]})


def _read_repository(reader: Reader, payload: Doc, _parent: Doc) -> None:
    """The repository itself; one that was transferred had another owner."""
    gone = payload.get("action") in DELETING
    reader.read("repository", payload.get("repository"), {}, direct=True, gone=gone)
    owner = get_object(get_object(get_object(payload, "changes"), "owner"), "from")
    for account in owner.values():
        reader.read_account(account)


def _read_fork(reader: Reader, payload: Doc, parent: Doc) -> None:
    """A new repository, of which the document does not say what it was forked from; the event does."""
    more = {"parent_id": parent["repository_id"]} if "repository_id" in parent else None
    reader.read("repository", payload.get("forkee"), {}, direct=True, more=more)


def _read_merge_group(reader: Reader, payload: Doc, parent: Doc) -> None:
    """The commit that a queue wants to merge; its branch has a push of its own."""
    commit = get_object(payload, "merge_group").get("head_commit")
    if commit and "repository_id" in parent:
        read_pushed_commit(reader, commit, parent["repository_id"], direct=False)


def _read_status(reader: Reader, payload: Doc, parent: Doc) -> None:
    reader.read("status", {name: value for name, value in payload.items() if name not in _AROUND}, parent, direct=True)
    if "repository_id" in parent:
        read_commit(reader, payload.get("commit"), parent["repository_id"])
        for branch in payload["branches"] if isinstance(payload.get("branches"), list) else []:
            read_branch(reader, branch, parent["repository_id"])


_AROUND = {"repository", "sender", "organization", "installation", "enterprise", "commit", "branches"}


_READERS: Mapping[str, Read] = {
    "push": _read_push,
    "create": _read_create,
    "delete": _read_delete,
    "pull_request": _read_pull_request,
    "pull_request_review": _under_pull("review", "review"),
    "pull_request_review_comment": _under_pull("comment", "review_comment"),
    "pull_request_review_thread": _read_thread,
    "issues": _read_issues,
    "issue_comment": _read_issue_comment,
    "commit_comment": _about("comment", "commit_comment"),
    "label": _about("label", "label"),
    "milestone": _about("milestone", "milestone"),
    "release": _about("release", "release"),
    "repository": _read_repository,
    "public": _read_repository,
    "status": _read_status,
    "check_run": _about("check_run", "check_run"),
    "check_suite": _about("check_suite", "check_suite"),
    "team": record_people.read_team,
    "team_add": record_people.read_team,
    "membership": record_people.read_membership,
    "organization": record_people.read_organization,
    "member": record_people.read_member,
    "fork": _read_fork,
    "star": record_people.read_star,
    "meta": record_people.read_hook,
    "ping": record_people.read_hook,
    "installation": record_people.read_installation,
    "installation_repositories": record_people.read_installation,
    "merge_group": _read_merge_group,
}
