"""Celery and rings, opened only when a broker is set: Celery is an extra, and costs 36 MB and 0.2 s to load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hubwright.hub.dispatcher import Dispatcher
from hubwright.wiring.extras import load_tasks


class ScaleOut:
    """Hints to workers, rings to other hubs."""

    def __init__(self, dispatcher: Dispatcher, rings: Any) -> None:
        self.dispatcher = dispatcher
        self._rings = rings

    def ring(self, topic: str) -> None:
        """Tell every other process that there is news of a topic."""
        self._rings.publish(topic)

    def start(self) -> None:
        """Begin to hear the others."""
        self._rings.start()

    def stop(self) -> None:
        """Hear no more."""
        self._rings.stop()


def open_scale_out(broker_url: str, on_ring: Callable[[str], None] | None) -> ScaleOut:
    """The dispatcher that hands work to Celery workers, and the rings of all others, where somebody hears them."""
    tasks = load_tasks()
    return ScaleOut(tasks.CeleryDispatcher(broker_url), tasks.Rings(broker_url, on_ring))
