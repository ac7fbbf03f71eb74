"""What changes builds: `!build`, `!rerun`, `!cancel`, and `!take` and `!drop`, who mends what.

Whose account is a login that GitHub lets write to the job's repository may; GitHub is asked each time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from hubwright.domain.irc_text import Text
from hubwright.domain.wording import word_count
from hubwright.errors import NotFoundError, UnprocessableError
from hubwright.hub.builds import cancel, rerun
from hubwright.hub.takes import begin_take, end_take
from hubwright.hub.wishes import Wishes
from hubwright.irc.answers.texts import address, name_place, shorten, unping
from hubwright.irc.commands import Request
from hubwright.irc.deeds import Deeds
from hubwright.irc.people import People
from hubwright.irc.subjects import Meant, find_build, find_job, find_job_of, read_meant
from hubwright.store.database import Database
from hubwright.store.jobs import load_job
from hubwright.store.views_values import BuildView


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOrder:
    """`!build JOB [BRANCH|PR#N] [NAME=VALUE …]`."""

    job: str
    ref: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def read_build_order(words: Sequence[str]) -> BuildOrder:
    """What is to be built. Pure. Raises UnprocessableError."""
    plain = [word for word in words if "=" not in word]
    if not 1 <= len(plain) <= 2 or any("=" in word for word in words[: len(plain)]):
        raise UnprocessableError("Say `!build JOB [BRANCH|PR#N] [NAME=VALUE …]`.")
    given = [word.partition("=") for word in words[len(plain) :]]
    names = [name for name, _, _ in given]
    if "" in names or len(set(names)) < len(names):
        raise UnprocessableError("Each parameter is NAME=VALUE, and is given once.")
    meant = read_meant(plain)
    if meant.job is None:
        raise UnprocessableError("Say which job: `!build JOB [BRANCH|PR#N] [NAME=VALUE …]`.")
    ref = f"refs/pull/{meant.pull}/head" if meant.pull is not None else meant.branch
    return BuildOrder(job=meant.job, ref=ref, parameters={name: value for name, _, value in given})


class Orders:
    """Its methods block: they ask the database, the repository and GitHub. `wake` tells who waits for work."""

    def __init__(
        self, database: Database, wishes: Wishes, people: People, wake: Callable[[str], None], public_url: str
    ) -> None:
        self._database = database
        self._wishes = wishes
        self._people = people
        self._deeds = Deeds(database, people)
        self._wake = wake
        self._public = public_url

    def build(self, request: Request) -> Sequence[Text]:
        """The newest commit of a branch, the default branch or a pull request."""
        order = read_build_order(request.words)
        return self._deeds.do(request, "build", order.job, partial(self._build, request, order))

    def rerun(self, request: Request) -> Sequence[Text]:
        """`[BUILD | last [JOB] | JOB [BRANCH]] [failed | PLATFORM]`: runs again what has ended of a build."""
        words = [word for word in request.words if word.lower() != "last"]
        failed = bool(words) and words[-1].lower() == "failed"
        words = words[:-1] if failed else words
        platform = words.pop() if len(words) > 1 and words[0].isdecimal() else None
        meant = read_meant(words)
        return self._deeds.do(
            request, "rerun", " ".join(request.words), partial(self._rerun, request, meant, (failed, platform))
        )

    def cancel(self, request: Request) -> Sequence[Text]:
        """`BUILD [REASON]`: stops it."""
        words = request.words
        if not words or not words[0].isdecimal():
            raise UnprocessableError("Say `!cancel BUILD [REASON]`, the build by its number.")
        return self._deeds.do(request, "cancel", words[0], partial(self._cancel, request))

    def take(self, request: Request) -> Sequence[Text]:
        """`JOB [BRANCH] | BUILD`: you mend it; all pages of the branch say so until it is good again."""
        return self._deeds.do(request, "take", " ".join(request.words), partial(self._take, request))

    def drop(self, request: Request) -> Sequence[Text]:
        """`JOB [BRANCH] | BUILD`: nobody mends it any more."""
        return self._deeds.do(request, "drop", " ".join(request.words), partial(self._drop, request))

    def _build(self, request: Request, order: BuildOrder, login: str) -> str:
        path = order.job
        with self._database.reading() as connection:
            job = load_job(connection, path)
            if job is None:
                try:
                    job = find_job(connection, path, request.channel)
                except NotFoundError:  # the refusal is the same, whether there is such a job or not
                    job = None
        self._people.require_writer(job, login, path)
        path = job.path if job is not None else path
        wish = secrets.token_hex(16)
        asked = self._wishes.start(path, order.ref, None, login, wish, request.at, order.parameters)
        return f"{path} at {asked.sha[:7]} is being built: {address(self._public, asked.build_id)}"

    def _rerun(self, request: Request, meant: Meant, what: tuple[bool, str | None], login: str) -> str:
        build = self._find(request, meant, login)
        failed, platform = what
        again = self._database.write(
            partial(rerun, build_id=build.id, now=request.at, failed_only=failed, platform=platform)
        )
        self._wake("runs")
        self._wake("deliveries")
        runs = word_count(len(again), "run") if again else "all"
        return f"{build.job} #{build.number}: {runs} begun again: {address(self._public, build.id)}"

    def _cancel(self, request: Request, login: str) -> str:
        build = self._find(request, read_meant(request.words[:1]), login)
        reason = shorten(" ".join(request.words[1:]), 300)
        why = f"Cancelled by {login} on IRC{f': {reason}' if reason else '.'}"
        count = self._database.write(partial(cancel, build_id=build.id, now=request.at, reason=why))
        self._wake("runs")
        return f"{build.job} #{build.number}: {word_count(count, 'run')} cancelled: {address(self._public, build.id)}"

    def _take(self, request: Request, login: str) -> str:
        build = self._find(request, read_meant(request.words), login)
        before = self._database.write(partial(begin_take, build_id=build.id, by=login, now=request.at))
        self._wake("facts")
        instead = f", instead of {unping(before.by)}" if before is not None else ""
        return f"{name_place(build)} is yours{instead}: {address(self._public, build.id)}"

    def _drop(self, request: Request, login: str) -> str:
        build = self._find(request, read_meant(request.words), login)
        self._database.write(partial(end_take, build_id=build.id))
        self._wake("facts")
        return f"Nobody is mending {name_place(build)} any more."

    def _find(self, request: Request, meant: Meant, login: str) -> BuildView:
        """The build, when this login may change its job. Raises ForbiddenError."""
        name = " ".join(request.words)[:100] or "it"
        build = job = None
        with self._database.reading() as connection:
            try:
                build = find_build(connection, meant, request.channel, ended=meant.build is None)
                job = find_job_of(connection, build)
            except NotFoundError:
                if meant.job is None and meant.build is None:
                    raise
        self._people.require_writer(job, login, name)
        if build is None:
            raise NotFoundError(f"There is no build {name}.")
        return build
