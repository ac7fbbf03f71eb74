"""What is known of a failure: how often it was seen, where, since when, and the issue that it is linked to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

MAX_ISSUE = 400
"""Characters of an address that an issue may have."""


@dataclass(frozen=True, slots=True)
class Sighted:
    """Where it was seen: in how many runs of a platform, the first and last time (Unix seconds)."""

    platform: str
    times: int
    first_at: float
    last_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownFailure:
    """A failure of a job and its copies, known by its fingerprint. `places` with the most runs come first.

    `issue` is `OWNER/NAME#7` or an address. `job` is the path of the job; of one that was removed it is hidden.
    """

    id: int
    job: str
    fingerprint: str
    kind: str
    title: str
    places: tuple[Sighted, ...]
    newest: int
    last_at: float
    issue: str | None = None
    linked_by: str | None = None
    linked_at: float | None = None

    @property
    def times(self) -> int:
        """In how many runs it was seen."""
        return sum(place.times for place in self.places)

    @property
    def first_at(self) -> float:
        """When it was seen first."""
        return min((place.first_at for place in self.places), default=self.last_at)

    def is_known(self, before: float) -> bool:
        """Whether it was seen before that moment (Unix seconds), or somebody has linked it."""
        return self.first_at < before or self.issue is not None


def word_known(one: KnownFailure, platforms: Iterable[str] = (), since: float | None = None) -> str:
    """`seen 14 times since 2026-03-02, on freebsd only, linked to octo/hello#123`; see `word_seen`."""
    return word_seen(one, platforms, since) + (f", linked to {one.issue}" if one.issue else "")


def word_seen(one: KnownFailure, platforms: Iterable[str] = (), since: float | None = None) -> str:
    """The same without the issue. Dates are in UTC; `only` is said where the build ran on other `platforms` too.

    Beside a build that began at `since` (Unix seconds), of a failure that came with it: `first seen with this build`.
    """
    if since is not None and one.first_at >= since:
        return "first seen with this build" + (f", in {one.times:,} runs by now" if one.times > 1 else "")
    if one.times <= 1:
        return f"seen once, {_word_day(one.first_at)}"
    said = f"seen {one.times:,} times since {_word_day(one.first_at)}"
    where = [place.platform for place in one.places]
    if len(where) == 1:
        return f"{said}, on {where[0]} only" if set(platforms) - set(where) else said
    return f"{said}, on {len(where)} platforms" if len(where) > 3 else f"{said}, on {_join(where)}"


def word_before(found: Sequence[KnownFailure], before: float) -> str:
    """What a status has room for, of failures that were known before that moment (Unix seconds); "" of none.

    `known failure since 2026-03-02 (octo/hello#123)`: other than a count, it does not change with each run that comes.
    """
    known = [one for one in found if one.is_known(before)]
    known.sort(key=lambda one: (not one.issue, one.first_at))
    if not known:
        return ""
    since = f" since {_word_day(known[0].first_at)}" if known[0].first_at < before else ""
    return f"known failure{since}" + (f" ({known[0].issue})" if known[0].issue else "")


def say_known(found: Sequence[KnownFailure], platforms: Iterable[str], since: float) -> str:
    """One line for people, beside a build that began at `since` (Unix seconds); "" where nothing was known before.

    Of the failure that is linked or was seen most, and how many others are known.
    """
    known = [one for one in found if one.is_known(since)]
    known.sort(key=lambda one: (one.issue is None, -one.times))
    if not known:
        return ""
    more = f" (and {len(known) - 1} more)" if len(known) > 1 else ""
    return f"known failure: {word_known(known[0], platforms, since)}{more}"


def _word_day(at: float) -> str:
    return str(datetime.fromtimestamp(at, UTC).date())


def _join(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


_NUMBER = re.compile(r"(?:([A-Za-z0-9][\w.-]{0,98}/[\w.-]{1,100}))?#?(\d{1,10})")
_PAGE = re.compile(r"/([A-Za-z0-9][\w.-]{0,98}/[\w.-]{1,100})/(?:issues|pull)/(\d{1,10})/?(?:[?#]\S*)?")
_ADDRESS = re.compile(r"https?://[^\s/@\\]+(?:/[^\s\\]*)?")


def read_issue(text: str, repository: str, hosted: str) -> str | None:
    """`OWNER/NAME#7`, from `7`, `#7`, `OWNER/NAME#7` or its page below `hosted`; another tracker's address as it is.

    None for anything else. A number alone is one of `repository`'s.
    """
    text = text.strip()[:MAX_ISSUE]
    if (found := _NUMBER.fullmatch(text)) is not None and ("#" in text or found[1] is None):
        where = found[1] or repository
        return f"{where}#{int(found[2])}" if where.count("/") == 1 else None
    base = hosted.rstrip("/")
    if text.startswith(f"{base}/") and (found := _PAGE.fullmatch(text[len(base) :])) is not None:
        return f"{found[1]}#{int(found[2])}"
    return text if _ADDRESS.fullmatch(text) and text.isprintable() else None


def issue_address(issue: str | None, hosted: str) -> str | None:
    """Where its page is; None where there is none."""
    if issue is None:
        return None
    if (found := _NUMBER.fullmatch(issue)) is not None and found[1] and hosted.startswith(("https://", "http://")):
        return f"{hosted.rstrip('/')}/{found[1]}/issues/{found[2]}"
    return issue if _ADDRESS.fullmatch(issue) else None


def split_issue(issue: str | None) -> tuple[str, int] | None:
    """Repository and number of an issue on GitHub."""
    found = _NUMBER.fullmatch(issue or "")
    return (found[1], int(found[2])) if found is not None and found[1] else None
