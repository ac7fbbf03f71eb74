"""Each server that a hub tells of builds is really stopped for a while: the others hear at once, it hears all later.

One hub tells all of them. While one is away a push is built; then it is there again on its port, and the next one goes.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx2
import pytest
import redis

from builder_process import open_folder
from collector_server import Telemetry, collector_at, receiving_otlp
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import GREEN, HubProcess
from irc_client import CHANNEL, IrcUser
from irc_server import OwnIrc
from mail_server import Mailbox, taking_mail
from receiver_server import Inbox, receiving
from s3_server import BUCKET, OwnS3, s3_environment
from search_server import search_engine_at
from server_programs import free_port, valkey_at
from waiting import until

NAMES = ("github", "irc", "redis", "search", "mail", "webhook", "traces", "files")


class Server(Protocol):
    """Something that is told of builds; `heard` are the commits, as 7 digits, that it knows to have passed."""

    def up(self) -> None: ...

    def down(self) -> None: ...

    def heard(self) -> list[str]: ...


class GitHubStatuses:
    """The API of the fake; git is read from its folder, for who builds has fetched before."""

    def __init__(self, github: FakeGitHub) -> None:
        self._github = github
        self.up, self.down = github.up, github.down

    def heard(self) -> list[str]:
        return [one["sha"][:7] for one in self._github.state.statuses
                if (one["context"], one["state"]) == ("hubwright", "success")]  # fmt: skip


@dataclass
class Opened:
    """A server that is a context manager at a port; `find` reads what it was told from what that gives.

    `told_anew`: what it lost when it went is told again.
    """

    open: Callable[[], AbstractContextManager[Any]]
    find: Callable[[Any], list[str]]
    told_anew: bool = False
    before: list[str] = field(default_factory=list)
    _life: ExitStack | None = None
    _given: Any = None

    def up(self) -> None:
        self._life = ExitStack()
        self._given = self._life.enter_context(self.open())

    def down(self) -> None:
        if self._life is not None:
            self.before = [] if self.told_anew else self.heard()
            self._life.close()
            self._life = None

    def heard(self) -> list[str]:
        return [*self.before, *self.find(self._given)] if self._life is not None else self.before


class ObjectStore:
    """SeaweedFS on its own data; the documents of builds are read from its filer."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._server = OwnS3(folder)
        self._filer = folder / "filer"
        self._known: list[str] = []
        self._is_up = False
        self.url = self._server.url

    def up(self) -> None:
        self._server.start()
        self._is_up = True

    def down(self) -> None:
        self.heard()
        self._server.kill()
        self._is_up = False

    def heard(self) -> list[str]:
        if self._is_up:
            jobs = f"{self._filer.read_text()}/buckets/{BUCKET}/jobs/octo/told"
            answers = [httpx2.get(f"{jobs}/{number}/build.json") for number in range(1, len(NAMES) + 3)]
            self._known = [answer.json()["sha"][:7] for answer in answers if answer.status_code == 200]
        return self._known


@dataclass
class Place:
    """The hub, its repository, and the servers by name."""

    hub: HubProcess
    repository: FakeRepository
    servers: dict[str, Server]

    def push(self) -> str:
        """Push a commit that passes; its first 7 digits once it has been built."""
        known = len(self.hub.builds(self.repository))
        payload = self.repository.push({"README": f"{known}\n"})
        body = json.dumps(payload).encode()
        answer = self.hub.client.post("/hooks/github", content=body, headers=self._signed(body))
        assert answer.status_code == 202, answer.text
        self.hub.finished(self.repository, known + 1)
        return str(payload["after"])[:7]

    def _signed(self, body: bytes) -> dict[str, str]:
        return {"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": f"d{hash(body)}"}


def ask_redis(port: int, key: str) -> list[str]:
    """The commits of the job's builds that have passed; a server that began empty knows them all again."""
    with closing(redis.Redis(port=port, decode_responses=True)) as client:
        found = [json.loads(text) for number in range(1, 20) if (text := client.get(f"{key}_{number}"))]
    return [str(one["sha"])[:7] for one in found if one["result"] == "success"]


def ask_engine(url: str) -> list[str]:
    answer = httpx2.post(f"{url}/hubwright-build-*/_search?size=100", json={"query": {"match_all": {}}})
    hits = answer.json().get("hits", {}).get("hits", []) if answer.status_code == 200 else []
    return [hit["_source"]["sha"][:7] for hit in sorted(hits, key=lambda hit: hit["_source"]["build"])]


def ask_mailbox(mailbox: Mailbox) -> list[str]:
    return [line.split()[1][:7] for *_, mail in mailbox.came for line in mail.get_content().splitlines()
            if line.startswith("Commit ")]  # fmt: skip


def ask_inbox(inbox: Inbox) -> list[str]:
    return [one["data"]["sha"][:7] for one in inbox.documents()]


def ask_listener(user: IrcUser) -> list[str]:
    """What the bot has said in the channel until now."""
    said = [line.text for line in list(user.lines) if line.sender == "hubwright" and line.command == "NOTICE"]
    return [match[1] for text in said if (match := re.search(r"passed\x0f? at ([0-9a-f]{7})", text))]


