"""What waits, and who builds: `!queue`, `!builders`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hubwright.domain.irc_text import Text
from hubwright.domain.wording import word_age, word_count
from hubwright.irc.answers.texts import join_names, shorten
from hubwright.irc.commands import Request
from hubwright.store.database import Database
from hubwright.store.views_queue import count_remaining, count_runs, load_builders
from hubwright.store.views_values import BuilderView
from hubwright.store.views_waiting import load_waiting_runs

_SHOWN = 2


class Fleet:
    """Its methods block: they ask the database. `limits` are those of platforms."""

    def __init__(self, database: Database, public_url: str, limits: Mapping[str, int]) -> None:
        self._database = database
        self._public = public_url.rstrip("/")
        self._limits = limits

    def queue(self, request: Request) -> Sequence[Text]:
        """How much waits, and why the first of it does."""
        with self._database.reading() as connection:
            remaining = count_remaining(connection)
            at_work = count_runs(connection, "running")
            waiting = load_waiting_runs(connection, _SHOWN, request.at, self._limits) if remaining.total else ()
        held = f", {remaining.held:,} for approval" if remaining.held else ""
        limited = f", {remaining.limited:,} within limits" if remaining.limited else ""
        waits = f"{remaining.queued:,} waiting for builders{limited}{held}"
        lines = [f"{word_count(at_work, 'run')} at work, {waits} — {self._public}/queue"]
        for one, why in waiting:
            place = f"{shorten(one.job, 80)} #{one.number} on {shorten(one.platform, 40)}"
            lines.append(f"{place}: {shorten(why.sentence, 200)}")
        return list(lines)

    def builders(self, request: Request) -> Sequence[Text]:
        """Who is there, what they do, and who is away."""
        with self._database.reading() as connection:
            found = load_builders(connection).items
        there = [one for one in found if one.state in {"connected", "draining"}]
        away = [one for one in found if one not in there]
        if not found:
            return [f"No builder has ever come — {self._public}/builders"]
        busy = sum(len(one.running) for one in there)
        slots = sum(one.slots for one in there)
        lines = [f"{len(there)} of {word_count(len(found), 'builder')}, {busy} of {word_count(slots, 'slot')} busy"]
        lines[0] += f": {join_names([_word_builder(one) for one in there], 8)}" if there else ""
        if away:
            lines.append(f"Away: {join_names([_word_away(one, request.at) for one in away], 8)}")
        lines[-1] += f" — {self._public}/builders"
        return list(lines)


def _word_builder(one: BuilderView) -> str:
    wish = f", {one.wish}" if one.wish else ""
    return f"{shorten(one.name, 40)} ({shorten(one.platform, 30)}, {len(one.running)}/{one.slots}{wish})"


def _word_away(one: BuilderView, now: float) -> str:
    seen = f" ({word_age(max(0.0, now - one.seen_at))})" if one.seen_at is not None else ""
    return shorten(one.name, 40) + seen
