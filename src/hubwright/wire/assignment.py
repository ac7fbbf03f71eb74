"""What a builder is given to do: a complete assignment."""

from __future__ import annotations

from typing import Any

import msgspec


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What to check out. `checkout: false` = start in an empty folder. `token` is for https fetches only."""

    repository: str
    clone_url: str
    sha: str
    ref: str
    checkout: bool = True
    token: str | None = None

    def __repr__(self) -> str:
        """Without the token: an order may be shown in an error."""
        return f"<{self.sha[:12]} of {self.repository}>"


class ReportLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a stage's test reports is read: files, bytes of each, and cases of all together."""

    files: int = 500
    size: int = 64 * 1024 * 1024
    cases: int = 20_000


class CacheWish(msgspec.Struct, frozen=True, kw_only=True):
    """What to bring back before the stages and to keep after they succeeded; `files` tell when it is new.

    One of a `stage` is kept when that stage has succeeded, whatever came after it.
    """

    paths: tuple[str, ...]
    key: str = ""
    files: tuple[str, ...] = ()
    stage: str = ""


class ServiceWish(msgspec.Struct, frozen=True, kw_only=True):
    """A container beside the stages; `ready` is run inside until it succeeds, at most `ready_timeout` seconds."""

    name: str
    image: str
    env: dict[str, str] = msgspec.field(default_factory=dict)
    command: str | None = None
    ready: str | None = None
    ready_timeout: int = 60


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A complete assignment: the builder never asks back. Times in seconds, sizes in bytes.

    `trust` is "trusted", or "untrusted" for what a fork brought: that gets no secrets.

    `stages` are objects as `domain.planning.stage_to_json` writes them; artifacts are PUT to `uploads`:
    as people reach the hub, of which a builder takes only what is behind the host, and asks where it is connected.
    """

    source: Source
    stages: tuple[dict[str, Any], ...]
    env: dict[str, str] = msgspec.field(default_factory=dict)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)
    matrix: dict[str, str] = msgspec.field(default_factory=dict)
    timeout: int = 3600
    log_limit: int = 256 * 1024 * 1024
    uploads: str | None = None
    warnings: tuple[str, ...] = ()
    trust: str = "trusted"
    cache: tuple[CacheWish, ...] = ()
    services: tuple[ServiceWish, ...] = ()
    limits: dict[str, float] = msgspec.field(default_factory=dict)
    reports: ReportLimits = ReportLimits()

    def __repr__(self) -> str:
        """Without any value of a secret or variable."""
        return f"<{len(self.stages)} stages on {self.source!r}>"
