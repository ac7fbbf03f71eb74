"""The reporter that tells receivers by HTTP what the ends of builds mean: webhooks, Slack, Mattermost, Matrix."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.receivers import Dialect, Receiver, is_wanted, read_receivers
from hubwright.errors import NotFoundError, OutletError
from hubwright.outlets.receiver import Poster
from hubwright.reports import Report
from hubwright.reports.notice_texts import Notice, write_line, write_notice
from hubwright.store.database import Database
from hubwright.store.jobs import load_job
from hubwright.store.report_troubles import AGAIN
from hubwright.store.streaks import load_authors
from hubwright.store.views import load_build
from hubwright.store.views_results import load_failed_tests

REMEMBERED = 200
"""Ends that are remembered of a receiver, so that what it was told before the trouble is not told again."""


class NoticeReporter:
    """Tells who is named in a job's `notifications`, and who is named for all jobs (`everywhere`, `events`)."""

    name = "notices"

    def __init__(
        self,
        database: Database,
        poster: Poster,
        public_url: str,
        secrets: Sequence[str],
        clock: Callable[[], float],
        *,
        everywhere: Sequence[str] = (),
        events: Sequence[str] = (),
    ) -> None:
        self._database = database
        self._poster = poster
        self._public_url = public_url
        self._keys = [read_key(secret) for secret in secrets]
        self._clock = clock
        self._everywhere = read_receivers(everywhere)
        self._events = tuple(events)
        self._told: dict[str, Mapping[str, Any]] = {}  # what jobs say of notifications, of the facts that are read now

    def begin_batch(self) -> None:
        """What jobs say is asked anew."""
        self._told.clear()

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """One for each receiver that wants to know; who they are is what the job says at this moment."""
        streak = fact.data.get("streak")
        if fact.kind is not FactKind.BUILD_FINISHED or fact.build_id is None or not isinstance(streak, dict):
            return ()
        turn = str(streak.get("turn"))
        said = {"build": fact.build_id, "streak": streak, "at": fact.at}
        found = self._find_receivers(str(fact.data.get("job")), turn)
        return [Report(one.target, {**said, "dialect": one.dialect.value, "url": one.url}) for one in found]

    def _find_receivers(self, path: str, turn: str) -> list[Receiver]:
        found = dict.fromkeys(self._everywhere) if is_wanted(turn, self._events) else {}
        if path not in self._told:
            with self._database.reading() as connection:
                job = load_job(connection, path)
            self._told[path] = {} if job is None else job.settings.notifications
        told = self._told[path]
        if is_wanted(turn, told.get("events", ())):
            found |= dict.fromkeys(read_receivers(told.get("webhook", ())))
        return list(found)

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:  # noqa: ARG002  the relay's call
        """Tell them one by one. Raises OutletError, OutletRefusedError."""
        for body in bodies:
            mark = f"{body['build']}-{body['at']:.3f}"
            if mark in said.get("told", ()) and AGAIN not in body:
                continue
            with self._database.reading() as connection:
                notice = load_notice(connection, body["build"], body["streak"])
            if notice is not None:
                self._tell(Receiver(Dialect(body["dialect"]), body["url"]), notice, mark)
            said["told"] = [*said.get("told", ()), mark][-REMEMBERED:]

    def _tell(self, receiver: Receiver, notice: Notice, mark: str) -> None:
        if receiver.dialect is not Dialect.WEBHOOK:
            text = {"text": write_line(notice, self._public_url)}
            self._poster.post(receiver.url, orjson.dumps(text), {"Content-Type": "application/json"})
            return
        now = self._clock()
        at = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        body = orjson.dumps(write_notice(notice, self._public_url, at))
        identity = f"msg_{hashlib.sha256(f'{receiver.url} {mark}'.encode()).hexdigest()[:32]}"
        headers = {"Content-Type": "application/json", "User-Agent": "Hubwright", "webhook-id": identity}
        headers |= {"webhook-timestamp": f"{now:.0f}"}
        if self._keys:
            headers["webhook-signature"] = sign(self._keys, identity, f"{now:.0f}", body)
        self._poster.post(receiver.url, body, headers)


def load_notice(connection: Connection, build_id: int, streak: dict[str, Any]) -> Notice | None:
    """What there is to tell of a build's end; None when the build is gone."""
    try:
        build = load_build(connection, build_id)
    except NotFoundError:
        return None
    runs = [run.id for run in build.runs]
    failed = load_failed_tests(connection, runs) if runs else {}
    return Notice(build=build, streak=streak, failed=failed, authors=load_authors(connection, build, streak))


def read_key(secret: str) -> bytes:
    """The bytes of a secret: `whsec_` and base64, as Standard Webhooks has them, or any text. Raises OutletError."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError as error:
        raise OutletError("NOTIFY__SECRETS: what follows whsec_ is not base64.") from error


def sign(keys: Sequence[bytes], identity: str, timestamp: str, body: bytes) -> str:
    """The header `webhook-signature`: one signature for each key, so that keys can be changed without a gap."""
    text = f"{identity}.{timestamp}.".encode() + body
    marks = (base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode() for key in keys)
    return " ".join(f"v1,{mark}" for mark in marks)
