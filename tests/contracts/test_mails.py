"""Mail for whom a job names, and for who broke or fixed it: one thread a branch, taken by a real server, once each."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from build_lives import Clock, Lives
from hubwright.domain.facts import Fact
from hubwright.domain.preferences import Preference
from hubwright.domain.streaks import Turn
from hubwright.errors import OutletError
from hubwright.outlets.smtp import Server, read_server, send_mail
from hubwright.reports.mail_texts import read_address
from hubwright.reports.mails import MailReporter
from hubwright.reports.relay import Relay
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.preferences import keep_preference
from hubwright.store.reports import load_standings
from hubwright.store.versions import Change
from mail_server import Mailbox, taking_mail
from receiver_server import make_certificate

START = 1_800_000_000.0
MESSAGE = "Fix\u202e it\r\nBcc: x@y.z"
SENDER = "Hubwright <ci@ci.example.org>"


class Post:
    """A database with a job that names mailboxes, and the relay that mails."""

    def __init__(self, database: Database, port: int) -> None:
        self.database = database
        self.lives = Lives(database, Clock(START))
        server = Server(security="smtp", host="127.0.0.1", port=port)

        def send(message: EmailMessage, recipient: str) -> None:
            send_mail(server, message, "ci@ci.example.org", recipient)

        self.reporter = MailReporter(database, send, "https://ci.example.org", SENDER)
        self.relay = Relay(database, [self.reporter], "hub", self.lives.clock, lambda _queue: None)
        self.relay.enroll()
        repository = {"id": 7, "name": "hello", "full_name": "octo/hello", "raw": {}}
        self.keep(insert(schema.metadata.tables["gh_repository"]).values(**repository))

    def keep(self, statement: object) -> None:
        self.database.write(lambda connection: connection.execute(statement))  # type: ignore[call-overload]

    def define(self, *email: str, events: tuple[str, ...] = ()) -> None:
        notifications = {"email": list(email), **({"events": list(events)} if events else {})}
        document = {"repository": "octo/hello", "notifications": notifications}
        self.database.write(lambda connection: keep_document(connection, "octo/hello", document, Change("ann", START)))

    def wish(self, login: str, **wanted: Any) -> None:
        wish = Preference(**wanted)
        self.database.write(lambda connection: keep_preference(connection, login, wish, "ann", START))

    def build(self, sha: str, *exits: int, email: str | None = None, login: str | None = None) -> int:
        number = self.lives.build(sha * 40)
        if email is not None:
            row = {"repository_id": 7, "sha": sha * 40, "author_email": email, "raw": {}}
            self.keep(insert(schema.metadata.tables["gh_commit"]).values(**row))
        self.keep(update(schema.build).where(schema.build.c.id == number).values(message=MESSAGE, author_login=login))
        self.lives.live(number, *exits)
        self.drain()
        return number

    def drain(self) -> None:
        self.relay.drain_facts()
        self.relay.drain_reports()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with taking_mail() as opened:
        yield opened


@pytest.fixture
def post(database: Database, mailbox: Mailbox) -> Iterator[Post]:
    made = Post(database, mailbox.port)
    yield made
    made.relay.close()


def test_who_broke_it_and_who_fixed_it_get_mail_and_nobody_else(post: Post, mailbox: Mailbox) -> None:
    """All in one thread; the one who only built in between hears nothing."""
    post.define("culprits")
    post.build("a", 0, 0, email="good@example.org")
    post.build("b", 2, email="eve@example.org")
    post.build("c", 2, email="bystander@example.org")
    post.build("d", 0, 0, email="ann@example.org")
    assert [recipient for _, recipient, _ in mailbox.came] == ["eve@example.org", "ann@example.org"]
    first, second = (message for _, _, message in mailbox.came)
    assert "BROKEN at bbbbbbb" in first["Subject"]
    assert "FIXED at ddddddd" in second["Subject"]
    assert first["References"] == second["References"] == second["In-Reply-To"]
    assert first["Message-ID"] != second["Message-ID"]
    assert (first["Auto-Submitted"], first["X-Hubwright-Turn"]) == ("auto-generated", "broken")
    assert "https://ci.example.org/builds/" in first.get_content()
    assert "linux: failed in build" in first.get_content()


def test_named_mailboxes_hear_of_the_events_that_they_want(post: Post, mailbox: Mailbox) -> None:
    post.define("team@example.org", "team@example.org", "not an address", events=("always",))
    post.build("a", 0, 0)
    post.build("b", 2)
    assert [recipient for _, recipient, _ in mailbox.came] == ["team@example.org"] * 2


def test_nothing_from_a_commit_becomes_a_header(post: Post, mailbox: Mailbox) -> None:
    """S15: a subject with a line break would be a second header: who is told would be the committer's to say."""
    post.define("team@example.org", events=("always",))
    post.build("a", 2)
    ((_, _, message),) = mailbox.came
    assert message["Bcc"] is None
    assert message["To"] == "team@example.org"
    assert "\u202e" not in message["Subject"]


