"""What each command of the bot answers, without a network: over a database with builds that went as they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, select

from hubwright.domain.fingerprints import Kind, Symptom
from hubwright.errors import OutletError
from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from hubwright.irc.answers.links import hash_code
from hubwright.irc.answers.watches import Watches
from hubwright.irc.events import Joined, Person, Quit, Said
from hubwright.irc.memory import Memory
from hubwright.irc.table import list_commands
from hubwright.store.database import Database
from hubwright.store.irc import load_mutes, load_notify
from hubwright.store.irc_accounts import find_code, keep_link
from hubwright.store.known_failures import Seen as Failed
from hubwright.store.known_failures import keep_symptoms
from hubwright.store.schema import audit, run
from irc_asking import LOG, URL, Asking, Here, make_answers, seed_builds
from limited_jobs import NOW, Builds, define, end, lease
from tables import with_tables

ADA = Person(nick="ada_", account="Ada", user="a", host="h")
BOB = Person(nick="bob", account="bob", user="b", host="h")
EVE = Person(nick="Ada", user="e", host="h")


class World(NamedTuple):
    """A hub's database and the bot's commands over it; `said` is what it said by itself."""

    database: Database
    asking: Asking
    said: list[tuple[str, str]]
    woken: list[str]
    numbers: dict[str, int]
    watches: Watches

    def ask(self, text: str, who: Person = ADA, channel: str | None = "#builds") -> list[str]:
        return self.asking.ask(text, who, channel)

    def write(self, work: Any) -> Any:
        return self.database.write(work)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """`team/app` (of octo/hello) is broken on main since its third build; ada may write there, bob may read."""
    with closing(Database(with_tables(f"sqlite:///{tmp_path}/hubwright.db"))) as database:
        numbers = database.write(seed_builds)
        logs = Logs(tmp_path / "logs", Bell())
        with database.reading() as connection:
            failed = connection.execute(select(run.c.id).where(run.c.build_id == numbers["broken"])).scalar_one()
        logs.append(failed, 0, LOG)
        said: list[tuple[str, str]] = []
        woken: list[str] = []
        watches = Watches(database, lambda target, text: said.append((target, _plain(text))), lambda: NOW + 600, URL)
        commands = list_commands(make_answers(database, logs, watches, woken))
        asking = Asking(commands, Here([ADA, BOB, EVE], lag=0.0421), NOW + 600)
        yield World(database, asking, said, woken, numbers, watches)


def _plain(text: Any) -> str:
    return text if isinstance(text, str) else "".join(one if isinstance(one, str) else one.text for one in text)


def test_status_of_whatever_is_named(world: World) -> None:
    """A job by its path, its last name or its repository; a build, a pull request; else the hub."""
    going, broken = world.numbers["going"], world.numbers["broken"]
    lines = world.ask("status team/app")
    assert [line.rpartition(" — ")[2] for line in lines] == [f"{URL}/builds/{going}", f"{URL}/builds/{broken}"]
    assert world.ask("status app") == world.ask("status octo/hello") == world.ask("status OCTO/Hello main") == lines
    (line,) = world.ask(f"status {broken}")
    assert line.startswith('team/app main #2 ✕ failed at 0000000 by c\u200barol "Fix')
    assert "stage build failed" in line
    (line,) = world.ask("status app#12")
    assert line.startswith("team/app PR#12 #3 ✓ passed")
    assert world.ask("status octo/hello PR#13") == ["No build of octo/hello#13 is known here."]
    assert world.ask("status weather") == ["There is no job weather."]
    assert world.ask("status 999") == ["There is no build 999."]
    (line,) = world.ask("status")
    assert line.endswith(f"broken: team/app main — {URL}/")
    world.ask("addrepo octo/hello")
    assert world.ask("status main") == world.ask("status app")[:1]
    assert world.ask("status #12") == world.ask("status app#12")
    assert world.ask("status") == world.ask("status app")[:1]


def test_last_builds_and_who_broke_it(world: World) -> None:
    assert [line.split(" at ")[0] for line in world.ask("last app")] == [
        "team/app PR#12 #3 ✓ passed", "team/app main #2 ✕ failed", "team/app main #1 ✓ passed",
    ]  # fmt: skip
    assert len(world.ask("last")) == 3
    (line,) = world.ask("who app main")
    assert line == (f"team/app main is ✕ failed since 10 min, by c\u200barol — {URL}/builds/{world.numbers['broken']}")
    assert world.ask("who") == [line]
    assert world.ask("blame app") == [line]
    assert "is not broken" in world.ask("who app patch-1")[0]
    assert world.ask("flaky app") == [f"team/app: no test is known to be flaky — {URL}/tests/team/app"]


def test_the_lines_of_a_log_that_say_most(world: World) -> None:
    broken = world.numbers["broken"]
    first, second, third = world.ask(f"log {broken}")
    assert first == "team/app main #2 build on linux: ring.c:88:23: error: no member named 'tail'"
    assert second == "make: *** [all] Error 1"
    assert third.startswith(f"bye — {URL}/builds/{broken}/runs/")
    assert world.ask(f"log {broken} build") == [first, second, third]
    assert world.ask(f"log {broken} deploy") == [f"Build {broken} has no stage deploy."]


def test_a_log_says_what_is_known_of_the_failure(world: World) -> None:
    """Where the same was seen before, or is linked to an issue."""
    broken = world.numbers["broken"]
    symptom = Symptom("ab" * 8, Kind.LINE, "no member named 'tail'")
    with world.database.reading() as connection:
        wanted = select(run.c.id, run.c.family).where(run.c.build_id.in_([broken, world.numbers["pull"]]))
        failed = [Failed(row.id, row.family, "linux", NOW - 9e6) for row in connection.execute(wanted)]
    for seen in failed:
        world.write(partial(keep_symptoms, seen=seen, symptoms=[symptom]))
    assert world.ask(f"log {broken}")[0].startswith(
        "team/app main #2 build on linux (known failure: seen 2 times since"
    )


def test_the_queue_and_the_builders(world: World) -> None:
    first, second = world.ask("queue")
    assert first == f"0 runs at work, 1 waiting for builders — {URL}/queue"
    assert second.startswith("team/app #4 on linux: ")
    assert world.ask("builders") == world.ask("workers") == world.ask("list builders") == [
        "1 of 2 builders, 0 of 2 slots busy: anvil (linux, 0/2)", f"Away: birch (10 min ago) — {URL}/builders",
    ]  # fmt: skip
    assert world.ask("list weather") == ["I list builders, workers, repos, nicks, trusted."]


def test_builds_are_run_again_and_cancelled_by_those_who_may(world: World) -> None:
    """Each time GitHub is asked; whether there is such a build is not told to others; all of it is written down."""
    broken, going = world.numbers["broken"], world.numbers["going"]
    assert world.ask(f"rerun {broken}", BOB) == [f"You may not change {broken}, or there is no such job."]
    assert world.ask("rerun 999", BOB) == ["You may not change 999, or there is no such job."]
    assert world.ask(f"rerun {broken}", EVE) == [
        "Log in to the network's services first: I go by accounts, not by nicks."
    ]
    assert world.ask(f"cancel {going} no more", ADA) == [f"team/app #4: 1 run cancelled: {URL}/builds/{going}"]
    assert world.ask(f"stop build {going}") == [f"Build {going} is finished already."]
    assert world.ask(f"rerun {broken} failed") == [f"team/app #2: 1 run begun again: {URL}/builds/{broken}"]
    assert "runs" in world.woken
    assert world.ask("rerun last app patch-1") == [
        f"team/app #3: 1 run begun again: {URL}/builds/{world.numbers['pull']}"
    ]
    assert world.ask("cancel app") == ["Say `!cancel BUILD [REASON]`, the build by its number."]
    with world.database.reading() as connection:
        told = connection.execute(select(audit.c.actor, audit.c.by, audit.c.action, audit.c.status)).all()
        reason = connection.execute(select(run.c.cancel).where(run.c.build_id == going)).scalar_one()
    assert told[:4] == [
        ("bob-at-github", "irc", "rerun", 403), ("bob-at-github", "irc", "rerun", 403),
        ("ada-at-github", "irc", "cancel", 202), ("ada-at-github", "irc", "cancel", 409),
    ]  # fmt: skip
    assert reason == "Cancelled by ada-at-github on IRC: no more"


def test_who_mends_a_branch_is_told_until_it_is_good(world: World) -> None:
    broken = world.numbers["broken"]
    assert world.ask("take app", BOB) == ["You may not change app, or there is no such job."]
    assert world.ask("take app") == [f"team/app main is yours: {URL}/builds/{broken}"]
    assert "a\u200bda-at-github is mending it (just now)" in world.ask("who app")[0]
    assert "a\u200bda-at-github is mending it" in world.ask(f"status {broken}")[0]
    assert world.ask("take app patch-1") == ["PR#12 is not broken."]

    def mend(connection: Connection) -> None:
        lease(connection, world.numbers["going"])
        end(connection, world.numbers["going"], "success")

    world.write(mend)
    assert world.ask("take app main") == ["main is not broken."]
    assert world.ask("drop app main") == ["Nobody is mending main."]


def test_a_watch_is_told_once_where_it_was_asked_for(world: World) -> None:
    """Of a build or of a job's next one; what nobody heard is said again."""
    going = world.numbers["going"]
    assert world.ask("watch app") == ["I'll tell you when team/app main #4 has ended."]
    assert world.ask("watch app patch-1", BOB, None) == ["I'll tell you when the next build of team/app has ended."]
    assert world.ask(f"watch {world.numbers['broken']}")[0].startswith("team/app main #2 ✕ failed")
    world.watches.drain()
    assert world.said == []

    def finish(connection: Connection) -> None:
        lease(connection, going)
        end(connection, going, "success")

    world.write(finish)
    world.watches.drain()
    world.watches.drain()
    assert sorted(target for target, _ in world.said) == ["#builds", "bob"]
    assert all("team/app main #4 ✓ passed" in text for _, text in world.said)
    assert next(text for target, text in world.said if target == "#builds").startswith("ada_: ")

    def fail(_target: str, _text: object) -> None:
        raise OutletError("away")

    assert world.ask("watch app", EVE)[0].endswith("has ended.")
    again = world.write(
        lambda connection: Builds(iter(range(900, 999))).push(
            connection, define(connection, "team/app", default_branch="main")
        )
    )
    assert world.ask(f"watch {again}", EVE)[0].endswith("has ended.")
    world.write(lambda connection: (lease(connection, again), end(connection, again, "failure")))
    Watches(world.database, fail, lambda: NOW, URL).drain()
    world.said.clear()
    world.watches.drain()
    assert len(world.said) == 2
    assert world.ask("watch off", EVE) == ["0 watches ended."]


