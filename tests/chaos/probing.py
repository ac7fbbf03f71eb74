"""Is the installation well? A push is made and must be told as green."""

from __future__ import annotations

import time

import httpx2

from chaos.installation import Installation
from hub_process import GREEN
from waiting import until

PATIENCE = 120.0
"""Seconds in which an installation must be well again after a fault."""


class Prober:
    """A repository whose pushes go before all others."""

    def __init__(self, place: Installation) -> None:
        self._place = place
        self._repository = place.github.create_repository("octo/probe", GREEN)
        self.measure()  # makes the job
        settings = {"settings": {"priority": 100}}
        place.client.patch("/api/v1/jobs/octo/probe", json=settings).raise_for_status()

    def measure(self) -> float:
        """Seconds until a push that is made now is told as green. Raises AssertionError after PATIENCE."""
        begun = time.monotonic()
        payload = self._repository.push({"README": f"{begun}\n"})
        guid = f"probe-{payload['after']}"
        until(lambda: self._deliver(payload, guid), PATIENCE, "a probe to be accepted")
        until(lambda: self._is_green(payload["after"]), PATIENCE, "a probe to be green")
        return time.monotonic() - begun

    def _deliver(self, payload: dict[str, object], guid: str) -> bool:
        try:
            return self._place.hubs[0].deliver_to(self._place.hook, "push", payload, guid=guid) == 202
        except httpx2.TransportError:
            return False

    def _is_green(self, sha: str) -> bool:
        return any(one["state"] == "success" for one in self._place.github.statuses(sha, "hubwright"))
