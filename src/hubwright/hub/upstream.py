"""What is asked of GitHub about a repository's heads: where they are, and what lies between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubwright.domain.github_budget import Priority
from hubwright.domain.repos import Repository
from hubwright.errors import GitHubRefusedError, MalformedError
from hubwright.github.answers import Answer
from hubwright.github.client import GitHubClient
from hubwright.github.heads import BRANCHES, PULLS, TAGS, Head, Json, read_heads
from hubwright.github.payloads import read_repository
from hubwright.github.requests import form_path

MAX_PAGES = 30
"""Pages of each list that are compared: three thousand branches, tags, and open pull requests."""

MAX_COMPARED = 20
"""Pages of commits between two heads: GitHub's pushes list as many."""

_LISTS = {
    BRANCHES: "branches?per_page=100",
    TAGS: "tags?per_page=100",
    PULLS: "pulls?state=open&per_page=100",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A repository as GitHub tells of it now."""

    path: str
    json: Json
    repository: Repository


@dataclass(frozen=True, slots=True)
class Heads:
    """What GitHub lists; `whole` are the lists that were read to their end."""

    every: Sequence[Head]
    whole: frozenset[str]


class Upstream:
    """Every method asks GitHub, so it may take seconds. All raise GitHubError."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client

    def fetch_place(self, path: str) -> Place:
        """The repository at `/repos/OWNER/NAME`, under whatever name it has by now."""
        document = self._get(path, path.split("/")[2]).json
        try:
            repository = read_repository(document if isinstance(document, dict) else {})
        except MalformedError as error:
            raise GitHubRefusedError(f"GitHub's answer about {path} can't be read: {error}") from error
        return Place(form_path("repos", repository.owner, repository.name), document, repository)

    def fetch_heads(self, place: Place) -> Heads:
        """Branches, tags and open pull requests; while nothing moves each page costs nothing of the hour's limit."""
        every: list[Head] = []
        whole = set()
        for kind, address in _LISTS.items():
            url: str | None = f"{place.path}/{address}"
            for _ in range(MAX_PAGES):
                if url is None:
                    break
                answer = self._get(url, place.repository.owner)
                every += read_heads(kind, answer.json if isinstance(answer.json, list) else [])
                url = answer.next_url
            if url is None:
                whole.add(kind)
        return Heads(every, frozenset(whole))

    def fetch_commits(self, place: Place, head: Head, before: str | None) -> tuple[list[Json], str]:
        """The commits from `before` to the head, oldest first; the head alone where GitHub can't compare them."""
        if before is not None and head.kind != TAGS:
            try:
                commits, status = self._fetch_between(place, before, head.sha)
            except GitHubRefusedError as error:
                if error.status not in {404, 422}:
                    raise
            else:
                if any(commit.get("sha") == head.sha for commit in commits):
                    return commits, status
        path = f"{place.path}{form_path('commits', head.sha)}"
        document = self._get(path, place.repository.owner, remember=False).json
        return ([document] if isinstance(document, dict) else []), "diverged" if before is not None else ""

    def _fetch_between(self, place: Place, before: str, after: str) -> tuple[list[Json], str]:
        url: str | None = f"{place.path}/compare/{before}...{after}?per_page=100"
        commits: list[Json] = []
        status = ""
        for _ in range(MAX_COMPARED):
            if url is None:
                break
            answer = self._get(url, place.repository.owner, remember=False)
            document = answer.json if isinstance(answer.json, dict) else {}
            commits += [one for one in document.get("commits") or [] if isinstance(one, dict)]
            status = str(document.get("status"))
            url = answer.next_url
        return commits, status

    def _get(self, url: str, owner: str, *, remember: bool = True) -> Answer:
        return self._client.get(url, owner=owner, priority=Priority.SOON, remember=remember)
