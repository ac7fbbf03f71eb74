"""Which channels hear of what: the settings' rules, what people in the channels have said, and what jobs say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from hubwright.domain.facts import Fact
from hubwright.domain.irc_names import fold_name
from hubwright.domain.irc_news import Matter, News, Rule, Wishes, is_wanted
from hubwright.domain.receivers import is_wanted as is_wanted_turn
from hubwright.domain.refs import pull_request_of
from hubwright.store import irc
from hubwright.store.jobs import load_job
from hubwright.store.repos import load_news_of

_HEADS, _TAGS = "refs/heads/", "refs/tags/"


class Channels:
    """The channels that the bot is in, by the `rules`."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            self._rules[fold_name(rule.channel)].append(rule)

    def find(self, connection: Connection, matter: Matter, job: str | None = None) -> list[str]:
        """The names of the channels that hear of it; with `job`, those too that this job's definition names."""
        wishes = _load_wishes(connection)
        named = _load_named(connection, job, matter) if job is not None else frozenset()
        return [
            rules[0].channel
            for channel, rules in self._rules.items()
            if _hears(rules, matter, wishes.get(channel, Wishes()), named=channel in named)
        ]

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [rules[0].channel for rules in self._rules.values()]

    def wear_colours(self, channel: str) -> bool:
        """Whether its rules let lines be coloured; whether the channel does is the bot's matter."""
        return all(rule.colours for rule in self._rules.get(fold_name(channel), ()))


def _hears(rules: Sequence[Rule], matter: Matter, wishes: Wishes, *, named: bool) -> bool:
    if named:
        return wishes.events.get(matter.event, True)
    return any(is_wanted(rule, matter, wishes) for rule in rules)


def _load_wishes(connection: Connection) -> Mapping[str, Wishes]:
    repositories: dict[str, set[str]] = defaultdict(set)
    for channel, name in irc.load_repositories(connection):
        repositories[channel].add(name.lower())
    events = irc.load_notify(connection)
    return {
        channel: Wishes(repositories=frozenset(repositories.get(channel, ())), events=events.get(channel, {}))
        for channel in {*repositories, *events}
    }


def _load_named(connection: Connection, path: str, matter: Matter) -> frozenset[str]:
    """The channels in a job's `notifications.irc`, folded, if its `events` have this one."""
    found = load_job(connection, path)
    told = {} if found is None else found.settings.notifications
    if matter.pull or not told.get("irc") or not is_wanted_turn(matter.event, told.get("events", ())):
        return frozenset()
    return frozenset(fold_name(name) for name in told["irc"])


def read_push(fact: Fact, event: News) -> Matter:
    """What a push is about."""
    ref = str(fact.data.get("ref"))
    branch = ref.removeprefix(_HEADS).removeprefix(_TAGS)
    private = fact.data.get("private") is not False  # one from before hubs told of it: nobody knows
    return Matter(event=event, repository=str(fact.data.get("repository")), branch=branch, private=private)


def load_end(connection: Connection, fact: Fact, event: News, branch: str | None) -> Matter:
    """What the end of a build is about."""
    repository, ref = str(fact.data.get("repository")), str(fact.data.get("ref"))
    known = load_news_of(connection, repository)
    return Matter(
        event=event,
        repository=repository,
        job=str(fact.data.get("job")),
        branch=branch,
        default_branch=known.default_branch,
        private=known.private,
        pull=pull_request_of(ref) is not None,
    )
