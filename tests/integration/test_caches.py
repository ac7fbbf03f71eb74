"""Caches at the hub: who reads and writes which, and how they stay within their bound."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, update
from starlette.applications import Starlette

from build_lives import Lives
from hub_parts import rows
from hubwright.domain.artifacts import ArtifactRules
from hubwright.store import schema
from hubwright.store.tokens import hash_token
from hubwright.web.gate import Gate
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.site import Site
from hubwright.web.uploads import make_upload_routes
from served import ManualClock, make_site, serve

FAMILY, OTHER = "f" * 64, "e" * 64
RULES = ArtifactRules(cache_size=100, cache_total=250)


class Caches:
    """The doors, for runs of one builder."""

    def __init__(self, site: Site, client: httpx2.Client, lives: Lives, clock: ManualClock) -> None:
        self.site = site
        self.client = client
        self.lives = lives
        self.clock = clock

    def run(self, **of_build: Any) -> int:
        """A new run that the builder holds under lease 1; `of_build` are values of its build."""
        build = self.lives.build(f"{len(rows(self.site.database, schema.build)):040x}")
        change = update(schema.build).where(schema.build.c.id == build).values(**{"trust": "trusted", **of_build})
        self.site.database.write(lambda connection: connection.execute(change))
        (run,) = self.lives.runs(build)
        self.lives.start(run)
        return run

    def fork(self, number: int = 7) -> int:
        return self.run(trust="untrusted", pull_request=number)

    def address(self, run: int, digest: str, family: str = FAMILY) -> str:
        return f"/api/v1/runs/{run}/cache/{family}/{digest * 64}"

    def put(self, run: int, digest: str, content: bytes, *, family: str = FAMILY, more: str = "") -> httpx2.Response:
        self.clock.now += 1
        headers = {"Authorization": "Bearer hwt_mine", "X-Hubwright-Lease": "1"}
        headers["X-Hubwright-Sha256"] = sha256(content).hexdigest()
        return self.client.put(self.address(run, digest, family) + more, content=content, headers=headers)

    def get(self, run: int, digest: str, family: str = FAMILY, lease: int = 1) -> tuple[int, str | None, bytes]:
        self.clock.now += 1
        headers = {"Authorization": "Bearer hwt_mine", "X-Hubwright-Lease": str(lease)}
        answer = self.client.get(self.address(run, digest, family), headers=headers)
        found = answer.headers.get("x-hubwright-cache")
        return answer.status_code, found, answer.content if answer.is_success else b""

    def rows(self) -> list[Any]:
        return rows(self.site.database, schema.cache)


@pytest.fixture
def caches(tmp_path: Path) -> Iterator[Caches]:
    clock = ManualClock()
    with make_site(tmp_path, clock=clock, artifacts=RULES) as site:
        token = {"id": 1, "name": "m", "role": "builder", "hash": hash_token("hwt_mine"), "created_at": clock.now}
        builder = {"name": "anvil", "platform": "linux-x", "labels": [], "slots": 1, "version": "1", "executor": "e",
                   "instance": "of-anvil", "token_id": 1, "state": "connected"}  # fmt: skip
        for table, row in ((schema.token, token), (schema.builder, builder)):
            site.database.write(lambda connection, table=table, row=row: connection.execute(insert(table).values(row)))
        handlers: Any = PROBLEM_HANDLERS
        app = Starlette(routes=make_upload_routes(site, Gate(site)), exception_handlers=handlers)
        with serve(app) as url, httpx2.Client(base_url=url, timeout=20) as client:
            yield Caches(site, client, Lives(site.database, clock), clock)  # type: ignore[arg-type]


NOTHING = (404, None, b"")


def test_the_exact_one_else_the_newest_like_it(caches: Caches) -> None:
    run = caches.run()
    assert caches.get(run, "1") == NOTHING
    caches.put(run, "1", b"one")
    caches.put(run, "2", b"two")
    assert caches.get(run, "1") == (200, "exact", b"one")
    assert caches.get(run, "3") == (200, "near", b"two")
    assert caches.get(run, "1", family=OTHER) == NOTHING


def test_what_is_there_stays_unless_it_is_to_be_replaced(caches: Caches) -> None:
    run = caches.run()
    assert caches.put(run, "1", b"one").status_code == 201
    again = caches.put(run, "1", b"other")
    assert (again.status_code, again.json()) == (200, {"kept": False})
    assert caches.get(run, "1")[2] == b"one"
    assert caches.put(run, "1", b"other", more="?replace=1").status_code == 201
    assert caches.get(run, "1")[2] == b"other"
    assert len(caches.rows()) == 1


def test_a_fork_reads_what_is_trusted_and_writes_only_its_own(caches: Caches) -> None:
    """S30: a poisoned cache of a pull request reaches nobody else."""
    ours, fork, other_fork = caches.run(), caches.fork(7), caches.fork(8)
    caches.put(ours, "1", b"ours")
    assert caches.get(fork, "1") == (200, "exact", b"ours")
    assert caches.put(fork, "1", b"poison").status_code == 201
    assert caches.put(fork, "2", b"poison").status_code == 201
    assert caches.put(fork, "1", b"poison", more="?replace=1").status_code == 201
    assert caches.get(fork, "1") == (200, "exact", b"poison")
    for run in (ours, caches.run(), other_fork):
        assert caches.get(run, "1") == (200, "exact", b"ours")
        assert caches.get(run, "2") == (200, "near", b"ours")


def test_an_untrusted_build_without_a_pull_request_is_alone(caches: Caches) -> None:
    first, second = caches.run(trust="untrusted"), caches.run(trust="untrusted")
    caches.put(first, "1", b"x")
    assert caches.get(second, "1") == NOTHING


def test_other_repositories_have_other_caches(caches: Caches) -> None:
    """S30: what one repository has kept is nothing to another."""
    caches.put(caches.run(), "1", b"x")
    assert caches.get(caches.run(repository="other/repo"), "1") == NOTHING


def test_another_platform_has_another_cache(caches: Caches) -> None:
    """The hub knows the builder's platform itself."""
    run = caches.run()
    caches.put(run, "1", b"x")
    move = update(schema.builder).values(platform="freebsd")
    caches.site.database.write(lambda connection: connection.execute(move))
    assert caches.get(run, "1") == NOTHING


def test_only_the_holder_asks(caches: Caches) -> None:
    """S22, S24."""
    run = caches.run()
    assert caches.get(run, "1", lease=2)[0] == 409
    assert caches.client.get(caches.address(run, "1")).status_code == 401
    assert caches.get(run, "1", family="x")[0] == 422


def test_the_bound_holds_at_once(caches: Caches) -> None:
    """The one not used for longest goes with the write that is too much; one that is too large is refused."""
    run = caches.run()
    for digest in "123":
        caches.put(run, digest, digest.encode() * 80)
    caches.get(run, "1")
    caches.put(run, "4", b"4" * 80)
    assert [caches.get(run, digest)[1] for digest in "1234"] == ["exact", "near", "exact", "exact"]
    assert caches.put(run, "5", b"5" * 101).status_code == 413
    assert sum(row.size for row in caches.rows()) <= 250


def test_a_cache_that_changed_on_its_way_is_not_kept(caches: Caches) -> None:
    run = caches.run()
    headers = {"Authorization": "Bearer hwt_mine", "X-Hubwright-Lease": "1", "X-Hubwright-Sha256": "0" * 64}
    assert caches.client.put(caches.address(run, "1"), content=b"x", headers=headers).status_code == 400
    assert caches.rows() == []
