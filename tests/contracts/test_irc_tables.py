"""What the bot on IRC remembers: the same on SQLite and PostgreSQL, and no more of it than is promised."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from hubwright.store import irc, irc_accounts, irc_people, irc_watches, takes
from hubwright.store.definitions import find_subject, remove_job
from hubwright.store.irc_people import Seen
from hubwright.store.takes import Take
from hubwright.store.versions import Kind
from limited_jobs import NOW, Builds, define, end, lease
from tables import with_tables

CHANNEL = "#Builds[]"


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A transaction that is never committed."""
    url = with_tables(database_url) if database_url.startswith("sqlite") else database_url
    with create_engine(url, poolclass=NullPool).connect() as opened:
        yield opened


def test_names_that_are_the_same_on_irc_are_the_same_here(connection: Connection) -> None:
    """`[]` are the capitals of `{}`; a second time nothing changes, and is told as such."""
    assert irc.keep_trust(connection, "Ada[x]", "ops", NOW)
    assert not irc.keep_trust(connection, "ada{X}", "else", NOW + 1)
    assert irc.is_trusted(connection, "ADA{x]")
    assert irc.load_trusted(connection) == [irc.Trusted("ada{x}", "ops", NOW)]
    assert irc.keep_repository(connection, CHANNEL, "Octo/Hello", "ada", NOW)
    assert not irc.keep_repository(connection, "#builds{}", "octo/hello", "ada", NOW)
    assert irc.keep_repository(connection, "#other", "octo/world", "ada", NOW)
    assert irc.load_repositories(connection, CHANNEL) == [("#builds{}", "Octo/Hello")]
    assert len(irc.load_repositories(connection)) == 2
    assert irc.drop_repository(connection, CHANNEL, "OCTO/hello")
    assert not irc.drop_repository(connection, CHANNEL, "octo/hello")
    assert irc.drop_trust(connection, "ADA[X]")
    assert not irc.drop_trust(connection, "ada{x}")


def test_wishes_of_channels_and_people_are_replaced(connection: Connection) -> None:
    """The last word holds; a mute ends by itself."""
    irc.keep_notify(connection, CHANNEL, {"broken": True, "fixed": True}, "ada", NOW)
    irc.keep_notify(connection, CHANNEL, {"fixed": False}, "bob", NOW + 1)
    assert irc.load_notify(connection) == {"#builds{}": {"broken": True, "fixed": False}}
    irc.keep_mute(connection, CHANNEL, NOW + 60, "ada")
    irc.keep_mute(connection, CHANNEL, NOW + 90, "ada")
    assert irc.load_mutes(connection, NOW + 89) == {"#builds{}": NOW + 90}
    assert irc.load_mutes(connection, NOW + 90) == {}
    assert irc.drop_mute(connection, CHANNEL)
    assert irc.keep_ping(connection, "Ada", "ada-at-home", NOW)
    assert not irc.keep_ping(connection, "ada", "ada-at-work", NOW)
    assert irc.load_pings(connection) == {"ada": "ada-at-work"}
    assert irc.drop_ping(connection, "ADA")
    assert irc.load_pings(connection) == {}


def test_an_account_is_linked_by_its_code_once_and_in_time(connection: Connection) -> None:
    irc_accounts.keep_code(connection, "Ada", "first", NOW + 60)
    irc_accounts.keep_code(connection, "Ada", "second", NOW + 60)
    assert irc_accounts.find_code(connection, "first", NOW) is None
    assert irc_accounts.find_code(connection, "second", NOW + 60) is None
    assert irc_accounts.find_code(connection, "second", NOW) == "ada"
    assert irc_accounts.load_login(connection, "ada") is None
    irc_accounts.keep_link(connection, "ADA", "Ada-At-GitHub", NOW)
    assert irc_accounts.find_code(connection, "second", NOW) is None
    assert irc_accounts.load_login(connection, "Ada") == "ada-at-github"
    assert irc_accounts.load_accounts_of(connection, "ADA-at-github") == ["ada"]
    irc_accounts.keep_code(connection, "bob", "unused", NOW + 60)
    irc_accounts.drop_old_codes(connection, NOW + 61)
    assert [one.account for one in irc_accounts.load_linked(connection)] == ["ada"]
    assert irc_accounts.drop_link(connection, "Ada")
    assert not irc_accounts.drop_link(connection, "Ada")
    assert irc_accounts.load_linked(connection) == []


