"""A stateful fake GitHub over real HTTP, in a thread of its own: the only fake of these tests.

with FakeGitHub() as github:
    repository = github.create_repository("octo/hello", {"Makefile": "all:\\n"})
    payload = repository.push({"README": "hi"})
    github.deliver(url, "push", payload, secret="s")
    github.wait_for(lambda: github.statuses(payload["after"]))
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import httpx2
import orjson
import uvicorn

from fake_github_api import make_app
from fake_github_deliveries import FakeHook, add_hook
from fake_github_hooks import send
from fake_github_listings import FakeListing, Listings
from fake_github_state import App, Fault, Recorded, State
from fake_repository import FakeRepository
from git_repositories import Files
from github_description import check_requests
from server_programs import free_port

T = TypeVar("T")
TOKEN = "ghp_fake"


class FakeGitHub:
    """`api_url` is for the client, `clone_base` for git; both stop and start with `down` and `up`.

    `token` is accepted from the start. Below `root` (a temporary folder when none is given) lie bare repositories as
    OWNER/NAME.git, so `file_clone_base` serves git without HTTP.
    """

    def __init__(self, root: Path | None = None, host: str = "127.0.0.1") -> None:
        self._own_root = root is None
        self._host = host
        self.root = root or Path(tempfile.mkdtemp(prefix="fake-github-"))
        self.token = TOKEN
        self.state = State(root=self.root, tokens={TOKEN}, listings=Listings())
        self._numbers = itertools.count(2**40)
        self._client = httpx2.Client(timeout=30, trust_env=False, verify=False)
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread()
        self.port = free_port()

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        self._client.close()
        if self._own_root:
            shutil.rmtree(self.root, ignore_errors=True)
        check_requests(self.requests)

    @property
    def clone_base(self) -> str:
        """What stands before `/OWNER/NAME.git` over HTTP."""
        return f"http://{self._host}:{self.port}"

    @property
    def file_clone_base(self) -> str:
        """What stands before `/OWNER/NAME.git` on disk."""
        return self.root.as_uri()

    @property
    def api_url(self) -> str:
        """The REST API's address, with a path as on an enterprise server."""
        return f"{self.clone_base}/api/v3"

    @property
    def requests(self) -> list[Recorded]:
        """Every request so far, in the order of arrival."""
        return list(self.state.requests)

    def up(self) -> None:
        """Start to answer, at the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._host, self.port))
        config = uvicorn.Config(
            make_app(self.state),
            log_level="error",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        server = self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        self.wait_for(lambda: server.started)

    def down(self) -> None:
        """Refuse connections until `up`; what is known stays known."""
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = None

    def create_repository(self, full_name: str, files: Files | None = None, *, private: bool = False) -> FakeRepository:
        """Make a repository; with `files` it has a first commit on main."""
        repository = FakeRepository(
            self.root / f"{full_name}.git",
            number=next(self._numbers), full_name=full_name, base_url=self.clone_base, private=private,
        )  # fmt: skip
        if files is not None:
            repository.commit(files, "First commit")
        self.state.repositories[full_name.lower()] = repository
        return repository

    def rename(self, old: str, new: str) -> None:
        """Rename a repository; the old name redirects."""
        repository = self.state.repositories.pop(old.lower())
        repository.full_name = new
        self.state.repositories[new.lower()] = repository
        self.state.moved[old.lower()] = new.lower()

    def remove(self, full_name: str) -> None:
        """Delete a repository: API and git answer 404."""
        shutil.rmtree(self.state.repositories.pop(full_name.lower()).path)

    def install_app(self, app_id: str, public_key: str, owners: Sequence[str]) -> None:
        """Know a GitHub App by its public key (PEM), installed for `owners`."""
        installations = {owner: 2**33 + number for number, owner in enumerate(owners)}
        self.state.app = App(app_id=app_id, public_key=public_key, installations=installations)

    def list_at(self, path: str, items: list[dict[str, Any]], **options: Any) -> FakeListing:
        """List items at an address below the API's; see `FakeListing`."""
        listing = self.state.listings.at[path] = FakeListing(items, **options)
        return listing

    def put_at(self, path: str, item: dict[str, Any]) -> None:
        """Have a single record at an address below the API's."""
        self.state.listings.single[path] = item

    def break_at(self, part: str, count: int = 1, *, status: int = 502, headers: dict[str, str] | None = None) -> None:
        """Let the next `count` requests of listings fail whose address has this part."""
        fault = Fault(status=status, body={"message": "Server Error"}, headers=headers or {})
        self.state.listings.broken.setdefault(part, deque()).extend([fault] * count)

    def statuses(self, sha: str, context: str | None = None) -> list[dict[str, Any]]:
        """Return the statuses of a commit in the order of arrival, of one context if given."""
        found = [status for status in list(self.state.statuses) if status["sha"] == sha]
        return [status for status in found if context is None or status["context"].lower() == context.lower()]

    def checks(self, sha: str, name: str | None = None) -> list[dict[str, Any]]:
        """Return the check runs of a commit in the order in which they were made, of one name if given."""
        found = [check for check in list(self.state.check_runs) if check["head_sha"] == sha]
        return [check for check in found if name is None or check["name"] == name]

    def add_hook(self, place: str, url: str, secret: str) -> FakeHook:
        """Have a hook whose deliveries GitHub keeps; see `fake_github_deliveries`."""
        return add_hook(self.state, place, url, secret)

    def set_quota(self, left: int) -> None:
        """Let `left` more requests pass until the hour's primary limit is used up."""
        self.state.quota = self.state.used + left

    def fail_next(
        self,
        count: int = 1,
        *,
        status: int = 503,
        retry_after: int | None = None,
        latency: float = 0.0,
        git: bool = False,
    ) -> None:
        """Let the next `count` requests fail, of the API or of git; status 0 only delays them by `latency` seconds.

        With `retry_after` a 403 or 429 is GitHub's secondary rate limit.
        """
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        limited = status in {403, 429}
        body = {"message": "You have exceeded a secondary rate limit." if limited else "Server Error"}
        fault = Fault(status=status, headers=headers, body=body, latency=latency)
        (self.state.git_faults if git else self.state.faults).extend([fault] * count)

    def limit_next(self, count: int = 1, *, reset_in: float = 60) -> None:
        """Let the next `count` API requests meet the primary rate limit, over in `reset_in` seconds."""
        headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time() + reset_in))}
        fault = Fault(status=403, headers=headers, body={"message": "API rate limit exceeded for user ID 1."})
        self.state.faults.extend([fault] * count)

    def deliver(
        self, url: str, event: str, payload: dict[str, Any] | bytes, *, secret: str | None = None,
        guid: str | None = None, form: bool = False,
    ) -> tuple[int, Any]:  # fmt: skip
        """POST a webhook as GitHub does, signed when there is a secret; return the status and the JSON answer."""
        body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        if form:
            body = urlencode({"payload": body.decode()}).encode()
        headers = delivery_headers(event, body, secret=secret, guid=guid, form=form)
        response = self._client.post(url, content=body, headers=headers)
        json = "json" in response.headers.get("content-type", "")
        return response.status_code, response.json() if json else response.text

    def send(self, repository: FakeRepository, event: str, payload: dict[str, Any]) -> list[int]:
        """Deliver through the hooks that the repository has by now, as they are set up; what each one answered."""
        of = [hook for hook in self.state.hooks if hook["repository"] == repository.full_name and hook["active"]]
        return [send(hook, event, payload) for hook in of if {event, "*"} & set(hook["events"])]

    def wait_for(self, question: Callable[[], T], timeout: float = 30) -> T:
        """Ask until the answer is true, again whenever something arrives; fail the test after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not (answer := question()):
            assert time.monotonic() < deadline, f"still {answer!r} after {timeout} s"
            with self.state.changed:
                self.state.changed.wait(0.01)
        return answer


def delivery_headers(
    event: str, body: bytes, *, secret: str | None = None, guid: str | None = None, form: bool = False
) -> dict[str, str]:
    """Return the headers that GitHub sends with `body`."""
    headers = {
        "accept": "*/*",
        "content-type": "application/x-www-form-urlencoded" if form else "application/json",
        "user-agent": "GitHub-Hookshot/044aadd",
        "x-github-delivery": guid or str(uuid.uuid4()),
        "x-github-event": event,
        "x-github-hook-id": "292430182",
        "x-github-hook-installation-target-id": "79929171",
        "x-github-hook-installation-target-type": "repository",
    }
    if secret is not None:
        for name, digest in (("x-hub-signature", hashlib.sha1), ("x-hub-signature-256", hashlib.sha256)):
            headers[name] = f"{digest().name}={hmac.new(secret.encode(), body, digest).hexdigest()}"
    return headers
