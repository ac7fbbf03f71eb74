"""The doctor before real servers: what works is well, what does not is told with what to do."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from collector_server import receiving_otlp
from fake_github import FakeGitHub
from hubwright import __version__
from hubwright.builder.executors import daemon
from hubwright.config import Settings, load_settings
from hubwright.domain.diagnosis import Sight, Verdict
from hubwright.domain.github_hooks import DOOR, EVENTS, Wanted
from hubwright.github.client import GitHubClient
from hubwright.hub.delivery_spool import FOLDER, REFUSED
from hubwright.hub.sealing import make_key
from hubwright.storage import MARKER
from hubwright.store import schema
from hubwright.store.builders import keep_on_demand
from hubwright.store.database import Database
from hubwright.store.processes import Process, keep_process
from hubwright.store.revision import HEAD
from hubwright.wire import WIRE_VERSION, Hello
from hubwright.wiring import checks_machine
from hubwright.wiring.backups import back_up
from hubwright.wiring.checks_backup import check_backup
from hubwright.wiring.checks_builders import check_builders, check_containers, check_registry, check_walls
from hubwright.wiring.checks_database import check_postgresql, check_sql, check_sqlite, check_tables
from hubwright.wiring.checks_github import check_git_host, check_hooks, check_login, check_missed, check_rights
from hubwright.wiring.checks_hubs import check_hubs, check_work, check_workers
from hubwright.wiring.checks_keys import check_key_files, check_shared_keys
from hubwright.wiring.checks_machine import check_disk, check_files, check_folder
from hubwright.wiring.checks_outlets import check_collector, check_irc, check_mail, check_receivers
from hubwright.wiring.checks_servers import (
    check_broker,
    check_certificate,
    check_public_address,
    check_redis,
    check_storage,
)
from irc_client import IrcAddress
from mail_server import taking_mail
from served import NOW, Served, served_site
from tables import with_tables
from whole_hub import whole_hub

OK, WARN, FAIL = Verdict


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with_tables(f"sqlite:///{tmp_path}/hubwright.db")
    return tmp_path


def settings(folder: Path, **given: str) -> Settings:
    return load_settings({"data_dir": str(folder)}, None, {f"HUBWRIGHT_{name}": given[name] for name in given})


def is_well(sight: Sight, part: str = "") -> None:
    assert (sight.verdict, sight.fix) == (OK, ""), sight
    assert part in sight.seen


def is_told(sight: Sight, verdict: Verdict, part: str) -> None:
    assert sight.verdict is verdict, sight
    assert part in sight.seen
    assert sight.fix


def test_a_data_folder_that_others_may_change(folder: Path) -> None:
    """Who may write there may be the hub."""
    is_well(check_folder(settings(folder)))
    folder.chmod(0o777)
    is_told(check_folder(settings(folder)), FAIL, "others of this machine may write")


def test_a_disk_that_is_nearly_full_by_bytes_or_by_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail spool of small files ends a hub as well as a large one."""
    is_well(check_disk(settings(folder)), "free at")
    monkeypatch.setattr(checks_machine, "LITTLE_DISK", 2**62)
    is_told(check_disk(settings(folder)), WARN, "free at")
    monkeypatch.setattr(checks_machine, "LITTLE_DISK", 0)
    monkeypatch.setattr(checks_machine, "FEW_INODES", 2**62)
    is_told(check_disk(settings(folder)), WARN, "more files")


def test_few_open_files_are_enough_for_this_machine_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_machine.resource, "getrlimit", lambda _what: (1024, 1024))
    is_well(check_files(settings(folder)))
    is_told(check_files(settings(folder, HOST="0.0.0.0")), WARN, "1,024 at once")


