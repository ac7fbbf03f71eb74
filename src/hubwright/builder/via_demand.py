"""What the hub says of the demand for builders of a kind (`GET /api/v1/queue/demand`)."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2
import msgspec

from hubwright.builder.connection import Hub
from hubwright.builder.via_plan import Demand, Present
from hubwright.domain.scheduling import BuilderKind
from hubwright.errors import HubAwayError, UnauthenticatedError

PATIENCE = 20.0
"""Seconds for the hub's answer."""


class _Builder(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    running: int
    leaving: bool = False


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    waiting: int
    builders: Sequence[_Builder] = ()


async def fetch_demand(client: httpx2.AsyncClient, hub: Hub, kind: BuilderKind) -> Demand:
    """The demand now. Raises UnauthenticatedError, HubAwayError."""
    try:
        found = await client.get(
            f"{hub.url.rstrip('/')}/api/v1/queue/demand",
            params={"platform": kind.platform, "label": list(kind.labels)},
            headers={"Authorization": f"Bearer {hub.token}"},
            timeout=PATIENCE,
        )
        if found.status_code in {401, 403}:
            raise UnauthenticatedError("The hub does not accept the token of these builders.")
        if not found.is_success:
            raise HubAwayError(f"The hub answered {found.status_code}.")
        return read_demand(found.content)
    except httpx2.HTTPError as error:
        raise HubAwayError(str(error) or type(error).__name__) from error


def read_demand(body: bytes) -> Demand:
    """The answer's values. Raises HubAwayError for what is none."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.MsgspecError as error:
        raise HubAwayError(f"What answers is no hub ({error}).") from error
    builders = {one.name: Present(one.running, one.leaving) for one in answer.builders}
    return Demand(waiting=answer.waiting, builders=builders)