def test_lists_of_channels_are_changed_by_those_who_are_trusted(world: World) -> None:
    """By their account: somebody who only calls himself so is denied."""
    assert world.ask("addrepo octo/hello", EVE)[0].startswith("Log in")
    assert world.ask("addrepo octo/hello", BOB)[0].startswith("Access denied")
    assert world.ask("addrepo octo hello") == ["Done."]
    assert world.ask("repos", EVE) == world.ask("list repos") == ["octo/hello"]
    assert world.ask("repos", ADA, None) == ["#builds octo/hello"]
    assert world.ask("addrepo octo/world", ADA, None) == ["Say for which channel, such as #builds."]
    assert world.ask("addrepo octo/world #other", ADA, None) == ["Done."]
    assert world.ask("remrepo octo/none") == ["Repo not found."]
    assert world.ask("remrepo octo/hello") == ["Done."]
    assert world.ask("addtrust bob") == ["Done."]
    assert world.ask("trusted") == ["I trust a\u200bda, b\u200bob."]
    assert world.ask("addrepo octo/hello", BOB) == ["Done."]
    assert world.ask("remtrust ada", BOB) == ["ada is trusted by IRC__TRUSTED: an operator can change that."]
    assert world.ask("remtrust bob") == ["Done."]
    assert world.ask("remtrust bob") == ["Could not find user."]
    assert world.ask("addtrust") == ["Syntax: an account, or the nick of somebody here who is logged in."]


