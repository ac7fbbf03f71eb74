"""Who on IRC is told of a build's end by a query, and who is called in a channel: people by their accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from hubwright.domain.irc_names import fold_name, is_channel
from hubwright.domain.irc_news import Matter, News, Rule, Wishes, is_wanted
from hubwright.domain.preferences import Way
from hubwright.store import irc
from hubwright.store.irc_accounts import load_linked
from hubwright.store.preferences import load_wishes
from hubwright.store.streaks import load_authors
from hubwright.store.views import load_builds_by_ids

QUERY = "="
"""How a target begins that is an account; no channel does."""


class Folk:
    """`given` has the login at GitHub of accounts, as the settings have them; others have linked theirs."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = {fold_name(account): login.lower() for account, login in given.items()}

    def find(self, connection: Connection, matter: Matter, build_id: int | None, streak: object) -> list[str]:
        """The accounts that are told: by what they said to the bot, and by what they said the hub of their login."""
        asked = irc.load_notify(connection)
        found = [
            account
            for account, events in asked.items()
            if not is_channel(account) and is_wanted(_make_rule(account, events), matter, Wishes())
        ]
        if matter.job is not None and build_id is not None and isinstance(streak, dict):
            found += self._find_linked(connection, matter.job, build_id, streak)
        return list(dict.fromkeys(found))

    def _find_linked(self, connection: Connection, job: str, build_id: int, streak: dict[str, Any]) -> list[str]:
        accounts = self._load_accounts(connection)
        build = next(iter(load_builds_by_ids(connection, [build_id])), None) if accounts else None
        if build is None:
            return []
        involved = {name.lower() for name in load_authors(connection, build, streak)}
        turn = str(streak.get("turn"))
        return [
            account
            for login, wish in load_wishes(connection, job, involved & accounts.keys()).items()
            if wish.wants(Way.IRC, turn, involved=login in involved)
            for account in accounts.get(login, ())
        ]

    def find_called(
        self, connection: Connection, here: Mapping[str, str], people: Collection[str], *, important: bool
    ) -> list[str]:
        """The nicks of those `here` (nicks by account) who asked to be called: all when it is `important`, else those
        whom it concerns, by their logins.
        """
        asked = [account for account in irc.load_pings(connection) if account in here]
        if not important and asked:
            accounts = self._load_accounts(connection)
            concerned = {account for one in people for account in accounts.get(one.lower(), ())}
            asked = [account for account in asked if account in concerned]
        return [here[account] for account in asked]

    def _load_accounts(self, connection: Connection) -> dict[str, list[str]]:
        """Accounts by login. The settings have the last word on an account."""
        accounts: dict[str, list[str]] = defaultdict(list)
        linked = {one.account: one.login.lower() for one in load_linked(connection)}
        for account, login in {**linked, **self._given}.items():
            accounts[login].append(account)
        return dict(accounts)


def _make_rule(account: str, events: Mapping[str, bool]) -> Rule:
    known = {str(news) for news in News}
    wanted: Sequence[str] = [event for event, is_on in events.items() if is_on and event in known]
    return Rule(channel=account, events=frozenset(News(event) for event in wanted))
