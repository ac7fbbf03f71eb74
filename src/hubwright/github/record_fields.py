"""What each kind of GitHub's records has, and how its JSON is turned into the values of columns. Pure.

A value that no column can hold is left out, and so told; its neighbours are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

MAX_ID = 2**63 - 1
MAX_COUNT = 2**31 - 1
MAX_INDEXED = 2600
"""Bytes of a text that is indexed or part of a key."""

_INDEXED = {
    "user": "login", "organization": "login", "repository": "full_name", "label": "name", "status": "sha",
    "check_suite": "head_sha", "check_run": "head_sha", "commit_comment": "commit_id", "hook_delivery": "guid",
}  # fmt: skip
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_800  # the years 1 to 9999, which every database has
_TIME = 40  # characters of the longest time

UNREADABLE = object()
"""What a converter gives for a value that is not what its column holds."""

Convert = Callable[[Any], Any]


def text(value: Any) -> Any:
    """A text that every database takes: PostgreSQL has no NUL."""
    if value is None:
        return None
    if not isinstance(value, str):
        return UNREADABLE
    return value.replace("\x00", "\ufffd") if "\x00" in value else value


def number(value: Any) -> Any:
    """A number of GitHub's: 64 bits."""
    return value if value is None or (type(value) is int and -MAX_ID <= value <= MAX_ID) else UNREADABLE


def count(value: Any) -> Any:
    """A small whole number."""
    return value if value is None or (type(value) is int and -MAX_COUNT <= value <= MAX_COUNT) else UNREADABLE


def flag(value: Any) -> Any:
    """Yes or no."""
    return value if value is None or isinstance(value, bool) else UNREADABLE


def real(value: Any) -> Any:
    """A number with a fraction."""
    return value if value is None or (isinstance(value, int | float) and not isinstance(value, bool)) else UNREADABLE


def short(value: Any) -> Any:
    """A text that an index holds: PostgreSQL's takes no more than 2,704 bytes of a row."""
    told = text(value)
    return told if not isinstance(told, str) or len(told.encode("utf-8", "replace")) <= MAX_INDEXED else UNREADABLE


def document(value: Any) -> Any:
    """Any JSON."""
    return value


def time(value: Any) -> Any:
    """Unix seconds, of the two forms that GitHub has for times (https://github.com/isaacs/github/issues/1534)."""
    if value is None:
        return None
    if isinstance(value, str):
        return _read_iso(value) if len(value) <= _TIME else UNREADABLE
    if isinstance(value, int | float) and not isinstance(value, bool) and _EARLIEST <= value < _LATEST:
        return float(value)
    return UNREADABLE