def test_only_those_are_called_who_asked(world: World) -> None:
    assert world.ask("addnick", BOB) == ["Done."]
    assert world.ask("addnick bob") == ["Only bob can ask for that, with !addnick."]
    assert world.ask("addnick", EVE)[0].startswith("Log in")
    assert world.ask("nicks") == ["b\u200bob"]
    assert world.ask("remnick ada", BOB) == ["Access denied."]
    assert world.ask("remnick bob") == ["Done."]
    assert world.ask("remnick", BOB) == ["Could not find user."]
    assert world.ask("nicks") == ["Nobody wants to be called."]


def test_events_and_mutes_of_a_channel(world: World) -> None:
    """In a query the events are one's own, for which nobody has to be trusted."""
    assert world.ask("notify on fixed", BOB)[0].startswith("Access denied")
    assert world.ask("notify on fixed success") == ["Done."]
    assert world.ask("notify off fixed") == ["Done."]
    assert world.ask("notify list") == ["on: success; off: fixed; all else is as IRC__NEWS says."]
    assert world.ask("notify on weather")[0].startswith("Say `!notify on|off|list EVENT …`")
    assert world.ask("notify on broken", BOB, None) == ["Done."]
    with world.database.reading() as connection:
        assert load_notify(connection)["bob"] == {"broken": True}
    assert world.ask("mute 2h", BOB)[0].startswith("Access denied")
    assert world.ask("mute 2h") == ["I say nothing unasked in #builds for 2 h 00 min."]
    with world.database.reading() as connection:
        assert load_mutes(connection, NOW) == {"#builds": NOW + 600 + 7200}
    assert world.ask("mute 2 h") == ["Say how long: 30m, 2h or 1d; a week at most."]
    assert world.ask("unmute") == ["Done."]
    assert world.ask("mute off") == ["It is not muted."]


