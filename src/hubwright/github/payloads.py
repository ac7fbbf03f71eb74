"""GitHub's JSON in, our values out. Pure, tolerant of what is missing, strict about names, shas and refs.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hubwright.domain.refs import check_branch, check_owner, check_ref, check_repository, check_sha, read_clone_url
from hubwright.domain.repos import (
    NO_COMMIT,
    ApprovalComment,
    CheckRequest,
    CheckWish,
    Commit,
    Event,
    Other,
    PullRequestEvent,
    Push,
    RefEvent,
    ReleaseEvent,
    Repository,
)
from hubwright.errors import MalformedError
from hubwright.github.webhook import LEGACY_PUSH

MAX_COMMITS = 2048
"""GitHub lists no more commits of a push. https://docs.github.com/en/webhooks/webhook-events-and-payloads#push"""

_MAX_ID = 2**63 - 1
_LONGEST_LOGIN = 100
_COMMAND = "/hubwright approve"
_APPROVAL = re.compile(_COMMAND + " ([0-9a-f]{40}|[0-9a-f]{64})")
_RUN = re.compile(r"run-([1-9][0-9]{0,17})")
_FULL_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SKIP_WORDS = ("[skip ci]", "[ci skip]", "[no ci]", "***no_ci***")
_SKIP_TRAILER = re.compile(r"\nskip-checks:[ \t]*true\Z", re.IGNORECASE)


def read_event(event: str, payload: dict[str, Any]) -> Event:
    """Return what a delivery says; `Other` for all that starts nothing, whatever it holds.

    Raises MalformedError where a push, a pull request or a new or deleted branch lacks what building it needs.
    """
    reader = _READERS.get(event)
    return reader(payload) if reader else _read_other(event, payload)


def name_repository(event: str, payload: dict[str, Any]) -> str | None:
    """Return the repository (owner/name) whose events have an order, in which this is one.

    None where that means nothing, as for all that starts nothing, and where the delivery can't be read.
    """
    if event not in _READERS:
        return None
    name = _object(payload, "repository").get("full_name")
    if isinstance(name, str) and _FULL_NAME.fullmatch(name):  # nearly always; to read it all costs each webhook more
        return name
    try:
        if event == LEGACY_PUSH:
            return read_legacy_push(payload).repository.full_name
        return read_repository(_object(payload, "repository")).full_name
    except MalformedError:
        return None


def read_push(payload: dict[str, Any]) -> Push:
    """Read event `push`. Raises MalformedError."""
    return _read_moved_ref(payload, read_repository(_object(payload, "repository")))


def read_legacy_push(payload: dict[str, Any]) -> Push:
    """Read the push document of 2008, bare or in a field `payload`; its repository has an address and no number.

    What `POST /build` takes. Raises MalformedError.
    """
    payload = _object(payload, "payload") or payload
    data = _object(payload, "repository")
    address = read_clone_url(_needed(data, "url", "repository"))
    repository = Repository(
        id=_number(data, "id"),
        owner=address.owner,
        name=address.name,
        private=bool(data.get("private")),
        description=_text(data, "description"),
        html_url=_text(data, "url"),
    )
    return _read_moved_ref(payload, repository)


def read_pull_request_event(payload: dict[str, Any]) -> PullRequestEvent:
    """Read event `pull_request`; the head's repository is None when the fork is gone. Raises MalformedError."""
    pull_request = _object(payload, "pull_request")
    head, base, author = (_object(pull_request, key) for key in ("head", "base", "user"))
    number = _number(payload, "number") or _number(pull_request, "number")
    if number is None:
        raise MalformedError("The pull request has no number.")
    head_repository = _object(head, "repo")
    return PullRequestEvent(
        repository=read_repository(_object(payload, "repository")),
        action=_needed(payload, "action", "event"),
        number=number,
        title=_text(pull_request, "title") or "",
        head_sha=check_sha(_needed(head, "sha", "pull request's head")),
        head_ref=check_branch(_needed(head, "ref", "pull request's head")),
        head_repository=read_repository(head_repository) if head_repository else None,
        base_ref=check_branch(_needed(base, "ref", "pull request's base")),
        base_sha=check_sha(_needed(base, "sha", "pull request's base")),
        author_login=_login(author, "login"),
        author_id=_number(author, "id"),
        draft=pull_request.get("draft") is True,
        merged=pull_request.get("merged") is True,
        retargeted=bool(_object(_object(payload, "changes"), "base")),
        updated_at=_read_time(pull_request, "updated_at"),
        labels=tuple(name for label in _objects(pull_request, "labels") if (name := _text(label, "name"))),
    )


