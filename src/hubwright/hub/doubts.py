"""Whether those who approved may still write, asked when a run is due and it was long ago that this was known (S13).

Such runs are held meanwhile. GitHub's answer lets them go on or ends the approval; without one they wait, and say so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.backoff import backoff
from hubwright.domain.repos import Repository
from hubwright.errors import HubwrightError
from hubwright.hub.approvals import end_approval
from hubwright.store import approvals
from hubwright.store.database import Database

BATCH = 100
"""Approvals that are looked at together; GitHub is asked once for each repository and user among them."""

FIRST, LONGEST = 2.0, 300.0
"""Seconds between two questions when GitHub does not answer: at first, and at most."""

Refusal = Callable[[Repository, str, int], str | None]
"""Why a GitHub user may not approve, None when they may. Raises HubwrightError when that can't be known."""

logger = structlog.get_logger()


class Doubts:
    """The drain of approvals in doubt. Two of them do no harm: each answer is checked against the row."""

    def __init__(
        self, database: Database, refusal_of: Refusal, clock: Callable[[], float], wake: Callable[[str], None]
    ) -> None:
        self._database = database
        self._refusal_of = refusal_of
        self._clock = clock
        self._wake = wake

    def drain(self) -> float | None:
        """Ask for all that is due; when the next is."""
        while True:
            with self._database.reading() as connection:
                rows = approvals.load_doubts(connection, self._clock(), BATCH)
                if not rows:
                    return approvals.next_doubt(connection)
            self._settle(rows)

    def _settle(self, rows: list[Row[Any]]) -> None:
        answers: dict[tuple[str, int], Callable[[Connection, Row[Any]], None]] = {}
        for row in rows:
            who = row.repository.lower(), row.approved_by_id or -row.token_id
            if who not in answers:
                answers[who] = self._ask(row)
            self._database.write(partial(_settle_one, number=row.id, answer=answers[who]))
        self._wake("runs")
        self._wake("admission")
        self._wake("facts")

    def _ask(self, row: Row[Any]) -> Callable[[Connection, Row[Any]], None]:
        """What is to be done with the approvals of this user or token at this repository."""
        if row.token_gone:
            return partial(end_approval, why=f"token {row.token_name} was revoked", now=self._clock())
        if row.approved_by_id is None:
            return partial(_confirm, now=self._clock())
        owner, _, name = row.repository.partition("/")
        repository = Repository(id=row.repository_id, owner=owner, name=name)
        try:
            refusal = self._refusal_of(repository, row.approved_by_login or "", row.approved_by_id)
        except HubwrightError as error:
            logger.warning("approver_not_known", repository=row.repository, user=row.approved_by_id, reason=str(error))
            again = self._clock() + backoff(row.asked + 1, FIRST, LONGEST, (row.id % 100) / 100)
            return partial(_note, why=str(error), again=again)
        if refusal is not None:
            return partial(end_approval, why=f"it was asked again before the run began: {refusal}", now=self._clock())
        return partial(_confirm, now=self._clock())


def _settle_one(connection: Connection, number: int, answer: Callable[[Connection, Row[Any]], None]) -> None:
    """The approval may have ended, or somebody else may have approved, while GitHub was asked."""
    row = approvals.load_doubted(connection, number)
    if row is not None:
        answer(connection, row)


def _confirm(connection: Connection, row: Row[Any], now: float) -> None:
    approvals.confirm(connection, row.id, now)
    approvals.release(connection, row.build_id)


def _note(connection: Connection, row: Row[Any], why: str, again: float) -> None:
    approvals.note_doubt(connection, row.id, why, again)
