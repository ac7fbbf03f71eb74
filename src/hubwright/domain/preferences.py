"""What people want to be told of: for everything, a folder or a job, the nearest one counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from hubwright.domain.job_paths import ROOT, check_path, folders_of
from hubwright.domain.streaks import Turn
from hubwright.errors import UnprocessableError

MAX_PREFERENCES = 200
"""Of one person."""

_NO_MAILBOX = ("@users.noreply.github.com", ".invalid", "@noreply.github.com")

Word = TypeVar("Word", bound=StrEnum)


class Way(StrEnum):
    """How somebody is told: by mail, by a notification of an open page, by a query on IRC."""

    MAIL = "mail"
    PAGE = "page"
    IRC = "irc"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preference:
    """What one person wants of what lies at `path`, "" for everything; nothing when `events` or `ways` are empty.

    `mine`: only ends that their own commits may have brought. `address`: where mail of this goes, None for that of
    their commits.
    """

    path: str = ROOT
    events: tuple[Turn, ...] = (Turn.BROKEN, Turn.FIXED)
    mine: bool = True
    ways: tuple[Way, ...] = (Way.MAIL, Way.PAGE)
    address: str | None = None

    def wants(self, way: Way, turn: str | None, *, involved: bool) -> bool:
        """Whether they are told in this way of an end; `involved`: their commits may have brought it."""
        return way in self.ways and turn in self.events and (involved or not self.mine)


def places_of(path: str, parent: str | None = None) -> list[str]:
    """Where preferences for a job may be set, the nearest first; `parent` is what it is a copy of."""
    jobs = [path] if parent is None else [path, parent]
    return [*jobs, *reversed(folders_of(parent or path))]


def choose_preference(kept: Mapping[str, Preference], places: Sequence[str]) -> Preference | None:
    """The one that counts at the first of these places, of somebody's preferences by path; None where none does."""
    return next((kept[place] for place in places if place in kept), None)


def make_preference(
    path: str, *, events: Sequence[str], mine: bool, ways: Sequence[str], address: str | None = None
) -> Preference:
    """What people wrote, in the order of the words' definition and each once. Raises UnprocessableError."""
    return Preference(
        path=read_place(path),
        events=tuple(_read_words(Turn, "events", events)),
        mine=mine,
        ways=tuple(_read_words(Way, "ways", ways)),
        address=address,
    )


def read_place(path: str) -> str:
    """The path of a job or folder, "" for everything, as it is kept. Raises UnprocessableError."""
    place = path.strip("/")
    return check_path(place) if place else ROOT


def is_mailbox(address: str) -> bool:
    """Whether somebody may read what is sent there."""
    return not address.lower().endswith(_NO_MAILBOX)


def _read_words(kind: type[Word], name: str, words: Sequence[str]) -> list[Word]:
    if unknown := [word for word in words if word not in set(kind)]:
        raise UnprocessableError(f"{name}: {unknown[0][:40]!a} is none of {', '.join(kind)}.", f"/{name}")
    return [one for one in kind if one.value in words]