def test_keys_that_others_may_read(folder: Path) -> None:
    is_well(check_key_files(settings(folder)), "none yet")
    for name in ("secrets.key", "signing.key"):
        (folder / name).write_text("x")
        (folder / name).chmod(0o600)
    is_well(check_key_files(settings(folder)), "secrets.key, signing.key")
    (folder / "signing.key").chmod(0o640)
    sight = check_key_files(settings(folder))
    is_told(sight, FAIL, "signing.key")
    assert sight.fix == f"chmod 600 {folder}/signing.key"


def test_passwords_of_registries(folder: Path) -> None:
    path = folder / "config.json"
    given = settings(folder, SANDBOX__REGISTRY_AUTH=str(path))
    is_told(check_registry(given), FAIL, "No such file")
    path.write_text('{"auths": {"one.example": {}, "two.example": {}}}')
    path.chmod(0o644)
    is_told(check_registry(given), FAIL, "others of this machine")
    path.chmod(0o600)
    is_well(check_registry(given), "2 hosts")
    path.write_text("[]")
    is_told(check_registry(given), FAIL, "config.json")


def test_containers_are_missed_only_where_they_are_wanted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a real daemon answers is tried in `contracts/test_containers.py`, with the same question."""
    monkeypatch.setattr(daemon.os, "access", lambda *_: False)  # no daemon of this machine's
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    is_well(check_containers(settings(folder)), "wait for another builder")
    is_told(check_containers(settings(folder, EXECUTOR="container")), FAIL, "no Docker or Podman")
    named = settings(folder, SANDBOX__DOCKER_HOST=f"unix://{folder}/docker.sock")
    is_told(check_containers(named), WARN, "docker.sock")


def test_the_tables_of_another_release(folder: Path) -> None:
    is_well(check_tables(settings(folder)), HEAD)
    with closing(Database(f"sqlite:///{folder}/hubwright.db")) as database:
        for revision, verdict in (("0001", WARN), ("9999", OK)):
            change = text(f"UPDATE alembic_version SET version_num = '{revision}'")
            database.write(lambda connection, change=change: connection.execute(change))
            assert check_tables(settings(folder)).verdict is verdict
        database.write(lambda connection: connection.execute(text("DROP TABLE alembic_version")))
    is_told(check_tables(settings(folder)), WARN, "none yet")


def test_sqlite_and_its_log(folder: Path) -> None:
    is_well(check_sqlite(settings(folder)), "write-ahead log")
    is_well(check_sql(settings(folder)), "can't write")
    with (folder / "hubwright.db-wal").open("ab") as log:
        log.truncate(2 * 1024**3)  # a hole; nothing is written
        is_told(check_sqlite(settings(folder)), WARN, "2.1 GB")
        log.truncate(0)


def test_a_postgresql_that_forgets(postgres_url: str, folder: Path) -> None:
    """The server of the tests runs without fsync, which nobody should have who needs his data."""
    given = settings(folder, DATABASE_URL=postgres_url)
    sight = check_postgresql(given)
    is_told(sight, FAIL, "fsync is off")
    assert "full_page_writes" not in sight.seen or "full_page_writes is off" in sight.seen
    assert "clock" not in sight.seen
    is_well(check_tables(given), HEAD)
    is_well(check_sql(given), "can't write")
    name = postgres_url.rpartition("/")[2]
    with closing(Database(postgres_url)) as database:
        for what in ("synchronous_commit = off", "default_transaction_isolation = 'serializable'"):
            change = text(f'ALTER DATABASE "{name}" SET {what}')
            database.write(lambda connection, change=change: connection.execute(change))
    seen = check_postgresql(given).seen
    assert "synchronous_commit is off" in seen
    assert "transactions are serializable" in seen


def test_keys_of_several_hubs(postgres_url: str, folder: Path) -> None:
    given = {"DATABASE_URL": postgres_url, "SECRETS__KEYS": make_key()}
    is_told(check_shared_keys(settings(folder, DATABASE_URL=postgres_url)), WARN, "SECRETS__KEYS is not set")
    is_told(check_shared_keys(settings(folder, **given)), WARN, "ARTIFACTS__SIGNING_KEY is not set")
    is_well(check_shared_keys(settings(folder, **given, ARTIFACTS__SIGNING_KEY="/etc/key")))


def test_an_object_store_is_used_not_only_reached(s3_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by an address that it has signed, which is all that builders have."""
    is_well(check_storage(settings(folder, STORAGE_URL=s3_url)), "put, read, signed and deleted")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    is_told(check_storage(settings(folder, STORAGE_URL=s3_url)), FAIL, "refuses its keys")


