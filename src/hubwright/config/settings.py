"""Every setting: its name, kind and default. `docs/settings.md` tells what each one does; a test compares the two.

A setting has one name in three spellings: `github.token` here, `HUBWRIGHT_GITHUB__TOKEN` in the environment, and
`token` below `[github]` in `hubwright.toml`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hubwright.config.value_types import (
    Accounts,
    BrokerUrl,
    Bytes,
    Chosen,
    CloneBase,
    Count,
    DatabaseUrl,
    Days,
    DocsUrl,
    Host,
    Labels,
    MailUrl,
    Names,
    Port,
    RedisUrl,
    Seconds,
    Secret,
    Secrets,
    SlotBounds,
    StorageUrl,
    Switch,
    Text,
    TraceUrl,
    Url,
    WholeSeconds,
)

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A group of settings; its `repr` shows no values, so that no secret gets into a log."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} settings>"


class GitHub(Section, frozen=True, kw_only=True):
    """How Hubwright and GitHub know each other."""

    webhook_secrets: Secrets = ()
    api_url: Url = "https://api.github.com"
    token: Secret | None = None
    app_id: Text | None = None
    app_private_key: Secret | None = None
    clone_base: CloneBase = "https://github.com"
    owners: Names = ()
    checks: Switch = True
    comment: Chosen = "off"
    issue: Chosen = "off"
    oauth_client_id: Text | None = None
    oauth_client_secret: Secret | None = None
    login_repository: (
        Annotated[str, Meta(pattern=r"^[^/\s]+/[^/\s]+$", description="a repository such as OWNER/NAME")] | None
    ) = None
    points_per_minute: Count = 900
    write_interval: Seconds = 1.25
    writes_per_minute: Count = 80
    cache_size: Bytes = 256 * 1024 * 1024
    heal: Switch = True
    heal_interval: Seconds = 600
    poll_interval: Seconds = 60


class Git(Section, frozen=True, kw_only=True):
    """What git may do. `allow_protocols` always holds the protocol of `github.clone_base`."""

    allow_protocols: Names
    fetch_timeout: Seconds = 600
    allow_hosts: Names = ()


class Builds(Section, frozen=True, kw_only=True):
    """What is built by default, and the bounds of a build."""

    commits: Annotated[Literal["each", "head", "bisect"], Meta(description="each, head or bisect")] = "each"
    max_commits_per_push: Count = 20
    bisect_builds: Count = 20
    bisect_commits: Count = 2000
    bisect_targets: Count = 5
    bisect_searches: Count = 8
    timeout: WholeSeconds = 3600
    log_limit: Bytes = 256 * 1024 * 1024
    report_files: Count = 500
    report_size: Bytes = 64 * 1024 * 1024
    report_cases: Count = 20_000
    default_platform: Text | None = None
    lost_after: Seconds = 300
    approval: Annotated[Literal["forks", "never"], Meta(description="forks or never")] = "forks"
    untrusted_recipe: Annotated[Literal["head", "base"], Meta(description="head or base")] = "head"
    untrusted_labels: Labels = ()
    secrets: Secrets = ()


PlatformLimits = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^[^=,\s]+=[1-9]\d{0,4}$")], ...],
    Meta(description="a list like linux-*=8,mac-14=2"),
]


class Queue(Section, frozen=True, kw_only=True):
    """How many runs go on at once."""

    platform_limits: PlatformLimits = ()


class Builders(Section, frozen=True, kw_only=True):
    """How builders and the hub keep in touch."""

    heartbeat: Seconds = 10
    seen_every: Seconds = 15
    slots_idle: Seconds = 60
    slots_load: Count = 90


class SecretKeys(Section, frozen=True, kw_only=True):
    """What the secrets in the database are sealed with: newest first; the older ones open what they have sealed."""

    keys: Secrets = ()


class Hooks(Section, frozen=True, kw_only=True):
    """The bounds of a webhook. GitHub sends at most 25 MB: https://docs.github.com/en/webhooks."""

    max_body: Bytes = 25 * 1024 * 1024
    spool: Bytes = 256 * 1024 * 1024


class Access(Section, frozen=True, kw_only=True):
    """Bounds of those who ask."""

    requests_per_minute: Count = 12_000
    proxies: Names = ()


class Peers(Section, frozen=True, kw_only=True):
    """What one of several hubs has to do with the others."""

    url: Url | None = None
    log_copies: Bytes = 10 * 1024 * 1024 * 1024


class Live(Section, frozen=True, kw_only=True):
    """Those who watch over `/api/v1/live`."""

    watchers: Count = 2000


class Artifacts(Section, frozen=True, kw_only=True):
    """The files that builds keep: their bounds, and the ways to and from the store."""

    max_size: Bytes = 4 * 1024**3
    total: Bytes | None = None
    direct: Switch = True
    redirect: Switch = False
    zip: Bytes = 8 * 1024**3
    origin: Text | None = None
    stalled: Seconds = 60
    by_job: Switch = True
    signing_key: Text | None = None


class Cache(Section, frozen=True, kw_only=True):
    """What builds keep for the next ones of their repository."""

    max_size: Bytes = 2 * 1024**3
    total: Bytes = 10 * 1024**3


class Redis(Section, frozen=True, kw_only=True):
    """What is kept in Redis for other programs to read."""

    prefix: Text | None = None
    recent: Count = 25
    commits: Count = 1000


