"""The reporter that mails: whom a job names, who may have broken or fixed it, and who wants to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from email.message import EmailMessage
from typing import Any

from hubwright.domain.facts import Fact, FactKind
from hubwright.reports import Report
from hubwright.reports.mail_recipients import Recipients
from hubwright.reports.mail_texts import MAX_PROBLEMS, write_mail
from hubwright.reports.notices import REMEMBERED, load_notice
from hubwright.store.database import Database
from hubwright.store.jobs import load_job
from hubwright.store.preferences import load_addresses, load_wishes
from hubwright.store.report_troubles import AGAIN
from hubwright.store.streaks import load_people
from hubwright.store.views_results import load_problems

Send = Callable[[EmailMessage, str], None]
"""Hands a message for one recipient to a server. Raises OutletError, OutletRefusedError."""


class MailReporter:
    """Mails to the addresses in a job's `notifications.email`, its culprits, and people who have asked for it."""

    name = "mails"

    def __init__(self, database: Database, send: Send, public_url: str, sender: str) -> None:
        self._database = database
        self._send = send
        self._public_url = public_url
        self._sender = sender

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """One for each address; which they are is what the job and people say at this moment."""
        streak = fact.data.get("streak")
        if fact.kind is not FactKind.BUILD_FINISHED or fact.build_id is None or not isinstance(streak, dict):
            return ()
        path = str(fact.data.get("job"))
        with self._database.reading() as connection:
            job = load_job(connection, path)
            if job is None:
                return ()
            people = load_people(connection, fact.build_id, streak)
            found = Recipients(str(streak.get("turn")), job.settings.notifications, people)
            wishes = load_wishes(connection, path, found.logins)
            found.add_wishes(wishes, lambda login: load_addresses(connection, login))
        said = {"build": fact.build_id, "streak": streak, "at": fact.at}
        return [Report(f"mail {address}", {**said, "to": address}) for address in found.read_addresses()]

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:  # noqa: ARG002  the relay's call
        """Mail them one by one. Raises OutletError, OutletRefusedError."""
        for body in bodies:
            mark = f"{body['build']}-{body['at']:.3f}"
            if mark in said.get("told", ()) and AGAIN not in body:
                continue
            with self._database.reading() as connection:
                notice = load_notice(connection, body["build"], body["streak"])
                runs = [] if notice is None else [run.id for run in notice.build.runs]
                found = load_problems(connection, runs, MAX_PROBLEMS, ("error",)) if runs else {}
            if notice is not None:
                problems = [problem for of_run in found.values() for problem in of_run]
                self._send(write_mail(notice, problems, self._public_url, self._sender, body["to"]), body["to"])
            said["told"] = [*said.get("told", ()), mark][-REMEMBERED:]
