"""With what a request to GitHub is sent, and whose budget it spends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Credential:
    """A token, not shown by `repr`, and the name of its budget: an installation's outlives its tokens of an hour.

    `tags` names what GitHub's ETags are bound to; None: none are kept. `forget` is called when GitHub answers 401, and
    gives way to another token; None: there is no other.
    """

    token: str | None = field(repr=False)
    budget: str
    tags: str | None
    forget: Callable[[], None] | None = field(default=None, repr=False, compare=False)


TokenOf = Callable[[str | None], str | None]
"""Gives the token for an owner's repositories, None for none."""

CredentialOf = Callable[[str | None], Credential]
"""Gives what to ask about an owner's repositories with."""


def make_credential(token: str | None) -> Credential:
    """The credential of a token that stands for itself."""
    name = fingerprint(token) if token else ANONYMOUS
    return Credential(token, name, name)


def fingerprint(token: str) -> str:
    """A name for a token that tells nothing of it."""
    return hashlib.sha256(b"hubwright github token\0" + token.encode()).hexdigest()[:16]
