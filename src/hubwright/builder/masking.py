"""Secret values hidden in a stream of log bytes, also when they come in pieces and with colours in between."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import accumulate

from hubwright.builder.mask_forms import LONGEST, SHORTEST, find_forms

MASK = b"***"

COMMAND = b"::add-mask::"
"""A line that begins so names a value to hide from there on.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#masking-a-value-in-a-log
"""

_COMMANDS = re.compile(rb"^[ \t]*::add-mask::([^\n]*)", re.MULTILINE)
_ADDED = 100  # values that a run may add
_HELD = 64 * 1024  # bytes held back at most; only a log made of escapes comes to that
_ESCAPED = {"%0A": "\n", "%0D": "\r", "%25": "%"}

# CSI, OSC, DCS and its like, the other escapes of a terminal, and an ESC that begins none: what `strip_escapes` takes
# out of a log, but bounded. https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
_ESCAPE = re.compile(
    rb"(\x1b(?:\[[0-?]{0,256}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)?"
    rb"|[PX^_][^\x1b\n]{0,4096}(?:\x1b\\)?|[ -/]{0,8}[0-~]?))"
)
_BEGUN = re.compile(
    rb"\x1b(?:\[[0-?]{0,256}[ -/]{0,8}|\][^\x07\x1b\n]{0,4096}\x1b?|[PX^_][^\x1b\n]{0,4096}\x1b?|[ -/]{0,8})\Z"
)
_COLOUR = re.compile(rb"\x1b\[[0-9;:]{0,40}m")

Span = tuple[int, int]


class Masking:
    """Feeds bytes through; what may be the beginning of a secret is held back until more comes, or `flush`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = _Forms()
        self._added = 0
        self._waiting = b""  # a line that may become a command
        self._amid = False  # the beginning of this line was passed on: the rest of it is no command
        self._held = b""
        self._covered = 0  # bytes of `_held` that are known to be part of a secret
        self._open = False  # what was shown last is a mask that the covered bytes belong to
        self._late: list[str] = []  # what the output has named since `take_late`
        for secret in secrets:
            self._forms.add(secret)

    def feed(self, data: bytes) -> bytes:
        """What may be shown now."""
        data = self._listen(data)
        if not self._forms.groups:
            return data
        return self._pass(self._held + data, final=False)

    def take_late(self) -> list[str]:
        """The values that the output has named since the last call: they may have been shown before."""
        late, self._late = self._late, []
        return late

    def flush(self) -> bytes:
        """The rest: nothing more comes that it could be a part of."""
        line, self._waiting = self._waiting, b""
        self._obey(line)
        shown = self._pass(self._held + line, final=True)
        self._open = self._amid = False
        return shown

    def hide(self, text: str) -> str:
        """A text for people, whole, without the secrets; of no matter to the stream."""
        data = text.encode("utf-8", "replace")
        spans, _ = self._look(data, final=True)
        return self._write(data, spans, len(data), begun=False).decode("utf-8", "replace") if spans else text

    def spans(self, data: bytes) -> list[Span]:
        """Where in these bytes, which are whole, the secrets are."""
        return self._look(data, final=True)[0]

    def hides(self, data: bytes) -> bool:
        """Whether there is a secret in these bytes."""
        return bool(self._forms.groups) and bool(self._look(data, final=True)[0])

    def _pass(self, data: bytes, *, final: bool) -> bytes:
        spans, hold = self._look(data, final=final)
        if len(data) - hold > _HELD:
            hold = len(data)
        if self._covered:
            spans = _merge([(0, self._covered), *spans])
        shown = self._write(data, spans, hold, begun=self._open)
        ends = [end for start, end in spans if start < hold <= end]
        if hold:
            self._open = bool(ends)
            self._covered = ends[0] - hold if ends else 0
        self._held = data[hold:]
        return shown

    def _look(self, data: bytes, *, final: bool) -> tuple[list[Span], int]:
        """Where secrets are, and from where on bytes must wait for more."""
        if b"\x1b" not in data:
            return _merge(self._forms.find(data)), len(data) if final else self._forms.find_begun(data)
        view = _View(data, final=final)
        spans = [view.span(start, end) for start, end in self._forms.find(view.text)]
        spans += self._forms.find(data)  # an escape that ends in a letter may have swallowed a secret's first
        if self._forms.find(view.escapes):
            spans += [span for span in view.list_escapes() if self._forms.find(data[slice(*span)])]
        begun = len(view.text) if final else self._forms.find_begun(view.text)
        hold = view.span(begun, begun + 1)[0] if begun < len(view.text) else view.end
        return _merge(spans), hold if final else min(hold, self._forms.find_begun(data))

    def _write(self, data: bytes, spans: list[Span], until: int, *, begun: bool) -> bytes:
        """The bytes before `until`, each span as one mask (`begun`: shown already); colours set within it stay."""
        shown: list[bytes] = []
        position = 0
        for start, end in spans:
            if start >= until:
                break
            shown.append(data[position:start])
            position = min(end, until)
            if start or not begun:
                shown.append(MASK)
            colours = b"".join(_COLOUR.findall(data, start, position))
            shown.append(colours if colours and not self._forms.find(colours) else b"")
        shown.append(data[position:until])
        return b"".join(shown)

    def _listen(self, data: bytes) -> bytes:
        """Obey the commands in the data; a last line that may become one waits for its end."""
        data, self._waiting = self._waiting + data, b""
        begin = (data.find(b"\n") + 1 or len(data)) if self._amid else 0
        cut = max(begin, data.rfind(b"\n") + 1)
        last = data[cut : cut + len(COMMAND) + 64].lstrip(b" \t")
        if cut < len(data) < cut + _HELD and (COMMAND.startswith(last) or last.startswith(COMMAND)):
            data, self._waiting = data[:cut], data[cut:]
        self._obey(data[begin:])
        if data:
            self._amid = not data.endswith(b"\n")
        return data

    def _obey(self, data: bytes) -> None:
        if COMMAND not in data:
            return
        for match in _COMMANDS.finditer(data):
            value = match[1].decode("utf-8", "surrogateescape").strip()
            if len(value) >= SHORTEST and self._added < _ADDED:
                self._added += 1
                self._late.append(re.sub("%0A|%0D|%25", lambda code: _ESCAPED[code[0]], value))
                self._forms.add(self._late[-1])


