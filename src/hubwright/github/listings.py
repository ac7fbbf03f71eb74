"""The one table of what can be loaded from GitHub: where it is listed, what its items are, what hangs below them. Pure.

https://docs.github.com/en/rest
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from string import Formatter
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

PER_PAGE = 100
"""Items of a page; GitHub gives no more."""

MOST_PAGES = 20_000
"""Pages of one listing, at most: two million items."""


_PLAIN: Mapping[str, Any] = {}


class Increment(StrEnum):
    """How a listing gives only what changed: by its parameter `since`, or sorted by change, newest first."""

    SINCE = "since"
    SORTED = "sorted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """One address of GitHub's API and how it is read.

    `path` has its parameters in braces. `kind` is that of the records read from each item (those of one record are not
    `many`), `swept` the kind that vanishes when an item does, None when absence proves nothing; `scope` are the columns
    that hold which rows are listed here. `single` asks for one item, with `single_by` its parameters by the columns of
    a row. `gives` are the parameters, by their dotted place in an item, that what hangs `below` it needs; `under` are
    the records to ask for first, for what they give. `stated`: it takes `?state=`; `types` are what it takes as
    `?type=`.
    """

    name: str
    path: str
    kind: str
    many: bool = True
    wrapper: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    increment: Increment | None = None
    stated: bool = False
    types: tuple[str, ...] = ()
    swept: str | None = None
    scope: tuple[str, ...] = ()
    single: str | None = None
    single_by: Mapping[str, str] = field(default_factory=dict)
    under: tuple[str, ...] = ()
    gives: Mapping[str, str] = field(default_factory=dict)
    below: tuple[str, ...] = ()
    always_below: bool = False
    bare: bool = False
    newer: str | None = None
    noted_as: str | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path's braces."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)


def form_address(
    listing: Listing, where: Mapping[str, Any], options: Mapping[str, Any] = _PLAIN, *, since: str | None = None
) -> str:
    """The path and query of the first page; of `options`, `state` and `type` count where the listing takes them.

    Raises KeyError when a parameter of the path is missing from `where`.
    """
    path = listing.path.format_map({name: quote(str(where[name]), safe="") for name in listing.parameters})
    query = dict(listing.query)
    if listing.many:
        query["per_page"] = str(PER_PAGE)
    if listing.stated:
        query["state"] = options.get("state") or "all"
    if listing.types and options.get("type"):
        query["type"] = options["type"]
    if since is not None and listing.increment is Increment.SINCE:
        query |= {"since": since, "sort": "updated", "direction": "asc"}
    if since is not None and listing.increment is Increment.SORTED:
        query |= {"sort": "updated", "direction": "desc"}
    return f"{path}?{urlencode(query)}" if query else path


def form_further_pages(last_url: str) -> list[str]:
    """The addresses of pages 2 to last; [] when `last_url` (of `rel="last"`) tells no number of pages."""
    last = dict(parse_qsl(urlsplit(last_url).query)).get("page", "")
    if not (last.isascii() and last.isdigit() and 1 < int(last) <= MOST_PAGES):
        return []
    return [form_page_address(last_url, page) for page in range(2, int(last) + 1)]


def form_page_address(url: str, number: int) -> str:
    """The address of another page of the same list."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), "page": str(number)}
    return urlunsplit(parts._replace(query=urlencode(query)))


