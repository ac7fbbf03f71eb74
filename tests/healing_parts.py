"""What looks after missed deliveries, on a temporary folder: a fake GitHub, a real door for its webhooks, real intake.

    with open_ward(database, tmp_path) as ward:
        hook = ward.hook("/repos/octo/hello")
        ward.away = True                        # the hub does not answer
        hook.send("push", repository.push({"README": "1"}))
        ward.away = False
        ward.heal()

Looks are made in this thread's drains; where something is waited for the clock is set ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Row, update
from starlette.responses import Response

from fake_github import FakeGitHub
from fake_github_deliveries import FakeHook
from fake_github_state import Fault
from fake_repository import FakeRepository
from git_repositories import Files
from github_pace import unpaced
from hub_parts import Desk, open_desk, rows, wait_for_lanes
from hubwright.github.apps import AppTokens
from hubwright.github.client import GitHubClient
from hubwright.hub.healing import DAY, HEADS, HOOKS, Healing, Rhythm, word_healing
from hubwright.hub.healing_hooks import HookLooks
from hubwright.hub.polling import HeadLooks
from hubwright.store.database import Database
from hubwright.store.healing_figures import HealFigures, load_figures
from hubwright.store.schema import build, delivery, missed_delivery, watch
from hubwright.web.hooks import Hooks
from load_parts import Skipping
from served import make_site, serve
from waiting import until

SECRET = "the webhook's secret"
GREEN: Files = {".hubwright.yml": "stages:\n- build: 'true'\n"}
APP_ID = "12345"
RHYTHM = Rhythm(heal=600.0, poll=60.0)


@cache
def app_key() -> tuple[str, str]:
    """A private key (PEM) and its public one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@dataclass
class Side:
    """How GitHub is asked."""

    client: GitHubClient
    app: AppTokens | None = None
    is_known: bool = True


@dataclass
class Ward:
    """All that takes part. While it is `away` the door answers 503."""

    database: Database
    github: FakeGitHub
    desk: Desk
    clock: Skipping
    side: Side
    url: str = ""
    away: bool = False
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.healing = self.another("ward")

    def another(self, owner: str, *, on: bool = True) -> Healing:
        """What another process has for it; the caller closes it."""
        hooks = HookLooks(self.database, self.side, self.url, RHYTHM, self.clock, self.woken.append)
        heads = HeadLooks(self.database, self.side, RHYTHM, self.clock, self.woken.append)
        looks = {HOOKS: hooks.look, HEADS: heads.look}
        return Healing(self.database, self.side, looks, owner, self.clock, self.woken.append, on=on)

    def repository(self, full_name: str = "octo/hello") -> FakeRepository:
        """A repository whose first push was built."""
        repository = self.github.create_repository(full_name, GREEN)
        self.desk.deliver("push", repository.push_payload())
        self.desk.work()
        return repository

    def hook(self, place: str) -> FakeHook:
        """A hook there that sends here."""
        return self.github.add_hook(place, f"{self.url}/hooks/github", SECRET)

    def drain(self, healing: Healing | None = None) -> None:
        """Look at what is due, and understand what came."""
        healing = healing or self.healing
        healing.drain()
        wait_for_lanes(healing)  # type: ignore[arg-type]
        self.desk.work()

    def look(self) -> HealFigures:
        """Have every place looked at once."""
        self.healing.ask(self.clock())
        self.drain()
        return self.figures()

    def heal(self, recovered: int, seconds: float = 30) -> HealFigures:
        """Look until nothing is missing and so much is recovered."""
        self.healing.ask(self.clock())

        def step() -> HealFigures | None:
            self.drain()
            found = self.figures()
            if found.missing == 0 and found.recovered >= recovered:
                return found
            self.clock.ahead += 1
            return None

        found = until(step, seconds, f"{recovered} recovered deliveries")
        assert found is not None
        return found

    def figures(self) -> HealFigures:
        with self.database.reading() as connection:
            return load_figures(connection, self.clock() - DAY)

    @property
    def text(self) -> str:
        """The figures in words."""
        return word_healing(self.figures())

    def missed(self) -> list[Row[Any]]:
        return rows(self.database, missed_delivery)

    def ledger(self) -> list[str]:
        return [row.guid for row in rows(self.database, delivery)]

    def watches(self, what: str) -> dict[str, Row[Any]]:
        """The watches of a kind by their place."""
        return {row.place: row for row in rows(self.database, watch, what=what)}

    def builds(self) -> dict[str, int]:
        """How many builds each ref and commit has."""
        counts: dict[str, int] = {}
        for row in rows(self.database, build):
            counts[f"{row.ref} {row.sha}"] = counts.get(f"{row.ref} {row.sha}", 0) + 1
        return counts

    def asked(self, part: str, method: str = "GET", since: int = 0) -> list[str]:
        """The addresses that GitHub was asked for."""
        found = (f"{one.path}?{one.query}" for one in self.github.requests[since:] if one.method == method)
        return [address for address in found if part in address]

    def fail_after(self, passing: int, fault: Fault) -> None:
        """Let so many requests to GitHub pass, and the next one meet this."""
        self.github.state.faults.extend([Fault()] * passing + [fault])

    def pass_by(self, place: str) -> None:
        """Give a place's watch back as if its process had died in mid-look."""
        died = {"state": "leased", "lease_owner": "dead", "lease_until": 0.0, "next_try_at": 0.0}
        self.database.write(
            lambda connection: connection.execute(update(watch).where(watch.c.place == place).values(died))
        )


class Door:
    """The door for webhooks; closed while the ward is away."""

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks
        self.ward: Ward | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.ward is not None and self.ward.away:
            await Response(status_code=503)(scope, receive, send)
        else:
            await self.hooks(scope, receive, send)


@contextmanager
def open_ward(database: Database, folder: Path, *, app_owners: tuple[str, ...] = ()) -> Iterator[Ward]:
    """A ward; with `app_owners` the hub is an App that these have installed. Closed afterwards."""
    clock = Skipping()
    (folder / "site").mkdir()
    with (
        FakeGitHub(folder / "remotes") as github,
        make_site(folder / "site", webhook_secrets=(SECRET,), clock=clock) as site,
        open_desk(database, folder, clock) as desk,  # type: ignore[arg-type]
    ):
        door = Door(Hooks(replace(site, database=database)))
        app = None
        if app_owners:
            private, public = app_key()
            github.install_app(APP_ID, public, app_owners)
            app = AppTokens(github.api_url, APP_ID, private, gate=unpaced(clock))
        with (
            GitHubClient(github.api_url, app or github.token, gate=unpaced(clock), clock=clock) as client,
            serve(door) as url,
        ):
            door.ward = ward = Ward(database, github, desk, clock, Side(client, app), url)
            try:
                yield ward
            finally:
                ward.healing.close()
                if app is not None:
                    app.close()