def test_the_newest_sight_of_a_nick_is_kept_until_it_is_old(connection: Connection) -> None:
    said = Seen("Ada", "ada", "said", "#builds", None, NOW)
    quit_ = Seen("ADA", None, "quit", None, None, NOW + 5)
    irc_people.keep_seen(connection, quit_)
    irc_people.keep_seen(connection, said)
    assert irc_people.load_seen(connection, "ada") == quit_
    irc_people.keep_seen(connection, Seen("bob", None, "joined", "#builds", None, NOW + 9))
    old = irc_people.load_old_people(connection, NOW + 6)
    assert (old.nicks, old.words) == (["ada"], [])
    irc_people.drop_old_people(connection, old)
    assert irc_people.load_seen(connection, "ada") is None
    assert irc_people.load_seen(connection, "bob") is not None


def test_who_opts_out_is_forgotten_and_known_by_their_account(connection: Connection) -> None:
    """Somebody else under the same nick did not opt out."""
    irc_people.keep_seen(connection, Seen("Ada", "ada", "said", "#builds", None, NOW))
    irc_people.keep_opt_out(connection, "Ada", "ada", NOW)
    assert irc_people.load_seen(connection, "ada") is None
    assert irc_people.opts_out(connection, "ada-at-work", "ADA")
    assert not irc_people.opts_out(connection, "someone", None)
    assert irc_people.load_opt_outs(connection) == {"ada"}
    assert irc_people.drop_opt_out(connection, "x", "ada")
    assert not irc_people.drop_opt_out(connection, "x", "ada")


def test_words_are_fetched_once_by_whom_they_are_for(connection: Connection) -> None:
    def leave(account: str | None, text: str) -> bool:
        words = {"account": account, "sender": "bob", "target": "#builds", "text": text, "at": NOW}
        return irc_people.keep_tell(connection, "Ada", words)

    assert leave("ada", "for the account")
    assert leave(None, "for the nick")
    assert irc_people.load_addressees(connection, ["ada", "bob"]) == {"ada"}
    assert [one.text for one in irc_people.take_tells(connection, "ada", None)] == ["for the nick"]
    assert [one.text for one in irc_people.take_tells(connection, "ADA", "Ada")] == ["for the account"]
    assert irc_people.take_tells(connection, "ada", "ada") == []
    assert [leave(None, str(number)) for number in range(irc_people.MAX_TELLS + 1)][-2:] == [True, False]
    assert irc_people.load_old_people(connection, NOW) == ([], [])
    old = irc_people.load_old_people(connection, NOW + 1)
    assert len(old.words) == irc_people.MAX_TELLS
    irc_people.drop_old_people(connection, old)
    assert irc_people.load_addressees(connection, ["ada"]) == frozenset()


def test_a_watch_is_due_when_what_it_watches_has_ended(connection: Connection) -> None:
    """A build that has ended before does not count as the next end of its job."""
    builds, job = Builds(), define(connection, "app")
    done, going = (builds.push(connection, job) for _ in range(2))
    lease(connection, done)
    end(connection, done)
    assert irc_watches.keep_watch(connection, "Ada", "#builds", (going, None), NOW)
    assert irc_watches.keep_watch(connection, "bob", "bob", (None, job.id), NOW)
    assert irc_watches.load_ended(connection) == []
    lease(connection, going)
    end(connection, going, "failure")
    due = irc_watches.load_ended(connection)
    assert [(one.nick, one.target, one.ended) for one in due] == [("ada", "#builds", going), ("bob", "bob", going)]
    irc_watches.drop_watches(connection, [one.id for one in due])
    assert irc_watches.load_ended(connection) == []
    taken = [irc_watches.keep_watch(connection, "ada", "ada", (going, None), NOW) for _ in range(21)]
    assert taken == [True] * irc_watches.MAX_WATCHES + [False]
    assert irc_watches.drop_watches_of(connection, "ADA") == irc_watches.MAX_WATCHES


def test_a_take_ends_when_the_branch_is_good_again(connection: Connection) -> None:
    """Not when it fails once more; another branch's stays, and goes with its job."""
    builds, job = Builds(), define(connection, "app")

    def build(result: str) -> None:
        number = builds.push(connection, job)
        lease(connection, number)
        end(connection, number, result)

    build("success")
    build("failure")
    assert takes.keep_take(connection, job.id, Take("main", "ada", NOW)) is None
    assert takes.keep_take(connection, job.id, Take("next", "ada", NOW)) is None
    assert takes.keep_take(connection, job.id, Take("main", "ada", NOW + 1)) is None
    assert takes.keep_take(connection, job.id, Take("main", "bob", NOW + 2)) == Take("main", "ada", NOW + 1)
    build("failure")
    assert takes.load_take(connection, job.id, "main") == Take("main", "bob", NOW + 2)
    build("success")
    assert takes.load_takes(connection, job.id) == [Take("next", "ada", NOW)]
    known = find_subject(connection, Kind.JOB, "app")
    assert known is not None
    remove_job(connection, known, NOW)
    assert takes.load_takes(connection, job.id) == []
