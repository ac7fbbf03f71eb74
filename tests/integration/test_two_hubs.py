"""Two hubs on one database are one to people: nothing that a door promises is known to one hub only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx2
import pytest
from sqlalchemy import update

from fake_github import FakeGitHub
from hubwright.config import load_settings
from hubwright.hub.sealing import make_key
from hubwright.store.schema import run
from hubwright.wiring.hub import Hub
from hubwright.wiring.peers import open_copying, read_logs
from served import Rows
from tables import EMPTY, fresh_postgres
from waiting import until
from whole_hub import ADMIN, whole_hub

SECRET = "a secret of the webhooks"
NUMBER = "00000000-0000-4000-8000-000000000001"


@dataclass
class Pair:
    """Clients of both, without a token, as admin when they say so; the hub behind the first; what all are told."""

    a: httpx2.Client
    b: httpx2.Client
    hub: Hub
    github: FakeGitHub
    settings: dict[str, str]


AS_ADMIN = {"Authorization": f"Bearer {ADMIN}"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    with ExitStack() as stack:
        url = stack.enter_context(fresh_postgres("postgresql", EMPTY))
        github = stack.enter_context(FakeGitHub())
        settings = {
            "SECRETS__KEYS": f'["{make_key()}"]',
            "STORAGE_URL": f"file://{folder}/storage",
            "ANONYMOUS_READ": "false",
            "PUBLIC_URL": "http://127.0.0.1:8010",
            "GITHUB__API_URL": github.api_url,
            "GITHUB__WEBHOOK_SECRETS": f'["{SECRET}"]',
            "GITHUB__OAUTH_CLIENT_ID": "Iv1.abc",
            "GITHUB__OAUTH_CLIENT_SECRET": "of the app",
            "GITHUB__LOGIN_REPOSITORY": "octo/hello",
        }
        clients, hubs = [], []
        for name in ("a", "b"):
            (folder / name).mkdir()
            hub, client = stack.enter_context(whole_hub(folder / name, url, **settings))
            client.headers.pop("Authorization")
            clients.append(client)
            hubs.append(hub)
        told = {**settings, "DATABASE_URL": url, "DATA_DIR": str(folder / "bot")}
        yield Pair(*clients, hubs[0], github, told)


def test_who_logs_in_at_one_is_known_at_the_other(pair: Pair) -> None:
    """And logged out there, is known nowhere: a session is a row."""
    own = {"Origin": str(pair.a.base_url)}
    made = pair.a.post("/login", data={"token": ADMIN}, headers=own)
    assert made.status_code == 303
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in made.cookies.items())}
    pair.a.cookies.clear()
    assert pair.b.get("/api/v1/builds", headers=cookie).status_code == 200
    assert pair.b.post("/logout", headers=cookie | {"Origin": str(pair.b.base_url)}).status_code == 303
    assert pair.b.get("/api/v1/builds", headers=cookie).status_code == 401


def test_what_is_asked_twice_with_a_key_is_done_once(pair: Pair) -> None:
    """The balancer may send the repetition to the other hub."""
    headers = {**AS_ADMIN, "Idempotency-Key": "one-token-only"}
    asked = {"name": "once", "role": "read"}
    first, second = (client.post("/api/v1/tokens", json=asked, headers=headers) for client in (pair.a, pair.b))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    listed = pair.b.get("/api/v1/tokens", headers=AS_ADMIN).json()["items"]
    assert [one["name"] for one in listed].count("once") == 1


def test_a_webhook_that_comes_to_both_is_kept_once(pair: Pair) -> None:
    """GitHub delivers again what it took for lost."""
    payload = {"zen": "Keep it logically awesome.", "hook_id": 1}
    answers = [
        pair.github.deliver(f"{client.base_url}/hooks/github", "ping", payload, secret=SECRET, guid=NUMBER)
        for client in (pair.a, pair.b)
    ]
    assert [(status, answer["duplicate"]) for status, answer in answers] == [(202, False), (202, True)]


def test_what_one_pauses_is_paused_at_the_other(pair: Pair) -> None:
    """A pause is a row."""
    assert pair.a.post("/api/v1/queue/pause", headers=AS_ADMIN).status_code == 200
    assert pair.b.get("/api/v1/pauses", headers=AS_ADMIN).json()["hub"] is not None
    assert pair.b.post("/api/v1/queue/resume", headers=AS_ADMIN).status_code == 200
    assert pair.a.get("/api/v1/pauses", headers=AS_ADMIN).json()["hub"] is None


def test_the_way_to_github_and_back_may_end_at_the_other(pair: Pair) -> None:
    """What proves that it is the same browser is in its cookie; nothing of it is in a process."""
    begun = pair.a.get("/login/github")
    assert begun.status_code in {302, 303}
    state = httpx2.URL(begun.headers["location"]).params["state"]
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in begun.cookies.items())}
    pair.a.cookies.clear()
    query = {"state": state, "code": "of-github"}
    ended = pair.b.get("/login/github/callback", params=query, headers=cookie)
    assert "did not begin in this browser" not in ended.text
    stranger = pair.b.get("/login/github/callback", params=query)
    assert stranger.status_code == 403
    assert "did not begin in this browser" in stranger.text


def test_each_is_told_of_the_other(pair: Pair) -> None:
    """With the address at which logs are asked for."""

    def look() -> list[dict[str, object]]:
        told = pair.a.get("/api/v1/processes", headers=AS_ADMIN).json()["processes"]
        return [one for one in told if (one["kind"], one["state"]) == ("hub", "there")]

    until(lambda: len(look()) == 2, 15)
    ports = {f"http://127.0.0.1:{client.base_url.port}" for client in (pair.a, pair.b)}
    assert {one["address"] for one in look()} == ports


def test_a_log_is_whole_at_each_hub_as_soon_as_its_run_has_ended(pair: Pair) -> None:
    """Whoever read it before, as it grew: text and stream have the line that came right before the end."""
    site, rows = pair.hub.site, Rows(pair.hub.site.database)
    rows.keep_job(2, "team/logs")
    rows.keep_build(8, job_id=2)
    first, last = b"the first line\n" * 100, b"the last line\n"
    for number in range(100, 110):
        rows.keep_run(number, 8, platform=f"p{number}", state="running", log_at=site.logs.place)
        site.logs.append(number, 0, first)
        assert pair.b.get(f"/api/v1/runs/{number}/log", headers=AS_ADMIN).content == first
        site.logs.append(number, len(first), last)
        ended = update(run).where(run.c.id == number).values(state="finished", log_size=len(first + last))
        site.database.write(lambda connection, ended=ended: connection.execute(ended))  # type: ignore[misc]
        assert pair.b.get(f"/api/v1/runs/{number}/log", headers=AS_ADMIN).content == first + last
        assert "the last line" in pair.b.get(f"/api/v1/runs/{number}/log/stream", headers=AS_ADMIN).text


def test_a_log_is_shown_by_each_hub_and_by_the_bot_in_a_process_of_its_own(pair: Pair) -> None:
    """The first has received it; the bot's process, which is no hub, copies it as hubs do."""
    site, text = pair.hub.site, b"one\ntwo\n"
    rows = Rows(site.database)
    rows.keep_job()
    rows.keep_build(7)
    rows.keep_run(5, 7, state="running", log_at=site.logs.place)
    site.logs.append(5, 0, text)
    for client in (pair.a, pair.b):
        assert client.get("/api/v1/runs/5/log", params={"ansi": 1}, headers=AS_ADMIN).content == text
    settings = load_settings({}, None, {f"HUBWRIGHT_{name}": value for name, value in pair.settings.items()})

    async def ask_in_thread() -> bytes:
        copying = open_copying(settings, site.database)
        assert copying is not None
        copying.start()
        try:
            return await asyncio.to_thread(read_logs(settings, copying).read, 5, 4, 99)
        finally:
            await copying.stop()
            copying.logs.close()

    assert asyncio.run(ask_in_thread()) == b"two\n"
