"""Asking another hub of the installation for a log. What can't prove that it comes from one is not believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import httpx2

from hubwright.domain.peer_words import (
    MARK,
    PIECE,
    PROOF,
    SCHEME,
    SIZE,
    WAITED,
    Piece,
    Question,
    write_answer,
    write_question,
)
from hubwright.errors import NotFoundError, OutletError

PATIENCE = 10.0
"""Seconds for each step of a request, beside those for which the answer may wait."""


class Prover(Protocol):
    """Has the installation's keys; `hub.sealing.Keys`."""

    def prove(self, data: bytes) -> str:
        """What nobody without the key could say of `data`."""

    def check(self, data: bytes, proof: str) -> bool:
        """Whether somebody with one of the keys said it."""


class Peers:
    """The client for other hubs; it belongs to one event loop. No proxy, no redirect."""

    def __init__(self, keys: Callable[[], Prover], patience: float = PATIENCE) -> None:
        self._keys = keys
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(patience, read=patience + WAITED), trust_env=False, follow_redirects=False
        )

    async def fetch(self, address: str, question: Question) -> Piece:
        """Ask the hub at `address`. Raises NotFoundError when it has no such log, OutletError for all else."""
        keys = self._keys()
        proof = keys.prove(write_question(question.target))
        try:
            headers = {"Authorization": f"{SCHEME} {proof}", "Accept-Encoding": "identity"}
            async with self._http.stream("GET", address + question.target, headers=headers) as answer:
                if answer.status_code == 404:
                    raise NotFoundError(f"The hub at {address} has no log of run {question.run}.")
                if answer.status_code != 200:
                    raise OutletError(f"The hub at {address} answered {answer.status_code}.")
                piece = await _read(answer)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise OutletError(f"The hub at {address} does not answer: {str(error) or type(error).__name__}") from error
        if not keys.check(write_answer(proof, piece), answer.headers.get(PROOF, "")):
            raise OutletError(f"What answers at {address} is no hub with our key: look at SECRETS__KEYS of all hubs.")
        return piece

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


async def _read(answer: httpx2.Response) -> Piece:
    size = answer.headers.get(SIZE, "")
    data = bytearray()
    async for block in answer.aiter_raw():
        data += block
        if len(data) > PIECE:
            raise OutletError("A hub answered more than it was asked for.")
    if not size.isdecimal() or len(size) > 18:
        raise OutletError("A hub's answer lacks the size of the log.")
    return Piece(int(size), answer.headers.get(MARK, ""), bytes(data))
