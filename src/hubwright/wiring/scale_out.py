"""Celery and rings, opened only when a broker is set: Celery is an extra, and costs 36 MB and 0.2 s to load."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from hubwright.errors import SettingsError
from hubwright.hub.dispatcher import Dispatcher


class ScaleOut:
    """Hints to workers, rings to other hubs."""

    def __init__(self, dispatcher: Dispatcher, rings: Any) -> None:
        self.dispatcher = dispatcher
        self._rings = rings

    def ring(self, topic: str) -> None:
        """Tell every hub that there is news of a topic."""
        self._rings.publish(topic)

    def start(self) -> None:
        """Begin to hear the others."""
        self._rings.start()

    def stop(self) -> None:
        """Hear no more."""
        self._rings.stop()


def load_tasks() -> Any:
    """The module of the Celery app. Raises SettingsError when the extra is not installed."""
    try:
        return importlib.import_module("hubwright.tasks")  # noqa: TID251  an extra that may be missing
    except ImportError as error:
        raise SettingsError("BROKER_URL needs Celery: pip install 'hubwright[hub,celery]'.") from error


def open_scale_out(broker_url: str, on_ring: Callable[[str], None]) -> ScaleOut:
    """The dispatcher that hands work to Celery workers, and the rings of all hubs."""
    tasks = load_tasks()
    return ScaleOut(tasks.CeleryDispatcher(broker_url), tasks.Rings(broker_url, on_ring))
