"""The door of the other hubs: a log that lies here, for who proves that it has the installation's key."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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
from hubwright.errors import NotFoundError, ParameterError, UnauthenticatedError
from hubwright.web.site import Site

LONGEST = 10**18


def make_peer_route(site: Site) -> Route:
    """`GET /api/v1/peers/logs/{run}?from=&mark=&waits=&kind=`: bytes of a log, or of when they came."""

    async def show_log(request: Request) -> Response:
        if site.peer_keys is None:
            raise NotFoundError("There are no other hubs here.")
        keys = site.peer_keys()
        scheme, _, proof = request.headers.get("authorization", "").partition(" ")
        target = f"{request.url.path}?{request.url.query}"
        if scheme != SCHEME or not keys.check(write_question(target), proof):
            raise UnauthenticatedError("Only hubs with the same SECRETS__KEYS may ask here.")
        question = _read_question(request)
        piece = await _answer(site, question)
        headers = {
            SIZE: str(piece.size),
            MARK: piece.mark,
            PROOF: keys.prove(write_answer(proof, piece)),
            "Cache-Control": "no-store",
        }
        return Response(piece.data, headers=headers, media_type="application/octet-stream")

    return Route("/api/v1/peers/logs/{run:int}", show_log, methods=["GET"])


async def _answer(site: Site, question: Question) -> Piece:
    """Raises NotFoundError when nothing of the log is here, or only a part of a copy."""
    logs, run = site.logs, question.run
    count = logs.count(run)
    if question.kind == "times":
        size, data = await asyncio.to_thread(logs.read_times, run, question.start, PIECE)
        return Piece(size, logs.mark(run), data)
    if not logs.is_whole(run) or not (question.waits or logs.path(run).exists()):
        raise NotFoundError(f"There is no log of run {run} here.")
    if question.waits and logs.size(run) <= question.start and logs.mark(run) == question.mark:
        await logs.wait(run, count, WAITED)
    mark = logs.mark(run)  # before reading: a change meanwhile is told the next time
    data = await asyncio.to_thread(logs.read, run, question.start, PIECE)
    return Piece(max(logs.size(run), question.start + len(data)) if data else logs.size(run), mark, data)


def _read_question(request: Request) -> Question:
    query, run = request.query_params, request.path_params["run"]
    start, kind = query.get("from", ""), query.get("kind", "log")
    if not start.isdecimal() or len(start) > 18 or run >= LONGEST or kind not in {"log", "times"}:
        raise ParameterError("`from` is a number of bytes, `kind` is log or times.", "from")
    return Question(
        run, int(start), query.get("mark", ""), query.get("waits") == "1", "log" if kind == "log" else "times"
    )
