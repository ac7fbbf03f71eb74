"""Webhooks of repositories and organizations at GitHub: installed, mended, removed, compared with what they should be.

What GitHub tells of them goes to the copy too, so that pages need not ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from hubwright.domain.github_budget import Priority
from hubwright.domain.github_hooks import DOOR, EVENTS, ORGANIZATION_EVENTS, HookState, Wanted, compare_hooks
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
    """The hooks of a repository or an organization as GitHub lists them, and where they are."""

    path: str
    name: str
    owner: str
    place: Mapping[str, int]
    events: Sequence[str]
    hooks: Sequence[dict[str, Any]]


class GitHubHooks:
    """Every method asks GitHub, so it may take seconds; none holds a transaction meanwhile. All raise GitHubError.

    `name` is a repository's; None means the organization `owner`. `secret_of` gives the secret for new hooks, told who
    asks; `app_id_of` the number of this hub's App. `public_url` is where GitHub reaches this hub.
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

    def look(self, owner: str, name: str | None) -> HookState:
        """How the hook stands."""
        return self._compare(self._fetch(owner, name))

    def install(self, owner: str, name: str | None, by: str) -> HookState:
        """Have one hook that is as it should be: made, or mended; doubles of it go. How it stands then."""
        found = self._fetch(owner, name)
        before = self._compare(found)
        wanted = Wanted(url=self.url, secret=self._secret_of(by))
        body: dict[str, Any] = {"active": True, "events": list(found.events), "config": wanted.config}
        if before.id is None:
            answer = self._client.post(found.path, {"name": "web", **body}, owner=owner, priority=Priority.SOON)
        else:
            at = f"{found.path}/{before.id}"
            answer = self._client.patch(at, body, owner=owner, priority=Priority.SOON)
        self._keep(found, [answer.json], answer)
        self._remove(found, before.doubles)
        return self.look(owner, name)

    def remove(self, owner: str, name: str | None) -> HookState:
        """Have no hook that sends to us. How it stands then."""
        found = self._fetch(owner, name)
        before = self._compare(found)
        if before.id is not None:
            self._remove(found, (before.id, *before.doubles))
        return self.look(owner, name)

    def ping(self, owner: str, name: str | None) -> HookState:
        """Have GitHub send a `ping` through the hook, which shows that it arrives. Raises NotFoundError."""
        found = self._fetch(owner, name)
        state = self._compare(found)
        if state.id is None:
            raise NotFoundError(f"{found.name} has no hook that sends to {self.url}.")
        self._client.post(f"{found.path}/{state.id}/pings", owner=owner, priority=Priority.SOON)
        return state

    def _compare(self, found: _Found) -> HookState:
        return compare_hooks(found.hooks, self.url, found.events)

    def _fetch(self, owner: str, name: str | None) -> _Found:
        hooks: list[dict[str, Any]] = []
        found, seen = self._find(owner, name, hooks)
        place: str | None = f"{found.path}?per_page=100"
        began = self._clock()
        for _ in range(MAX_PAGES):
            if place is None:
                break
            answer = self._fetch_page(place, found)
            items = [item for item in answer.json if isinstance(item, dict)] if isinstance(answer.json, list) else []
            hooks += items
            self._keep(found, items, answer)
            place, seen = answer.next_url, answer.date or seen
        if place is None:
            self._database.write(partial(_note_list, found=found, began=began, seen=seen, now=self._clock()))
        return found

    def _find(self, owner: str, name: str | None, hooks: Sequence[dict[str, Any]]) -> tuple[_Found, float]:
        """Whose hooks they are, by GitHub's number, and when GitHub told it. What it tells goes to the copy."""
        parts = (owner,) if name is None else (owner, name)
        for part in parts:
            if not part or len(part) > MAX_NAME or part in {".", ".."} or not part.isprintable():
                raise UnprocessableError("A repository is named as OWNER/NAME, an organization by its name.")
        kind, events = ("organization", ORGANIZATION_EVENTS) if name is None else ("repository", EVENTS)
        path = form_path("orgs" if name is None else "repos", *parts)
        answer = self._client.get(path, owner=owner, priority=Priority.SOON)
        number = answer.json.get("id") if isinstance(answer.json, dict) else None
        if not isinstance(number, int):
            raise GitHubRefusedError(f"GitHub told nothing of {'/'.join(parts)} that can be read.")
        seen = answer.date or self._clock()
        self._write(read_listed(kind, answer.json, parent={}, observed_at=seen).records)
        return _Found(f"{path}/hooks", "/".join(parts), owner, {f"{kind}_id": number}, events, hooks), seen

    def _fetch_page(self, place: str, found: _Found) -> Answer:
        try:
            return self._client.get(place, owner=found.owner, priority=Priority.SOON)
        except GitHubRefusedError as error:
            if error.status not in {401, 403, 404}:
                raise
            scope = "admin:repo_hook" if "repository_id" in found.place else "admin:org_hook"
            raise GitHubRefusedError(
                f"GitHub does not show the hooks of {found.name}: the token needs the scope {scope} there, "
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
        seen = answer.date or self._clock()
        read = [
            read_listed("hook", item, parent=found.place, observed_at=seen) for item in items if isinstance(item, dict)
        ]
        self._write([record for reading in read for record in reading.records])

    def _write(self, records: Sequence[Record]) -> None:
        def keep(connection: Connection) -> None:
            keep_records(connection, records, via="api", now=self._clock())

        self._database.write(keep)


def _note_list(connection: Connection, found: _Found, began: float, seen: float, now: float) -> None:
    """Note that the whole list was read; what it no longer has is gone."""
    listed = {hook["id"] for hook in found.hooks if isinstance(hook.get("id"), int)}
    vanished = [number for number in load_hook_numbers(connection, **found.place) if number not in listed]
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