def read_items(listing: Listing, document: Any) -> list[dict[str, Any]]:
    """The items of an answer; what is no object is left out."""
    found: Any = document
    if listing.bare:
        found = []
    elif not listing.many:
        found = [document]
    elif listing.wrapper and isinstance(document, dict):
        found = document.get(listing.wrapper)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def read_given(listing: Listing, item: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters that an item gives to what hangs below it; None when one is missing."""
    found = {name: _look_up(item, place) for name, place in listing.gives.items()}
    return None if None in found.values() else found


def read_changed_at(item: Mapping[str, Any]) -> str | None:
    """When GitHub last changed the item, ISO 8601."""
    at = item.get("updated_at")
    return at if isinstance(at, str) else None


def _look_up(item: Any, place: str) -> Any:
    for name in place.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def _rows() -> Iterator[Listing]:
    """Lists come whole, oldest first where GitHub can: then what is added meanwhile moves no page."""
    yield from _repositories()
    yield from _numbered()
    yield from _of_repositories()
    yield from _of_commits()
    yield from _organizations()


_IN_REPOSITORY = ("repository",)
_OF_REPOSITORY = {"owner": "owner.login", "repo": "name", "repository_id": "id"}
_BELOW_REPOSITORY = (
    "labels", "milestones", "issues", "issue_comments", "pulls", "review_comments", "commit_comments", "branches",
    "commits", "releases", "collaborators", "hooks",
)  # fmt: skip
_BY_ID = {"id": "id"}
_BY_LOGIN = {"user_login": "user_login"}
_OLDEST_FIRST = {"sort": "created", "direction": "asc"}


def _repositories() -> Iterator[Listing]:
    given: dict[str, Any] = {"gives": _OF_REPOSITORY, "below": _BELOW_REPOSITORY}
    yield Listing(name="repository", path="/repos/{owner}/{repo}", kind="repository", many=False, **given)
    yield Listing(
        name="user_repos",
        path="/users/{user}/repos",
        kind="repository",
        query={"type": "owner"},
        types=("all", "owner", "member"),
        under=("user",),
        **given,
    )
    yield Listing(
        name="own_repos", path="/user/repos", kind="repository", swept="user_repository", scope=("user_id",),
        under=("viewer",), types=("all", "owner", "public", "private", "member"), **given,
    )  # fmt: skip
    yield Listing(name="org_repos", path="/orgs/{org}/repos", kind="repository", under=("organization",), **given)
    yield Listing(name="user", path="/users/{user}", kind="user", many=False, gives={"user_id": "id"})
    yield Listing(name="viewer", path="/user", kind="user", many=False, gives={"user_id": "id", "viewer_id": "id"})


def _numbered() -> Iterator[Listing]:
    """Issues, pull requests, and what belongs to one of them."""
    yield Listing(
        name="issues", path="/repos/{owner}/{repo}/issues", kind="issue", query=_OLDEST_FIRST, stated=True,
        increment=Increment.SINCE, swept="issue", scope=("repository_id",), single="issue",
        single_by={"number": "number"}, under=_IN_REPOSITORY,
    )  # fmt: skip
    yield _one("issue", "issues/{number}", "issue")
    pulls: dict[str, Any] = {
        "path": "/repos/{owner}/{repo}/pulls", "kind": "pull_request", "query": _OLDEST_FIRST, "stated": True,
        "increment": Increment.SORTED, "swept": "pull_request", "scope": ("repository_id",),
        "single": "pull", "single_by": {"number": "number"}, "under": _IN_REPOSITORY,
        "gives": {"number": "number", "pull_request_number": "number", "pull_request_id": "id"},
    }  # fmt: skip
    yield Listing(name="pulls", below=("pull_files", "pull_reviews"), **pulls)
    yield Listing(name="reviews", below=("pull_reviews",), always_below=True, **pulls)
    yield _one("pull", "pulls/{number}", "pull_request", gives=pulls["gives"], below=("pull_files", "pull_reviews"))
    yield Listing(
        name="pull_files", path="/repos/{owner}/{repo}/pulls/{number}/files", kind="pull_request_file",
        swept="pull_request_file", scope=("pull_request_id",), under=("repository", "pull"),
    )  # fmt: skip
    yield Listing(
        name="pull_reviews", path="/repos/{owner}/{repo}/pulls/{number}/reviews", kind="review", swept="review",
        scope=("pull_request_id",), under=("repository", "pull"), single="pull_review", single_by=_BY_ID,
    )  # fmt: skip
    yield _one("pull_review", "pulls/{number}/reviews/{id}", "review", under=("repository", "pull"))
    yield Listing(
        name="pull_commits", path="/repos/{owner}/{repo}/pulls/{number}/commits", kind="commit",
        under=("repository", "pull"),
    )  # fmt: skip
    for name, place, kind in (("issue_comments", "issues/comments", "issue_comment"),
                              ("review_comments", "pulls/comments", "review_comment")):  # fmt: skip
        yield _in_repository(name, place, kind, query=_OLDEST_FIRST, increment=Increment.SINCE,
                             single=kind, single_by=_BY_ID)  # fmt: skip
        yield _one(kind, place + "/{id}", kind)


def _of_repositories() -> Iterator[Listing]:
    """What a repository has a list of."""
    yield _in_repository("commit_comments", "comments", "commit_comment", single="commit_comment", single_by=_BY_ID)
    yield _one("commit_comment", "comments/{id}", "commit_comment")
    yield _in_repository("labels", "labels", "label", single="label", single_by={"name": "name"})
    yield _one("label", "labels/{name}", "label")
    yield _in_repository(
        "milestones",
        "milestones",
        "milestone",
        stated=True,
        single="milestone",
        single_by={"number": "number"},
    )
    yield _one("milestone", "milestones/{number}", "milestone")
    yield _in_repository("releases", "releases", "release", single="release", single_by=_BY_ID)
    yield _one("release", "releases/{id}", "release")
    yield _in_repository("hooks", "hooks", "hook", single="hook", single_by=_BY_ID)
    yield _one("hook", "hooks/{id}", "hook")
    yield _in_repository("branches", "branches", "branch", single="branch", single_by={"name": "name"})
    yield _one("branch", "branches/{name}", "branch")
    yield _in_repository(
        "collaborators", "collaborators", "user_repository", query={"affiliation": "all"},
        single="collaborator", single_by=_BY_LOGIN,
    )  # fmt: skip
    yield _one("collaborator", "collaborators/{user_login}", "user_repository", bare=True)


def _of_commits() -> Iterator[Listing]:
    """Commits, which stay, and what is said about one, which GitHub drops when it is old."""
    compared: dict[str, Any] = {"kind": "commit", "wrapper": "commits", "under": _IN_REPOSITORY}
    yield Listing(
        name="commits", path="/repos/{owner}/{repo}/commits", kind="commit", increment=Increment.SINCE,
        under=_IN_REPOSITORY, newer="new_commits",
    )  # fmt: skip
    yield Listing(
        name="new_commits", path="/repos/{owner}/{repo}/compare/{before}...HEAD", noted_as="commits", **compared
    )
    yield Listing(name="compared", path="/repos/{owner}/{repo}/compare/{before}...{after}", **compared)
    yield _one("commit", "commits/{ref}", "commit", gives={"sha": "sha", "head_sha": "sha"})
    for name, place, kind in (("statuses", "statuses", "status"), ("check_runs", "check-runs", "check_run"),
                              ("check_suites", "check-suites", "check_suite")):  # fmt: skip
        checks = kind != "status"
        yield Listing(
            name=name, path=f"/repos/{{owner}}/{{repo}}/commits/{{sha}}/{place}", kind=kind, swept=kind,
            scope=("repository_id", "head_sha" if checks else "sha"), under=("repository", "commit"),
            wrapper=name if checks else None, query={"filter": "all"} if kind == "check_run" else {},
            single=kind if checks else None, single_by=_BY_ID if checks else {},
        )  # fmt: skip
        if checks:
            yield _one(kind, f"{place}/{{id}}", kind)


def _organizations() -> Iterator[Listing]:
    yield Listing(
        name="organization", path="/orgs/{org}", kind="organization", many=False,
        gives={"org": "login", "organization_id": "id", "organization_login": "login"},
        below=("org_members", "org_teams"),
    )  # fmt: skip
    yield Listing(
        name="org_members", path="/orgs/{org}/members", kind="organization_member", swept="organization_member",
        scope=("organization_id",), under=("organization",), single="org_member", single_by=_BY_LOGIN,
    )  # fmt: skip
    yield Listing(
        name="org_member", path="/orgs/{org}/members/{user_login}", kind="organization_member", many=False, bare=True,
    )  # fmt: skip
    yield Listing(
        name="org_teams", path="/orgs/{org}/teams", kind="team", swept="team", scope=("organization_id",),
        single="team", single_by={"team": "slug"}, under=("organization",), gives={"team": "slug", "team_id": "id"},
        below=("team_members",),
    )  # fmt: skip
    yield Listing(
        name="team", path="/orgs/{org}/teams/{team}", kind="team", many=False, under=("organization",),
        gives={"team": "slug", "team_id": "id"}, below=("team_members",),
    )  # fmt: skip
    yield Listing(
        name="team_members", path="/orgs/{org}/teams/{team}/members", kind="team_member", swept="team_member",
        scope=("team_id",), under=("organization", "team"), single="membership", single_by=_BY_LOGIN,
    )  # fmt: skip
    yield Listing(
        name="membership", path="/orgs/{org}/teams/{team}/memberships/{user_login}", kind="team_member", many=False,
        bare=True,
    )  # fmt: skip


def _in_repository(name: str, place: str, kind: str, **more: Any) -> Listing:
    """A listing of a repository whose rows vanish with its items."""
    path = f"/repos/{{owner}}/{{repo}}/{place}"
    return Listing(name=name, path=path, kind=kind, swept=kind, scope=("repository_id",), under=_IN_REPOSITORY, **more)


def _one(name: str, place: str, kind: str, under: tuple[str, ...] = _IN_REPOSITORY, **more: Any) -> Listing:
    return Listing(name=name, path=f"/repos/{{owner}}/{{repo}}/{place}", kind=kind, many=False, under=under, **more)


LISTINGS: Mapping[str, Listing] = {listing.name: listing for listing in _rows()}
"""Every listing and every single record, by name."""

_NO_LOADS = {"reviews", "compared", "new_commits"}
_SAID_OF_COMMITS = {"statuses": "statuses", "check_runs": "check-runs", "check_suites": "check-suites"}

LOADS: Mapping[str, tuple[str, ...]] = {
    **{
        listing.path: (listing.name,)
        for listing in LISTINGS.values()
        if not listing.bare and listing.name not in {*_NO_LOADS, *_SAID_OF_COMMITS}
    },
    **{f"/repos/{{owner}}/{{repo}}/commits/{{ref}}/{place}": (name,) for name, place in _SAID_OF_COMMITS.items()},
    "/user/{user}/repos": ("user_repos",),
    "/repos/{owner}/{repo}/reviews": ("reviews",),
    "/repos/{owner}/{repo}/comments": ("commit_comments", "issue_comments", "review_comments"),
}
"""What an address below `/load` loads: GitHub's own addresses, and three that GitHub does not have so."""
