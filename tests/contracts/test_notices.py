"""Receivers hear what the ends of builds mean: signed, in order, also after they were away; nobody else is asked."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import update

from build_lives import Clock, Lives
from hubwright.domain.facts import Fact, FactKind
from hubwright.errors import OutletError, OutletRefusedError, UnprocessableError
from hubwright.hub.addresses import check_public
from hubwright.outlets.receiver import Poster
from hubwright.reports.notices import NoticeReporter, read_key
from hubwright.reports.relay import Relay
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.report_troubles import load_told, send_again
from hubwright.store.reports import load_standings
from hubwright.store.versions import Change
from receiver_server import Inbox, make_certificate, receiving

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes ....").decode()
START = 1_800_000_000.0


def here(_host: str) -> list[str]:
    """Every name is this machine: the tests' own receivers."""
    return ["127.0.0.1"]


class Town:
    """A database with a job that names receivers, and the relay that tells them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.lives = Lives(database, Clock(START))
        self.poster = Poster(here, timeout=5)
        self.relay: Relay | None = None

    def open(self, *everywhere: str, events: tuple[str, ...] = (), secrets: tuple[str, ...] = (SECRET,)) -> None:
        reporter = NoticeReporter(
            self.database, self.poster, "https://ci.example.org", secrets, self.lives.clock,
            everywhere=everywhere, events=events,
        )  # fmt: skip
        self.relay = Relay(self.database, [reporter], "hub", self.lives.clock, lambda _queue: None)
        self.relay.enroll()

    def define(self, **notifications: Any) -> None:
        """The job of the lives, which names whom to tell."""
        document = {"repository": "octo/hello", "notifications": notifications}
        change = Change("ann", self.lives.clock())
        self.database.write(lambda connection: keep_document(connection, "octo/hello", document, change))

    def drain(self) -> None:
        assert self.relay is not None
        self.relay.drain_facts()
        self.relay.drain_reports()

    def build(self, sha: str, *exits: int, author: str = "ann") -> int:
        number = self.lives.build(sha * 40)
        values = update(schema.build).where(schema.build.c.id == number).values(author_login=author, message="Fix it\n")
        self.database.write(lambda connection: connection.execute(values))
        (run,) = self.lives.runs(number)
        self.lives.start(run)
        self.lives.end(run, *exits, failed=1 if any(exits) else 0, passed=1)
        return number

    def close(self) -> None:
        if self.relay is not None:
            self.relay.close()
        self.poster.close()


@pytest.fixture
def town(database: Database) -> Iterator[Town]:
    made = Town(database)
    yield made
    made.close()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with receiving() as opened:
        yield opened


def test_what_breaks_and_what_is_fixed_is_told_signed(town: Town, inbox: Inbox) -> None:
    """A receiver checks the signature as Standard Webhooks says, with either of two secrets."""
    town.open(secrets=(SECRET, "the old one"))
    town.define(webhook=[f"http://ops.example:{inbox.port}/in"])
    town.build("a", 0)
    broken = town.build("b", 0, 2, author="eve")
    town.build("c", 0, 2, author="ann")
    town.lives.clock.now += 3600
    town.build("d", 0, 0)
    town.drain()
    documents = inbox.documents()
    assert [one["type"] for one in documents] == ["build.broken", "build.fixed"]
    told = documents[0]["data"]
    assert (told["id"], told["authors"], told["since"]["build"]) == (broken, ["eve"], broken)
    assert told["runs"][0]["failed_stages"] == ["test"]
    assert told["runs"][0]["failed_tests"] == ["f0"]
    assert "BROKEN at bbbbbbb by eve" in told["text"]
    assert "FIXED at ddddddd by ann" in documents[1]["data"]["text"]
    assert "after 1 h 00 min (2 builds)" in documents[1]["data"]["text"]
    for path, headers, body in inbox.came:
        assert (path, headers["host"]) == ("/in", f"ops.example:{inbox.port}")
        text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        marks = [
            base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()
            for key in (read_key(SECRET), b"the old one")
        ]
        assert headers["webhook-signature"] == f"v1,{marks[0]} v1,{marks[1]}"


def test_chats_get_a_line(town: Town, inbox: Inbox) -> None:
    address = f"http://chat.example:{inbox.port}"
    town.open(f"slack:{address}/s", f"matrix:{address}/m", events=("always",))
    town.build("a", 0)
    town.drain()
    assert sorted(path for path, _, _ in inbox.came) == ["/m", "/s"]
    line = 'octo/hello main ✓ passed at aaaaaaa "Fix it" — https://ci.example.org/builds/1'
    assert inbox.documents() == [{"text": line}] * 2


def test_a_receiver_that_is_down_delays_only_itself_and_hears_all_in_order(town: Town, inbox: Inbox) -> None:
    """R26, with a server that really is away for a while."""
    with receiving() as other:
        port = other.port
    town.open(f"http://up.example:{inbox.port}/", f"http://down.example:{port}/", events=("always",))
    for sha in "abc":
        town.build(sha, 0)
        town.drain()
    assert [one["data"]["sha"][0] for one in inbox.documents()] == ["a", "b", "c"]
    with receiving(port) as back:
        town.lives.clock.now += 3600
        town.drain()
        assert [one["data"]["sha"][0] for one in back.documents()] == ["a", "b", "c"]
    assert len(inbox.came) == 3


def test_what_went_out_before_the_trouble_is_not_told_again(town: Town, inbox: Inbox) -> None:
    """Two ends wait for one receiver, and it takes only the first."""
    town.open(f"http://a.example:{inbox.port}/", events=("always",))
    town.build("a", 0)
    town.build("b", 0)
    inbox.answers.extend([204, 500])
    town.drain()
    town.lives.clock.now += 3600
    town.drain()
    assert [one["data"]["sha"][0] for one in inbox.documents()] == ["a", "b"]
    assert len({headers["webhook-id"] for _, headers, _ in inbox.came}) == 2


def test_what_was_told_is_listed_and_told_again_when_somebody_asks(town: Town, inbox: Inbox) -> None:
    """The same words with the same `webhook-id`: who dropped it by mistake takes it now, who has it knows it again."""
    town.open(f"http://up.example:{inbox.port}/", events=("always",))
    for sha in "ab":
        town.build(sha, 0)
        town.drain()
    with town.database.reading() as connection:
        newest, first = load_told(connection, of="notices").items
        page = load_told(connection, of="notices", target=first.target, limit=1)
        assert load_told(connection, of="mails").items == ()
    assert (newest.build, first.build, first.told) == (2, 1, True)
    assert [(one.id, page.next) for one in page.items] == [(newest.id, newest.id)]
    town.database.write(lambda connection: send_again(connection, first.id, town.lives.clock()))
    town.drain()
    town.drain()
    (_, once, words), _, (_, again, same) = inbox.came
    assert (again["webhook-id"], orjson.loads(same)["data"]) == (once["webhook-id"], orjson.loads(words)["data"])


@pytest.mark.parametrize("status", [302, 400, 410, 422])
def test_a_refusal_is_given_up_with_its_reason(town: Town, inbox: Inbox, status: int) -> None:
    """A redirect too: it could lead anywhere."""
    town.open(f"http://a.example:{inbox.port}/", events=("always",))
    inbox.answers.append(status)
    town.build("a", 0)
    town.drain()
    with town.database.reading() as connection:
        (standing,) = load_standings(connection)
    assert (standing.waiting, standing.failed) == (0, 1)


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_what_time_may_mend_is_told_again(town: Town, inbox: Inbox, status: int) -> None:
    town.open(f"http://a.example:{inbox.port}/", events=("always",))
    inbox.answers.append(status)
    town.build("a", 0)
    town.drain()
    town.lives.clock.now += 60
    town.drain()
    assert len(inbox.came) == 1


def test_the_operators_own_network_is_not_asked(town: Town) -> None:
    """S39: neither by address, nor by a name that leads there; it is looked up before each request."""
    for host in ("127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]"):
        with Poster(check_public) as careful, pytest.raises(OutletError, match=r"private network|not known"):
            careful.post(f"http://{host}/", b"{}", {})

    def moved(_host: str) -> list[str]:
        raise UnprocessableError("The host lies in a private network.")

    with Poster(moved) as careful, pytest.raises(OutletError, match="private network"):
        careful.post("https://public.example/", b"{}", {})


def test_a_certificate_must_be_that_of_the_name(tmp_path: Path) -> None:
    """The request goes to the address that was looked at, and believes only who is called so."""
    mine = make_certificate(tmp_path, "ops.example")
    with receiving(certificate=mine) as inbox, Poster(here, ca_file=mine) as poster:
        poster.post(f"https://ops.example:{inbox.port}/in", b"{}", {})
        assert len(inbox.came) == 1
        with pytest.raises(OutletError, match=r"other\.example does not answer"):
            poster.post(f"https://other.example:{inbox.port}/in", b"{}", {})
    with receiving(certificate=mine) as inbox, Poster(here) as strange, pytest.raises(OutletError):
        strange.post(f"https://ops.example:{inbox.port}/in", b"{}", {})


def test_refused_and_away_are_told_apart(inbox: Inbox) -> None:
    """By the status alone; nothing that an answer says matters."""
    inbox.answers.append(400)
    with Poster(here) as poster, pytest.raises(OutletRefusedError, match="answered 400"):
        poster.post(f"http://a.example:{inbox.port}/", b"{}", {})


def test_what_commits_say_stays_on_its_line(town: Town, inbox: Inbox) -> None:
    """S15: a line of a chat stays one, whatever a commit is called."""
    town.open(f"slack:http://a.example:{inbox.port}/", events=("always",))
    number = town.lives.build("a" * 40)
    hostile = update(schema.build).where(schema.build.c.id == number)
    hostile = hostile.values(message="one\u202e\x01two\r\nthree", branch="ma\nin\x07")
    town.database.write(lambda connection: connection.execute(hostile))
    town.lives.live(number, 2)
    town.drain()
    (document,) = inbox.documents()
    assert document["text"].isprintable()


def test_only_ends_that_turn_a_branch_are_told(town: Town) -> None:
    town.open("https://a.example/", events=("always",))
    reporter = NoticeReporter(town.database, town.poster, "https://x", (), town.lives.clock)
    facts = [Fact(kind=kind, at=1.0, build_id=7, data={"job": "octo/hello"}) for kind in FactKind]
    assert [fact for fact in facts if reporter.read_reports(fact)] == []


def test_a_secret_that_is_not_what_it_says_is_told() -> None:
    with pytest.raises(OutletError, match="not base64"):
        read_key("whsec_ä")
    assert read_key("plain") == b"plain"
