"""Commands of the bot over a database with builds that went as they do; and asked for without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, update

from hubwright.domain.irc_names import fold_name
from hubwright.domain.irc_text import paint
from hubwright.domain.repos import Repository
from hubwright.hub.logs import Logs
from hubwright.irc.answers.builds import Standing
from hubwright.irc.answers.channels import Channels
from hubwright.irc.answers.fleet import Fleet
from hubwright.irc.answers.links import Links
from hubwright.irc.answers.logs import LogLines
from hubwright.irc.answers.orders import Orders
from hubwright.irc.answers.talk import Talk
from hubwright.irc.answers.watches import Watches
from hubwright.irc.commands import Command, Commands, Request
from hubwright.irc.events import Person
from hubwright.irc.people import People
from hubwright.irc.table import Answers
from hubwright.store.database import Database
from hubwright.store.schema import builder, run, stage
from limited_jobs import NOW, Builds, define, end, lease

URL = "https://ci.example.org"
LOGINS = {"ada": "ada-at-github", "alice": "ada-at-github", "bob": "bob-at-github"}
LOG = b"make test\r\ncc ok\r\nring.c:88:23: error: no member named 'tail'\r\nmake: *** [all] Error 1\r\nbye\r\n"


@dataclass
class Here:
    """Who is in the one channel, as the bot sees it."""

    people: list[Person] = field(default_factory=list)
    channel: str = "#builds"
    nick: str = "hubwright"
    lag: float | None = None

    def find_person(self, nick: str) -> Person | None:
        return next((one for one in self.people if fold_name(one.nick) == fold_name(nick)), None)

    def members_of(self, _channel: str) -> Sequence[Person]:
        return self.people

    def channels_of(self, nick: str) -> Sequence[str]:
        return [self.channel] if self.find_person(nick) else []


class Asking:
    """`ask` gives the lines of an answer as they are said, without colours."""

    def __init__(self, commands: Sequence[Command], here: Here, now: float) -> None:
        self._commands = Commands(commands)
        self.here = here
        self.now = now

    def ask(self, text: str, who: Person, channel: str | None = "#builds") -> list[str]:
        name, _, rest = text.partition(" ")
        request = Request(
            name=name, text=rest.strip(), words=rest.split(), who=who, channel=channel, at=self.now, presence=self.here
        )
        return [paint(line, colours=False) for line in self._commands.answer(request)]


def make_answers(
    database: Database,
    logs: Logs,
    watches: Watches,
    woken: list[str],
    *,
    is_open: bool = True,
    trusted: Sequence[str] = ("ADA",),
) -> Answers:
    """Ada may write to every repository and is trusted, bob may not."""

    def refuse(_repository: Repository, login: str) -> str | None:
        return None if login == "ada-at-github" else "no"

    people = People(database, LOGINS, trusted, refuse, open_to_all=is_open)
    return Answers(
        people=people,
        standing=Standing(database, URL),
        logs=LogLines(database, logs, URL),
        fleet=Fleet(database, URL, {}),
        orders=Orders(database, Any, people, woken.append, URL),  # type: ignore[arg-type]  # nothing is built here
        watches=watches,
        channels=Channels(database, people),
        links=Links(database, people, URL),
        talk=Talk(database),
    )


def seed_builds(connection: Connection) -> dict[str, int]:
    """`team/app` (of octo/hello) is broken on main since its second build; a pull request passed; a build waits."""
    builds, job = Builds(), define(connection, "team/app", default_branch="main")

    def make(result: str | None, branch: str = "main", **more: Any) -> int:
        number = builds.push(
            connection, job, branch, message='Fix\x03 the "ring"\n\nbody', author_login="carol", **more
        )
        if result is not None:
            lease(connection, number)
            end(connection, number, result)
        return number

    numbers = {name: make(result) for name, result in (("good", "success"), ("broken", "failure"))}
    numbers["pull"] = make("success", "patch-1", pull_request=12)
    numbers["going"] = make(None)
    connection.execute(
        update(stage)
        .where(stage.c.run_id.in_(select(run.c.id).where(run.c.build_id == numbers["broken"])))
        .values(result="failure", state="finished", exit_code=2, started_at=NOW, log_start=0, log_end=len(LOG))
    )
    for name, state in (("anvil", "connected"), ("birch", "away")):
        values = {"platform": "linux", "labels": [], "slots": 2, "version": "1", "executor": "process", "instance": "i"}
        connection.execute(builder.insert().values(name=name, state=state, seen_at=NOW, **values))
    return numbers