def test_small_talk(world: World) -> None:
    assert world.ask("ping", EVE) == ["pong"]
    assert world.ask("lag") == ["42ms between me and the server."]
    world.asking.here.lag = None
    assert world.ask("lag") == ["Unknown."]
    assert world.ask("version")[0].startswith("Hubwright ")
    assert world.ask("whoami", EVE) == ["Nobody: you are not logged in to the network's services."]
    assert world.ask("whoami") == ["The account Ada, ada-at-github at GitHub, and trusted."]
    assert world.ask("help take") == ["!take JOB [BRANCH] | BUILD: you mend it (also !volunteer)"]


def test_whom_it_saw_and_when(world: World) -> None:
    """Where they were is for those who are there; who does not want it is forgotten."""
    dave = Person(nick="Dave", account="dave")
    memory = Memory(world.database, lambda *said: world.said.append(said), lambda: NOW + 600)
    memory.listen([Said(at=NOW, who=dave, channel="#builds", target="#builds", text="secret"),
                   Quit(at=NOW + 1, who=dave, channels=["#builds"])])  # fmt: skip
    (line,) = world.ask("seen dave")
    assert line == "Dave was last seen on 2023-11-14 22:13 UTC (9 min ago) quitting."
    memory.listen([Joined(at=NOW + 2, who=dave, channel="#builds")])
    assert world.ask("seen DAVE")[0].endswith("in #builds joining.")
    assert world.ask("seen dave", Person(nick="far"), None)[0].endswith("(9 min ago) joining.")
    assert world.ask("seen bob") == ["bob is here."]
    assert world.ask("seen hubwright") == ["Yes, I see myself."]
    assert world.ask("seen nobody") == ["I have not seen nobody."]
    assert world.ask("private on", dave) == ["I remember and log nothing of you from now on."]
    memory.listen([Said(at=NOW + 99, who=dave, channel="#builds", target="#builds", text="x")])
    assert world.ask("seen dave") == ["I have not seen dave."]
    assert world.ask("private off", dave) == ["You are remembered and logged as everybody is."]
    memory.listen([Said(at=NOW + 199, who=dave, channel="#builds", target="#builds", text="x")])
    assert world.ask("seen dave")[0].endswith("saying something.")


