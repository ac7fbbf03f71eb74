"""The mirrors under a folder: fetch what is missing, once however many ask; read commits from them."""

from __future__ import annotations

import os
import threading
import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from hubwright.domain.mirrors import mirror_path
from hubwright.domain.refs import check_ref, check_sha
from hubwright.errors import DiskFullError, MalformedError, UnreachableRepositoryError, VanishedCommitError
from hubwright.git.commands import Git, GitError
from hubwright.git.locks import CLOSED_IN_CHILDREN, try_lock
from hubwright.git.objects import ObjectReader
from hubwright.git.reachable import Reachable

_ANSWERED = ("couldn't find remote ref", "not our ref", "unadvertised object", "lock ref", "update local ref")
_FULL = ("No space left on device", "Disk quota exceeded", "file write error", "unable to write")
_FETCH = ("fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")
_SYMREF = "ref: refs/heads/"
_READERS = 16
"""Mirrors whose `git cat-file` is kept running."""


def _no_token() -> str | None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where to fetch from. `token_of` is asked when git goes there, and its token goes to https addresses only.

    Asking may mean a request to GitHub: whoever needs the address only, in a transaction perhaps, causes none.
    """

    repository: str
    clone_url: str
    token_of: Callable[[], str | None] = field(default=_no_token, compare=False)


class Refs(NamedTuple):
    """Branches, tags and `HEAD` of a repository with their commits, and its default branch where it tells."""

    heads: dict[str, str]
    default_branch: str | None


def _go_anywhere(_clone_url: str) -> Mapping[str, str]:
    return {}


class Mirrors:
    """The folder `root` of all mirrors; `timeout` in seconds bounds each fetch. Thread-safe.

    `guard` is asked for each address before git goes there: it gives git's settings or raises SourceError.
    """

    def __init__(
        self, root: Path, git: Git, timeout: float = 300, guard: Callable[[str], Mapping[str, str]] = _go_anywhere
    ) -> None:
        self.root = root
        self.git = git
        self._timeout = timeout
        self._guard = guard
        self._lock = threading.Lock()
        self._readers: OrderedDict[Path, ObjectReader] = OrderedDict()
        self._reachable = Reachable(git)

    def close(self) -> None:
        """End the reading processes."""
        with self._lock:
            for reader in self._readers.values():
                reader.close()
            self._readers.clear()

    def path(self, origin: Origin) -> Path:
        """Where the mirror is, or will be."""
        return mirror_path(self.root, origin.clone_url)

    def has(self, origin: Origin, sha: str) -> bool:
        """Whether the mirror has the commit."""
        mirror = self.path(origin)
        return (mirror / "HEAD").exists() and self._reader(mirror).has_commit(sha)

    def read_file(self, origin: Origin, sha: str, path: str) -> bytes | None:
        """A file of a commit that the mirror has; None when the commit has no such file."""
        return self._reader(self.path(origin)).read_file(sha, path)

    def read_commit(self, origin: Origin, sha: str) -> bytes | None:
        """The object of a commit as git keeps it; None when the mirror has no such commit."""
        mirror = self.path(origin)
        return self._reader(mirror).read_commit(sha) if (mirror / "HEAD").exists() else None

    def list_files(self, origin: Origin, sha: str, bound: int = 50_000) -> list[str]:
        """The paths of a commit's files, at most `bound`. Raises UnreachableRepositoryError."""
        try:
            listing = self.git.run(["ls-tree", "-r", "-z", "--name-only", sha], self.path(origin))
        except GitError as failure:
            raise explained(failure, origin.repository) from failure
        return [name.decode("utf-8", "surrogateescape") for name in listing.split(b"\0")[:bound] if name]

    def fetch(self, origin: Origin, sha: str, ref: str) -> None:
        """Have the commit in the mirror. `ref` is where it should be found.

        Raises UnreachableRepositoryError, VanishedCommitError, DiskFullError.
        """
        check_wish(origin, sha, ref)
        if self.has(origin, sha):
            return
        self.root.mkdir(parents=True, exist_ok=True)
        mirror = self.path(origin)
        with _locked(mirror.with_suffix(".lock"), self._timeout):
            self._initialize(mirror, sha)
            if not self.has(origin, sha):
                self._fetch_until_there(origin, sha, ref)

    def is_reachable(self, origin: Origin, sha: str) -> bool:
        """Whether a branch or tag of the repository itself leads to a commit that the mirror has.

        GitHub serves a fork's commits by their ids from every repository of its family; refs it does not lend.
        Raises UnreachableRepositoryError.
        """
        mirror = self.path(origin)
        if self._contains(mirror, sha):
            return True
        with _locked(mirror.with_suffix(".lock"), self._timeout):
            own = [*_FETCH, "--", origin.clone_url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
            try:
                self.git.run(own, mirror, self._settings(origin), self._timeout)
            except GitError as failure:
                raise explained(failure, origin.repository) from failure
        return self._contains(mirror, sha)

    def _contains(self, mirror: Path, sha: str) -> bool:
        try:
            return self._reachable.has(mirror, sha)
        except GitError as failure:
            raise explained(failure, "the mirror") from failure

    def read_heads(self, origin: Origin) -> dict[str, str]:
        """The branches and tags of the repository and their commits, and `HEAD`. Raises UnreachableRepositoryError."""
        return self.read_refs(origin).heads

    def read_refs(self, origin: Origin, timeout: float = 60, *, also: str | None = None) -> Refs:
        """The same, with one more ref and the default branch.

        Raises UnreachableRepositoryError, also after so many seconds.
        """
        check_address(origin)
        asked = ["ls-remote", "--symref", "--", origin.clone_url, "HEAD", "refs/heads/*", "refs/tags/*"]
        asked += [also] if also is not None else []
        try:
            answer = self.git.run(asked, Path("/"), self._settings(origin), timeout)
        except GitError as failure:
            raise explained(failure, origin.repository) from failure
        lines = answer.decode("utf-8", "surrogateescape").splitlines()
        rows = [(found, ref) for found, tab, ref in (line.partition("\t") for line in lines) if tab]
        named = next((word for word, ref in rows if ref == "HEAD" and word.startswith(_SYMREF)), "")
        # `refs/tags/v1^{}` is the commit behind an annotated tag; it comes after the tag's own object
        heads = {ref.removesuffix("^{}"): sha for sha, ref in rows if not sha.startswith("ref: ")}
        return Refs(heads, named.removeprefix(_SYMREF) or None)

    def _settings(self, origin: Origin) -> Mapping[str, str]:
        return {**self._guard(origin.clone_url), **_credentials(origin)}

    def _reader(self, mirror: Path) -> ObjectReader:
        with self._lock:
            reader = self._readers.get(mirror)
            if reader is None:
                reader = self._readers[mirror] = ObjectReader(self.git, mirror)
            self._readers.move_to_end(mirror)
            if len(self._readers) > _READERS:
                self._readers.popitem(last=False)[1].close()
            return reader

    def _initialize(self, mirror: Path, sha: str) -> None:
        if (mirror / "HEAD").exists():
            return
        kind = "sha256" if len(sha) == 64 else "sha1"
        try:
            self.git.run(["init", "-q", "--bare", "--template=", f"--object-format={kind}", str(mirror)], self.root)
        except GitError as failure:
            raise explained(failure, "the mirror") from failure

    def _fetch_until_there(self, origin: Origin, sha: str, ref: str) -> None:
        """Ask for the ref, then the commit itself, then all branches, until the commit has come."""
        refspecs = [f"+{ref}:{ref}"] if ref.startswith("refs/") else []
        refspecs += [f"+{sha}:refs/hubwright/{sha}", "+refs/heads/*:refs/heads/*"]
        mirror = self.path(origin)
        for refspec in refspecs:
            arguments = [*_FETCH, "--", origin.clone_url, refspec]
            try:
                self.git.run(arguments, mirror, self._settings(origin), self._timeout)
            except GitError as failure:
                if not any(sign in failure.output for sign in _ANSWERED):
                    raise explained(failure, origin.repository) from failure
            if self.has(origin, sha):
                return
        raise VanishedCommitError(
            f"{origin.repository} no longer has commit {sha[:12]}: its branch was deleted or pushed over."
        )


def check_address(origin: Origin) -> None:
    """Refuse an address that git could take for an option. Raises UnreachableRepositoryError."""
    if origin.clone_url.startswith("-") or not origin.clone_url.isprintable():
        raise UnreachableRepositoryError(f"{origin.clone_url!r} is not an address of a repository.")


def check_wish(origin: Origin, sha: str, ref: str) -> None:
    """Nothing that git could take for an option or another kind of name gets past here.

    Raises VanishedCommitError, UnreachableRepositoryError.
    """
    try:
        check_sha(sha)
        if ref.startswith("refs/"):
            check_ref(ref)
    except MalformedError as error:
        raise VanishedCommitError(str(error)) from error
    check_address(origin)


def explained(failure: GitError, repository: str) -> DiskFullError | UnreachableRepositoryError:
    """What git's complaint means for us."""
    if any(sign in failure.output for sign in _FULL):
        return DiskFullError(f"The disk is full: git could not write {repository}.")
    return UnreachableRepositoryError(f"{repository} can't be fetched: {failure.reason}")


def _credentials(origin: Origin) -> Mapping[str, str]:
    """The token as a header for this host only, through the environment: an argument would show in `ps`."""
    address = urlsplit(origin.clone_url)
    token = origin.token_of() if address.scheme == "https" else None
    if token is None:
        return {}
    word = b64encode(f"x-access-token:{token}".encode()).decode()
    return {f"http.https://{address.netloc}/.extraHeader": f"Authorization: Basic {word}"}


@contextmanager
def _locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the file's lock against every thread and process of the machine."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | CLOSED_IN_CHILDREN, 0o644)
    deadline = time.monotonic() + timeout
    try:
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise UnreachableRepositoryError("Another fetch of the same repository does not end.")
            time.sleep(0.01)  # a file lock has no event to wait for
        yield
    finally:
        os.close(descriptor)
