"""Groups of lines that builds mark in their output, in the four dialects that are in use.

`::group::T` and `##[group]T` end with `::endgroup::` and `##[endgroup]`, or with the next one: they don't nest.
`section_start:UNIX:NAME` ends with `section_end:UNIX:NAME`, and may hold others. `--- T`, `+++ T` and `~~~ T` end where
the next of them begins; `^^^ +++` opens the one that it stands in. None goes on into the next stage.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#grouping-log-lines
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#formatting-commands
https://buildkite.com/docs/pipelines/configure/managing-log-output
https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

DEEPEST = 16
"""Groups within groups; what begins deeper is a line like others."""

_LONGEST = 1_000  # bytes of a line that are looked at
_LEAD = rb"(?:\x1b\[[0-9;?]*[A-Za-z]|[\r \t])*"
_COMMAND = re.compile(_LEAD + rb"(?:::(?P<word>(?:end)?group)(?: [^:\n]*)?::|##\[(?P<hashed>(?:end)?group)\])")
_SECTION = re.compile(
    _LEAD + rb"section_(?P<word>start|end):(?P<at>\d{1,12}):(?P<name>[\w.:-]{1,200})"
    rb"(?:\[(?P<options>[^\]\n]*)\])?(?:\r?\x1b\[0K|\r)*"
)
_RULE = re.compile(rb"(?P<rule>---|\+\+\+|~~~) +(?=[^\s\x1b]|\x1b\[)")
_GO_TEST = re.compile(rb"--- (?:FAIL|PASS|SKIP|BENCH): ")
_WORDS = (b"group", b"section_", b"\n--- ", b"\n+++ ", b"\n~~~ ", b"\n^^^ +++")


class Dialect(Enum):
    """Which marks belong together."""

    COMMAND = "command"
    SECTION = "section"
    RULE = "rule"


class Sense(Enum):
    """What a mark does: begins a group, ends one, or wants the one around it open."""

    BEGIN = "begin"
    END = "end"
    OPEN = "open"


class Mark(NamedTuple):
    """One mark. `name` tells sections apart, `at` is the Unix time that it tells; `wish`: open (True) or folded."""

    dialect: Dialect
    sense: Sense
    name: bytes = b""
    at: int | None = None
    wish: bool | None = None


class Title(NamedTuple):
    """A line with marks: these, and the byte at which its words for people begin."""

    marks: tuple[Mark, ...]
    start: int

    @property
    def begins(self) -> bool:
        """Whether a group begins with it."""
        return any(mark.sense is Sense.BEGIN for mark in self.marks)


class Place(NamedTuple):
    """A line with marks: its number and the byte at which it begins."""

    line: int
    offset: int
    title: Title


@dataclass(slots=True)
class Group:
    """Lines `first` to `last`, both with their marks; `ended` when no line will come to it any more.

    `offset` and `end` are the bytes where it begins, and where the line begins that ended it (None: with its stage);
    `began_at` and `ended_at` Unix times, where the marks told them.
    """

    first: int
    last: int
    offset: int
    end: int | None = None
    ended: bool = False
    wish: bool | None = None
    began_at: int | None = None
    ended_at: int | None = None


class TimedGroup(NamedTuple):
    """A group of which it is known when it was: its first line, its title, and Unix times."""

    line: int
    title: str
    begin: float
    end: float


def may_have_title(line: bytes) -> bool:
    """Whether it is worth reading the line's marks: quick, for most have none."""
    return line.startswith((b"--- ", b"+++ ", b"~~~ ", b"^^^ ")) or b"group" in line or b"section_" in line


def read_title(line: bytes, before: bytes = b"", after: bytes = b"") -> Title | None:
    """The marks of a line, None when it has none; its neighbours tell whether it is a difference's or a shell's."""
    line = line[:_LONGEST]
    if match := _COMMAND.match(line):
        sense = Sense.END if (match["word"] or match["hashed"]).startswith(b"end") else Sense.BEGIN
        return Title((Mark(Dialect.COMMAND, sense),), match.end())
    if match := _SECTION.match(line):
        return _read_sections(line, match)
    if line.startswith(b"^^^ +++"):
        return Title((Mark(Dialect.RULE, Sense.OPEN),), len(line))
    match = _RULE.match(line)
    if match is None or _GO_TEST.match(line) or _is_difference(match["rule"], before, after):
        return None
    return Title((Mark(Dialect.RULE, Sense.BEGIN, wish=match["rule"] == b"+++" or None),), match.end())


