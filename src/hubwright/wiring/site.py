"""What settings say of a hub's doors and of how long things are kept, as the values that these are given."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hubwright import __version__
from hubwright.config import LOOPBACK, Origin, Settings, write_setting
from hubwright.domain.artifacts import ArtifactRules
from hubwright.domain.figures import LOG_BYTES
from hubwright.hub.bell import Bell
from hubwright.hub.delivery_spool import FOLDER, DeliverySpool
from hubwright.hub.logs import Logs
from hubwright.hub.retention import Keep, Retention
from hubwright.hub.sweeping import Sweeping
from hubwright.storage import Storage
from hubwright.web.site import Configured, Site
from hubwright.wiring.filing import FilingLife
from hubwright.wiring.parts import Parts
from hubwright.wiring.peers import read_place


def make_site(settings: Settings, parts: Parts, bell: Bell, wake: Callable[[str], None]) -> Site:
    """What the doors know and use."""
    on_loopback = settings.host in LOOPBACK
    return Site(
        database=parts.database,
        logs=Logs(
            Path(settings.data_dir) / "logs",
            bell,
            lambda size: parts.tally.count(LOG_BYTES, amount=size),
            read_place(settings),
        ),
        tally=parts.tally,
        load_facts=parts.facts.load,
        bell=bell,
        storage=Storage(settings.storage_url, stalled=settings.artifacts.stalled),
        artifacts=make_artifact_rules(settings),
        signing_key=Path(settings.artifacts.signing_key or settings.data_dir / "signing.key"),
        wake=wake,
        clock=time.time,
        version=__version__,
        clone_base=settings.github.clone_base,
        public_url=settings.public_url,
        docs_url=settings.docs_url,
        anonymous_read=settings.anonymous_read,
        anonymous_register=on_loopback,
        admin_token=settings.admin_token,
        webhook_secrets=settings.github.webhook_secrets,
        unsigned_webhooks=on_loopback and not settings.github.webhook_secrets,
        credentials=parts.github.credentials,
        max_body=settings.hooks.max_body,
        spool=DeliverySpool(
            Path(settings.data_dir) / FOLDER,
            settings.hooks.spool,
            parts.database,
            time.time,
            lambda: wake("deliveries"),
        ),
        requests_per_minute=settings.access.requests_per_minute,
        max_watchers=settings.live.watchers,
        searches=settings.builds.bisect_searches,
        platform_limits=read_platform_limits(settings),
        trace_url=settings.otel.trace_url,
        redis_url=settings.redis_url,
        redis_prefix=settings.redis.prefix or "",
    )


def write_configuration(told: Sequence[Origin]) -> tuple[Configured, ...]:
    """The settings as people write them; secrets are masked."""
    return tuple(Configured(name=one.name, value=write_setting(one.value), origin=one.origin) for one in told)


def read_platform_limits(settings: Settings) -> dict[str, int]:
    """How many runs may go on at once on platforms, by name or glob."""
    pairs = (one.rpartition("=") for one in settings.queue.platform_limits)
    return {name: int(limit) for name, _, limit in pairs}


def make_retention(
    settings: Settings, site: Site, parts: Parts, filing: FilingLife, also: Sequence[str] = ()
) -> Retention:
    """What removes what is too old. `also`: reporters, besides those of `parts` and `filing`, that facts wait for."""
    kept = settings.retention
    keep = Keep(
        deliveries=kept.deliveries,
        facts=kept.facts,
        logs=kept.logs,
        artifacts=kept.artifacts,
        builds=kept.builds,
        audit=kept.audit,
        channels=kept.channels,
        people=kept.people,
        reporters=(*parts.relay.names, *filing.names, *also),
    )
    sweeping = Sweeping(site.database, site.storage, site.artifacts, site.clock, refile=filing.refile)
    return Retention(site.database, site.logs, sweeping, keep, site.clock)


def make_artifact_rules(settings: Settings) -> ArtifactRules:
    """The bounds of artifacts and caches."""
    return ArtifactRules(
        max_size=settings.artifacts.max_size,
        total=settings.artifacts.total,
        direct=settings.artifacts.direct,
        redirect=settings.artifacts.redirect,
        stalled=settings.artifacts.stalled,
        zip_size=settings.artifacts.zip,
        origin=settings.artifacts.origin,
        cache_total=settings.cache.total,
        cache_size=settings.cache.max_size,
    )
