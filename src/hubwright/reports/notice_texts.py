"""What people and their programs are told when a build has ended: one line, or a document. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hubwright.domain.streaks import Turn
from hubwright.domain.wording import look_of, make_visible, word_duration
from hubwright.store.views_values import BuildView, CaseView, RunView

MAX_NAMES = 3
"""Failed tests, and people, that a line names."""

_BAD = frozenset({"failure", "error", "timeout"})
_WORDS = {Turn.BROKEN: "BROKEN", Turn.FIXED: "FIXED", Turn.STILL_FAILING: "still failing", Turn.SUCCESS: "passed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A build that has ended, what that means for its branch, what failed; `authors` may have broken or fixed it."""

    build: BuildView
    streak: Mapping[str, Any]
    failed: Mapping[int, Sequence[CaseView]] = field(default_factory=dict)
    authors: Sequence[str] = ()

    @property
    def turn(self) -> Turn:
        """What the end changed."""
        return Turn(self.streak["turn"])


def write_line(notice: Notice, public_url: str) -> str:
    """One line without line breaks or control characters:

    `team/app main ✕ BROKEN at a1b2c3d by Ann "Fix the ring" — test on linux (1 of 6 platforms): test_x failed — URL`
    """
    build, look = notice.build, look_of("finished", notice.build.result)
    parts = [_head(notice, look.sign)]
    if notice.turn is Turn.FIXED:
        parts[0] += word_after(notice)
    elif notice.turn is not Turn.SUCCESS:
        parts.append(_word_failure(notice))
    parts.append(f"{public_url.rstrip('/')}/builds/{build.id}")
    return " — ".join(part for part in parts if part)


def _head(notice: Notice, sign: str) -> str:
    build = notice.build
    where = f"#{build.pull_request}" if build.pull_request else build.branch or build.ref
    who = _word_people(notice.authors)
    subject = one_line(build.message.strip().partition("\n")[0], 70)
    return (
        f"{one_line(build.job, 100)} {one_line(where, 60)} {sign} {_WORDS[notice.turn]} at {build.sha[:7]}"
        f'{f" by {who}" if who else ""} "{subject}"'
    )


def _word_people(names: Sequence[str]) -> str:
    """Names, or how many they are when that is too many to blame."""
    if len(names) > MAX_NAMES:
        return f"one of {len(names)}"
    return " or ".join(one_line(name, 40) for name in names)


def word_after(notice: Notice) -> str:
    """How long the branch was bad, behind `FIXED`."""
    was = notice.streak.get("was") or {}
    since, ended, count = was.get("since_at"), notice.build.finished_at, was.get("builds")
    if not isinstance(since, int | float) or ended is None:
        return ""
    builds = f" ({count} builds)" if isinstance(count, int) and count > 1 else ""
    return f" after {word_duration(ended - since)}{builds}"


def _word_failure(notice: Notice) -> str:
    tests = [
        one_line(case.name, 60)
        for run in notice.build.runs
        if run.result in _BAD
        for case in notice.failed.get(run.id, ())
    ]
    names = list(dict.fromkeys(tests))
    more = f", {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    told = f": {', '.join(names[:MAX_NAMES])}{more} failed" if names else ""
    return f"{word_place(notice)}{told}"


def word_place(notice: Notice) -> str:
    """Which stages failed on which platforms; what is wrong with a build that had no run."""
    build = notice.build
    bad = [run for run in build.runs if run.result in _BAD]
    if not bad:
        return one_line((build.problem or "").partition("\n")[0], 120)
    stages = dict.fromkeys(one_line(name, 40) for run in bad for name in _failed_stages(run))
    platforms = list(dict.fromkeys(one_line(run.platform, 40) for run in bad))
    shown = ", ".join(platforms[:MAX_NAMES]) + (" …" if len(platforms) > MAX_NAMES else "")
    count = f" ({len(bad)} of {len(build.runs)} platforms)" if len(build.runs) > 1 else ""
    return f"{', '.join(stages) or look_of('finished', bad[0].result).word.lower()} on {shown}{count}"


def _failed_stages(run: RunView) -> list[str]:
    return [stage.name for stage in run.stages if stage.result in _BAD and not stage.allow_failure]


def write_notice(notice: Notice, public_url: str, at: str) -> dict[str, Any]:
    """The document of a webhook: `type`, `timestamp` and `data`, as Standard Webhooks recommends.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    build, base = notice.build, public_url.rstrip("/")
    since = notice.streak.get("since")
    data = {
        "id": build.id, "number": build.number, "job": build.job, "repository": build.repository, "sha": build.sha,
        "ref": build.ref, "branch": build.branch, "event": build.event, "pull_request": build.pull_request,
        "result": build.result, "turn": notice.turn.value, "url": f"{base}/builds/{build.id}",
        "subject": build.message.strip().partition("\n")[0][:500], "authors": list(notice.authors)[:50],
        "since": None if since is None else {"build": since, "url": f"{base}/builds/{since}"},
        "failing_builds": notice.streak.get("builds") if build.result in _BAD else None,
        "problem": build.problem, "text": write_line(notice, public_url),
        "runs": [_write_run(notice, run, base) for run in build.runs],
    }  # fmt: skip
    return {"type": f"build.{notice.turn.value}", "timestamp": at, "data": data}


def _write_run(notice: Notice, run: RunView, base: str) -> dict[str, Any]:
    tests = [case.name for case in notice.failed.get(run.id, ())]
    return {
        "id": run.id, "platform": run.platform, "matrix": run.matrix, "result": run.result, "attempt": run.attempt,
        "failed_stages": _failed_stages(run), "failed_tests": tests[:20],
        "url": f"{base}/builds/{run.build_id}/runs/{run.id}",
    }  # fmt: skip


def one_line(text: str, most: int) -> str:
    """A name from outside on one line, with nothing hidden in it."""
    shown = " ".join(make_visible(text).split())
    return shown if len(shown) <= most else shown[: most - 1] + "…"
