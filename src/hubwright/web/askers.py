"""Who asks, and what a request has shown of itself so far: the gate writes it down, the audit log reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from hubwright.store.tokens import BUILDER, SQL

_RANKS = {"read": 1, "write": 2, "admin": 3}
_APART = frozenset({BUILDER, SQL})
_KEY = "hubwright.visit"
_PACKAGE = "hubwright.web."


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: `role` is read, write, admin, builder, sql, or "" for nobody; `by` is token, cookie or anonymous.

    `folders`: what lies below them is all that there is for this asker; None for everything. `expires_at` is when the
    token or session runs out; `login` is of who logged in with GitHub.
    """

    role: str
    name: str
    by: str
    token_id: int | None = None
    folders: tuple[str, ...] | None = None
    expires_at: float | None = None
    login: str | None = None

    def may(self, role: str) -> bool:
        """Whether the asker has the role, or one that includes it; `builder` and `sql` are for that alone."""
        if role == SQL and self.role == "admin":
            return True
        if {role, self.role} & _APART:
            return self.role == role
        return _RANKS.get(self.role, 0) >= _RANKS[role]

    def sees(self, path: str | None) -> bool:
        """Whether the job or folder at this path is there for the asker."""
        return self.folders is None or (path is not None and lies_below(path, self.folders))


@dataclass(slots=True)
class Visit:
    """One request: who asks, as soon as that is known; `changes` where a GET changes something.

    `noted` is the status under which the audit log has it already: a door may note it in its own transaction.
    """

    asker: Asker | None = None
    changes: bool = False
    noted: int | None = None


def visit_of(request: HTTPConnection) -> Visit:
    """What is known of the request; what is written to it is seen by all who have the request."""
    visit: Visit = request.scope.setdefault(_KEY, Visit())
    return visit


def folders_of(request: HTTPConnection) -> tuple[str, ...] | None:
    """What bounds who asks, after the gate has let them in; None for nothing."""
    asker = visit_of(request).asker
    return None if asker is None else asker.folders


def sees(request: HTTPConnection, path: object) -> bool:
    """Whether a job's path is there for who asks, after the gate has let them in."""
    folders = folders_of(request)
    return folders is None or (isinstance(path, str) and lies_below(path, folders))


def sees_fact(request: HTTPConnection, data: Mapping[str, object]) -> bool:
    """Whether what a fact is about is there for who asks: the job that it names, or a folder, its own one included."""
    folders = folders_of(request)
    if folders is None or "job" in data:
        return sees(request, data.get("job"))
    path = data.get("folder")
    return isinstance(path, str) and (path in folders or lies_below(path, folders))


def lies_below(path: str, folders: Sequence[str]) -> bool:
    """Whether a path is below one of the folders; the folder itself is not."""
    return any(path.startswith(f"{folder}/") for folder in folders)


def name_of(request: HTTPConnection) -> str:
    """The door that a request came to: module and name of its function, such as `api.builds.Builds.show_build`."""
    endpoint = request.scope.get("endpoint")
    module = str(getattr(endpoint, "__module__", "")).removeprefix(_PACKAGE)
    return f"{module}.{getattr(endpoint, '__qualname__', '')}".replace(".<locals>", "")