def read_repository(data: dict[str, Any]) -> Repository:
    """Read a repository as webhooks and the API send it. Raises MalformedError."""
    if not data:
        raise MalformedError("The event has no repository.")
    owner = _object(data, "owner")
    login = _text(owner, "login") or _text(owner, "name") or (_text(data, "full_name") or "").partition("/")[0]
    branch = _text(data, "default_branch")
    return Repository(
        id=_number(data, "id"),
        owner=check_owner(login),
        name=check_repository(_needed(data, "name", "repository")),
        private=data.get("private") is True,
        fork=data.get("fork") is True,
        default_branch=check_branch(branch) if branch else None,
        description=_text(data, "description"),
        html_url=_text(data, "html_url"),
    )


def is_skipped(message: str) -> bool:
    """Whether a commit's message asks for no build: `[skip ci]` and its kin in any case, or the last trailer.

    https://docs.github.com/en/actions/managing-workflow-runs/skipping-workflow-runs
    """
    lowered = message.lower()
    return any(word in lowered for word in _SKIP_WORDS) or bool(_SKIP_TRAILER.search(message.rstrip()))


def _read_moved_ref(payload: dict[str, Any], repository: Repository) -> Push:
    before = check_sha(_text(payload, "before") or NO_COMMIT)
    after = check_sha(_needed(payload, "after", "push"))
    head = _object(payload, "head_commit")
    pusher = _object(payload, "pusher")
    return Push(
        repository=repository,
        ref=check_ref(_needed(payload, "ref", "push")),
        before=before,
        after=after,
        created=payload.get("created") is True or _is_no_commit(before),
        deleted=payload.get("deleted") is True or _is_no_commit(after),
        forced=payload.get("forced") is True,
        commits=tuple(_read_commit(commit) for commit in _objects(payload, "commits")[-MAX_COMMITS:]),
        head_commit=_read_commit(head) if head else None,
        pusher=_text(pusher, "name") or _text(pusher, "login"),
        base_ref=_text(payload, "base_ref"),
    )


def _read_commit(data: dict[str, Any]) -> Commit:
    author = _object(data, "author")
    return Commit(
        sha=check_sha(_needed(data, "id", "commit")),
        message=_text(data, "message") or "",
        author_name=_text(author, "name"),
        author_email=_text(author, "email"),
        author_login=_login(author, "username"),
        timestamp=_text(data, "timestamp"),
        url=_text(data, "url"),
        distinct=data.get("distinct") is not False,
        added=_texts(data, "added"),
        removed=_texts(data, "removed"),
        modified=_texts(data, "modified"),
    )


def read_merge_group(payload: dict[str, Any]) -> Event:
    """Read event `merge_group`: the push of a queue's branch, of which GitHub may tell with `push` as well.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#merge_group
    """
    if _text(payload, "action") != "checks_requested":
        return _read_other("merge_group", payload)
    group = _object(payload, "merge_group")
    head = _object(group, "head_commit")
    return Push(
        repository=read_repository(_object(payload, "repository")),
        ref=check_ref(_needed(group, "head_ref", "merge group")),
        before=check_sha(_needed(group, "base_sha", "merge group")),
        after=check_sha(_needed(group, "head_sha", "merge group")),
        created=True,
        head_commit=_read_commit(head) if head else None,
    )


def _read_ref_event(event: str, payload: dict[str, Any]) -> Event:
    """Read `create` and `delete`; GitHub once sent `create` for repositories too, without a ref."""
    ref_type = _text(payload, "ref_type")
    if ref_type not in {"branch", "tag"}:
        return _read_other(event, payload)
    return RefEvent(
        repository=read_repository(_object(payload, "repository")),
        action=event,
        ref_type=ref_type,
        ref=check_branch(_needed(payload, "ref", f"event `{event}`")),
    )


def read_comment(payload: dict[str, Any]) -> Event:
    """Read event `issue_comment`: a person's new comment at a pull request whose first line is our command.

    All else starts nothing: edited comments, bots, who sends what another wrote, commands further down or quoted.
    """
    comment, issue, sender = (_object(payload, key) for key in ("comment", "issue", "sender"))
    body, number, user_id = comment.get("body"), _number(issue, "number"), _number(sender, "id")
    login = _sender_of(sender)
    first = body.split("\n", 1)[0].removesuffix("\r") if isinstance(body, str) else ""
    if (
        payload.get("action") != "created"
        or not _object(issue, "pull_request")
        or sender.get("type") != "User"
        or user_id is None
        or user_id != _number(_object(comment, "user"), "id")
        or number is None
        or login is None
        or not (first == _COMMAND or first.startswith(f"{_COMMAND} "))
    ):
        return _read_other("issue_comment", payload)
    match = _APPROVAL.fullmatch(first)
    return ApprovalComment(
        repository=read_repository(_object(payload, "repository")),
        number=number,
        sha=match[1] if match else None,
        user_id=user_id,
        login=login,
    )


