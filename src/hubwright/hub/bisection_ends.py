"""How a search ends: its findings and culprits in the row, and as facts that every reporter can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row

from hubwright.domain.bisection import Finding, Verdict
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.jobs import Job
from hubwright.domain.sights import read_targets, word_finding, word_targets
from hubwright.domain.wording import word_count
from hubwright.errors import ConflictError, NotFoundError
from hubwright.git.history import Described
from hubwright.hub.builds import cancel as cancel_build
from hubwright.store import bisections
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import load_job_by_id


def own_trigger(number: int, build: int) -> str:
    """The trigger of the build that a search has asked for as its `build`th."""
    return f"{own_prefix(number)}{build}"


def own_prefix(number: int) -> str:
    """What the triggers of all its builds begin with."""
    return f"bisect:{number}:"


def tell_start(row: Row[Any], job: Job, commits: Sequence[str], now: float) -> Fact:
    """The fact that a search has begun."""
    data = _data(row, job) | {"commits": max(len(commits) - 1, 0), "good": commits[0]}
    return Fact(kind=FactKind.BISECTION_STARTED, at=now, job_id=row.job_id, build_id=row.build_id, data=data)


def end_search(
    connection: Connection, row: Row[Any], job: Job, found: Sequence[Finding], told: Mapping[str, Described], now: float
) -> None:
    """Keep how the search ended. The caller holds the row. `told` describes the culprits."""
    words = {target.key: target.words for target in read_targets(row.targets)}
    guilty: dict[str, list[str]] = {}
    for finding in found:
        if finding.verdict is Verdict.CULPRIT:
            guilty.setdefault(finding.suspects[0], []).append(words[finding.target])
    culprits = [_culprit(row, job, sha, broken, told.get(sha)) for sha, broken in guilty.items()]
    rest = [word_finding(one, words[one.target]) for one in found if one.verdict is not Verdict.CULPRIT]
    reason = _as_sentence("; ".join(rest)) if rest else None
    bisections.keep_culprits(connection, culprits)
    state = bisections.FOUND if culprits else bisections.ENDED
    _close(connection, row, state, reason, now, findings=[asdict(one) for one in found])
    facts = [_tell_culprit(row, job, one, now) for one in culprits]
    said = "; ".join(str(fact.data["found"]) for fact in facts) or (reason or "nothing was found.").rstrip(".")
    keep_facts(connection, [*facts, _tell_end(row, job, said, now)])


def stop_search(connection: Connection, row: Row[Any], job: Job, reason: str, now: float, state: str) -> None:
    """End the search without an answer, and its build with it. The caller holds the row."""
    _close(connection, row, state, reason, now)
    keep_facts(connection, [_tell_end(row, job, reason.rstrip("."), now)])
    running = bisections.load_own_build(connection, row.job_id, own_trigger(row.id, row.builds)) if row.builds else None
    if running is not None and bisections.is_unfinished(running):
        cancel_build(connection, running.id, now, f"The search that wanted it has ended: {reason}")


def cancel_search(connection: Connection, number: int, by: str, now: float) -> None:
    """Stop a search because somebody says so. Raises NotFoundError, ConflictError."""
    row = bisections.load_bisection(connection, number)
    job = load_job_by_id(connection, row.job_id) if row is not None else None
    if row is None or job is None:
        raise NotFoundError(f"There is no bisection {number}.")
    if row.state not in bisections.OPEN or not bisections.lock_bisection(connection, row):
        raise ConflictError(f"Bisection {number} has ended already.")
    stop_search(connection, row, job, f"Cancelled by {by}.", now, bisections.CANCELLED)


def _close(connection: Connection, row: Row[Any], state: str, reason: str | None, now: float, **more: Any) -> None:
    bisections.change_bisection(connection, row.id, state=state, reason=reason, finished_at=now, **more)


def _culprit(row: Row[Any], job: Job, sha: str, broken: list[str], told: Described | None) -> dict[str, Any]:
    return {
        "bisection_id": row.id,
        "sha": sha,
        "repository": job.repository,
        "author_name": told.author if told is not None else None,
        "subject": told.subject if told is not None else "",
        "targets": broken,
    }


def _tell_culprit(row: Row[Any], job: Job, one: Mapping[str, Any], now: float) -> Fact:
    broken = word_targets(one["targets"])
    who = f" ({one['author_name']})" if one["author_name"] else ""
    data = {
        **_data(row, job),
        "sha": one["sha"],
        "sha7": one["sha"][:7],
        "author": one["author_name"] or "?",
        "subject": one["subject"],
        "broke": one["targets"],
        "what": broken,
        "found": f"{broken} was broken by {one['sha'][:7]}{who}",
        "builds": row.builds,
    }
    return Fact(kind=FactKind.CULPRIT_FOUND, at=now, job_id=row.job_id, build_id=row.build_id, data=data)


def _tell_end(row: Row[Any], job: Job, outcome: str, now: float) -> Fact:
    data = _data(row, job) | {"outcome": outcome, "builds": row.builds, "spent": word_count(row.builds, "build")}
    return Fact(kind=FactKind.BISECTION_ENDED, at=now, job_id=row.job_id, build_id=row.build_id, data=data)


def _data(row: Row[Any], job: Job) -> dict[str, object]:
    """What every fact of a search says; `sha` is the commit that failed."""
    return {
        "bisection": row.id,
        "job": job.path,
        "repository": job.repository,
        **({"sha": row.bad, "sha7": row.bad[:7]} if len(row.bad) in {40, 64} else {}),  # else a name, not looked up
        "ref": row.ref,
        "branch": row.branch,
        "platform": row.platform,
        "what": word_targets([target.words for target in read_targets(row.targets)]) or "it",
    }


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
