"""What must hold when all is healed: counted from the database, the builds' own copies and what GitHub was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx2
from sqlalchemy import Connection, create_engine, select
from sqlalchemy.pool import NullPool

from chaos.installation import Installation
from chaos.load import Book, Push
from hubwright.store.schema import build, delivery, report, run

_STATES = {"success": "success", "skip": "success", "failure": "failure"}
"""Results as GitHub's states; all others are `error`."""

_OPEN = ("waiting", "leased")

_MORE = 5
"""Of a kind of trouble the first ones are told."""


@dataclass
class Count:
    """Numbers by what they count, and what is wrong, in words. `lost`, `untrue` … must be nought."""

    numbers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _told: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, amount: int = 1) -> None:
        """Count."""
        self.numbers[what] += amount

    def blame(self, what: str, words: str, amount: int = 1) -> None:
        """Count what must never be."""
        self.numbers[what] += amount
        self._told[what] += 1
        if self._told[what] <= _MORE:
            self.wrong.append(f"{what}: {words}")


MUST_BE_NOUGHT = (
    "deliveries lost", "pushes not built", "pushes built twice", "builds without an end", "results untrue",
    "log bytes lost", "log bytes doubled", "statuses missing", "statuses doubled",
)  # fmt: skip


def count(place: Installation, book: Book) -> Count:
    """Count everything, once all is quiet."""
    made = Count()
    for name in MUST_BE_NOUGHT:
        made.numbers[name] = 0
    engine = create_engine(place.database_url)
    try:
        with engine.connect() as connection:
            _count_deliveries(made, connection, book)
            rows = list(connection.execute(select(build).order_by(build.c.id)))
            runs = list(connection.execute(select(run).order_by(run.c.id)))
    finally:
        engine.dispose()
    codes = {push.sha: push.code for push in book.pushes}
    _count_builds(made, book, rows)
    for row in runs:
        made.add(f"runs: {row.result}")
    by_build = {row.id: row for row in rows}
    for row in runs:
        of = by_build[row.build_id]
        if of.sha in codes:
            _check_result(made, place, row, codes[of.sha], of.id in book.cancelled)
            _check_log(made, place, row)
    for sha in sorted({row.sha for row in rows}):
        judge_statuses(made, sha, place.github.statuses(sha), [row for row in rows if row.sha == sha], runs)
    return made


def is_quiet(place: Installation) -> Callable[[], bool]:
    """A question: has everything that was begun come to its end?"""
    engine = create_engine(place.database_url, poolclass=NullPool)

    def look() -> bool:
        with engine.connect() as connection:
            opened = (
                select(build.c.id).where(build.c.state != "finished"),
                select(delivery.c.id).where(delivery.c.state.in_(_OPEN)),
                select(report.c.id).where(report.c.state.in_(_OPEN), report.c.reporter == "statuses"),
            )
            return all(connection.execute(query.limit(1)).first() is None for query in opened)

    return look


def _count_deliveries(made: Count, connection: Connection, book: Book) -> None:
    kept = {row.guid: row.state for row in connection.execute(select(delivery.c.guid, delivery.c.state))}
    for push in book.pushes:
        accepted = push.answer == 202
        made.add("deliveries accepted" if accepted else "deliveries refused or unanswered")
        if kept.get(push.guid) != "done":
            if accepted:
                made.blame("deliveries lost", f"{push.guid} was answered 202 and is {kept.get(push.guid)}")
        elif not accepted:
            made.add("refused deliveries that came later")


def _count_builds(made: Count, book: Book, rows: Iterable[Any]) -> None:
    built = Counter(row.sha for row in rows)
    for row in rows:
        made.add("builds")
        if row.state != "finished":
            made.blame("builds without an end", f"build {row.id} is {row.state}")
    for push in book.pushes:
        if not built[push.sha]:
            made.blame("pushes not built", _name(push))
        elif built[push.sha] > 1:
            made.blame("pushes built twice", _name(push))


