"""A run's log on its way from the stage to the spool: secrets hidden, size bounded, a full disk noticed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from hubwright.builder.masking import Masking, Span
from hubwright.domain.scrubbing import cover

TAIL = 1024 * 1024
"""Bytes of the end of a log that are kept beyond its limit."""


Find = Callable[[bytes], list[Span]]
"""Tells where in whole bytes secrets are."""

Keep = Callable[[bytes], None]
"""Where a log goes: a spool, or a terminal. Raises OSError when it is full."""


class Log:
    """Gives on to `keep`: the first `limit` bytes as they come, of the rest only the last `TAIL`, at `finish`.

    `watch` sees all of it, without secrets; `scrub` covers what was kept before the output named it as secret.
    When the disk is full, `failed` is called once and the output is dropped from then on.
    """

    def __init__(
        self,
        keep: Keep,
        limit: int,
        secrets: Iterable[str],
        failed: Callable[[OSError], None],
        watch: Callable[[bytes], None] | None = None,
        scrub: Callable[[Find], None] | None = None,
    ) -> None:
        self._keep = keep
        self._room = limit
        self._limit = limit
        self._masking = Masking(secrets)
        self._watch = watch
        self._scrub = scrub
        self._failed: Callable[[OSError], None] | None = failed
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._left_out = 0

    def write(self, data: bytes) -> None:
        """Output of the build."""
        self._bounded(self._masking.feed(data))
        self._take_back()

    def say(self, line: str) -> None:
        """A line of the builder's own, in bold so that it stands out; it never has control characters in it."""
        self.flush()
        plain = "".join(char if char.isprintable() else "?" for char in line)
        self._bounded(self._masking.feed(f"\x1b[1m{plain}\x1b[0m\n".encode("utf-8", "replace")))
        self.flush()

    @property
    def masking(self) -> Masking:
        """What hides the run's secrets, also those that it has named meanwhile."""
        return self._masking

    def flush(self) -> None:
        """A stage ended: what was held back for masking goes out."""
        self._bounded(self._masking.flush())
        self._take_back()

    def _take_back(self) -> None:
        """What was named as secret just now may stand in the log already."""
        late = self._masking.take_late()
        if not late:
            return
        find = Masking(late).spans
        if self._scrub is not None:
            self._scrub(find)
        if self._tail:
            whole = bytearray(b"".join(self._tail))
            for start, end in find(bytes(whole)):
                whole[start:end] = cover(bytes(whole[start:end]))
            self._tail = deque([bytes(whole)])

    def finish(self) -> None:
        """The run ended: what was kept of the end goes out, with a line that tells what is missing before it."""
        self.flush()
        if self._left_out:
            left_out = self._left_out - self._tail_size
            self._append(
                f"\n\x1b[1m… {left_out} bytes left out: the log is longer than {self._limit}\x1b[0m\n".encode()
            )
        for chunk in self._tail:
            self._append(chunk)
        self._tail.clear()

    def _bounded(self, data: bytes) -> None:
        if self._watch is not None:
            self._watch(data)
        head, rest = data[: self._room], data[self._room :]
        if head:
            self._room -= len(head)
            self._append(head)
        if rest:
            self._left_out += len(rest)
            self._tail.append(rest[-TAIL:])
            self._tail_size += len(self._tail[-1])
            self._trim()

    def _trim(self) -> None:
        while self._tail_size > TAIL:
            extra = self._tail_size - TAIL
            first = self._tail.popleft()
            if len(first) > extra:
                self._tail.appendleft(first[extra:])
            self._tail_size -= min(extra, len(first))

    def _append(self, data: bytes) -> None:
        if self._failed is None:
            return
        try:
            self._keep(data)
        except OSError as error:
            failed, self._failed = self._failed, None
            failed(error)