def hide(text: str, secrets: Iterable[str]) -> str:
    """A sentence for people, without the secrets."""
    return Masking(secrets).hide(text)


class _Forms:
    """All forms of all secrets, made to be looked for quickly: mostly there are none."""

    def __init__(self) -> None:
        self.groups: dict[bytes, set[bytes]] = {}
        self._sorted: list[bytes] = []
        self._pairs: frozenset[bytes] = frozenset()

    def add(self, secret: str) -> None:
        """One more."""
        for anchor, forms in find_forms(secret).items():
            self.groups.setdefault(anchor, set()).update(forms)
        self._sorted = sorted(set().union(*self.groups.values()))
        self._pairs = frozenset(form[:2] for form in self._sorted)

    def find(self, data: bytes) -> list[Span]:
        """Where any of them is, overlaps too."""
        spans = []
        for anchor, forms in self.groups.items():
            if anchor in data:
                for form in forms:
                    start = data.find(form)
                    while start >= 0:
                        spans.append((start, start + len(form)))
                        start = data.find(form, start + 1)
        return spans

    def find_begun(self, data: bytes) -> int:
        """Where the longest end of the data begins that more bytes could make one of them."""
        start = max(data.rfind(b"\n") + 1, data.rfind(b"\r") + 1, len(data) - LONGEST + 1, 0)
        last = len(data) - 1
        for at in range(start, len(data)):
            if at < last and data[at : at + 2] not in self._pairs:
                continue
            tail = data[at:]
            place = bisect_left(self._sorted, tail)
            if place < len(self._sorted) and self._sorted[place].startswith(tail) and self._sorted[place] != tail:
                return at
            if place + 1 < len(self._sorted) and self._sorted[place + 1].startswith(tail):
                return at  # the tail is a whole form, and the beginning of another
        return len(data)


class _View:
    """Bytes without a terminal's escapes, and those by themselves. What may yet become an escape is in neither."""

    def __init__(self, data: bytes, *, final: bool) -> None:
        begun = None if final else _BEGUN.search(data, max(0, len(data) - 5000))
        self.end = begun.start() if begun else len(data)
        self._parts = _ESCAPE.split(data[: self.end])  # text and escapes by turns
        self.text = b"".join(self._parts[::2])
        self.escapes = b"\n".join(self._parts[1::2])

    @cached_property
    def _pieces(self) -> tuple[list[int], list[int]]:
        """Where the pieces of text begin in the text, and how far from there they are in the data."""
        lengths = [len(part) for part in self._parts]
        starts = [0, *accumulate(lengths[::2])]
        shifts = [0, *accumulate(lengths[1::2])]
        return starts[: len(shifts)], shifts

    def span(self, start: int, end: int) -> Span:
        """Where in the data a part of the text is, escapes within it included."""
        starts, shifts = self._pieces
        first, last = bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1
        return start + shifts[first], end + shifts[last]

    def list_escapes(self) -> Iterator[Span]:
        """Where in the data the escapes are."""
        ends = list(accumulate(len(part) for part in self._parts))
        return zip(ends[::2], ends[1::2], strict=False)


def _merge(spans: list[Span]) -> list[Span]:
    """Spans in order, those that overlap or touch as one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