@lru_cache(maxsize=4096)
def _read_iso(value: str) -> Any:
    try:
        moment = datetime.fromisoformat(value)
        at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        return at if _EARLIEST <= at < _LATEST else UNREADABLE
    except (ValueError, OverflowError):
        return UNREADABLE


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of record: the names of its JSON fields, which are those of its columns, by what they hold.

    `people` are accounts, which become `…_id` and `…_login`; `belongs` are columns that the parent gives; `nested` are
    fields that are records of another kind. `clock` are the times that version it. With `timed` they order its
    documents among each other, however they came; else GitHub's documents of it are ordered by when it wrote them, and
    its own events, if `stepwise`, by what they replaced.
    """

    texts: str = ""
    ids: str = ""
    counts: str = ""
    flags: str = ""
    times: str = ""
    reals: str = ""
    documents: str = ""
    people: str = ""
    belongs: str = ""
    nested: Mapping[str, str] | None = None
    clock: str = ""
    timed: bool = False
    stepwise: bool = True


_TOLD = "author_association html_url"
_MADE = "created_at updated_at"

KINDS: Mapping[str, Kind] = {
    "user": Kind(
        texts="login type name company blog location email bio twitter_username avatar_url html_url",
        counts="public_repos public_gists followers following", flags="site_admin hireable", times=_MADE,
    ),
    "organization": Kind(
        texts="login name description company blog location email twitter_username avatar_url html_url",
        counts="public_repos public_gists followers following", flags="is_verified", times=f"{_MADE} archived_at",
    ),
    "repository": Kind(
        texts="name full_name visibility default_branch description homepage language html_url mirror_url",
        flags="private fork archived disabled is_template allow_forking web_commit_signoff_required has_issues"
        " has_projects has_wiki has_pages has_downloads has_discussions",
        ids="size", counts="stargazers_count watchers_count forks_count open_issues_count",
        documents="topics license", times=f"{_MADE} pushed_at", clock="updated_at pushed_at", timed=True,
        people="owner", nested={"parent": "repository", "source": "repository"},
    ),
    "user_repository": Kind(
        texts="permission role_name", flags="admin maintain push triage pull", belongs="user_login",
    ),
    "star": Kind(times="starred_at", belongs="user_login"),
    "branch": Kind(flags="protected", stepwise=False),
    "commit": Kind(
        documents="added removed modified", counts="comment_count", people="author committer", stepwise=False
    ),
    "release": Kind(
        texts="tag_name target_commitish name body html_url tarball_url zipball_url",
        flags="draft prerelease immutable", documents="assets", times=f"{_MADE} published_at", clock="updated_at",
        people="author", belongs="repository_id",
    ),
    "status": Kind(
        texts="sha state context description target_url", times=_MADE, clock="updated_at", timed=True,
        people="creator", belongs="repository_id sha",
    ),
    "check_suite": Kind(
        texts="head_branch head_sha status conclusion before after", documents="pull_requests",
        counts="latest_check_runs_count", times=_MADE, clock="updated_at", timed=True, belongs="repository_id",
    ),
    "check_run": Kind(
        texts="head_sha name external_id status conclusion html_url details_url", documents="output pull_requests",
        times="started_at completed_at", clock="started_at completed_at", timed=True, belongs="repository_id",
        nested={"check_suite": "check_suite"},
    ),
    "pull_request": Kind(
        texts=f"state title body active_lock_reason merge_commit_sha mergeable_state {_TOLD}",
        counts="number comments review_comments commits additions deletions changed_files",
        flags="draft locked merged mergeable rebaseable maintainer_can_modify", documents="auto_merge",
        times=f"{_MADE} closed_at merged_at", clock="updated_at", timed=True, people="user assignee merged_by",
        belongs="repository_id", nested={"milestone": "milestone"},
    ),
    "pull_request_file": Kind(
        texts="sha status previous_filename patch blob_url", counts="additions deletions changes",
        belongs="repository_id",
    ),
    "issue": Kind(
        texts=f"state state_reason title body active_lock_reason {_TOLD}", counts="number comments", flags="locked",
        documents="reactions", times=f"{_MADE} closed_at", clock="updated_at", timed=True,
        people="user assignee closed_by", belongs="repository_id", nested={"milestone": "milestone"},
    ),
    "issue_comment": Kind(
        texts=f"body {_TOLD}", documents="reactions", times=_MADE, clock="updated_at", timed=True, people="user",
        belongs="repository_id issue_id issue_number",
    ),
    "label": Kind(texts="name color description", flags="default", belongs="repository_id"),
    "milestone": Kind(
        texts="title description state html_url", counts="number open_issues closed_issues",
        times=f"{_MADE} closed_at due_on", clock="updated_at", timed=True, people="creator", belongs="repository_id",
    ),
    "review": Kind(
        texts=f"state body commit_id {_TOLD}", times="submitted_at updated_at", clock="updated_at", people="user",
        belongs="repository_id pull_request_id pull_request_number",
    ),
    "review_comment": Kind(
        texts=f"path side start_side subject_type commit_id original_commit_id diff_hunk body {_TOLD}",
        ids="pull_request_review_id in_reply_to_id",
        counts="position original_position line original_line start_line original_start_line", documents="reactions",
        times=_MADE, clock="updated_at", timed=True, people="user",
        belongs="repository_id pull_request_id pull_request_number",
    ),
    "commit_comment": Kind(
        texts=f"commit_id path body {_TOLD}", counts="position line", documents="reactions", times=_MADE,
        clock="updated_at", timed=True, people="user", belongs="repository_id",
    ),
    "team": Kind(
        texts="name slug description privacy permission notification_setting html_url",
        counts="members_count repos_count", times=_MADE, clock="updated_at", nested={"parent": "team"},
        belongs="organization_id organization_login",
    ),
    "team_member": Kind(texts="role state", belongs="user_login"),
    "team_repository": Kind(texts="permission role_name"),
    "organization_member": Kind(texts="role state", belongs="user_login"),
    "hook": Kind(
        texts="type name url", flags="active", documents="events config last_response", ids="app_id", times=_MADE,
        clock="updated_at", timed=True, belongs="repository_id organization_id",
    ),
    "hook_delivery": Kind(
        texts="guid event action status", counts="status_code", ids="repository_id installation_id", reals="duration",
        flags="redelivery", times="delivered_at throttled_at", clock="delivered_at", timed=True, belongs="hook_id",
    ),
    "installation": Kind(
        texts="app_slug target_type repository_selection html_url", ids="app_id target_id",
        documents="permissions events", times=f"{_MADE} suspended_at", clock="updated_at", timed=True,
        people="account suspended_by",
    ),
    "installation_repository": Kind(texts="full_name"),
}  # fmt: skip


@cache
def form_plan(kind: str) -> tuple[tuple[str, Convert], ...]:
    """The fields of a kind and how each is converted."""
    told = KINDS[kind]
    by_type = (
        (told.texts, text),
        (told.ids, number),
        (told.counts, count),
        (told.flags, flag),
        (told.times, time),
        (told.reals, real),
        (told.documents, document),
    )
    plan = {name: convert for names, convert in by_type for name in names.split()}
    return tuple((plan | dict.fromkeys(words(_INDEXED.get(kind, "")), short)).items())


@cache
def words(names: str) -> tuple[str, ...]:
    """The words of a table's entry."""
    return tuple(names.split())
