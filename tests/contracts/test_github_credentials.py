"""What the hub is known by at GitHub, kept sealed in either database, and known to every process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Table, insert

from hubwright.domain.jobs import JobSettings
from hubwright.domain.repos import Repository
from hubwright.hub.github_credentials import APP, STALE_AFTER, WEBHOOK, Credentials
from hubwright.hub.sealing import Keys, make_key
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.jobs import keep_job
from hubwright.store.views_hooks import (
    load_hook_numbers,
    load_installations,
    load_organizations,
    load_repositories,
)

OLD, NEW = make_key(), make_key()
ABOUT = {"id": 7, "slug": "ours"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def test_what_one_process_keeps_others_know_soon(database: Database) -> None:
    """Within the time that is promised, without a restart; and so when it is forgotten."""
    clock = Clock()
    one, other = (Credentials(database, lambda: Keys([OLD]), clock) for _ in range(2))
    assert other.find(APP) is None
    clock.now += 1
    one.keep(APP, ABOUT, {"pem": "key", "webhook_secret": "w"}, "admin")
    assert other.find(APP) is None
    clock.now += STALE_AFTER
    found = other.find(APP)
    assert found is not None
    assert (found.about, found.secret["pem"], other.webhook_secrets) == (ABOUT, "key", ("w",))
    assert "key" not in repr(found)
    clock.now += 1
    assert one.remove(APP)
    clock.now += STALE_AFTER
    assert (other.find(APP), other.webhook_secrets) == (None, ())


def test_of_processes_that_make_the_webhooks_secret_at_once_one_makes_it(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [
            pool.submit(Credentials(database, lambda: Keys([OLD]), Clock()).make_webhook_secret, "admin")
            for _ in range(8)
        ]
        assert len({one.result() for one in made}) == 1


def test_a_rotation_takes_them_along(database: Database) -> None:
    """The old key may be thrown away afterwards; before it, a missing key leaves the credential alone."""
    clock = Clock()
    Credentials(database, lambda: Keys([OLD]), clock).keep(WEBHOOK, {}, {"webhook_secret": "w"}, "admin")
    assert Credentials(database, lambda: Keys([NEW]), clock).find(WEBHOOK) is None
    assert len(Credentials(database, lambda: Keys([NEW]), clock).reseal()[1]) == 1
    both = Credentials(database, lambda: Keys([NEW, OLD]), clock)
    assert both.count_keys() == {Keys([OLD]).ids[0]: 1}
    assert both.reseal() == (1, ())
    assert both.count_keys() == {Keys([NEW]).ids[0]: 1}
    assert Credentials(database, lambda: Keys([NEW]), clock).make_webhook_secret("x") == "w"


def test_a_key_that_comes_later_opens_what_was_closed(database: Database) -> None:
    """The operator puts the line back into the key file; nobody has to start the hub again."""
    clock, keys = Clock(), [NEW]
    Credentials(database, lambda: Keys([OLD]), clock).keep(APP, ABOUT, {"pem": "key"}, "admin")
    running = Credentials(database, lambda: Keys(keys), clock)
    assert running.find(APP) is None
    keys.append(OLD)
    clock.now += STALE_AFTER
    assert running.find(APP) is not None


def test_repositories_are_listed_page_by_page(database: Database) -> None:
    """Those that only a job names too, each once."""
    for name in ("octo/b", "octo/A", "octo/c"):
        owner, _, short = name.partition("/")
        repository = Repository(id=None, owner=owner, name=short, default_branch="main")
        database.write(lambda connection, one=repository: keep_job(connection, one, JobSettings(), 1.0))
    with database.reading() as connection:
        first = load_repositories(connection, limit=2, app_id=7)
        rest = load_repositories(connection, limit=2, cursor=str(first.next), app_id=7)
    assert [one.name for one in (*first.items, *rest.items)] == ["octo/A", "octo/b", "octo/c"]
    assert rest.next is None
    assert all(one.is_built and one.looked_at is None for one in first.items)


def test_organizations_are_listed_with_their_hooks_and_installations(database: Database) -> None:
    """Those that own a known repository; by name any. Their hooks are told at their repositories too."""
    hook = {"active": True, "events": ["push"], "config": {"url": "https://ci.example/hooks/github"}}
    rows: list[tuple[Table, dict[str, Any]]] = [
        (schema.gh_organization, {"id": 1, "login": "Octo"}),
        (schema.gh_organization, {"id": 2, "login": "idle"}),
        (schema.gh_organization, {"id": 3, "login": "acme"}),
        (schema.gh_organization, {"id": 4, "login": "gone", "deleted_at": 1.0}),
        (schema.gh_repository, {"id": 10, "full_name": "octo/a", "owner_login": "octo", "private": False}),
        (schema.gh_repository, {"id": 11, "full_name": "acme/b", "owner_login": "acme", "private": False}),
        (schema.gh_hook, {"id": 20, "organization_id": 1, **hook}),
        (schema.gh_hook, {"id": 21, "organization_id": 1, **hook, "deleted_at": 1.0}),
        (schema.gh_hook, {"id": 22, "repository_id": 11, **hook}),
        (schema.gh_installation, {"id": 30, "app_id": 7, "account_login": "ACME", "repository_selection": "all"}),
        (schema.gh_installation, {"id": 31, "app_id": 7, "account_login": "octo", "suspended_at": 5.0}),
        (schema.gh_installation, {"id": 32, "app_id": 8, "account_login": "idle"}),
    ]
    for table, row in rows:
        database.write(lambda connection, table=table, row=row: connection.execute(insert(table), row))
    with database.reading() as connection:
        first = load_organizations(connection, limit=1, app_id=7)
        rest = load_organizations(connection, limit=1, cursor=str(first.next), app_id=7)
        named = load_organizations(connection, name="IDLE").items
        assert load_organizations(connection, name="gone").items == ()
        repositories = {one.name: one for one in load_repositories(connection, app_id=7).items}
        installed = load_installations(connection, 7)
        assert load_hook_numbers(connection, organization_id=1) == [20]
        assert load_hook_numbers(connection, repository_id=11) == [22]
    assert [one.name for one in (*first.items, *rest.items, *named)] == ["acme", "Octo", "idle"]
    assert (first.items[0].installation, rest.items[0].installation, rest.next) == (True, False, None)
    assert [one["id"] for one in rest.items[0].hooks] == [20]
    assert [len(repositories[name].above) for name in ("octo/a", "acme/b")] == [1, 0]
    assert [len(repositories[name].hooks) for name in ("octo/a", "acme/b")] == [0, 1]
    assert [(row.account_login, row.suspended_at) for row in installed] == [("ACME", None), ("octo", 5.0)]
