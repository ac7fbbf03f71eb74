"""What GitHub says of a delivery that it has sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A delivery as GitHub lists it; `status_code` is what was answered, 0 when nothing was. Time is Unix seconds.

    `guid` names the event, for every hook and however often it is sent; `id` is of this one try.
    """

    id: int
    guid: str
    event: str
    status_code: int
    arrived: bool
    delivered_at: float
