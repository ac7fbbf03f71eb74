"""A fresh tree of one commit, with a `.git` of its own that borrows the mirror's objects."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from hubwright.errors import DiskFullError, ExecutorError
from hubwright.git.commands import GitError
from hubwright.git.mirrors import Mirrors, Origin, check_wish, explained
from hubwright.wire import Source


def origin_of(source: Source) -> Origin:
    """Where the source is fetched from."""
    return Origin(repository=source.repository, clone_url=source.clone_url, token_of=lambda: source.token)


def fill_tree(mirrors: Mirrors, source: Source, tree: Path) -> bool:
    """Fill the empty folder `tree` with the commit; False when the mirror does not have it yet.

    Raises VanishedCommitError, UnreachableRepositoryError (both: bad names), DiskFullError, ExecutorError.
    """
    origin = origin_of(source)
    check_wish(origin, source.sha, source.ref)
    mirror = mirrors.path(origin)
    if not (mirror / "HEAD").exists():
        return False
    write_git_folder(tree, mirror, source)
    try:
        # One process, 1.3 ms less than `reset --hard`, which does the same in an empty folder.
        mirrors.git.run(["-c", "checkout.workers=2", "read-tree", "-u", "--reset", source.sha], tree)
    except GitError as failure:
        if not mirrors.has(origin, source.sha):
            return False
        problem = explained(failure, source.repository)
        if isinstance(problem, DiskFullError):
            raise DiskFullError("The builder's disk is full: the commit could not be checked out.") from failure
        raise ExecutorError(f"The commit could not be checked out: {failure.reason}") from failure
    return True


def write_git_folder(tree: Path, mirror: Path, source: Source) -> None:
    """What `git init` and `git remote add` would write, in 0.6 ms: HEAD at the commit, objects from the mirror."""
    git = tree / ".git"
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
        (git / folder).mkdir(parents=True, exist_ok=True)
    (git / "HEAD").write_text(f"{source.sha}\n")
    (git / "objects/info/alternates").write_text(f"{mirror.resolve() / 'objects'}\n")
    version, extension = (1, "[extensions]\n\tobjectFormat = sha256\n") if len(source.sha) == 64 else (0, "")
    address = _without_password(source.clone_url).replace("\\", "\\\\").replace('"', '\\"')
    (git / "config").write_text(
        f"[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = false\n{extension}"
        f'[remote "origin"]\n\turl = "{address}"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n'
    )


def password_of(url: str) -> str | None:
    """The password in an address, if it has one."""
    try:
        return urlsplit(url).password
    except ValueError:
        return None


def _without_password(url: str) -> str:
    """The address as a build may see it; a name and password in it are for the fetch only."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
