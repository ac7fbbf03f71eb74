"""Builds that are started over IRC: whose services account is mapped to a GitHub login that may write, may build."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from hubwright.domain.jobs import Job
from hubwright.domain.repos import Repository
from hubwright.errors import ForbiddenError, HubwrightError, RefusedError
from hubwright.hub.wishes import Wishes
from hubwright.irc.commands import Command, Request
from hubwright.irc.orders import BuildOrder, read_build_order
from hubwright.store.audit import Entry, keep_entries
from hubwright.store.database import Database
from hubwright.store.jobs import load_job


class Starts:
    """Its methods block: they ask the database, the repository and GitHub.

    `accounts` gives the GitHub login of an account (in lower case); `refusal_of` says why a login may not write to a
    repository, None when they may.
    """

    def __init__(
        self,
        database: Database,
        wishes: Wishes,
        accounts: Mapping[str, str],
        refusal_of: Callable[[Repository, str], str | None],
        public_url: str,
    ) -> None:
        self._database = database
        self._wishes = wishes
        self._accounts = accounts
        self._refusal_of = refusal_of
        self._public_url = public_url

    def make_command(self) -> Command:
        """`!build`, for the table."""
        syntax = "JOB [BRANCH] [NAME=VALUE …]"
        return Command(name="build", syntax=syntax, summary="build its newest commit", answer=self._answer)

    def _answer(self, request: Request) -> Sequence[str]:
        order = read_build_order(tuple(request.words))
        return [order if isinstance(order, str) else self.start(order, request.who.account, time.time())]

    def start(self, order: BuildOrder, account: str | None, now: float) -> str:
        """Start it, if this account may; what to answer, in a sentence."""
        if account is None:
            return "Log in to the network's services first: I go by accounts, not by nicks."
        login = self._accounts.get(account.lower())
        if login is None:
            return f"The account {account} is no GitHub login to me: an operator names it in IRC__ACCOUNTS."
        try:
            status, answer = 202, self._start(order, login, now)
        except HubwrightError as error:
            status, answer = error.status if isinstance(error, RefusedError) else 502, str(error)
        entry = Entry(
            at=now, actor=login, by="irc", role="write", method="IRC", action="build", path=order.job, status=status
        )
        self._database.write(partial(keep_entries, entries=[entry]))
        return answer

    def _start(self, order: BuildOrder, login: str, now: float) -> str:
        with self._database.reading() as connection:
            job = load_job(connection, order.job)
        if job is None or not self._may(job, login):  # the same words, whether there is such a job or not
            raise ForbiddenError(f"You may not build {order.job}, or there is no such job.")
        asked = self._wishes.start(order.job, order.ref, None, login, secrets.token_hex(16), now, order.parameters)
        return f"{order.job} at {asked.sha[:7]} is being built: {self._public_url}/builds/{asked.build_id}"

    def _may(self, job: Job, login: str) -> bool:
        """Of a repository that is not at GitHub nobody can be asked."""
        if job.clone_url is not None:
            return False
        owner, _, name = job.repository.partition("/")
        return self._refusal_of(Repository(id=job.repository_id, owner=owner, name=name), login) is None
