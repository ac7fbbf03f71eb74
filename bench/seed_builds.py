"""Rows of builds, runs, stages and what they left, in the order of time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bench.seed_world import Subject, World
from hubwright.store.moments import write_moment

PORTION = 20_000
"""Builds whose rows are made at once."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "build": (
        "id", "job_id", "number", "trigger", "repository", "sha", "ref", "branch", "event", "pull_request", "message",
        "author_name", "author_login", "priority", "trust", "state", "result", "runs_left", "recipe", "queued_at",
        "started_at", "finished_at", "family", "blocked", "parameters",
    ),
    "run": (
        "id", "build_id", "platform", "labels", "matrix", "latest", "priority", "state", "result", "assignment",
        "builder", "lease", "leased_at", "log_size", "tests_total", "tests_passed", "tests_skipped", "tests_failed",
        "queued_at", "started_at", "finished_at", "family", "turn",
    ),
    "stage": (
        "run_id", "position", "name", "kind", "state", "result", "exit_code", "log_start", "log_end", "started_at",
        "finished_at",
    ),
    "test_case": ("run_id", "position", "suite", "classname", "name", "result", "seconds", "identity", "change"),
    "problem": ("run_id", "position", "severity", "message", "file", "line", "matcher", "log_offset"),
    "artifact": ("run_id", "sha", "platform", "path", "size", "sha256", "kept_at", "folded", "key"),
    "fact": ("kind", "at", "job_id", "build_id", "run_id", "data"),
}  # fmt: skip

PLATFORMS = ("linux-x86_64", "macos-arm64", "windows-x86_64", "freebsd-15")
BUILDERS = tuple(f"{wood}-{at}" for wood in ("oak", "elm", "ash", "yew") for at in range(1, 11))
_SUBJECTS = ("Grow the ring when it is full", "Document the lexer", "Parse raw strings", "Drop a copy", "Tidy up")
_PEOPLE = (
    ("Ada Lovelace", "ada"),
    ("Grace Hopper", "grace"),
    ("Barbara Liskov", "barbara"),
    ("Linus Å. Berg", "linus"),
)
_ASSIGNMENT = json.dumps(
    {
        "stages": [{"name": "build", "run": "make -j4"}, {"name": "test", "run": "make check", "reports": ["*.xml"]}],
        "env": {"CC": "clang", "FLAVOUR": "plain"}, "source": {"clone_url": "https://github.com/octo/app", "ref": "x"},
    }
)  # fmt: skip
_TURN = 16.0  # turns by which the jobs' last runs are apart

Rows = dict[str, list[tuple[Any, ...]]]


class Builds:
    """Makes the rows; run and fact ids count up."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance.random
        self._run = 0
        most = world.size.builds
        unfinished = min(400, most // 20)  # the newest: a fifth runs, most wait, a tenth is held
        self._running, self._waiting = most - unfinished, most - unfinished * 8 // 10
        self._held = most - unfinished // 10

    def portions(self) -> Iterator[Rows]:
        """All rows, a portion of builds after the other."""
        rows: Rows = defaultdict(list)
        for number, subject in self._world.builders():
            self._add(rows, number, subject)
            if number % PORTION == 0:
                yield rows
                rows = defaultdict(list)
        yield rows

    def _add(self, rows: Rows, number: int, of: Subject) -> None:
        """A build with its runs."""
        chance, share = self._chance, number / self._world.size.builds
        state = self._state_of(number)
        result = self._draw_result() if state == "finished" else None
        queued = self._world.at(share)
        start, took = queued + 2 + 30 * chance(), 20 + 600 * chance() ** 3
        queued_at = write_moment(queued)
        started_at = write_moment(start) if state in {"finished", "running"} else None
        finished_at = write_moment(start + took) if state == "finished" else None
        of.builds += 1
        sha = f"{self._world.chance.getrandbits(160):040x}"
        name, login = _PEOPLE[number % 4]
        count = 2 if chance() < 0.2 else 1
        pull = of.pull_request
        rows["build"].append((
            number, of.id, of.builds, f"sha:{number}", of.repository, sha,
            f"refs/pull/{pull}/head" if pull else f"refs/heads/{of.branch}", of.branch,
            "pull_request" if pull else "push", pull, f"{_SUBJECTS[number % 5]} ({number})", name, login, 0,
            "untrusted" if pull and number % 9 == 0 else "trusted", "queued" if state == "held" else state, result,
            0 if state == "finished" else count, ".hubwright.yml", queued_at, started_at, finished_at, of.family,
            "waits" if state == "held" and number % 2 else None, None,
        ))  # fmt: skip
        for at in range(count):
            times = (queued_at, started_at, finished_at)
            self._add_run(rows, (number, of, sha, PLATFORMS[(of.family + at) % 4]), (state, result), times)
        if share > 0.9:
            for kind in ("BuildQueued", "BuildStarted", "BuildFinished"):
                data = json.dumps({"job": of.path, "number": of.builds, "repository": of.repository})
                rows["fact"].append((kind, finished_at or queued_at, of.id, number, None, data))

    def _add_run(
        self, rows: Rows, of: tuple[int, Subject, str, str], ended: tuple[str, str | None], times: tuple[Any, Any, Any]
    ) -> None:
        """A run with its stages and what it left."""
        self._run += 1
        number, subject, sha, platform = of
        state, result = ended
        queued_at, started_at, finished_at = times
        here, good = state in {"finished", "running"}, result == "success"
        subject.turn += _TURN
        tests = (
            (12, 11 if result == "failure" else 12, 0, int(result == "failure")) if number % 3 == 0 and here else None
        )
        rows["run"].append((
            self._run, number, platform, "", "{}", 1, 0, state, result, _ASSIGNMENT,
            BUILDERS[self._run % len(BUILDERS)] if here else None, int(here), started_at, 40_000 if here else 0,
            *(tests or (None,) * 4), queued_at, started_at, finished_at, subject.family, subject.turn,
        ))  # fmt: skip
        if here:
            said, times = "success" if good else result, (started_at, finished_at)
            rows["stage"] += [
                (self._run, 0, "build", "build", "finished", "success", 0, 0, 20_000, *times),
                (self._run, 1, "test", "test", state, said, 0 if good else 2, 20_000, 40_000, *times),
            ]
        if result == "failure":
            told = ("error", "'struct ring' has no member named 'tail'", "src/ring.c", 88, "gcc", 21_000)
            rows["problem"].append((self._run, 1, *told))
        if tests and (number % 30 == 0 or number > self._world.size.builds * 0.9):
            for at in range(5):
                bad = result == "failure" and at == 0
                rows["test_case"].append((
                    self._run, at, "ring", "ring", f"wraps around {at}", "failed" if bad else "passed", 0.01,
                    at + 1, "now_failing" if bad else None,
                ))  # fmt: skip
        if good and number % 10 == 0:
            path = f"app-{number}.tar.gz"
            key = f"artifacts/{self._run}/{path}"
            rows["artifact"].append((self._run, sha, platform, path, 1_284_411, "0" * 64, finished_at, path, key))

    def _state_of(self, number: int) -> str:
        if number <= self._running:
            return "finished"
        if number <= self._waiting:
            return "running"
        return "queued" if number <= self._held else "held"

    def _draw_result(self) -> str:
        drawn = self._chance()
        for most, result in _RESULTS:
            if drawn < most:
                return result
        return "success"


_RESULTS = ((0.1, "failure"), (0.12, "error"), (0.13, "timeout"), (0.15, "cancellation"), (0.16, "skip"))