def test_a_folder_that_is_not_mounted(folder: Path) -> None:
    """An empty mount point takes files as well, and loses them when the share comes back."""
    given = settings(folder)
    is_well(check_storage(given), "will be made")
    (folder / "artifacts").mkdir()
    is_told(check_storage(given), WARN, MARKER)
    (folder / "artifacts" / MARKER).touch()
    is_well(check_storage(given), "put, read and deleted")
    assert [path.name for path in (folder / "artifacts").rglob("*")] == [MARKER]


def test_a_broker_that_knows_us_and_one_that_does_not(broker_url: str, folder: Path) -> None:
    is_well(check_broker(settings(folder, BROKER_URL=broker_url)), "0 hints wait")
    wrong = re.sub("://(.*@)?", "://nobody:canary@", broker_url)
    sight = check_broker(settings(folder, BROKER_URL=wrong))
    is_told(sight, FAIL, "does not let us in")
    assert "canary" not in sight.seen


def test_redis_lets_us_in(valkey_url: str, folder: Path) -> None:
    is_well(check_redis(settings(folder, REDIS_URL=valkey_url)), "lets us in")
    wrong = valkey_url.replace("redis://", "redis://nobody:wrong@")
    is_told(check_redis(settings(folder, REDIS_URL=wrong)), FAIL, "does not let us in")


def test_the_public_address_must_lead_to_a_hub_with_our_keys(folder: Path) -> None:
    """What answers `ok` there may be anybody's."""
    with whole_hub(folder, f"sqlite:///{folder}/hubwright.db", HOST="127.0.0.1") as (_, client):
        port = str(client.base_url.port)
        given = settings(folder, PORT=port, PUBLIC_URL=f"http://hub.invalid:{port}")
        is_told(check_public_address(given), FAIL, "hub.invalid")
        ours = {"PORT": port, "PUBLIC_URL": f"http://127.1:{port}"}
        is_well(check_public_address(settings(folder, **ours)), "leads to a hub with our keys")
        is_told(check_public_address(settings(folder, **ours, SECRETS__KEYS=make_key())), FAIL, "401")
        files = {"ARTIFACTS__ORIGIN": f"http://files.invalid:{port}"}
        is_told(check_public_address(settings(folder, **ours, **files)), FAIL, "files.invalid")
    is_well(check_public_address(given), "no hub runs here")
    is_told(check_public_address(settings(folder, HOST="0.0.0.0")), WARN, "leads nowhere")
    is_well(check_public_address(settings(folder)), "this machine only")