def _read_sections(line: bytes, match: re.Match[bytes] | None) -> Title:
    """One section may end and the next begin on the same line, for `\\r` takes the first mark away."""
    marks, end = [], 0
    while match is not None:
        collapsed = b"collapsed=true" in (match["options"] or b"")
        sense = Sense.BEGIN if match["word"] == b"start" else Sense.END
        marks.append(Mark(Dialect.SECTION, sense, match["name"], int(match["at"]), False if collapsed else None))
        end = match.end()
        match = _SECTION.match(line, end)
    return Title(tuple(marks), end)


def _is_difference(rule: bytes, before: bytes, after: bytes) -> bool:
    """`--- a` and `+++ b` head a difference; `+++ word` among `++ word` is a shell that tells what it does."""
    if rule == b"---":
        return after.startswith(b"+++ ")
    return rule == b"+++" and (before.startswith((b"--- ", b"+")) or after.startswith((b"+ ", b"++ ", b"@@ ")))


def find_titles(text: bytes, start: int) -> Iterator[tuple[int, Title]]:
    """Where lines with marks begin in `text` from `start` on, which is a line's beginning; what is before it is looked
    at as a neighbour. The text ends with a newline.
    """
    for begin in sorted(_suspects(text, start)):
        end = text.find(b"\n", begin)
        before = text[text.rfind(b"\n", 0, max(begin - 1, 0)) + 1 : begin][:8]
        title = read_title(text[begin:end], before, text[end + 1 : end + 9])
        if title is not None:
            yield begin, title


def _suspects(text: bytes, start: int) -> set[int]:
    found: set[int] = set()
    if text.startswith((b"--- ", b"+++ ", b"~~~ ", b"^^^ +++"), start):
        found.add(start)
    for word in _WORDS:
        at = text.find(word, start)
        while at >= 0:
            begin = at + 1 if word.startswith(b"\n") else text.rfind(b"\n", start, at) + 1 or start
            found.add(begin)
            following = text.find(b"\n", begin)
            at = text.find(word, following) if following >= 0 else -1
    return found


def form_groups(places: Sequence[Place], starts: Sequence[int], last: int) -> list[Group]:
    """The groups of a log of `last` lines, in the order of their first lines; they nest, and never cross one another.

    `starts` are the first lines of the stages, rising. A group that nothing has ended reaches to the end and is not
    `ended`. More lines only add groups and let the open ones grow.
    """
    form = _Form()
    coming = list(reversed(starts))
    for place in places:
        while coming and coming[-1] <= place.line:
            form.end_stage(coming.pop() - 1)
        for mark in place.title.marks:
            form.take(place, mark)
    while coming:
        form.end_stage(coming.pop() - 1)
    form.stop(last)
    return form.groups


class _Form:
    """The groups so far, and those that are open now."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self._open: list[tuple[Mark, Group]] = []

    def take(self, place: Place, mark: Mark) -> None:
        if mark.sense is Sense.BEGIN:
            self._begin(place, mark)
        elif mark.sense is Sense.OPEN:
            if self._open:
                self._open[-1][1].wish = True
        elif (depth := self._find(mark)) is not None:
            self._end(depth + 1, place, place.line - 1)
            self._open[depth][1].ended_at = mark.at
            self._end(depth, place, place.line - place.title.begins)  # the next one's title is not hidden with this

    def end_stage(self, line: int) -> None:
        """All end here; before the first stage there is nothing to end."""
        for _, group in self._open:
            group.last, group.ended = max(line, group.first), True
        self._open.clear()

    def stop(self, last: int) -> None:
        for _, group in self._open:
            group.last = max(last, group.first)

    def _begin(self, place: Place, mark: Mark) -> None:
        depth = len(self._open)
        if mark.dialect is Dialect.COMMAND:
            depth = found if (found := self._find(mark)) is not None else depth
        elif mark.dialect is Dialect.RULE:
            while depth and self._open[depth - 1][0].dialect is Dialect.RULE:
                depth -= 1
        self._end(depth, place, place.line - 1)
        if depth < DEEPEST:
            group = Group(place.line, place.line, place.offset, wish=mark.wish, began_at=mark.at)
            self.groups.append(group)
            self._open.append((mark, group))

    def _find(self, mark: Mark) -> int | None:
        """The innermost open group that such a mark ends."""
        for depth in range(len(self._open) - 1, -1, -1):
            if (self._open[depth][0].dialect, self._open[depth][0].name) == (mark.dialect, mark.name):
                return depth
        return None

    def _end(self, depth: int, place: Place, line: int) -> None:
        while len(self._open) > depth:
            _, group = self._open.pop()
            group.last, group.end, group.ended = max(line, group.first), place.offset, True
