"""What one hub asks of another, and what is proved of question and answer.

Both prove that they have the installation's key. A question names the bytes that it is about and no time: who sees it
on its way and asks again gets what he has seen already, whatever the clocks of the hubs say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

PIECE = 1024 * 1024
"""Bytes of one answer, at most."""

WAITED = 5.0
"""Seconds for which an answer may wait until there is more."""

SCHEME = "Hub"
"""The word of `Authorization`; behind it stands the proof."""

SIZE, MARK, PROOF = "X-Hubwright-Size", "X-Hubwright-Mark", "X-Hubwright-Proof"
"""Headers of an answer."""

Kind = Literal["log", "times"]


@dataclass(frozen=True, slots=True)
class Question:
    """Bytes of a run's log, or of when they came, from `start` on.

    While there are none, and what is before them has not changed since `mark`, the answer `waits` a little.
    """

    run: int
    start: int
    mark: str = ""
    waits: bool = False
    kind: Kind = "log"

    @property
    def target(self) -> str:
        """Path and query."""
        query = urlencode({"from": self.start, "mark": self.mark, "waits": int(self.waits), "kind": self.kind})
        return f"/api/v1/peers/logs/{self.run}?{query}"


@dataclass(frozen=True, slots=True)
class Piece:
    """An answer: the size of the whole, what changes when earlier bytes have changed, and the bytes."""

    size: int
    mark: str
    data: bytes


def write_question(target: str) -> bytes:
    """What is proved of a question."""
    return b"question\n" + target.encode()


def write_answer(proof: str, piece: Piece) -> bytes:
    """What is proved of an answer to the question with that proof."""
    return f"answer\n{proof}\n{piece.size}\n{piece.mark}\n".encode() + piece.data
