"""Who somebody on IRC is to the hub, and what that lets them do: an account of the services counts, a nick never."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from hubwright.domain.irc_names import fold_name
from hubwright.domain.jobs import Job
from hubwright.domain.repos import Repository
from hubwright.errors import ForbiddenError
from hubwright.irc.commands import Request
from hubwright.store.database import Database
from hubwright.store.irc import is_trusted
from hubwright.store.irc_accounts import load_login

NO_ACCOUNT = "Log in to the network's services first: I go by accounts, not by nicks."


class People:
    """`given` maps accounts to logins at GitHub, and `trusted` are accounts, as the settings have them.

    `refusal_of` says why a login may not write to a repository, None when they may; `open_to_all`: whoever asks may
    read what the hub has. Its methods block: they ask the database and GitHub.
    """

    def __init__(
        self,
        database: Database,
        given: Mapping[str, str],
        trusted: Collection[str],
        refusal_of: Callable[[Repository, str], str | None],
        *,
        open_to_all: bool,
    ) -> None:
        self._database = database
        self._given = {fold_name(account): login for account, login in given.items()}
        self._trusted = frozenset(fold_name(account) for account in trusted)
        self._refusal_of = refusal_of
        self._open = open_to_all

    def find_login(self, account: str | None) -> str | None:
        """The login at GitHub of an account: the settings' word, else the one that its owner linked."""
        if account is None:
            return None
        given = self._given.get(fold_name(account))
        if given is not None:
            return given
        with self._database.reading() as connection:
            return load_login(connection, account)

    def trusts(self, account: str | None) -> bool:
        """Whether an account may change what the bot does for its channels."""
        if account is None:
            return False
        if fold_name(account) in self._trusted:
            return True
        with self._database.reading() as connection:
            return is_trusted(connection, account)

    @property
    def trusted(self) -> frozenset[str]:
        """The accounts that the settings trust, folded."""
        return self._trusted

    def refuse_reader(self, request: Request) -> str | None:
        """Why somebody may not read: everybody may where the hub's pages are open, else who is somebody to the hub."""
        if self._open or self.trusts(request.who.account):
            return None
        return self.refuse_unlinked(request)

    def refuse_stranger(self, request: Request) -> str | None:
        """Why somebody is nobody: without an account, there is no telling who speaks."""
        return NO_ACCOUNT if request.who.account is None else None

    def refuse_unlinked(self, request: Request) -> str | None:
        """Why somebody can do nothing for which GitHub has to be asked."""
        account = request.who.account
        if account is None:
            return NO_ACCOUNT
        if self.find_login(account) is None:
            return f"The account {account} is no GitHub login to me: say `link` to me in a query."
        return None

    def refuse_untrusted(self, request: Request) -> str | None:
        """Why somebody may not change what the bot does for a channel."""
        if request.who.account is None:
            return NO_ACCOUNT
        if not self.trusts(request.who.account):
            return (
                "Access denied: somebody whom I trust says !addtrust ACCOUNT, or an operator names it in IRC__TRUSTED."
            )
        return None

    def require_writer(self, job: Job | None, login: str, name: str) -> Job:
        """The job, when this login may write to its repository. The refusal does not tell whether there is such a job.

        Of a repository that is not at GitHub nobody can be asked. Raises ForbiddenError, GitHubError.
        """
        if job is not None and job.clone_url is None:
            owner, _, short = job.repository.partition("/")
            if self._refusal_of(Repository(id=job.repository_id, owner=owner, name=short), login) is None:
                return job
        raise ForbiddenError(f"You may not change {name}, or there is no such job.")