def test_a_certificate_is_believed_and_lasts(
    irc_address: IrcAddress, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server with TLS is a server with TLS: this one speaks IRC afterwards."""
    given = settings(folder, PUBLIC_URL=f"https://localhost:{irc_address.port}")
    is_told(check_certificate(given), FAIL, "not believed")
    monkeypatch.setenv("SSL_CERT_FILE", str(irc_address.ca))
    sight = check_certificate(given)
    assert "days left" in sight.seen
    elsewhere = settings(folder, PUBLIC_URL="https://localhost:9")
    is_told(check_certificate(elsewhere), FAIL, "can't be reached")


def test_irc_with_a_certificate_that_is_believed(irc_address: IrcAddress, folder: Path) -> None:
    given = {"IRC__SERVER": "localhost", "IRC__PORT": str(irc_address.port)}
    is_told(check_irc(settings(folder, **given)), FAIL, "certificate")
    is_well(check_irc(settings(folder, **given, IRC__CA_FILE=str(irc_address.ca))), "no process has the bot")
    is_told(check_irc(settings(folder, **given, IRC__CA_FILE=str(folder / "no"))), FAIL, "IRC__CA_FILE")


def test_mail_with_a_password(folder: Path) -> None:
    with taking_mail(login=("hub", "right")) as box:
        where = f"127.0.0.1:{box.port}"
        is_well(check_mail(settings(folder, MAIL__SERVER=f"smtp://hub:right@{where}")), "takes our password")
        sight = check_mail(settings(folder, MAIL__SERVER=f"smtp://hub:canary@{where}"))
        is_told(sight, FAIL, "can't be used")
        assert "canary" not in sight.seen
        assert box.came == []


def test_a_collector_takes_nothing_and_says_so(folder: Path) -> None:
    with receiving_otlp() as telemetry:
        given = settings(folder, OTEL__ENDPOINT=f"http://user:canary@127.0.0.1:{telemetry.port}")
        sight = check_collector(given)
        is_well(sight, "takes traces")
        assert "canary" not in sight.seen
        telemetry.answers.append((401, b""))
        is_told(check_collector(given), FAIL, "401")


def test_receivers_are_looked_up_and_told_nothing(folder: Path) -> None:
    both = settings(folder, NOTIFY__WEBHOOKS="http://127.0.0.1:9/hook,slack:http://127.0.0.2:9/x")
    is_told(check_receivers(both), WARN, "127.0.0.1")
    allowed = settings(folder, NOTIFY__WEBHOOKS="slack:http://127.0.0.2:9/secret", NOTIFY__ALLOW_HOSTS="127.0.0.2")
    sight = check_receivers(allowed)
    is_well(sight, "slack 127.0.0.2")
    assert "secret" not in sight.seen


HUB = Process(
    owner="a-1-x", kind="hub", address="http://127.0.0.1:9", place="p", version="1.0", wire=WIRE_VERSION,
    started_at=0.0, seen_at=0.0,
)  # fmt: skip


def test_hubs_that_do_not_fit_together(postgres_url: str, folder: Path) -> None:
    given = settings(folder, DATABASE_URL=postgres_url, SECRETS__KEYS=make_key())
    now = time.time()
    with closing(Database(postgres_url)) as database:

        def know(**values: Any) -> None:
            database.write(lambda connection: keep_process(connection, replace(HUB, **{"seen_at": now, **values})))

        know()
        is_well(check_hubs(given), "1 hub there")
        know(owner="gone", wire=1, version="0.1", seen_at=now - 100)
        is_well(check_hubs(given), "1 hub there")
        know(owner="b-2-x", kind="worker", version="1.1", address="")
        is_told(check_hubs(given), WARN, "releases 1.0, 1.1 side by side")
        know(owner="b-2-x", kind="hub", wire=WIRE_VERSION + 2, seen_at=now + 60)
        sight = check_hubs(given)
    is_told(sight, FAIL, f"wire versions {WIRE_VERSION} to {WIRE_VERSION + 2}")
    for part in ("the clock of b-2-x", "The hub at http://127.0.0.1:9 does not answer", "2 hubs, and artifacts lie in"):
        assert part in sight.seen


def test_with_a_broker_there_must_be_workers_and_a_beat(postgres_url: str, folder: Path) -> None:
    """Hubs leave the work to them."""
    given = settings(folder, DATABASE_URL=postgres_url, BROKER_URL="redis://127.0.0.1:9")
    with closing(Database(postgres_url)) as database:

        def know(kind: str, ago: float = 0.0) -> None:
            one = replace(HUB, owner=kind, kind=kind, seen_at=time.time() - ago)
            database.write(lambda connection: keep_process(connection, one))

        know("hub")
        know("worker", 100)
        is_told(check_workers(given), FAIL, "no worker")
        know("worker")
        is_told(check_workers(given), WARN, "no beat")
        know("beat")
        is_well(check_workers(given), "1 worker and 1 beat there")


def test_the_age_of_the_newest_backup(folder: Path) -> None:
    public = {"PUBLIC_URL": "https://ci.example.org"}
    is_well(check_backup(settings(folder)), "none was ever made")
    is_told(check_backup(settings(folder, **public)), WARN, "none was ever made")
    for ago, verdict in ((0, OK), (3 * 86_400, WARN)):
        back_up(settings(folder), folder / "backups", time.time() - ago, with_storage=False)
        assert check_backup(settings(folder, **public)).verdict is verdict
    back_up(settings(folder), folder / "backups", time.time() + 1, with_storage=False)
    shutil.rmtree(folder / "backups")
    is_well(check_backup(settings(folder, **public)), "is not here any more")


def test_work_that_nobody_takes(folder: Path) -> None:
    with served_site(folder) as served:
        is_well(check_work(settings(folder)))
        served.rows.keep(
            schema.delivery,
            {"guid": "g", "event": "push", "received_at": NOW, "body": b"{}", "next_try_at": time.time() - 1200},
        )
        is_told(check_work(settings(folder)), WARN, "deliveries for 20 min")
        given = settings(folder)
        (Path(given.data_dir) / FOLDER).mkdir()
        (Path(given.data_dir) / FOLDER / REFUSED).touch()
        is_told(check_work(given), WARN, "the database refused")


def test_runs_that_wait_for_a_builder_that_is_not_there(folder: Path) -> None:
    with served_site(folder) as served:
        served.rows.keep_job()
        served.rows.keep_build(1)
        served.rows.keep_run(1, 1, state="queued", platform="freebsd-arm64")
        is_told(check_builders(settings(folder)), WARN, "1 run for freebsd-arm64")
        come(served, "here", __version__)
        is_well(check_builders(settings(folder)), "1 builder there")
        for number in range(2):
            come(served, f"old-{number}", "0.0.9")
        is_well(check_builders(settings(folder)), "3 builders there, 2 of release 0.0.9")


def test_builders_that_the_next_wire_would_leave_outside(folder: Path) -> None:
    """A hub takes them one version long; who hears of it when they are refused has an evening without builds."""
    with served_site(folder) as served:
        come(served, "new", __version__)
        is_well(check_builders(settings(folder)), "1 builder there")
        come(served, "old-1", "0.0.9", wire=WIRE_VERSION - 1)
        is_told(
            check_builders(settings(folder)), WARN, f"1 builder speaks version {WIRE_VERSION - 1} of the wire: old-1"
        )
        come(served, "old-2", "0.0.9", wire=WIRE_VERSION - 1)
        is_told(check_builders(settings(folder)), WARN, ": old-1, old-2")
        served.site.database.write(lambda connection: connection.execute(update(schema.builder).values(wire=None)))
        is_well(check_builders(settings(folder)), "3 builders there")


def come(served: Served, name: str, release: str, wire: int = WIRE_VERSION) -> None:
    """A builder that is started when it is needed."""
    hello = Hello(
        wire=wire, name=name, platform="freebsd-arm64", version=release, instance="", labels=(), slots=1,
        executor="process",
    )  # fmt: skip
    served.site.database.write(lambda connection: keep_on_demand(connection, hello=hello, now=time.time()))


def test_walls_that_are_not_wished_for_are_not_missed(folder: Path) -> None:
    """Which walls this machine has depends on the machine; each gap has a sentence what helps."""
    gaps = check_walls(settings(folder))
    fewer = check_walls(settings(folder, SANDBOX__LANDLOCK="false", SANDBOX__SECCOMP="false"))
    assert "Landlock" not in fewer.seen or fewer.verdict is OK
    assert (gaps.verdict is OK) is (gaps.fix == "")


def test_deliveries_that_did_not_arrive(folder: Path) -> None:
    with served_site(folder) as served:
        is_well(check_missed(settings(folder)), "0 came within a day")
        now = time.time()
        row = {"guid": "g", "watch_id": 1, "event": "push", "delivered_at": now - 60, "found_at": now}
        served.rows.keep(schema.missed_delivery, row)
        is_told(check_missed(settings(folder)), WARN, "1 of the last day's deliveries")


def test_the_host_of_repositories(folder: Path, github: FakeGitHub) -> None:
    """The API may be reached and the host of git not, as with a proxy for one of them only."""
    is_well(check_git_host(settings(folder, GITHUB__CLONE_BASE=github.api_url)), "answers")
    is_told(check_git_host(settings(folder, GITHUB__CLONE_BASE="http://127.0.0.1:9")), WARN, "can't be reached")
    is_well(check_git_host(settings(folder, GITHUB__CLONE_BASE=f"file://{folder}")), "not looked at")


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub() as github:
        github.create_repository("team/app", {"README": "hi"})
        yield github


def test_the_repository_that_says_who_may_log_in(folder: Path, github: FakeGitHub) -> None:
    """One that the token can't see lets nobody in, which looks like a wrong password."""
    known = {"GITHUB__TOKEN": "ghp_x", "GITHUB__API_URL": github.api_url, "GITHUB__LOGIN_REPOSITORY": "team/app"}
    client = {"GITHUB__OAUTH_CLIENT_ID": "c", "GITHUB__OAUTH_CLIENT_SECRET": "s"}
    github.state.tokens.add("ghp_x")
    is_told(check_login(settings(folder, **known)), WARN, "no OAuth client")
    is_well(check_login(settings(folder, **known, **client)), "said by team/app")
    hidden = {**known, **client, "GITHUB__LOGIN_REPOSITORY": "team/hidden"}
    is_told(check_login(settings(folder, **hidden)), FAIL, "team/hidden can't be seen")


def test_what_a_token_lacks_and_how_the_hooks_stand(folder: Path, github: FakeGitHub) -> None:
    given = settings(folder, GITHUB__TOKEN="ghp_x", GITHUB__API_URL=github.api_url, PUBLIC_URL="https://ci.example.org")
    github.state.tokens.add("ghp_x")
    github.state.token_headers["ghp_x"] = {"x-oauth-scopes": "repo, admin:repo_hook"}
    is_told(check_rights(given), WARN, "admin:org_hook")
    github.state.token_headers["ghp_x"] = {"x-oauth-scopes": "repo, admin:repo_hook, admin:org_hook, read:org"}
    is_well(check_rights(given), "read:org")
    soon = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time.time() + 2 * 86_400))
    github.state.token_headers["ghp_x"]["github-authentication-token-expiration"] = soon
    is_told(check_rights(given), WARN, "ends in 2 days")

    is_well(check_hooks(given), "no repository has built yet")
    with served_site(folder) as served:
        served.rows.keep_job()
        served.rows.keep_build(1)
    is_well(check_hooks(given), "pushes are found by asking")
    config = {**Wanted(url=f"https://ci.example.org{DOOR}", secret="x").config, "insecure_ssl": "1"}
    with GitHubClient(github.api_url, "ghp_x") as client:
        client.post("/repos/team/app/hooks", {"name": "web", "active": True, "events": list(EVENTS), "config": config})
    is_told(check_hooks(given), WARN, "does not check the certificate")
    (hook,) = github.state.hooks
    hook["config"]["insecure_ssl"] = "0"
    hook["last_response"] = {"code": 502, "status": "failed", "message": "Bad gateway"}
    is_told(check_hooks(given), WARN, "answered with 502")
    hook["last_response"] = {"code": 202, "status": "active", "message": "OK"}
    is_well(check_hooks(given), "as it should be")