def _name(push: Push) -> str:
    return f"{push.repository}@{push.sha[:7]}, answered {push.answer}"


def _check_result(made: Count, place: Installation, row: Any, code: int, cancelled: bool) -> None:
    """What the program ended with; `cancellation` only of what somebody cancelled, `error` with a reason."""
    if row.state != "finished":
        return
    right = {"failure" if code else "success"}
    if cancelled:
        right.add("cancellation")
    if row.result == "error" and row.detail:
        made.add(f"lost: {row.detail}"[:100])
    elif row.result not in right:
        ends = {path.name: path.read_text() for path in place.copies.glob(f"*-{row.id}-*.end")}
        words = f"run {row.id}, attempt {row.attempt}, lease {row.lease} is {row.result} ({row.detail})"
        made.blame("results untrue", f"{words}, its program ended with {code} ({ends})")


def _check_log(made: Count, place: Installation, row: Any) -> None:
    """Every byte that the build printed, once; of what was ended early, a beginning of it."""
    copy = next(iter(place.copies.glob(f"*-{row.id}-{row.lease}")), None)
    printed = copy.read_bytes() if copy is not None else b""
    made.add("log bytes printed", len(printed))
    for hub in place.hubs:  # any of them shows any log
        log = _read_output(hub.url, row.id, place.client.headers)
        if row.result in ("success", "failure"):
            if log != printed:
                compare_logs(made, row.id, printed, log)
        elif row.state == "finished" and not (printed.startswith(log) or log.startswith(printed)):
            compare_logs(made, row.id, printed[: len(log)], log)


def _read_output(url: str, number: int, headers: Any) -> bytes:
    """A run's log at a hub, without the lines of the builder itself."""
    answer = httpx2.get(
        f"{url}/api/v1/runs/{number}/log", params={"ansi": "1"}, headers=headers, timeout=30, trust_env=False
    )
    lines = answer.content.splitlines(keepends=True) if answer.status_code == 200 else []
    return b"".join(line for line in lines if not line.startswith(b"\x1b[1m"))


def compare_logs(made: Count, number: int, printed: bytes, log: bytes) -> None:
    """No line is printed twice, so lines tell what is lost, what is doubled."""
    had, has = Counter(printed.splitlines(keepends=True)), Counter(log.splitlines(keepends=True))
    lost = sum(len(line) * times for line, times in (had - has).items())
    more = sum(len(line) * times for line, times in (has - had).items())
    if lost:
        made.blame("log bytes lost", f"{lost} of {len(printed)} of run {number}", lost)
    if more or not lost:
        example = next(iter(has - had), b"the same lines in another order")
        made.blame("log bytes doubled", f"{more} in run {number}, such as {example[:80]!r}", more or 1)


def judge_statuses(made: Count, sha: str, every: Iterable[Any], builds: list[Any], runs: list[Any]) -> None:
    """The last one of each context is the end of its build or run; none is posted twice without another between."""
    told: dict[str, list[Any]] = {}
    for one in every:
        told.setdefault(one["context"], []).append(one)
    made.add("statuses", sum(map(len, told.values())))
    newest = builds[-1]
    if newest.state != "finished":
        return
    latest = [row for row in runs if row.build_id == newest.id and row.latest]
    wanted = {"hubwright": newest.result, **{name: latest[0].result for name in told if name != "hubwright" and latest}}
    for context, result in wanted.items():
        state = _STATES.get(result, "error")
        last = told[context][-1]["state"] if told.get(context) else None
        if last != state:
            made.blame("statuses missing", f"{context!r} of {sha[:7]} is {last}, its end was {state}")
    if latest and len(told) < 2:
        made.blame("statuses missing", f"the run of {sha[:7]} has none")
    for context, all_told in told.items():
        for one, other in pairwise(all_told):
            if (one["state"], one["description"]) == (other["state"], other["description"]):
                made.blame("statuses doubled", f"{context!r} of {sha[:7]}: {one['state']}, {one['description']!r}")
