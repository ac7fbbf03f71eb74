"""GitHub's documents in, records of the copy out: the same readers for webhooks and for the API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubwright.domain.replica import Reading


def read_delivery(event: str, payload: Mapping[str, Any], received_at: float) -> Reading:
    """Everything that a webhook tells; what it does not know it leaves alone. Never raises for what is in `payload`."""
    return Reading()


def read_listed(kind: str, item: Mapping[str, Any], *, parent: Mapping[str, Any], observed_at: float) -> Reading:
    """What an item of a listing, or a single record that was fetched, tells.

    `kind` names the table (`issue`). `parent` has what the item lacks: `repository_id`, `organization_id`,
    `pull_request_id`, `pull_request_number`, `issue_id`, `team_id`, `hook_id`, `sha`, `user_id`. `observed_at` is the
    answer's `Date` in Unix seconds.
    """
    return Reading()