def test_words_are_kept_until_whom_they_are_for_comes(world: World) -> None:
    """In a query, once; somebody else under the nick of a known account does not get them."""
    dave, thief = Person(nick="Dave", account="dave"), Person(nick="dave")
    memory = Memory(world.database, lambda *said: world.said.append(said), lambda: NOW + 600)
    memory.listen([Quit(at=NOW, who=dave, channels=["#builds"])])
    assert world.ask("tell dave the ring is  \x02broken") == ["I'll tell dave when they come or speak."]
    memory.listen([Joined(at=NOW + 1, who=thief, channel="#builds")])
    assert world.said == []
    memory.listen([Joined(at=NOW + 2, who=dave, channel="#builds")])
    memory.listen([Said(at=NOW + 3, who=dave, channel="#builds", target="#builds", text="hi")])
    assert world.said == [("Dave", "ada_ left this for you just now: the ring is ␂broken")]
    assert world.ask("tell dave") == ["Syntax: !tell NICK WORDS"]
    assert [world.ask("tell zoe hi")[0][:4] for _ in range(11)] == ["I'll"] * 10 + ["Too "]


def test_an_account_is_linked_by_a_code_that_only_its_owner_sees(world: World) -> None:
    """In a query; until then its owner may change nothing."""
    carol = Person(nick="carol", account="Carol")
    assert world.ask("rerun 1", carol) == ["The account Carol is no GitHub login to me: say `link` to me in a query."]
    assert world.ask("link", carol) == ["Say `link` to me in a query: the address is for you alone."]
    (line,) = world.ask("link", carol, None)
    code = line.rpartition(f"{URL}/irc/link?code=")[2]
    with world.database.reading() as connection:
        assert find_code(connection, hash_code(code), NOW + 601) == "carol"
        assert find_code(connection, code, NOW + 601) is None
    world.write(lambda connection: keep_link(connection, "carol", "Ada-at-GitHub", NOW))
    assert world.ask("whoami", carol) == ["The account Carol, ada-at-github at GitHub."]
    assert "begun again" in world.ask(f"rerun {world.numbers['broken']}", carol)[0]
    assert world.ask("unlink", carol) == ["Done."]
    assert world.ask("rerun 1", carol)[0].startswith("The account Carol is no GitHub login")


def test_a_hub_that_is_not_open_tells_nothing_to_strangers(world: World, tmp_path: Path) -> None:
    """As its pages: who is linked or trusted may read."""
    answers = make_answers(world.database, Logs(tmp_path / "x", Bell()), world.watches, [], is_open=False)
    asking = Asking(list_commands(answers), world.asking.here, NOW)
    for text in (
        "status",
        "last",
        "who",
        "flaky app",
        "log 1",
        "queue",
        "builders",
        "repos",
        "list repos",
        "watch app",
    ):
        assert asking.ask(text, EVE)[0].startswith("Log in")
        assert not asking.ask(text, BOB)[0].startswith("Log in")
    assert asking.ask("ping", EVE) == ["pong"]
