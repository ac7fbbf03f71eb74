"""What a secret may be called, where it counts, and which values could be masked in a log without hiding half of it."""

from __future__ import annotations

import re
from dataclasses import replace

from hubwright.domain.recipe_values import Recipe
from hubwright.domain.repos import Trust
from hubwright.errors import UnprocessableError

MAX_VALUE = 64 * 1024
"""Bytes of a value."""

SHORTEST = 8
"""Characters of a value, or of the longest line of one with several."""

EVERYWHERE = ""
"""The scope of a secret for all jobs."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_SCOPE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){0,9}\Z")
_WORD = re.compile(r"(?:[a-z]+|[A-Z]+|[A-Z][a-z]+)\Z")
_LONGEST_WORD = 15
_FEW = 3  # different characters
_RESERVED = ("CI_", "GITHUB_", "RUNNER_", "HUBWRIGHT", "LD_", "DYLD_")
_KNOWN = re.compile(
    r"\bgh[pousr]_[A-Za-z0-9]{30}|\bgithub_pat_[A-Za-z0-9_]{30}|\bglpat-[A-Za-z0-9_-]{20}|\bxox[abprs]-[A-Za-z0-9-]{10}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bpypi-[A-Za-z0-9_-]{40}|\bnpm_[A-Za-z0-9]{36}|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
)
_OWN = frozenset({"CI", "PATH", "HOME", "TMPDIR", "SHELL", "IFS", "ENV", "BASH_ENV", "TERM", "LANG"})


def check_name(name: str) -> str:
    """The name, which becomes a variable's. Raises UnprocessableError."""
    if not _NAME.match(name):
        raise UnprocessableError("A secret's name is letters, digits and `_`, at most 100, and begins with no digit.")
    if is_reserved(name) and name != "GITHUB_TOKEN":
        raise UnprocessableError(f"{name} is a variable that builds have already: choose another name.")
    return name


def is_reserved(name: str) -> bool:
    """Whether it is a variable that builds have already, or that changes what every program does."""
    return name in _OWN or name.startswith(_RESERVED)


def looks_secret(text: str) -> bool:
    """Whether the text has a key or token in it that is known by its form; it belongs among the secrets."""
    return _KNOWN.search(text) is not None


def check_scope(path: str) -> str:
    """The path of a folder or job, without slashes around it; "" is everywhere. Raises UnprocessableError."""
    scope = path.strip("/")
    if scope != EVERYWHERE and not _SCOPE.match(scope):
        raise UnprocessableError("The path of a folder or job is names with `/` between them.")
    return scope


def check_value(value: str) -> str:
    """The value, when it can be kept out of logs. Raises UnprocessableError, which does not repeat it."""
    if len(value.encode("utf-8", "replace")) > MAX_VALUE:
        raise UnprocessableError(f"A secret has at most {MAX_VALUE // 1024} KiB.")
    if any(ord(char) < 32 and char not in "\t\r\n" for char in value) or "\x7f" in value or not _is_text(value):
        raise UnprocessableError("A secret is text without control characters: give binary data as base64.")
    longest = max((line.strip() for line in value.splitlines()), key=len, default="")
    if len(longest) < SHORTEST:
        raise UnprocessableError(
            f"A secret, or one line of it, has at least {SHORTEST} characters: masking a shorter one would hide "
            "ordinary words of the log."
        )
    if len(set(longest)) <= _FEW or (len(longest) <= _LONGEST_WORD and _WORD.match(longest)):
        raise UnprocessableError("This looks like an ordinary word: masking it would hide half of the log.")
    return value


def scopes_of(job: str) -> list[str]:
    """Where a job's secrets may come from, the nearest first: the job, its folders, everywhere."""
    parts = job.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)] + [EVERYWHERE]


def share_secrets(recipe: Recipe, trust: Trust) -> Recipe:
    """The recipe with what each stage may have: its own names and the recipe's; none at all when a fork brought it."""
    shared = recipe.secrets
    stages = [
        replace(stage, secrets=tuple(dict.fromkeys((*shared, *stage.secrets))) if trust is Trust.TRUSTED else ())
        for stage in recipe.stages
    ]
    return replace(recipe, stages=tuple(stages))


def withheld_secrets(recipe: Recipe) -> tuple[str, ...]:
    """Why a fork's build lacks the secrets that its recipe names, as a warning; none when it names none."""
    names = dict.fromkeys([*recipe.secrets, *(name for stage in recipe.stages for name in stage.secrets)])
    return (f"What a fork brings gets no secret: {', '.join(names)}.",) if names else ()


def describe_scope(scope: str) -> str:
    """The scope as people say it."""
    return scope or "all jobs"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
