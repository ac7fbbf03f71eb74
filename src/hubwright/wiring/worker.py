"""The processes of the scale-out mode beside hubs and builders: workers that drain, and the beat that reminds them."""

from __future__ import annotations

import os
from contextlib import closing

from hubwright.config import Settings
from hubwright.errors import SettingsError
from hubwright.store.database import Database
from hubwright.wiring.attendance import attending
from hubwright.wiring.extras import load_tasks
from hubwright.wiring.first_start import prepare_ground
from hubwright.wiring.hiding import hide_from_builds
from hubwright.wiring.logging import configure_logging
from hubwright.wiring.owners import make_owner
from hubwright.wiring.parts import FIGURES, QUEUES, Parts, open_parts
from hubwright.wiring.scale_out import ScaleOut, open_scale_out
from hubwright.wiring.secret_keys import check_keys
from hubwright.wiring.supervisor import Supervisor


def run_worker(settings: Settings) -> int:
    """Do waiting work until a signal ends it; an exit code. Raises SettingsError."""
    broker_url = _broker(settings, "worker")
    configure_logging("worker", settings.log)
    hide_from_builds()
    prepare_ground(settings)
    check_keys(settings)
    tasks = load_tasks()
    scale = open_scale_out(broker_url, None)  # it has nobody to show news to
    parts: Parts = open_parts(settings, lambda queue: _wake(scale, queue))
    scale.dispatcher.start()
    scale.start()
    try:
        parts.take_back()
        drains = {**parts.drains(), FIGURES: parts.counting.drain}
        name = f"hubwright@{parts.owner}"
        Supervisor(os.environ).ready("Doing waiting work")
        with attending(parts.database, "worker", parts.owner):
            return int(tasks.run_worker(broker_url, drains, name=name, on_failure=parts.note_failure))
    finally:
        scale.dispatcher.stop(10.0)
        scale.stop()
        parts.close()


def run_beat(settings: Settings) -> int:
    """Remind the workers of every queue until a signal ends it; an exit code. Raises SettingsError."""
    broker_url = _broker(settings, "beat")
    configure_logging("beat", settings.log)
    tasks = load_tasks()
    with closing(Database(settings.database_url)) as database, attending(database, "beat", make_owner()):
        Supervisor(os.environ).ready("Reminding the workers")
        tasks.run_beat(broker_url, QUEUES)
    return 0


def _broker(settings: Settings, command: str) -> str:
    if settings.broker_url is None:
        raise SettingsError(
            f"`hubwright {command}` needs a broker: set BROKER_URL, such as redis://HOST/0 or amqp://HOST. "
            "Without one, hubs do all the work themselves."
        )
    return settings.broker_url


def _wake(scale: ScaleOut, queue: str) -> None:
    """What is new concerns the hubs (runs to give out, facts to show) or some worker (all the rest)."""
    if queue != "runs":
        scale.dispatcher.wake(queue)
    if queue in {"runs", "facts"}:
        scale.ring(queue)