def read_check_request(event: str, payload: dict[str, Any]) -> Event:
    """Read events `check_run` and `check_suite`: a person wants checks of ours again, or has pressed their button.

    A suite that is only `requested` starts nothing: the push that it came with is built.
    https://docs.github.com/en/webhooks/webhook-events-and-payloads#check_run
    """
    check, sender = _object(payload, event), _object(payload, "sender")
    wish = _read_wish(payload)
    user_id, login = _number(sender, "id"), _sender_of(sender)
    if wish is None or user_id is None or login is None or sender.get("type") != "User":
        return _read_other(event, payload)
    run = _RUN.fullmatch(_text(check, "external_id") or "")
    return CheckRequest(
        repository=read_repository(_object(payload, "repository")),
        sha=check_sha(_needed(check, "head_sha", f"event `{event}`")),
        wish=wish,
        app=_read_app(_object(check, "app")),
        run=int(run[1]) if run else None,
        user_id=user_id,
        login=login,
    )


def _read_app(app: dict[str, Any]) -> tuple[str, ...]:
    """What people name an App by: its number and the client's id."""
    names = (str(_number(app, "id") or ""), _text(app, "client_id"))
    return tuple(name for name in names if name)


def _read_wish(payload: dict[str, Any]) -> CheckWish | None:
    action = payload.get("action")
    if action == "rerequested":
        return CheckWish.RERUN
    pressed = _object(payload, "requested_action").get("identifier") if action == "requested_action" else None
    return next((wish for wish in (CheckWish.RERUN_FAILED, CheckWish.CANCEL) if wish == pressed), None)


def _read_other(event: str, payload: dict[str, Any]) -> Other:
    try:
        repository = read_repository(_object(payload, "repository"))
    except MalformedError:
        repository = None
    details: dict[str, object] = {key: payload[key] for key in ("zen", "hook_id") if key in payload}
    return Other(event=event, action=_text(payload, "action"), repository=repository, details=details)


def _read_release(payload: dict[str, Any]) -> Event:
    """A release that was published, of a tag that can be built; all else that happens to releases starts nothing."""
    release = _object(payload, "release")
    tag, number = _text(release, "tag_name"), _number(release, "id")
    if payload.get("action") != "published" or release.get("draft") is True or not tag or number is None:
        return _read_other("release", payload)
    try:
        repository = read_repository(_object(payload, "repository"))
        return ReleaseEvent(repository=repository, number=number, tag=check_branch(tag))
    except MalformedError:
        return _read_other("release", payload)


_READERS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "push": read_push,
    "merge_group": read_merge_group,
    "pull_request": read_pull_request_event,
    "issue_comment": read_comment,
    "check_run": lambda payload: read_check_request("check_run", payload),
    "check_suite": lambda payload: read_check_request("check_suite", payload),
    "create": lambda payload: _read_ref_event("create", payload),
    "delete": lambda payload: _read_ref_event("delete", payload),
    "release": _read_release,
    LEGACY_PUSH: read_legacy_push,
}


def _is_no_commit(sha: str) -> bool:
    return not sha.strip("0")


def _object(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _objects(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = data.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(data: dict[str, Any], key: str) -> str | None:
    """Return a text that every database takes (PostgreSQL has no NUL), None when there is none."""
    value = data.get(key)
    return value.replace("\x00", "\ufffd") if isinstance(value, str) and value else None


def _login(data: dict[str, Any], key: str) -> str | None:
    """Return a login as a build shows it: cut where it is longer than any of GitHub's; the copy has it whole."""
    text = _text(data, key)
    return text and text[:_LONGEST_LOGIN]


def _sender_of(sender: dict[str, Any]) -> str | None:
    """Return the login of who asks for something, None when GitHub could not be asked about it."""
    try:
        return check_owner(_text(sender, "login") or "")
    except MalformedError:
        return None


def _texts(data: dict[str, Any], key: str) -> tuple[str, ...]:
    value = data.get(key)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _read_time(data: dict[str, Any], key: str) -> str | None:
    """Return a time as GitHub's REST documents have it, in UTC, so that texts compare as times do."""
    value = data.get(key)
    return value if isinstance(value, str) and _TIME.fullmatch(value) else None


def _number(data: dict[str, Any], key: str) -> int | None:
    """Return a GitHub number: positive, 64 bits."""
    value = data.get(key)
    return value if type(value) is int and 0 < value <= _MAX_ID else None


def _needed(data: dict[str, Any], key: str, where: str) -> str:
    """Return a text that must be there and is never mended."""
    text = data.get(key)
    if not isinstance(text, str) or not text or "\x00" in text:
        raise MalformedError(f"The {where} has no `{key}`, or it is not a text.")
    return text
