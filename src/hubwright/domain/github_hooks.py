"""What a webhook at GitHub has to be like (a repository's, an organization's, an App's), and in what one differs. Pure.

https://docs.github.com/en/rest/repos/webhooks
https://docs.github.com/en/rest/orgs/webhooks
https://docs.github.com/en/rest/apps/webhooks
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

REPOSITORY_EVENTS = (
    "branch_protection_rule", "check_run", "check_suite", "commit_comment", "create", "delete", "fork", "issue_comment",
    "issues", "label", "member", "merge_group", "meta", "milestone", "public", "pull_request", "pull_request_review",
    "pull_request_review_comment", "push", "release", "repository", "star", "status", "team_add",
)  # fmt: skip
"""What is known of the events of a repository's hook; `EVENTS` are those that we read."""

EVENTS = tuple(event for event in REPOSITORY_EVENTS if event not in {"branch_protection_rule", "team_add"})
"""The events that our readers read and that a repository's hook can send. `ping` comes without being asked for."""

ORGANIZATION_EVENTS = tuple(sorted((*EVENTS, "membership", "organization", "team")))
"""Those that an organization's hook, or an App, can send. `installation…` comes to Apps without being asked for."""

ALL = "*"
DOOR = "/hooks/github"
MASKED = "********"
"""What GitHub shows in place of a secret: whether there is one, never which."""

_DOORS = (DOOR, "/replication")
_SLOW = frozenset({"unused", "active", "ok", None})


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The hook as it should be: our address and a secret, which is never shown."""

    url: str
    secret: str = field(repr=False)

    @property
    def config(self) -> dict[str, str]:
        """As GitHub takes it. All of it, always: what is left out of a change GitHub removes."""
        return {"url": self.url, "content_type": "json", "insecure_ssl": "0", "secret": self.secret}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a hook is compared with; `remedy` is said of events that the hub can't change."""

    url: str
    events: Sequence[str]
    remedy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class HookState:
    """How a hook stands. `differences` are sentences; with none it is as it should be.

    `code` and `answer` are what our side said to the last delivery, as GitHub tells it: None before the first one.
    `doubles` are further hooks that send to us, `others` how many send elsewhere.
    """

    id: int | None = None
    url: str | None = None
    active: bool = False
    events: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    code: int | None = None
    answer: str | None = None
    doubles: tuple[int, ...] = ()
    others: int = 0

    @property
    def word(self) -> str:
        """`none`, `off`, `different`, `failing` or `on`: the first that holds."""
        if self.id is None:
            return "none"
        if not self.active:
            return "off"
        if self.differences:
            return "different"
        return "failing" if self.code is not None and not 200 <= self.code < 300 else "on"


def compare_hooks(hooks: Iterable[Mapping[str, Any]], url: str, events: Sequence[str] = EVENTS) -> HookState:
    """How it stands, from all hooks of the place as GitHub lists them; ours are known by their address."""
    every = [hook for hook in hooks if isinstance(hook.get("id"), int)]
    ours = sorted((hook for hook in every if is_ours(hook, url)), key=lambda hook: _rank(hook, url))
    if not ours:
        return HookState(others=len(every))
    doubles = tuple(hook["id"] for hook in ours[1:])
    return _describe(ours[0], _Wanted(url, events), doubles, len(every) - len(ours))


def compare_app(app: Mapping[str, Any], config: Mapping[str, Any], sent: Mapping[str, Any], url: str) -> HookState:
    """How the one hook of an App stands: from the App, the hook's settings, and its last delivery ({}: none yet).

    GitHub does not tell whether an App's hook is active; one without an address sends nothing.
    """
    code = sent.get("status_code")
    last = {"code": code or None, "message": sent.get("status")} if sent else {}
    address = bool(_text(config.get("url")))
    hook = {**app, "config": config, "active": address, "last_response": last}
    remedy = "; an App's events are chosen on its page at GitHub"
    return _describe(hook, _Wanted(url, ORGANIZATION_EVENTS, remedy), (), 0)


def _describe(hook: Mapping[str, Any], wanted: _Wanted, doubles: tuple[int, ...], others: int) -> HookState:
    last = hook.get("last_response")
    told: Mapping[str, Any] = last if isinstance(last, dict) else {}
    code = told.get("code")
    return HookState(
        id=hook["id"],
        url=_text(_config(hook).get("url")),
        active=hook.get("active") is True,
        events=_events(hook),
        differences=tuple(_find_differences(hook, wanted, doubles)),
        code=code if isinstance(code, int) else None,
        answer=_text(told.get("message")) or (None if told.get("status") in _SLOW else _text(told.get("status"))),
        doubles=doubles,
        others=others,
    )


def is_ours(hook: Mapping[str, Any], url: str) -> bool:
    """Whether a hook sends to one of the doors at our address, by `http` or `https`."""
    found, own = _split(_config(hook).get("url")), _split(url)
    base = own.path.removesuffix(DOOR)
    path = found.path.rstrip("/").removeprefix(base)
    known = any(path == door or path.startswith(f"{door}/") for door in _DOORS)
    return known and found.netloc.lower() == own.netloc.lower() and found.path.startswith(base)


def _find_differences(hook: Mapping[str, Any], wanted: _Wanted, doubles: Sequence[int]) -> Iterable[str]:
    config = _config(hook)
    if config.get("url") != wanted.url:
        yield f"it sends to {config.get('url') or 'nowhere'} instead of {wanted.url}"
    if hook.get("active") is not True:
        yield "it is switched off"
    events = _events(hook)
    if ALL not in events:
        missing = [event for event in wanted.events if event not in events]
        if missing:
            yield f"it does not send {', '.join(missing)}{wanted.remedy}"
    surplus = [event for event in events if event not in wanted.events]
    if surplus:
        yield f"it sends {', '.join(surplus)}, which is not read"
    if config.get("content_type") != "json":
        yield f"its content type is {config.get('content_type') or 'form'} instead of json"
    if not config.get("secret"):
        yield "it has no secret, so its deliveries are refused"
    if str(config.get("insecure_ssl", "0")) != "0":
        yield "it does not check the certificate of this hub"
    if doubles:
        yield f"{len(doubles)} more send the same here"


def _rank(hook: Mapping[str, Any], url: str) -> tuple[bool, bool, int]:
    """The one at the right address first, then one that works, then the oldest."""
    return _config(hook).get("url") != url, hook.get("active") is not True, hook["id"]


def _events(hook: Mapping[str, Any]) -> tuple[str, ...]:
    events = hook.get("events")
    return tuple(sorted(event for event in events if isinstance(event, str))) if isinstance(events, list) else ()


def _config(hook: Mapping[str, Any]) -> Mapping[str, Any]:
    config = hook.get("config")
    return config if isinstance(config, Mapping) else {}


def _split(url: object) -> SplitResult:
    try:
        return urlsplit(url) if isinstance(url, str) else urlsplit("")
    except ValueError:
        return urlsplit("")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
