"""Two hubs of one installation: PostgreSQL, Valkey and an object store in common, a folder of its own for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fake_github import FakeGitHub
from hub_process import HubProcess
from hubwright.hub.sealing import make_key
from tcp_balancer import Balancer


@dataclass(frozen=True)
class Installation:
    """What its hubs have in common. Without a broker they do all the work themselves."""

    folder: Path
    github: FakeGitHub
    settings: dict[str, str]

    def hub(self, name: str, command: Sequence[str] = ("hub",)) -> HubProcess:
        """One more hub, with a folder of its own; not started yet."""
        folder = self.folder / name
        folder.mkdir()
        return HubProcess(folder, command, github=self.github, settings=self.settings, name=name)


def describe(
    folder: Path, github: FakeGitHub, postgres_url: str, storage_url: str, broker_url: str | None = None
) -> Installation:
    """An installation whose hubs wait for nothing long."""
    settings = {
        "DATABASE_URL": postgres_url,
        "STORAGE_URL": storage_url,
        "SECRETS__KEYS": f'["{make_key()}"]',
        "BUILDERS__SEEN_EVERY": "2",
        "BUILDERS__HEARTBEAT": "2",
        **({} if broker_url is None else {"BROKER_URL": broker_url}),
    }
    return Installation(folder, github, settings)


@contextmanager
def behind_balancer(*hubs: HubProcess) -> Iterator[Balancer]:
    """One address for all of them; who connects gets the first that is there."""
    with Balancer([hub.port for hub in hubs]) as balancer:
        yield balancer
