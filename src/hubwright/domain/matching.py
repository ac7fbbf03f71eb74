"""When something applies: the rules of a `when` against the circumstances of a build or run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hubwright.domain.recipe_values import Rule, Stage

MAX_PATHS = 300
"""A change of more files than this is taken to touch everything: comparing them all with a hostile file's thousands
of patterns would cost many seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What is known of a build or run.

    `branch` is the branch pushed to, or that a pull request goes into; `paths` the changed files, None or empty if not
    known. `platform` and `matrix` are None while no run is chosen yet: rules about them then hold.
    """

    event: str
    branch: str | None = None
    tag: str | None = None
    paths: tuple[str, ...] | None = None
    platform: str | None = None
    labels: tuple[str, ...] = ()
    matrix: Mapping[str, str] | None = None


def matches(rules: tuple[Rule, ...], facts: Circumstances) -> bool:
    """Whether one of the rules holds; no rules always do."""
    return not rules or bool(holding_rules(rules, facts))


def holding_rules(rules: tuple[Rule, ...], facts: Circumstances) -> tuple[Rule, ...]:
    """The rules of which every key holds; `status` is not looked at, it is known only while the run goes on."""
    return tuple(rule for rule in rules if _holds(rule, facts))


def runs_after(stage: Stage, failed: bool) -> bool:  # noqa: FBT001 - the one thing that is asked
    """Whether the stage runs, now that the stages before it have succeeded or one has failed."""
    allowed = {rule.status or "success" for rule in stage.when} or {"success"}
    return "always" in allowed or ("failure" if failed else "success") in allowed


def _holds(rule: Rule, facts: Circumstances) -> bool:
    return (
        (not rule.event or facts.event in rule.event)
        and _fits(rule.branch, facts.branch)
        and _fits(rule.tag, facts.tag)
        and (facts.platform is None or _fits(rule.platform, facts.platform))
        and (facts.matrix is None or all(_fits(globs, facts.matrix.get(axis)) for axis, globs in rule.matrix.items()))
        and _fits_labels(rule.label, facts.labels)
        and _fits_paths(rule.paths, facts.paths)
    )


def _fits(patterns: Sequence[str], value: str | None) -> bool:
    """Whether the value is wanted: by a pattern, or if there are only exclusions by none of them."""
    if not patterns:
        return True
    return value is not None and bool(_wanted(patterns, (value,)))


def _fits_labels(patterns: Sequence[str], labels: tuple[str, ...]) -> bool:
    """One label is wanted, and none is excluded."""
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    if any(glob_matches(pattern, label) for pattern in excluded for label in labels):
        return False
    return not wanted or any(glob_matches(pattern, label) for pattern in wanted for label in labels)


def _fits_paths(patterns: Sequence[str], paths: tuple[str, ...] | None) -> bool:
    if not patterns or not paths or len(paths) > MAX_PATHS:
        return True
    return bool(_wanted(patterns, paths))


def _wanted(patterns: Sequence[str], values: tuple[str, ...]) -> list[str]:
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")] or ["**"]
    excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    left = [value for value in values if any(glob_matches(pattern, value) for pattern in wanted)]
    return [value for value in left if not any(glob_matches(pattern, value) for pattern in excluded)]


def glob_matches(pattern: str, value: str) -> bool:
    """Whether the glob matches the whole value, upper and lower case apart.

    `*`, `?` and `[…]` stay between two slashes, `**` alone between slashes stands for any number of folders, none
    included. The time is bounded by the product of both lengths, whatever a hostile pattern says.
    """
    if not any(mark in pattern for mark in "*?["):
        return pattern == value
    globs, parts = pattern.split("/"), value.split("/")
    at = part = 0
    star, resume = -1, 0
    while part < len(parts):
        if at < len(globs) and globs[at] == "**":
            star, resume = at, part
            at += 1
        elif at < len(globs) and fnmatchcase(parts[part], globs[at]):
            at, part = at + 1, part + 1
        elif star >= 0:  # let the last ** take one folder more
            resume += 1
            at, part = star + 1, resume
        else:
            return False
    return all(glob == "**" for glob in globs[at:])
