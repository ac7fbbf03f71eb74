"""Webhooks at GitHub: installed, mended, removed, and compared with what they should be.

What GitHub tells of them goes to the copy too, so that pages need not ask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from hubwright.domain.github_budget import Priority
from hubwright.domain.github_hooks import DOOR, EVENTS, HookState, Wanted, compare_hooks
from hubwright.domain.replica import Record, Version
from hubwright.errors import GitHubRefusedError, NotFoundError, UnprocessableError
from hubwright.github.answers import Answer
from hubwright.github.client import GitHubClient
from hubwright.github.records import read_listed
from hubwright.github.requests import form_path
from hubwright.store.database import Database
from hubwright.store.replica import keep_records
from hubwright.store.scans import Scanned, keep_scan
from hubwright.store.views_hooks import HOOKS, load_hook_numbers

MAX_PAGES = 10
MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class _Found:
    """A repository's hooks as GitHub lists them, and where they are."""

    path: str
    name: str
    owner: str
    repository_id: int
    hooks: Sequence[dict[str, Any]]


class GitHubHooks:
    """Every method asks GitHub, so it may take seconds; none holds a transaction meanwhile. All raise GitHubError.

    `secret_of` gives the secret for new hooks, told who asks; `app_id_of` the number of this hub's App. `public_url` is
    where GitHub reaches this hub.
    """

    def __init__(
        self,
        database: Database,
        client: GitHubClient,
        public_url: str,
        secret_of: Callable[[str], str],
        clock: Callable[[], float],
        app_id_of: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._database = database
        self._client = client
        self.url = public_url.rstrip("/") + DOOR
        self._secret_of = secret_of
        self._clock = clock
        self._app_id_of = app_id_of

    @property
    def app_id(self) -> int | None:
        """The number of this hub's App, None where there is none."""
        number = self._app_id_of()
        return int(number) if number and number.isdigit() else None

    def look(self, owner: str, name: str) -> HookState:
        """How the repository's hook stands."""
        return compare_hooks(self._fetch(owner, name).hooks, self.url)

    def install(self, owner: str, name: str, by: str) -> HookState:
        """Have one hook that is as it should be: made, or mended; doubles of it go. How it stands then."""
        found = self._fetch(owner, name)
        before = compare_hooks(found.hooks, self.url)
        wanted = Wanted(url=self.url, secret=self._secret_of(by))
        body: dict[str, Any] = {"active": True, "events": list(EVENTS), "config": wanted.config}
        if before.id is None:
            answer = self._client.post(found.path, {"name": "web", **body}, owner=owner, priority=Priority.SOON)
        else:
            at = f"{found.path}/{before.id}"
            answer = self._client.patch(at, body, owner=owner, priority=Priority.SOON)
        self._keep(found, [answer.json], answer)
        self._remove(found, before.doubles)
        return self.look(owner, name)

    def remove(self, owner: str, name: str) -> HookState:
        """Have no hook that sends to us. How it stands then."""
        found = self._fetch(owner, name)
        before = compare_hooks(found.hooks, self.url)
        if before.id is not None:
            self._remove(found, (before.id, *before.doubles))
        return self.look(owner, name)

    def ping(self, owner: str, name: str) -> HookState:
        """Have GitHub send a `ping` through the hook, which shows that it arrives. Raises NotFoundError."""
        found = self._fetch(owner, name)
        state = compare_hooks(found.hooks, self.url)
        if state.id is None:
            raise NotFoundError(f"{owner}/{name} has no hook that sends to {self.url}.")
        self._client.post(f"{found.path}/{state.id}/pings", owner=owner, priority=Priority.SOON)
        return state

    def _fetch(self, owner: str, name: str) -> _Found:
        for part in (owner, name):
            if not part or len(part) > MAX_NAME or part in {".", ".."} or not part.isprintable():
                raise UnprocessableError("A repository is named as OWNER/NAME.")
        repository = self._client.get(form_path("repos", owner, name), owner=owner, priority=Priority.SOON)
        number = repository.json.get("id") if isinstance(repository.json, dict) else None
        if not isinstance(number, int):
            raise GitHubRefusedError(f"GitHub told nothing of {owner}/{name} that can be read.")
        seen = repository.date or self._clock()
        self._write(read_listed("repository", repository.json, parent={}, observed_at=seen).records)
        path = form_path("repos", owner, name, "hooks")
        hooks: list[dict[str, Any]] = []
        found = _Found(path, f"{owner}/{name}", owner, number, hooks)
        place: str | None = f"{path}?per_page=100"
        began = self._clock()
        for _ in range(MAX_PAGES):
            if place is None:
                break
            answer = self._fetch_page(place, owner, name)
            items = [item for item in answer.json if isinstance(item, dict)] if isinstance(answer.json, list) else []
            hooks += items
            self._keep(found, items, answer)
            place, seen = answer.next_url, answer.date or seen
        if place is None:
            self._database.write(partial(_note_list, found=found, began=began, seen=seen, now=self._clock()))
        return found

    def _fetch_page(self, place: str, owner: str, name: str) -> Answer:
        try:
            return self._client.get(place, owner=owner, priority=Priority.SOON)
        except GitHubRefusedError as error:
            if error.status not in {401, 403, 404}:
                raise
            raise GitHubRefusedError(
                f"GitHub does not show the hooks of {owner}/{name}: the token needs the scope admin:repo_hook there, "
                f"or the right Webhooks: write ({error})",
                error.status,
            ) from error

    def _remove(self, found: _Found, numbers: Sequence[int]) -> None:
        for number in numbers:
            try:
                self._client.delete(f"{found.path}/{number}", owner=found.owner, priority=Priority.SOON)
            except GitHubRefusedError as error:
                if error.status != 404:  # somebody else was faster
                    raise
            now = self._clock()
            gone = Record(kind="hook", key=(number,), version=Version(at=now, seen=now), deleted=True, gone_at=now)
            self._write([gone])

    def _keep(self, found: _Found, items: Sequence[Any], answer: Answer) -> None:
        seen, parent = answer.date or self._clock(), {"repository_id": found.repository_id}
        read = [read_listed("hook", item, parent=parent, observed_at=seen) for item in items if isinstance(item, dict)]
        self._write([record for reading in read for record in reading.records])

    def _write(self, records: Sequence[Record]) -> None:
        def keep(connection: Connection) -> None:
            keep_records(connection, records, via="api", now=self._clock())

        self._database.write(keep)


def _note_list(connection: Connection, found: _Found, began: float, seen: float, now: float) -> None:
    """Note that the whole list was read; what it no longer has is gone."""
    listed = {hook["id"] for hook in found.hooks if isinstance(hook.get("id"), int)}
    vanished = [number for number in load_hook_numbers(connection, found.repository_id) if number not in listed]
    version = Version(at=seen, seen=seen)
    gone = [Record(kind="hook", key=(number,), version=version, deleted=True) for number in vanished]
    keep_records(connection, gone, via="api", now=now)
    scanned = Scanned(
        listing=HOOKS,
        scope=found.name.casefold(),
        began_at=began,
        finished_at=now,
        whole_at=began,
        changed_until=None,
        pages=1,
        items=len(listed),
        vanished=len(vanished),
    )
    keep_scan(connection, scanned)