class Retention(Section, frozen=True, kw_only=True):
    """How many days things are kept."""

    deliveries: Days = 30
    facts: Days = 90
    logs: Days = 180
    artifacts: Days = 90
    builds: Days = 730
    audit: Days = 365
    channels: Days = 365
    people: Days = 90


class Sql(Section, frozen=True, kw_only=True):
    """The bounds of what people ask with SQL, and the login of PostgreSQL that answers it."""

    rows: Count = 1000
    seconds: Seconds = 10
    size: Bytes = 16 * 1024 * 1024
    database_url: DatabaseUrl | None = None


class Agent(Section, frozen=True, kw_only=True):
    """System 3's name for the slots of the local builder."""

    max_workers: Count | None = None


class Sandbox(Section, frozen=True, kw_only=True):
    """What runs of the local builder may have; other builders take the same as options."""

    memory: Bytes | None = None
    pids: Count = 4096
    cpus: Annotated[float, Meta(gt=0, description="a number of processors above nought")] | None = None
    file_size: Bytes | None = None
    disk: Bytes | None = None
    user: Text = "auto"
    network: Switch = True
    untrusted_network: Switch = False
    seccomp: Switch = True
    landlock: Switch = True
    readable: Names = ()
    docker_host: Text | None = None
    pull: Annotated[Literal["missing", "always", "never"], Meta(description="missing, always or never")] = "missing"
    container_network: Text = "bridge"
    image: Text | None = None
    registry_auth: Text | None = None
    service_root: Switch = False


class Rebuild(Section, frozen=True, kw_only=True):
    """Polling for commits that no webhook told of."""

    interval: Seconds | None = None


class Elasticsearch(Section, frozen=True, kw_only=True):
    """Where builds go as documents: Elasticsearch or OpenSearch."""

    url: Url | None = None
    api_key: Secret | None = None
    prefix: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,60}$", description="a name in small letters")] = (
        "hubwright"
    )
    logs: Annotated[Literal["off", "failed", "all"], Meta(description="off, failed or all")] = "off"
    log_size: Bytes = 256 * 1024


class Log(Section, frozen=True, kw_only=True):
    """What the processes say of themselves, on stderr."""

    format: Annotated[LogFormat, Meta(description="auto, json or text")] = "auto"
    level: Annotated[LogLevel, Meta(description="debug, info, warning or error")] = "info"


class Otel(Section, frozen=True, kw_only=True):
    """The collector of OpenTelemetry that is told of builds."""

    endpoint: Url | None = None
    headers: Secrets = ()
    ca_file: Path | None = None
    logs: Annotated[Literal["off", "failed", "all"], Meta(description="off, failed or all")] = "off"
    log_size: Bytes = 256 * 1024
    every: Seconds = 60
    trace_url: TraceUrl | None = None


class Notify(Section, frozen=True, kw_only=True):
    """Who is told by HTTP what the ends of builds mean, besides those that jobs name."""

    webhooks: Names = ()
    events: Annotated[
        tuple[Literal["broken", "still-failing", "fixed", "success", "always"], ...],
        Meta(description="a list of broken, still-failing, fixed, success, always"),
    ] = ()
    secrets: Secrets = ()
    allow_hosts: Names = ()
    ca_file: Path | None = None


class Mail(Section, frozen=True, kw_only=True):
    """The server that takes our mail."""

    server: MailUrl | None = None
    sender: Text | None = None
    ca_file: Path | None = None


class Irc(Section, frozen=True, kw_only=True):
    """The bot on IRC."""

    server: Text | None = None
    port: Port = 6697
    tls: Switch = True
    nick: Text = "hubwright"
    password: Secret | None = None
    certificate: Path | None = None
    channels: Names = ()
    plain: Names = ()
    pace: Seconds = 2.0
    accounts: Accounts = ()
    trusted: Names = ()
    news: Names = ()
    logged: Names = ()
    ca_file: Path | None = None
    apart: Switch = False


class Settings(Section, frozen=True, kw_only=True):
    """Every setting. Those without a default here get one from others; see `sources.derived_defaults`."""

    data_dir: Path
    host: Host = "127.0.0.1"
    port: Port = 8010
    public_url: Url
    docs_url: DocsUrl = "https://github.com/hubwright/hubwright/blob/main/docs/{page}.md"
    database_url: DatabaseUrl
    broker_url: BrokerUrl | None = None
    redis_url: RedisUrl | None = None
    storage_url: StorageUrl
    admin_token: Secret | None = None
    anonymous_read: Switch
    slots: SlotBounds
    executor: Annotated[
        Literal["auto", "process", "bubblewrap", "container"],
        Meta(description="auto, process, bubblewrap or container"),
    ] = "auto"
    github: GitHub = GitHub()
    git: Git
    builds: Builds = Builds()
    queue: Queue = Queue()
    builders: Builders = Builders()
    secrets: SecretKeys = SecretKeys()
    hooks: Hooks = Hooks()
    access: Access = Access()
    live: Live = Live()
    peers: Peers = Peers()
    redis: Redis = Redis()
    retention: Retention = Retention()
    sql: Sql = Sql()
    artifacts: Artifacts = Artifacts()
    cache: Cache = Cache()
    agent: Agent = Agent()
    sandbox: Sandbox = Sandbox()
    rebuild: Rebuild = Rebuild()
    log: Log = Log()
    elasticsearch: Elasticsearch = Elasticsearch()
    otel: Otel = Otel()
    irc: Irc = Irc()
    notify: Notify = Notify()
    mail: Mail = Mail()
