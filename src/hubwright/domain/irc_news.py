"""What the bot on IRC announces where: events, and the rules of channels. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hubwright.domain.irc_names import fold_name, is_channel
from hubwright.domain.matching import glob_matches
from hubwright.errors import MalformedError


class News(StrEnum):
    """What can be announced. The values are those of rules and of `!notify`; turns of a branch are called as ever."""

    COMMITS = "commits"  # pushed, forced ones too
    REFS = "refs"  # branches and tags, new and deleted
    BROKEN = "broken"
    STILL_FAILING = "still-failing"
    FIXED = "fixed"
    SUCCESS = "success"
    CANCELLED = "cancelled"
    ERROR = "error"  # no commit's fault
    BUILDER_OFFLINE = "builder-offline"
    BUILDER_ONLINE = "builder-online"


TURNS = frozenset({News.BROKEN, News.STILL_FAILING, News.FIXED, News.SUCCESS, News.CANCELLED})
"""News that are about a build."""

USUAL = frozenset(
    {News.COMMITS, News.REFS, News.BROKEN, News.FIXED, News.ERROR, News.BUILDER_OFFLINE, News.BUILDER_ONLINE}
)
"""What is announced where nobody says: noise is what kills bots."""

RELEASES = ("release*", "release*/**", "stable*", "stable*/**", "v[0-9]*")
"""Branches beside the default one whose builds are told of where no rule names branches."""

MAX_RULE = 1000
"""Characters of a rule."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What a channel hears of. No patterns of a kind: what is usual.

    `pulls`: builds of pull requests too. `colours`: as the channel allows; False: never.
    """

    channel: str
    repositories: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    events: frozenset[News] = USUAL
    pulls: bool = False
    colours: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Matter:
    """What a piece of news is about; `private` is whether only some may know of the repository."""

    event: News
    repository: str | None = None
    job: str | None = None
    branch: str | None = None
    default_branch: str | None = None
    private: bool = False
    pull: bool = False


def read_rule(text: str) -> Rule:
    """`#channel [repo=GLOB …] [job=GLOB …] [branch=GLOB …] [event=NAME …] [pulls=on] [colours=off]`.

    Keys may be said again. Raises MalformedError.
    """
    channel, *words = text[:MAX_RULE].split() or [""]
    if not is_channel(channel):
        raise MalformedError(f"{channel[:40]!a} is no channel: a rule begins with one, like `#builds event=broken`.")
    said: dict[str, list[str]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not value or key not in _KEYS:
            raise MalformedError(f"{word[:40]!a} is none of {', '.join(f'{one}=…' for one in _KEYS)}.")
        said.setdefault(key, []).append(value)
    rule = Rule(channel=channel)
    for key, values in said.items():
        rule = _KEYS[key](rule, values)
    return rule


def make_rules(channels: Sequence[str], texts: Sequence[str]) -> tuple[Rule, ...]:
    """The rules as they are written, and a usual one for each channel that has none. Raises MalformedError."""
    rules = tuple(read_rule(text) for text in texts)
    ruled = {fold_name(rule.channel) for rule in rules}
    return (*rules, *(Rule(channel=one) for one in dict.fromkeys(channels) if fold_name(one) not in ruled))


def _read_events(values: Sequence[str]) -> frozenset[News]:
    unknown = [value for value in values if value not in {*News, "always"}]
    if unknown:
        raise MalformedError(f"{unknown[0][:40]!a} is no event: {', '.join(News)}, always.")
    return frozenset(News) if "always" in values else frozenset(News(value) for value in values)


def _read_switch(values: Sequence[str]) -> bool:
    if values[-1] not in {"on", "off"}:
        raise MalformedError(f"{values[-1][:40]!a}: on or off is expected.")
    return values[-1] == "on"


_KEYS: Mapping[str, Callable[[Rule, Sequence[str]], Rule]] = {
    "repo": lambda rule, values: replace(rule, repositories=tuple(values)),
    "job": lambda rule, values: replace(rule, jobs=tuple(values)),
    "branch": lambda rule, values: replace(rule, branches=tuple(values)),
    "event": lambda rule, values: replace(rule, events=_read_events(values)),
    "pulls": lambda rule, values: replace(rule, pulls=_read_switch(values)),
    "colours": lambda rule, values: replace(rule, colours=_read_switch(values)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What people have said in a channel: repositories that they added, and events that they switched on or off."""

    repositories: frozenset[str] = frozenset()  # in lower case
    events: Mapping[str, bool] = field(default_factory=dict)


def is_wanted(rule: Rule, matter: Matter, wishes: Wishes) -> bool:
    """Whether the channel hears of it.

    Who is named, hears more: what is private is told only where a pattern or somebody in the channel names the
    repository. Where repositories were named, the commits of no other are told.
    """
    if not wishes.events.get(matter.event, matter.event in rule.events):
        return False
    if matter.repository is None:  # builders: of no repository
        return True
    if matter.event in {News.COMMITS, News.REFS}:
        return _fits_watched(rule, matter, wishes) and _fits(rule.branches, matter.branch)
    if matter.pull and not rule.pulls:
        return False
    return _fits_repository(rule, matter) and _fits(rule.jobs, matter.job) and _fits_branch(rule, matter)


def _fits_watched(rule: Rule, matter: Matter, wishes: Wishes) -> bool:
    if (matter.repository or "").lower() in wishes.repositories:
        return True
    if rule.repositories:
        return _names_repository(rule, matter)
    return not wishes.repositories and not rule.jobs and not matter.private


def _fits_repository(rule: Rule, matter: Matter) -> bool:
    if rule.repositories:
        return _names_repository(rule, matter)
    return not matter.private or _matches(rule.jobs, matter.job)


def _names_repository(rule: Rule, matter: Matter) -> bool:
    """GitHub's names are the same in any case."""
    patterns = [pattern.lower() for pattern in rule.repositories]
    return _matches(patterns, None if matter.repository is None else matter.repository.lower())


def _fits_branch(rule: Rule, matter: Matter) -> bool:
    if rule.branches:
        return _matches(rule.branches, matter.branch)
    usual = matter.default_branch is None or matter.branch == matter.default_branch
    return usual or matter.pull or _matches(RELEASES, matter.branch)


def _fits(patterns: Sequence[str], value: str | None) -> bool:
    return not patterns or _matches(patterns, value)


def _matches(patterns: Sequence[str], value: str | None) -> bool:
    return value is not None and any(glob_matches(pattern, value) for pattern in patterns)
