"""For every test: this folder is importable, git knows nothing of the machine's own settings, real servers at hand."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

import s3_server
import server_programs
import servers
import tables
from compiled import share_compiled
from dealing import deal_out
from hubwright.store.database import Database
from irc_client import IrcAddress
from known_routes import share_analyses

os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "data" / "nobody.pem")
"""Nobody is trusted: no test speaks TLS to strangers, and to read the machine's 140 certificates for each HTTP client
takes longer than what most tests do with it."""
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
"""jsonschema would make forty grammars of it when it is imported, two seconds in each process of a run, for formats
that only the bill of materials has: `make check` looks at these."""

RUN = pytest.StashKey[Path | None]()


def pytest_configure(config: pytest.Config) -> None:
    """The process that was started by hand owns the servers of this run; xdist's workers share them."""
    config.stash[RUN] = servers.open_run()
    share_compiled()
    share_analyses()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing is left behind."""
    folder = config.stash.get(RUN, None)
    if folder is not None:
        servers.close_run(folder)


def pytest_collection_finish() -> None:
    """What is loaded now stays: to look through it for garbage, again and again, would be a tenth of the run."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each of xdist's workers begins with some of the long files, and all end with short tests, which are shared well.

    A file stays together, so that what its tests share is made once.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = deal_out(items, workers)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A PostgreSQL database of the oldest version here, with every table."""
    with tables.fresh_postgres("postgresql") as url:
        yield url


@pytest.fixture
def new_postgres_url() -> Iterator[str]:
    """A new, empty PostgreSQL database of the oldest version here."""
    with tables.fresh_postgres("postgresql", tables.EMPTY) as url:
        yield url


@pytest.fixture
def newest_postgres_url() -> Iterator[str]:
    """A new, empty PostgreSQL database of the newest version here."""
    with tables.fresh_postgres("postgresql-newest", tables.EMPTY) as url:
        yield url


@pytest.fixture
def new_sqlite_url(tmp_path: Path) -> str:
    """A SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path}/hubwright.db"


@pytest.fixture
def sqlite_url(new_sqlite_url: str) -> str:
    """A SQLite database with every table."""
    return tables.with_tables(new_sqlite_url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database with every table and no row, once on SQLite and once on PostgreSQL."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with every table, once on SQLite and once on PostgreSQL."""
    with closing(Database(database_url)) as opened:
        yield opened


@pytest.fixture
def valkey_url() -> str:
    """An empty Valkey database of this xdist worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    url = f"{servers.url_of('valkey')}/{int(worker) % server_programs.VALKEY_DATABASES}"
    with closing(redis.Redis.from_url(url)) as client:
        client.flushdb()
    return url


@pytest.fixture
def rabbitmq_url() -> str:
    """A virtual host of RabbitMQ for this test."""
    return f"{servers.url_of('rabbitmq')}/v{servers.next_number('vhost') % server_programs.VHOSTS}"


@pytest.fixture(params=["valkey", "rabbitmq"])
def broker_url(request: pytest.FixtureRequest) -> str:
    """An empty broker, once Valkey and once RabbitMQ."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def s3_url(monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of its own in a bucket of a real S3 server; the variables that lead there are set."""
    for name, value in s3_server.s3_environment(servers.url_of("s3")).items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.BUCKET}/t{servers.next_number('bucket')}"


@pytest.fixture(scope="session")
def irc_address() -> IrcAddress:
    """A real IRC server with TLS and accounts (`irc_server.PASSWORDS`).

    One for each worker of the run: nicks and channels are names that two tests can't have at the same time.
    """
    return IrcAddress.of(servers.url_of(f"irc@{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"))


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses at this moment."""
    return server_programs.free_port()
