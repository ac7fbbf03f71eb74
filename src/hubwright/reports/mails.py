"""The reporter that mails: whom a job names, and who may have broken or fixed it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from email.message import EmailMessage
from typing import Any

from sqlalchemy import Connection

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.receivers import MAX_RECEIVERS, is_wanted
from hubwright.reports import Report
from hubwright.reports.mail_texts import MAX_PROBLEMS, read_address, write_mail
from hubwright.reports.notices import REMEMBERED, load_notice
from hubwright.store.database import Database
from hubwright.store.jobs import load_job
from hubwright.store.streaks import load_author_emails
from hubwright.store.views_results import load_problems

CULPRITS = "culprits"
"""Stands for the authors of what was built since the last other end of the branch."""

_NO_MAILBOX = ("@users.noreply.github.com", ".invalid", "@noreply.github.com")

Send = Callable[[EmailMessage, str], None]
"""Hands a message for one recipient to a server. Raises OutletError, OutletRefusedError."""


class MailReporter:
    """Mails to the addresses in a job's `notifications.email`; `culprits` among them are found by their commits."""

    name = "mails"

    def __init__(self, database: Database, send: Send, public_url: str, sender: str) -> None:
        self._database = database
        self._send = send
        self._public_url = public_url
        self._sender = sender

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """One for each address; which they are is what the job says at this moment."""
        streak = fact.data.get("streak")
        if fact.kind is not FactKind.BUILD_FINISHED or fact.build_id is None or not isinstance(streak, dict):
            return ()
        with self._database.reading() as connection:
            job = load_job(connection, str(fact.data.get("job")))
            told = {} if job is None else job.settings.notifications
            if not told.get("email") or not is_wanted(str(streak.get("turn")), told.get("events", ())):
                return ()
            found = _find_addresses(connection, told["email"], fact.build_id, streak)
        said = {"build": fact.build_id, "streak": streak, "at": fact.at}
        return [Report(f"mail {address}", {**said, "to": address}) for address in found]

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:  # noqa: ARG002  the relay's call
        """Mail them one by one. Raises OutletError, OutletRefusedError."""
        for body in bodies:
            mark = f"{body['build']}-{body['at']:.3f}"
            if mark in said.get("told", ()):
                continue
            with self._database.reading() as connection:
                notice = load_notice(connection, body["build"], body["streak"])
                runs = [] if notice is None else [run.id for run in notice.build.runs]
                found = load_problems(connection, runs, MAX_PROBLEMS, ("error",)) if runs else {}
            if notice is not None:
                problems = [problem for of_run in found.values() for problem in of_run]
                self._send(write_mail(notice, problems, self._public_url, self._sender, body["to"]), body["to"])
            said["told"] = [*said.get("told", ()), mark][-REMEMBERED:]


def _find_addresses(connection: Connection, named: Iterable[str], build_id: int, streak: dict[str, Any]) -> list[str]:
    """The addresses, each once; who has no mailbox is passed over, and so is what is no address."""
    texts = [text for text in named if text != CULPRITS]
    if CULPRITS in named:
        texts += load_author_emails(connection, build_id, streak)
    found: dict[str, None] = {}
    for text in texts:
        try:
            address = read_address(text)
        except ValueError:
            continue
        if not address.lower().endswith(_NO_MAILBOX):
            found.setdefault(address)
    return list(found)[:MAX_RECEIVERS]
