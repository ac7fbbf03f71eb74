"""What the doors are given: the living parts of the hub that pages, API and streams may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hubwright.domain.artifacts import ArtifactRules
from hubwright.domain.diagnosis import Finding
from hubwright.hub.bell import Bell
from hubwright.hub.breaks import MAX_OPEN
from hubwright.hub.delivery_spool import DeliverySpool
from hubwright.hub.differences import Difference
from hubwright.hub.flights import Flight
from hubwright.hub.github_credentials import Credentials
from hubwright.hub.log_copies import PATIENCE
from hubwright.hub.log_reading import AnyLogs
from hubwright.hub.logs import Logs
from hubwright.hub.sealing import Keys
from hubwright.reports.search_history import History
from hubwright.storage import Storage
from hubwright.store.database import Database
from hubwright.store.fact_reader import FactLoader
from hubwright.store.figures import Tally
from hubwright.store.reports import load_facts as load_facts_anew
from hubwright.wire import Vitals

FACTS = "facts"
"""The bell's topic that rings after facts were committed."""


class Copies(Protocol):
    """Has logs brought here; `hub.log_copies.LogCopies`."""

    async def bring(self, run: int, patience: float = PATIENCE, *, growing: bool = False) -> bool:
        """Have here what there is of a run's log, all of it once the run has ended; whether that is so after `patience`
        seconds. `growing` is for who reads on and on. Raises StorageError.
        """

    def bring_now(self, run: int) -> bool:
        """The same, for threads."""


class AllHere:
    """Copies where there is one hub: it has every log."""

    async def bring(self, run: int, patience: float = PATIENCE, *, growing: bool = False) -> bool:  # noqa: ARG002  the protocol's
        """Nothing is to be done."""
        return True

    def bring_now(self, run: int) -> bool:  # noqa: ARG002  the protocol's
        """Nothing is to be done."""
        return True


def _find_nothing(_: object) -> None:
    """Where there are no builders, nothing is measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Configured:
    """One setting as this hub began with it, and where that came from. A secret's value is masked already."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, kw_only=True)
class Site:
    """The parts behind the doors. `wake` names a queue that has new work; `clock` gives Unix seconds."""

    database: Database
    logs: Logs
    bell: Bell
    storage: Storage
    wake: Callable[[str], None]
    clock: Callable[[], float]
    version: str
    public_url: str
    anonymous_read: bool = False
    anonymous_register: bool = False
    admin_token: str | None = None
    webhook_secrets: tuple[str, ...] = ()
    unsigned_webhooks: bool = False  # no secret is set and the hub listens on loopback only
    credentials: Credentials | None = None  # more secrets for webhooks, known while the hub runs
    max_body: int = 25 * 1024 * 1024
    spool: DeliverySpool | None = None  # takes webhooks while the database can't
    requests_per_minute: int | None = None  # with one token, or from one address without; None for no limit
    max_watchers: int = 2000  # at `/api/v1/live`, at once
    clone_base: str = "https://github.com"  # where repositories, and so the pages of their files, are
    tally: Tally = field(default_factory=Tally)  # what is counted for the monitoring system
    load_facts: FactLoader = load_facts_anew  # for what follows them in this process
    find_reporters: Callable[[], Sequence[str]] | None = None  # those that are at work; None: all that ever were
    trace_url: str | None = None  # where a trace is shown, with {trace} in its number's place
    redis_url: str | None = None  # of the read model, with what the hub says there
    redis_prefix: str = ""
    platform_limits: Mapping[str, int] = field(default_factory=dict)  # runs at once on platforms, by name or glob
    docs_url: str = "https://github.com/hubwright/hubwright/blob/main/docs/{page}.md"  # with {page} in a name's place
    searches: int = MAX_OPEN  # for culprits, of a job at a time
    artifacts: ArtifactRules = field(default_factory=ArtifactRules)
    signing_key: Path | None = None  # where the key is that provenance is signed with
    flight_of: Callable[[int], Flight | None] = _find_nothing  # the last minute of a run held here
    difference_of: Callable[[int], Difference | None] = _find_nothing  # what a build's recipe changes; blocks
    history_of: Callable[[int], History | None] = _find_nothing  # of a known failure, in a search engine; blocks
    configuration: tuple[Configured, ...] = ()
    examine: Callable[[], Sequence[Finding]] = tuple  # what `hubwright doctor` finds; blocks for seconds
    vitals_of: Callable[[str], Vitals | None] = _find_nothing  # the newest sample of a builder that is here
    copies: Copies = field(default_factory=AllHere)  # of logs that other hubs have
    peer_keys: Callable[[], Keys] | None = None  # what other hubs prove themselves with; None: there are none

    def any_logs(self) -> AnyLogs:
        """Logs for threads; they may have to come from another hub first."""
        return AnyLogs(self.logs, self.copies.bring_now)
