"""What the API tells of a known failure."""

from __future__ import annotations

from hubwright.domain.known_failures import KnownFailure, issue_address
from hubwright.store.documents import Document, moment


def write_known(one: KnownFailure, public_url: str, hosted: str) -> Document:
    """How often it was seen, where and since when, and its issue; repositories have their pages below `hosted`."""
    return {
        "id": one.id,
        "job": one.job,
        "fingerprint": one.fingerprint,
        "kind": one.kind,
        "title": one.title,
        "times": one.times,
        "first_at": moment(one.first_at),
        "last_at": moment(one.last_at),
        "platforms": [
            {
                "platform": place.platform,
                "times": place.times,
                "first_at": moment(place.first_at),
                "last_at": moment(place.last_at),
            }
            for place in one.places
        ],
        "issue": one.issue,
        "issue_url": issue_address(one.issue, hosted),
        "linked_by": one.linked_by,
        "linked_at": moment(one.linked_at),
        "url": f"{public_url}/failures/{one.id}",
    }
