"""Whether builds can be run here, behind which walls, and whether there are builders for what waits."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, select

from hubwright import __version__
from hubwright.builder.executors import Furnishing
from hubwright.builder.executors.choice import choose_executor
from hubwright.builder.executors.daemon import Daemon, find_socket
from hubwright.builder.executors.terms import Containers, Policy
from hubwright.builder.executors.walls import find_gaps
from hubwright.config import Settings
from hubwright.domain.diagnosis import Sight, doubtful, join_sights, well, wrong
from hubwright.domain.scheduling import BuilderKind, suits
from hubwright.domain.wording import word_count
from hubwright.errors import ExecutorError, SettingsError
from hubwright.store.builders import AWAY, ON_DEMAND
from hubwright.store.runs import count_waiting
from hubwright.store.schema import builder
from hubwright.wire import WIRE_VERSION
from hubwright.wiring.checks_database import ask_database
from hubwright.wiring.checks_machine import find_existing

MOST = 2_000
_BUILDERS = (
    select(
        builder.c.name,
        builder.c.platform,
        builder.c.labels,
        builder.c.state,
        builder.c.seen_at,
        builder.c.skew,
        builder.c.version,
        builder.c.wire,
    )
    .order_by(builder.c.name)
    .limit(MOST)
)

SKEW = 30.0
"""Seconds that a builder's clock may be off."""

_RELEASES = 5
_NAMED = 5
QUIET = 60.0
"""Seconds beyond two notes after which a builder counts as gone."""


def check_sandbox(settings: Settings) -> Sight:
    """Can builds run in a sandbox?"""
    try:
        executor, warning = choose_executor(
            settings.executor, (find_existing(settings.data_dir),), _make_policy(settings)
        )
    except SettingsError as error:
        return wrong(str(error), "start Docker, or another EXECUTOR")
    if warning is not None:
        return doubtful(warning, "apt-get install bubblewrap")
    more = ", and in containers" if isinstance(executor, Furnishing) and executor.name != "container" else ""
    return well(f"builds run with the executor {executor.name}{more}")


def check_walls(settings: Settings) -> Sight:
    """Can this machine have every wall that the settings wish for?"""
    gaps = [doubtful(seen, fix) for seen, fix in find_gaps(_make_policy(settings))]
    return join_sights(gaps or [well("Landlock, system calls, control groups: as far as wished for")])


def check_containers(settings: Settings) -> Sight:
    """Is there a daemon that builds may have containers of?"""
    host = settings.sandbox.docker_host
    try:
        daemon = Daemon(find_socket(host))
    except ExecutorError as error:
        if host or settings.executor == "container":
            return wrong(str(error), "start Docker or Podman, or correct SANDBOX__DOCKER_HOST")
        return well("no Docker or Podman: recipes with an image wait for another builder")
    try:
        daemon.probe()
    except ExecutorError as error:
        return doubtful(str(error), "let this user use its socket, and give containers this machine's user numbers")
    return well(f"{'Podman' if daemon.podman else 'Docker'} at {daemon.socket}")


def check_registry(settings: Settings) -> Sight:
    """Can the passwords of registries be read, and by us only?"""
    path = Path(str(settings.sandbox.registry_auth))
    try:
        known = json.loads(path.read_bytes()).get("auths", {})
        mode = path.stat().st_mode
    except (OSError, ValueError, AttributeError) as error:
        return wrong(f"{path}: {error}", "set SANDBOX__REGISTRY_AUTH to a config.json as `docker login` makes it")
    if mode & 0o077:
        return wrong(f"others of this machine may read {path}", f"chmod 600 {path}")
    return well(f"passwords for {word_count(len(known), 'host')}")


def _make_policy(settings: Settings) -> Policy:
    sandbox = settings.sandbox
    return Policy(
        user=sandbox.user,
        seccomp=sandbox.seccomp,
        landlock=sandbox.landlock,
        readable=tuple(Path(folder) for folder in sandbox.readable),
        containers=Containers(host=sandbox.docker_host),
    )


class _Builder(NamedTuple):
    """One that is there, or is started when it is needed; `skew` in seconds, `release` as it says itself.

    `wire` is None for one that came before hubs noted it.
    """

    name: str
    kind: BuilderKind
    skew: float
    release: str
    wire: int | None


class _Crowd(NamedTuple):
    """The builders, and how many runs wait of each kind that none of them may take."""

    builders: list[_Builder]
    alone: Counter[str]


def check_builders(settings: Settings) -> Sight:
    """Are there builders for what waits, and do their clocks go right?"""
    since = time.time() - 2 * settings.builders.seen_every - QUIET
    crowd = ask_database(settings, lambda connection: _load_crowd(connection, since))
    if crowd is None:
        return well("not known: there is no database yet, or it does not answer")
    sights = [well(f"{word_count(len(crowd.builders), 'builder')} there{_name_releases(crowd.builders)}")]
    for want, count in crowd.alone.most_common(5):
        seen = f"{word_count(count, 'run')} for {want} and no builder that may take them"
        sights.append(doubtful(seen, "start one: `hubwright builder`, with that --platform and --label"))
    sights += [
        doubtful(f"the clock of the builder {one.name} is {one.skew:+.0f} s off", "have that machine follow NTP")
        for one in crowd.builders
        if abs(one.skew) > SKEW
    ]
    return join_sights([*sights, *_judge_wires(crowd.builders)])


def _judge_wires(builders: Sequence[_Builder]) -> Iterator[Sight]:
    """Those that this release still lets in, and the next one that brings a new version of the wire will not."""
    older = [one.name for one in builders if one.wire is not None and one.wire < WIRE_VERSION]
    if older:
        speak = "speaks" if len(older) == 1 else "speak"
        names = ", ".join(older[:_NAMED]) + (", …" if len(older) > _NAMED else "")
        seen = f"{word_count(len(older), 'builder')} {speak} version {WIRE_VERSION - 1} of the wire: {names}"
        yield doubtful(seen, "upgrade them: hubs take builders of the version before, and no older ones")


def _name_releases(builders: Sequence[_Builder]) -> str:
    """Those that are not ours."""
    others = Counter(one.release for one in builders if one.release != __version__)
    return "".join(f", {count} of release {release}" for release, count in sorted(others.items())[:_RELEASES])


def _load_crowd(connection: Connection, since: float) -> _Crowd:
    builders = [
        _Builder(
            row.name,
            BuilderKind(platform=row.platform, labels=tuple(row.labels)),
            row.skew or 0.0,
            row.version,
            row.wire,
        )
        for row in connection.execute(_BUILDERS)
        if row.state == ON_DEMAND or (row.state != AWAY and (row.seen_at or 0.0) >= since)
    ]
    alone: Counter[str] = Counter()
    for want, count in count_waiting(connection):
        if not any(suits(want, one.kind) for one in builders):
            alone[" with ".join([want.platform, *([", ".join(want.labels)] if want.labels else [])])] += count
    return _Crowd(builders, alone)
