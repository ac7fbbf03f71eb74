"""What runs may have: what the builder's operator allows, what one run gets, and what it used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hubwright.domain.limits import Limits

TRUSTED = "trusted"
OWN_NUMBERS = "auto"
"""As the user of builds: each run gets a user number of its own."""

SAME_USER = "root"
"""As the user of builds: the builder's own, whoever that is."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What one run may have: `trust` is `trusted` or `untrusted`, `limits` what its recipe asks for."""

    trust: str = TRUSTED
    limits: Limits = Limits()  # noqa: RUF009  frozen


@dataclass(frozen=True, kw_only=True)
class Containers:
    """How a builder has containers. `host`: the daemon's socket, None for the usual ones.

    `pull` is `missing`, `always` or `never`; `network` the daemon's network for stages that may have one; `image` that
    of stages that name none, on a builder of containers only; `registry_auth` a Docker `config.json`, for trusted runs.
    With `service_root` services start as their image's user, also as root.
    """

    host: str | None = None
    pull: str = "missing"
    network: str = "bridge"
    image: str | None = None
    registry_auth: Path | None = None
    service_root: bool = False


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a builder allows, whoever asks.

    `network` and `untrusted_network`: whether runs reach the network. `limits` are for each run, and no recipe gets
    more. `file_size`: bytes of one file. `user`: a name, `auto` or `root`; only a builder that is root can choose.
    `readable`: folders that builds may read beside the system's.
    """

    network: bool = True
    untrusted_network: bool = False
    limits: Limits = Limits(pids=4096)  # noqa: RUF009  frozen
    file_size: int | None = None
    user: str = OWN_NUMBERS
    seccomp: bool = True
    landlock: bool = True
    readable: tuple[Path, ...] = ()
    containers: Containers = Containers()

    def allows_network(self, terms: Terms) -> bool:
        """Whether a run on these terms may reach the network."""
        return self.network and (terms.trust == TRUSTED or self.untrusted_network)


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a run used so far. `memory_peak` in bytes, None where nobody counts.

    `oom_kills`: processes that the kernel killed because the run's memory was used up. `pids_refused`: how often a
    process could not be started because the run had too many.
    """

    memory_peak: int | None = None
    oom_kills: int = 0
    pids_refused: int = 0
