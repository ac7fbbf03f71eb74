"""Names from outside, checked once at the door: refs, shas, owners and repositories. They stay data ever after."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from hubwright.errors import MalformedError

MAX_REF = 1024
"""Longest ref that is kept, in UTF-8 bytes; git's own bound is the file system's, GitHub's is lower."""

_SHA = re.compile(r"(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})\Z")
_PULL = re.compile(r"refs/pull/([1-9][0-9]{0,8})/")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}\Z")
_SCP = re.compile(r"((?:[A-Za-z0-9_.-]+@)?[A-Za-z0-9.-]+):(?!//)(.+)\Z")
_SCHEMES = {"http", "https", "ssh", "git"}
_NOT_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)")


def check_ref(ref: str) -> str:
    """Return `ref` when `git check-ref-format --allow-onelevel` accepts it and it can't be taken for an option.

    Text that a shell or a page would choke on (`$(id)`, `<script>`, quotes) is accepted, as git does: it is data.
    Raises MalformedError. https://git-scm.com/docs/git-check-ref-format
    """
    allowed = (
        ref
        and ref != "@"
        and ref[0] not in "-./"
        and ref[-1] not in "./"
        and not _NOT_IN_REF.search(ref)
        and len(ref.encode()) <= MAX_REF
    )
    if not allowed:
        raise MalformedError(f"{_shown(ref)} is not a name that git allows for a branch or tag.")
    return ref


def check_branch(name: str) -> str:
    """Return the branch's or tag's short `name` when git allows it below refs/heads/. Raises MalformedError."""
    return check_ref(f"refs/heads/{name}").removeprefix("refs/heads/")


def pull_request_of(ref: str) -> int | None:
    """The number in `refs/pull/N/head`; None when it is another ref."""
    match = _PULL.match(ref)
    return int(match[1]) if match else None


def check_sha(sha: str) -> str:
    """Return a full SHA-1 or SHA-256 object name in lower case. Raises MalformedError."""
    if not _SHA.match(sha):
        raise MalformedError(f"{_shown(sha)} is not a commit id: 40 or 64 hexadecimal digits are expected.")
    return sha.lower()


def check_owner(owner: str) -> str:
    """Return `owner` when GitHub could have such a user or organization. Raises MalformedError."""
    return _check_name(owner, "owner")


def check_repository(name: str) -> str:
    """Return `name` when GitHub could have a repository of that name. Raises MalformedError."""
    return _check_name(name, "repository")


class CloneUrl(NamedTuple):
    """A repository's address, taken apart; `host` is in lower case and has the port if one was given."""

    host: str
    owner: str
    name: str


def read_clone_url(url: str) -> CloneUrl:
    """Take apart `https://HOST/OWNER/NAME[.git]`, `ssh://` and `git://` alike, or `git@HOST:OWNER/NAME[.git]`.

    Which hosts are taken is the caller's decision; what ssh takes for an option is none. Raises MalformedError.
    """
    url = url.strip()
    match = _SCP.match(url)
    try:
        parts = urlsplit(f"ssh://{match[1]}/{match[2]}" if match else url)
    except ValueError:
        parts = urlsplit("")
    path = parts.path.strip("/").removesuffix(".git").split("/")
    host = parts.netloc.rpartition("@")[2].lower()
    strange = not url.isprintable() or " " in url or host.startswith("-") or parts.netloc.startswith("-")
    if strange or parts.scheme not in _SCHEMES or not host or len(path) != 2:
        raise MalformedError(f"{_shown(url)} is not a repository's address: https://github.com/OWNER/NAME is expected.")
    return CloneUrl(host, check_owner(path[0]), check_repository(path[1]))


def _check_name(name: str, kind: str) -> str:
    if not _NAME.match(name) or name in {".", ".."}:
        raise MalformedError(f"{_shown(name)} is not a name that GitHub allows for the {kind}.")
    return name


def _shown(value: str) -> str:
    """Quote an outside value for a message: escaped, and short however long it is."""
    return ascii(value[:80] + "…" if len(value) > 80 else value)