def ask_telemetry(telemetry: Telemetry) -> list[str]:
    """The builds' own spans."""
    found = telemetry.spans()
    return [source["vcs.ref.head.revision"][:7] for source, span in found if not span.parent_span_id]


@contextmanager
def listening(irc: OwnIrc) -> Iterator[IrcUser]:
    """The server, and somebody in the channel before the bot is, who only listens: who asks is soon a flood."""
    user = IrcUser(irc.start_alone(), "listener", channel=CHANNEL)

    def listen() -> None:
        with suppress(OSError):
            user.until(lambda _: False, 3600)

    ear = threading.Thread(target=listen, daemon=True)
    ear.start()
    try:
        yield user
    finally:
        irc.kill()
        ear.join(10)
        user.close()


@contextmanager
def collecting(port: int, folder: Path) -> Iterator[Telemetry]:
    with receiving_otlp() as telemetry, collector_at(port, folder, telemetry):
        yield telemetry


def make_servers(github: FakeGitHub, folder: Path, ports: dict[str, int], irc: OwnIrc) -> dict[str, Server]:
    def fresh(name: str) -> Path:
        path = folder / f"{name}-{len(list(folder.iterdir()))}"
        path.mkdir()
        return path

    return {
        "github": GitHubStatuses(github),
        "irc": Opened(lambda: listening(irc), ask_listener),
        "redis": Opened(
            lambda: valkey_at(ports["redis"], fresh("redis")),
            lambda _: ask_redis(ports["redis"], "job_octo/told"),
            told_anew=True,
        ),
        "search": Opened(lambda: search_engine_at(ports["search"], fresh("search")), ask_engine),
        "mail": Opened(lambda: taking_mail(ports["mail"]), ask_mailbox),
        "webhook": Opened(lambda: receiving(ports["webhook"]), ask_inbox),
        "traces": Opened(lambda: collecting(ports["traces"], fresh("traces")), ask_telemetry),
        "files": ObjectStore(folder / "files"),
    }


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A hub that has told all of them of a first build."""
    ports = {name: free_port() for name in NAMES}
    with open_folder() as folder, FakeGitHub() as github, ExitStack() as stack:
        repository = github.create_repository("octo/told", GREEN)
        (folder / "irc").mkdir()
        irc = OwnIrc(folder / "irc")
        servers = make_servers(github, folder, ports, irc)
        store = servers["files"]
        assert isinstance(store, ObjectStore)
        settings = {
            "GITHUB__WEBHOOK_SECRETS": "", "GITHUB__CLONE_BASE": github.file_clone_base, "GIT__ALLOW_PROTOCOLS": "file",
            "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
            "ELASTICSEARCH__URL": f"http://127.0.0.1:{ports['search']}",
            "MAIL__SERVER": f"smtp://127.0.0.1:{ports['mail']}",
            "NOTIFY__WEBHOOKS": f"http://127.0.0.1:{ports['webhook']}/", "NOTIFY__ALLOW_HOSTS": "127.0.0.1",
            "NOTIFY__EVENTS": "always", "OTEL__ENDPOINT": f"http://127.0.0.1:{ports['traces']}",
            "IRC__SERVER": "127.0.0.1", "IRC__PORT": str(irc.port), "IRC__CA_FILE": str(folder / "irc" / "ca.pem"),
            "IRC__NEWS": f"{CHANNEL} repo=octo/told event=success", "STORAGE_URL": f"s3://{BUCKET}/",
        }  # fmt: skip
        for name in NAMES[1:]:
            servers[name].up()
            stack.callback(servers[name].down)
        hub = HubProcess(folder, github=github, settings=settings)
        hub.environment |= s3_environment(store.url)
        stack.enter_context(hub)
        told = {"email": ["team@example.org"], "events": ["always"]}
        wanted = {"repository": "octo/told", "notifications": told}
        hub.client.put("/api/v1/jobs/octo/told", json=wanted).raise_for_status()
        yield Place(hub, repository, servers)


def test_who_is_away_delays_nobody_and_hears_all_of_it_when_it_is_back(place: Place) -> None:
    """R26 for each server: nothing is lost or told twice, and the order stays; GitHub's is that of each commit."""
    pushed = [place.push()]

    def has_heard(name: str) -> bool:
        heard = place.servers[name].heard()
        return (sorted(heard, key=pushed.index) if name == "github" else heard) == pushed

    for name in NAMES:
        until(lambda name=name: has_heard(name), 30, f"{name} to hear of the first build")
    for away in NAMES:
        place.servers[away].down()
        pushed.append(place.push())
        for name in NAMES:
            if name != away:
                until(lambda name=name: has_heard(name), 60, f"{name} to hear of a build without {away}")
        assert pushed[-1] not in place.servers[away].heard(), f"{away} was not away"
        place.servers[away].up()
    for name in NAMES:
        until(lambda name=name: has_heard(name), 60, f"{name} to have heard of all builds")
    assert place.hub.get("reports", state="given_up")["items"] == []