def test_who_has_no_mailbox_gets_none(post: Post, mailbox: Mailbox) -> None:
    post.define("culprits")
    post.build("a", 0, 0)
    post.build("b", 2, email="7+eve@users.noreply.github.com")
    assert mailbox.came == []


def test_people_are_mailed_as_they_wish(post: Post, mailbox: Mailbox) -> None:
    """For the job, or all of them; the one who broke it, and who wants to know of others' too; each where they say."""
    post.define("culprits")
    post.wish("Eve", path="octo/hello", events=(Turn.FIXED,))
    post.wish("eve", events=(Turn.BROKEN, Turn.FIXED, Turn.STILL_FAILING))
    post.wish("ann", events=(Turn.BROKEN, Turn.STILL_FAILING), mine=False, address="ann@work.example")
    post.wish("bob", events=(Turn.BROKEN,))
    post.build("a", 0, 0, email="ann@example.org", login="ann")
    post.build("b", 2, email="eve@example.org", login="Eve")
    post.build("c", 2, email="bystander@example.org", login="someone")
    post.build("d", 0, 0, email="eve@example.org", login="eve")
    assert [(message["X-Hubwright-Turn"], recipient) for _, recipient, message in mailbox.came] == [
        ("broken", "ann@work.example"), ("still-failing", "ann@work.example"), ("fixed", "eve@example.org"),
    ]  # fmt: skip
    assert "https://ci.example.org/notifications" in mailbox.came[0][2].get_content()


def test_who_asked_without_an_address_is_mailed_at_that_of_their_commits(post: Post, mailbox: Mailbox) -> None:
    """The newest commit's that somebody can read, of any job."""
    post.define()
    post.wish("ann", mine=False)
    post.build("a", 0, 0, email="ann@old.example", login="Ann")
    post.build("b", 0, 0, email="ann@example.org", login="ann")
    post.build("c", 0, 0, email="1+ann@users.noreply.github.com", login="ann")
    post.build("d", 2, email="eve@example.org", login="eve")
    assert [recipient for _, recipient, _ in mailbox.came] == ["ann@example.org"]


def test_a_server_that_was_away_gets_all_once(database: Database) -> None:
    """R26: really stopped, and there again on the same port."""
    with taking_mail() as before:
        port = before.port
        post = Post(database, port)
        post.define("a@example.org", events=("always",))
    post.build("a", 0, 0)
    post.build("b", 0, 0)
    with taking_mail(port) as after:
        post.lives.clock.now += 3600
        post.drain()
        post.drain()
        assert [message["Message-ID"].split(".")[1] for _, _, message in after.came] == ["1", "2"]
    post.relay.close()


def test_a_recipient_that_is_refused_delays_nobody(post: Post, mailbox: Mailbox) -> None:
    """5yz is for good and given up, 4yz is tried again."""
    post.define("gone@example.org", "full@example.org", "fine@example.org", events=("always",))
    mailbox.answers = {"gone@example.org": "550 no such user", "full@example.org": "452 later"}
    post.build("a", 0, 0)
    assert [recipient for _, recipient, _ in mailbox.came] == ["fine@example.org"]
    mailbox.answers.clear()
    post.lives.clock.now += 600
    post.drain()
    assert [recipient for _, recipient, _ in mailbox.came] == ["fine@example.org", "full@example.org"]
    with post.database.reading() as connection:
        (standing,) = load_standings(connection)
    assert (standing.waiting, standing.failed) == (0, 1)


def test_passwords_go_over_tls_only_to_who_has_the_name(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "x", "a@example.org", "b@example.org"
    message.set_content("y")
    with taking_mail(certificate=certificate, login=("ci", "p@ss")) as mailbox:
        url = f"smtp+starttls://ci:p%40ss@localhost:{mailbox.port}"
        send_mail(read_server(url, certificate), message, "a@example.org", "b@example.org")
        assert (len(mailbox.came), mailbox.was_secure) == (1, True)
        with pytest.raises(OutletError, match="can't be used"):
            send_mail(read_server(url.replace("p%40ss", "no"), certificate), message, "a@example.org", "b@example.org")
        with pytest.raises(OutletError, match="can't be used"):  # nobody knows this authority
            send_mail(read_server(url), message, "a@example.org", "b@example.org")
    with taking_mail() as plain:
        server = read_server(f"smtp+starttls://localhost:{plain.port}")
        with pytest.raises(OutletError, match="STARTTLS"):
            send_mail(server, message, "a@example.org", "b@example.org")


@pytest.mark.parametrize("url", ["http://h", "smtp://", "smtp://h:99999", "smtps://h/path"])
def test_a_server_that_is_none_is_told(url: str) -> None:
    with pytest.raises(OutletError, match="is expected"):
        read_server(url)


@pytest.mark.parametrize("text", ["", "ann", "a@b\nBcc: c@d.e", "a b@c.de", "ann@localdomain", "ä@example.org"])
def test_what_is_no_address_is_none(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        read_address(text)


def test_an_end_without_a_branch_mails_nobody(post: Post) -> None:
    assert post.reporter.read_reports(Fact(kind="BuildFinished", at=1.0, build_id=1)) == ()  # type: ignore[arg-type]
