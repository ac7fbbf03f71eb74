"""What the bot announces of builds: one line a revision, however many jobs and platforms it has. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hubwright.domain.irc_news import News
from hubwright.domain.irc_text import Colour, Piece, Text, paint
from hubwright.domain.streaks import Turn
from hubwright.domain.test_difference import word_difference
from hubwright.domain.wording import look_of
from hubwright.reports.irc_texts import MAX_BYTES, fit, hush
from hubwright.reports.notice_texts import MAX_NAMES, Notice, one_line, word_after, word_place

MAX_JOBS = 3
"""Jobs of a revision of which its line tells more than the number."""

_WORDS = {
    News.BROKEN: ("BROKEN", Colour.RED),
    News.STILL_FAILING: ("still failing", Colour.ORANGE),
    News.FIXED: ("FIXED", Colour.GREEN),
    News.SUCCESS: ("passed", Colour.GREEN),
    News.CANCELLED: ("cancelled", Colour.GREY),
    News.ERROR: ("BROKE DOWN", Colour.ORANGE),
}
_OF_TURNS = {
    Turn.BROKEN: News.BROKEN,
    Turn.STILL_FAILING: News.STILL_FAILING,
    Turn.FIXED: News.FIXED,
    Turn.SUCCESS: News.SUCCESS,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A build to tell of: `changes` of its tests as the fact of its end has them; `known`: where its failure was seen
    before; `open_runs`: how many of its runs had not ended yet.
    """

    notice: Notice
    changes: Mapping[str, Any] = field(default_factory=dict)
    known: str = ""
    open_runs: int = 0


def news_of(result: str | None, turn: str | None) -> News | None:
    """What an end is to a channel. An error that turns a branch is nobody's: the machines broke down, not the code."""
    if result == "cancellation":
        return News.CANCELLED
    news = _OF_TURNS[Turn(turn)] if turn in set(Turn) else None
    return News.ERROR if result == "error" and news is News.BROKEN else news


def write_turn(news: News, told: Sequence[Told], public_url: str) -> Text:
    """A line for the builds of one revision that say the same of it, the first named first:

    `[team/app] main ✕ BROKEN at a1b2c3d by alice "Fix the ring" — test on linux (1 of 6 platforms): … — URL`
    """
    first = told[0].notice
    build = first.build
    word, colour = _WORDS[news]
    name = build.job if len(told) == 1 else build.repository
    where = f"PR#{build.pull_request}" if build.pull_request else build.branch or build.ref
    start = f"[{one_line(name, 100)}] {one_line(where, 60)} "
    state = f"{look_of('finished', build.result or 'failure').sign} {word}"
    tail = f"— {public_url.rstrip('/')}/builds/{build.id}"
    rest = fit(f"{start}{state}{_about(news, told)}", tail).removeprefix(f"{start}{state}")
    return [start, Piece(state, colour, bold=news in {News.BROKEN, News.FIXED}), rest]


def _about(news: News, told: Sequence[Told]) -> str:
    first = told[0].notice
    who = "" if news in {News.ERROR, News.CANCELLED} else _word_people(told)
    subject = one_line(first.build.message.strip().partition("\n")[0], 70)
    after = word_after(first) if news is News.FIXED else ""
    said = [f" at {first.build.sha[:7]}", f" by {who}" if who else "", after, f' "{subject}"' if subject else ""]
    head = "".join(said)
    parts = [part for one in told[:MAX_JOBS] if (part := _word_build(news, one, alone=len(told) == 1))]
    if len(told) > MAX_JOBS:
        parts.append(f"{len(told) - MAX_JOBS} more jobs")
    return f"{head} — {'; '.join(parts)}" if parts else head


def _word_people(told: Sequence[Told]) -> str:
    """Who may have done it, uncalled; of too many to blame how many they are."""
    names = list(dict.fromkeys(name for one in told for name in one.notice.authors))
    if len(names) > MAX_NAMES:
        return f"one of {len(names)}"
    return " or ".join(hush(one_line(name, 40)) for name in names)


def _word_build(news: News, told: Told, *, alone: bool) -> str:
    """What failed, what that does to the tests, and whether it was seen before."""
    bad = news in {News.BROKEN, News.STILL_FAILING, News.ERROR}
    place = word_place(told.notice) if bad else ""
    tests = _word_tests(told) if bad or news is News.FIXED else ""
    still = f"{told.open_runs} still to end" if told.open_runs else ""
    detail = _word_detail(told.notice) if news is News.ERROR else ""
    words = ", ".join(part for part in (f"{place}: {tests}" if place and tests else place or tests, still) if part)
    words = ". ".join(part for part in (words, detail, one_line(told.known, 160)) if part)
    return words if alone or not words else f"{one_line(told.notice.build.job, 60)}: {words}"


def _word_tests(told: Told) -> str:
    named = told.changes.get("names")
    names = named.get("now_failing") if isinstance(named, Mapping) else None
    shown = [one_line(str(name), 60) for name in (names or ())[:MAX_NAMES]]
    if words := word_difference(told.changes, shown):
        return words
    failed = [one_line(case.name, 60) for cases in told.notice.failed.values() for case in cases]
    names = list(dict.fromkeys(failed))
    more = f", {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{', '.join(names[:MAX_NAMES])}{more} failed" if names else ""


def _word_detail(notice: Notice) -> str:
    """What broke down, in the first run's own words."""
    details = (run.detail for run in notice.build.runs if run.result == "error" and run.detail)
    return one_line(next(details, "").partition("\n")[0].rstrip("."), 120)


def call(nicks: Sequence[str], line: Text) -> Text:
    """The line, with the names of those who want to be called by it in front, as many as fit beside it."""
    pieces = [line] if isinstance(line, str) else list(line)
    room = MAX_BYTES + 60 - len(paint(pieces, colours=False).encode())
    called = ""
    for nick in nicks:
        longer = f"{called},{nick}" if called else nick
        if len(longer.encode()) + 2 > room:
            break
        called = longer
    return [f"{called}: ", *pieces] if called else line
