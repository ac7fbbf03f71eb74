"""Forming check runs within GitHub's limits, and reading them. Pure.

https://docs.github.com/en/rest/checks/runs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from hubwright.github.requests import MAX_CONTEXT, Request, cut_text, find_border, form_path

AT_ONCE = 50
"""Annotations that a request may have; further ones are added by more requests."""

MAX_TEXT = 65_535
"""Of summary and text. The documentation says characters, GitHub counts bytes (github/docs#35252)."""

MAX_MESSAGE = 64 * 1024
"""Bytes of an annotation's message."""

MAX_TITLE = 255
MAX_ACTIONS = 3
MAX_LINE = 2**31 - 1

_MAX_LABEL, _MAX_ABOUT, _MAX_IDENTIFIER = 20, 40, 20
_CUT = "…"


class Status(StrEnum):
    """How far a check run is. One that is completed never goes back: another one of its name is made instead."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


class Conclusion(StrEnum):
    """How it ended. GitHub has no word for faults of the machinery; `success` and `skipped` let a merge pass."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"


class Level(StrEnum):
    """How bad an annotation is."""

    FAILURE = "failure"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """What is wrong at a line of a file; `path` is relative to the repository."""

    path: str
    message: str
    level: Level
    line: int = 1
    column: int | None = None
    title: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A button that people with write access see; GitHub tells us its `identifier` when one is pressed."""

    label: str
    about: str
    identifier: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRun:
    """A check run as it shall be. Texts are Markdown, times Unix seconds; what is too long is cut when it is sent."""

    name: str
    sha: str
    title: str
    summary: str
    text: str = ""
    status: Status = Status.QUEUED
    conclusion: Conclusion | None = None
    details_url: str = ""
    external_id: str = ""
    started_at: float | None = None
    completed_at: float | None = None
    annotations: tuple[Annotation, ...] = ()
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A check run as GitHub has it; `annotations` is their number."""

    id: int
    name: str
    external_id: str
    conclusion: str | None
    annotations: int


def form_check_run(owner: str, repository: str, check: CheckRun) -> Request:
    """Make a check run, with its first annotations."""
    body = {"name": cut_text(check.name, MAX_CONTEXT), "head_sha": check.sha, **_form_body(check, 0)}
    return Request(method="POST", path=form_path("repos", owner, repository, "check-runs"), json=body, owner=owner)


def form_change(owner: str, repository: str, number: int, check: CheckRun, sent: int) -> Request:
    """Have check run `number` be like `check`, and add the annotations that follow the first `sent`."""
    path = form_path("repos", owner, repository, "check-runs", number)
    return Request(method="PATCH", path=path, json=_form_body(check, sent), owner=owner)


def form_listing(owner: str, repository: str, sha: str) -> Request:
    """Ask for the newest check run of each name at a commit, everybody's."""
    path = form_path("repos", owner, repository, "commits", sha, "check-runs")
    return Request(method="GET", path=f"{path}?filter=latest&per_page=100", owner=owner, remember=False)


def form_look(owner: str, repository: str, number: int) -> Request:
    """Ask for one check run."""
    path = form_path("repos", owner, repository, "check-runs", number)
    return Request(method="GET", path=path, owner=owner, remember=False)


def read_check_run(data: Any) -> Known | None:
    """What GitHub says of a check run; None when that is none."""
    if not isinstance(data, dict) or type(data.get("id")) is not int:
        return None
    output = data.get("output")
    count = output.get("annotations_count") if isinstance(output, dict) else None
    conclusion = data.get("conclusion")
    return Known(
        id=data["id"],
        name=str(data.get("name") or ""),
        external_id=str(data.get("external_id") or ""),
        conclusion=conclusion if isinstance(conclusion, str) else None,
        annotations=count if type(count) is int else 0,
    )


def is_of_app(data: object, app_id: str) -> bool:
    """Whether a thing of GitHub's was made by that App, of which people give the id or the client's id."""
    app = data if isinstance(data, Mapping) else {}
    return bool(app_id) and app_id in {str(app.get("id")), app.get("client_id")}


def cut_bytes(text: str, limit: int) -> str:
    """The text in at most `limit` bytes of UTF-8, never half a character: a cut is shown by `…`."""
    raw = text.encode("utf-8", "replace")
    whole = raw.decode()
    if len(raw) <= limit:
        return whole
    fits = len(raw[: limit - len(_CUT.encode())].decode("utf-8", "ignore"))
    return whole[: find_border(whole, fits)] + _CUT


def _form_body(check: CheckRun, sent: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "external_id": check.external_id[:MAX_CONTEXT],
        "status": check.status,
        "output": _form_output(check, sent),
        "actions": [_form_action(action) for action in check.actions[:MAX_ACTIONS]],
    }
    if check.details_url.startswith(("http://", "https://")):
        body["details_url"] = check.details_url
    if check.conclusion is not None:
        body |= {"status": Status.COMPLETED, "conclusion": check.conclusion}
    for name, moment in (("started_at", check.started_at), ("completed_at", check.completed_at)):
        if moment is not None:
            body[name] = f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return body


def _form_output(check: CheckRun, sent: int) -> dict[str, Any]:
    output: dict[str, Any] = {
        "title": cut_text(check.title, MAX_TITLE) or "?",
        "summary": cut_bytes(check.summary, MAX_TEXT),
    }
    if check.text:
        output["text"] = cut_bytes(check.text, MAX_TEXT)
    batch = check.annotations[sent : sent + AT_ONCE]
    if batch:
        output["annotations"] = [_form_annotation(one) for one in batch]
    return output


def _form_annotation(one: Annotation) -> dict[str, Any]:
    line = min(max(one.line, 1), MAX_LINE)
    shown: dict[str, Any] = {
        "path": one.path,
        "start_line": line,
        "end_line": line,
        "annotation_level": one.level,
        "message": cut_bytes(one.message, MAX_MESSAGE) or "?",
    }
    if one.column is not None and 0 < one.column <= MAX_LINE:
        shown |= {"start_column": one.column, "end_column": one.column}
    if one.title:
        shown["title"] = cut_text(one.title, MAX_TITLE)
    return shown


def _form_action(action: Action) -> dict[str, str]:
    return {
        "label": action.label[:_MAX_LABEL],
        "description": action.about[:_MAX_ABOUT],
        "identifier": action.identifier[:_MAX_IDENTIFIER],
    }
