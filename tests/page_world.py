# ruff: noqa: E501
"""One whole hub with a week behind it, for tests that walk every page: what `seed.py` has, and all the rest that pages
show. Each place of the register has an example here."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from hostile_names import make_hostile
from hubwright.web.pages.places import PLACES, Place
from quiet_hub import WholeHub, open_whole_hub
from seed import ADMIN, HOSTILE, NOW, Seed, green, red, seed_week
from tables import with_tables

DAY = 86_400.0

_LOAD = {
    "do": "load", "listings": ["issues"], "where": {"owner": "octo", "repo": "engine"}, "steps": 3,
    "options": {"state": "all", "type": None, "children": False, "since": None, "soon": False},
}  # fmt: skip

ELSEWHERE = frozenset({"/github/hook"})
"""Places that can't be shown without GitHub: they answer with an error's page here, and have tests of their own."""


@dataclass(frozen=True)
class PageWorld:
    """The served hub; `ids` are of what was seeded, by short names."""

    hub: WholeHub
    ids: dict[str, int]
    texts: dict[str, str]

    @property
    def url(self) -> str:
        return self.hub.url

    def address_of(self, place: Place) -> str:
        """The example of a place."""
        return fill(place.address, self.texts, self.ids)

    def addresses(self) -> dict[str, str]:
        """The examples of all places, by the pattern of each."""
        return {place.address: self.address_of(place) for place in PLACES}

    def client(self) -> httpx2.Client:
        """An administrator's browser without scripts."""
        headers = {"Accept": "text/html,*/*", "Authorization": f"Bearer {ADMIN}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=20, follow_redirects=True)


def fill(pattern: str, texts: dict[str, str], ids: dict[str, int]) -> str:
    """The address of a pattern: first what is said of this one, then what its parameters mean everywhere."""
    special: dict[str, dict[str, str]] = {
        "/builders/{name:path}": {"name": texts["builder"]},
        "/definitions/folders/{path:path}": {"path": texts["folder"]},
        "/bisections/{id:int}": {"id": str(ids["bisection"])},
        "/failures/{id:int}": {"id": str(ids["failure"])},
        "/deliveries/{id:int}": {"id": str(ids["delivery"])},
        "/irclogs/{path:path}": {"path": texts["channel"]},
        "/tests/{path:path}": {"path": texts["matrix"]},
        "/cases/{test:int}/{path:path}": {"path": texts["matrix"], "test": "1"},
        "/trends/{path:path}": {"path": texts["matrix"]},
    }
    given = {"id": str(ids["red"]), "run": str(ids["red_run"])} | texts | special.get(pattern, {})
    return re.sub(r"\{([a-z_]+)(?::[a-z]+)?\}", lambda part: quote(given[part[1]]), pattern)


@contextmanager
def open_page_world(folder: Path, *, hostile: bool = False, **flags: Any) -> Iterator[PageWorld]:
    """A private hub on `folder` that stands still at `NOW`, with everything in it that pages show.

    `hostile`: and every text in it that is from outside ends with what `hostile_names.spell` says.
    """
    with_tables(f"sqlite:///{folder}/hubwright.db")
    seed = Seed(folder)
    ids, texts = seed_world(seed, hostile=hostile)
    if hostile:
        texts |= make_hostile(seed.connection, texts)
    seed.close()
    with open_whole_hub(folder, clock=lambda: NOW, admin_token=ADMIN, **flags) as hub:
        yield PageWorld(hub, ids, texts)


def seed_world(seed: Seed, *, hostile: bool = False) -> tuple[dict[str, int], dict[str, str]]:
    """The week and the rest; ids, and the texts that stand in addresses, by short names."""
    ids = seed_week(seed, hostile=hostile)
    said = _Said(hostile)
    _add_folders(seed, said)
    _add_matrix(seed, said)
    ids |= _add_fork(seed, said) | _add_search(seed, said, ids["first_red"])
    ids["failure"] = _add_failures(seed, said, ids["red_run"])
    _add_replica(seed, said)
    _add_people(seed, said)
    ids["delivery"] = _add_delivery(seed, said)
    _add_channel(seed, said)
    sha = seed.text("SELECT sha FROM build WHERE id = ?", ids["red"])
    texts = {"owner": "octo", "repo": "engine", "name": "engine", "sha": sha, "path": "core/engine", "number": "41"}
    return ids, texts | {
        "folder": "core",
        "matrix": "core/matrix",
        "builder": "oak-1",
        "channel": "builds",
        "platform": "linux-x86_64",
    }


class _Said:
    """What people and programs may write: harmless, or what the tests of hostile names look for."""

    def __init__(self, hostile: bool) -> None:
        self._hostile = hostile

    def __call__(self, plain: str) -> str:
        return f"{plain} {HOSTILE}" if self._hostile else plain


def _add_folders(seed: Seed, said: _Said) -> None:
    settings = {"timeout": "20m", "env": {"CC": said("clang")}}
    seed.add("folder", path="core", parent="", settings=settings, version=2, created_at=seed.now - 30 * DAY)
    folder = {"kind": "folder", "subject_id": 1, "path": "core"}
    job = {"kind": "job", "subject_id": 1, "path": "core/engine"}
    for number, document in ((1, {"timeout": "10m"}), (2, settings)):
        told = {
            "number": number,
            "author": said("ada"),
            "reason": said(f"The {number}. reason"),
            "at": seed.now - DAY / number,
        }
        seed.add("definition", **folder, document=document, **told)
        seed.add("definition", **job, document={"repository": "octo/engine"} | document, **told)
    seed.change("job", 1, version=2, settings={"env": {"CFLAGS": said("-O2")}})
    seed.add(
        "schedule",
        job_id=1,
        position=0,
        cron="30 4 * * 1-5",
        zone="Europe/Zurich",
        parameters={},
        next_at=seed.now + DAY / 3,
    )
    seed.add("dependency", job_id=3, after="core/engine", result="success")
    copy = seed.job(
        "core/engine/dark-mode", "octo/engine", copy_of=1, copy_key="branch dark-mode", folder="core/engine"
    )
    build = seed.build(
        copy,
        1,
        50_000,
        branch=said("dark-mode"),
        ref="refs/heads/dark-mode",
        author_name=said("Grace Hopper"),
        family=1,
    )
    seed.run(build, green(), 50_000, finished_at=seed.now - 49_900, family=1)


def _add_matrix(seed: Seed, said: _Said) -> None:
    """A commit on many platforms with every result, and tests of several runs: flaky, slow, failed."""
    job = seed.job("core/matrix", "octo/matrix", folder="core")
    platforms = ("linux-x86_64", "linux-aarch64", "freebsd-15", "macos-arm64", "windows-x86_64")
    results = ("success", "failure", "error", "timeout", "cancellation", "skip")
    for number in range(1, 9):
        ago = (9 - number) * 40_000.0
        build = seed.build(
            job,
            number,
            ago,
            repository="octo/matrix",
            result=results[number % 6],
            message=said("Widen the matrix"),
            family=job,
        )
        for at, platform in enumerate(platforms):
            result = results[(number + at) % 6]
            bad = result not in {"success", "skip"}
            run = seed.run(
                build, red() if bad else green(), ago, platform=platform, result=result, matrix={"cc": said("gcc-15"), "lto": "on"},
                builder="oak-1", finished_at=seed.now - ago + 30 * at + 20, family=job,
                detail=said("It took longer than 20m.") if result == "timeout" else None,
                tests_total=3, tests_passed=2, tests_skipped=0, tests_failed=1,
            )  # fmt: skip
            _add_tests(seed, said, run, bad=bad)
            if number == 8:
                seed.add("flaky_test", job_id=job, platform=platform, identity=1, suite="ring", classname="ring", name=said("wraps around"), times=3,
                         sha="a" * 40, run_id=run, seen_at=seed.now - ago)  # fmt: skip


def _add_tests(seed: Seed, said: _Said, run: int, *, bad: bool) -> None:
    for position, name in enumerate(("wraps around", "grows at need", "is empty at first")):
        fails = bad and position == 0
        seed.add("test_case", run_id=run, position=position, suite="ring", classname="ring", name=said(name), identity=position + 1,
                 result="failed" if fails else "passed", seconds=0.1 + position, flaky=position == 0, file=said("tests/test_ring.c"),
                 message=said("expected 2000, got 1999") if fails else None, change="now_failing" if fails else None)  # fmt: skip


def _add_fork(seed: Seed, said: _Said) -> dict[str, int]:
    """What a stranger proposes: held until somebody approves."""
    given = {
        "repository": "octo/engine",
        "pull_request": 77,
        "trust": "untrusted",
        "event": "pull_request",
        "ref": "refs/pull/77/head",
    }
    build = seed.build(1, 39, 600, state="queued", branch=said("patch-1"), author_name=said("A stranger"), author_login="stranger",
                       message=said("Faster rings"), base_ref="main", sha="7" * 40, family=1, **given)  # fmt: skip
    run = seed.run(build, [("build", "queued", None, "")], 600, state="held", result=None, builder=None, family=1)
    seed.add("approval", build_id=build, repository_id=1, repository="octo/engine", pull_request=77, sha="7" * 40, base_ref="main",
             held_at=seed.now - 600)  # fmt: skip
    return {"held": build, "held_run": run}


def _add_search(seed: Seed, said: _Said, bad: int) -> dict[str, int]:
    commits = [sha1(f"searched {at}".encode()).hexdigest() for at in range(4)]
    number = seed.add("bisection", job_id=1, platform="linux-x86_64", matrix={}, ref="refs/heads/main", branch=said("main"), build_id=bad, bad=commits[3],
                      asked_by=said("ada"), commits=commits, targets=[], findings=[], state="found", max_builds=9,
                      next_try_at=seed.now, created_at=seed.now - 9_000, finished_at=seed.now - 8_000)  # fmt: skip
    told: dict[str, Any] = {"sha": commits[2], "message": said("Rename tall"), "author_name": said("Grace Hopper")}
    seed.add("gh_commit", repository_id=1, **told)
    seed.add("culprit", bisection_id=number, sha=commits[2], repository="octo/engine", author_name=said("Grace Hopper"), subject=said("Rename tall"),
             targets=[said("build on linux-x86_64")])  # fmt: skip
    nightly = seed.job("core/nightly", "octo/engine")
    build = seed.build(nightly, 1, 150_000, result="failure", family=nightly, **told)
    seed.run(build, red(), 150_000, result="failure", finished_at=seed.now - 149_000, family=nightly)
    return {"bisection": number}


def _add_failures(seed: Seed, said: _Said, run: int) -> int:
    """What the red run failed with: known and linked, new; and one of another job that is the same."""
    rows = (
        (1, "a" * 16, "problem", "src/ring.c: no member named 'tail'", "octo/engine#7", {"freebsd-15": 11, "linux-x86_64": 3}),
        (1, "b" * 16, "test", "ring: wraps around: expected 2000, got 1999", None, {"linux-x86_64": 1}),
        (2, "a" * 16, "problem", "src/ring.c: no member named 'tail'", None, {"linux-x86_64": 2}),
    )  # fmt: skip
    for number, (family, fingerprint, kind, title, issue, places) in enumerate(rows, 1):
        linked: dict[str, Any] = (
            {"issue": issue, "linked_by": said("ada"), "linked_at": seed.now - DAY} if issue else {}
        )
        seed.add(
            "known_failure",
            family=family,
            fingerprint=fingerprint,
            kind=kind,
            title=said(title),
            last_at=seed.now - 900,
            newest=number,
            **linked,
        )
        for platform, times in places.items():
            seen = {"first_at": seed.now - 40 * DAY, "last_at": seed.now - 900}
            seed.add("known_failure_place", known_failure_id=number, platform=said(platform), times=times, **seen)
        if family == 1:
            seed.add("run_failure", run_id=run, known_failure_id=number)
    seed.add("gh_issue", id=7, repository_id=1, number=7, title=said("The ring loses its tail"), state="open")
    return 1


def _add_replica(seed: Seed, said: _Said) -> None:
    seed.add("gh_organization", id=9, login="octo", name=said("Octo"))
    for number, name in enumerate(("engine", "parser", "matrix"), 1):
        seed.add("gh_repository", id=number, name=name, full_name=f"octo/{name}", owner_id=9, owner_login="octo", private=False, default_branch="main",
                 description=said("A ring"), html_url=f"https://github.com/octo/{name}")  # fmt: skip
    for number, state in ((41, "open"), (77, "open"), (12, "closed")):
        seed.add("gh_pull_request", id=number, repository_id=1, number=number, state=state, title=said("Offer a dark theme"), user_login="grace", head_ref=said("dark-mode"),
                 base_ref="main", head_sha="7" * 40, head_repository="octo/engine", updated_at=seed.now - number, created_at=seed.now - DAY)  # fmt: skip
    for name in ("main", "raw-strings", said("dark-mode")):
        seed.add("gh_branch", repository_id=1, name=name, sha="7" * 40)
    seed.add("gh_user", id=3, login="grace", name=said("Grace Hopper"))


def _add_people(seed: Seed, said: _Said) -> None:
    for role in ("read", "write", "builder"):
        seed.add(
            "token",
            name=said(f"{role} token"),
            role=role,
            hash=f"{role:0>64}",
            created_at=seed.now - DAY,
            expires_at=seed.now + 90 * DAY,
        )
    for path in ("/api/v1/builds/1/rerun", "/jobs/" + said("core")):
        seed.add(
            "audit",
            at=seed.now - 50,
            actor=said("ada"),
            by="token",
            role="admin",
            method="POST",
            action="rerun",
            path=path,
            status=202,
            address="127.0.0.1",
        )
    seed.add(
        "secret",
        scope="core",
        name="SIGNING_KEY",
        key_id="k",
        sealed="x",
        created_at=seed.now,
        created_by=said("ada"),
        updated_at=seed.now,
        updated_by=said("ada"),
    )
    seed.add(
        "link",
        repository="octo/engine",
        repository_id=1,
        kind="branch",
        job_id=1,
        globs=[said("release/*")],
        created_at=seed.now,
    )
    seed.add("pause", kind="platform", name="freebsd-15", at=seed.now - 400, by=said("ada"))
    for state in ("done", "waiting", "failed"):
        seed.add("task", queue="pages", key=f"octo/engine {state}", payload=_LOAD, created_at=seed.now - 90, state=state,
                 next_try_at=seed.now, error=said("Not found") if state == "failed" else None)  # fmt: skip


def _add_delivery(seed: Seed, said: _Said) -> int:
    body = (
        b'{"ref": "' + said("refs/heads/main").replace('"', '\\"').encode() + b'", "zen": "<script>alert(1)</script>"}'
    )
    return seed.add("delivery", guid="0f" * 16, event="push", source="github", received_at=seed.now - 30, headers={"X-GitHub-Event": said("push")}, body=zlib.compress(body),
                    repository="octo/engine", state="failed", error=said("The recipe is gone."), next_try_at=seed.now, attempts=3)  # fmt: skip


def _add_channel(seed: Seed, said: _Said) -> None:
    """A talk, yesterday and today, with all that happens in a channel."""
    kate, bert, bot = said("kate"), said("bert_"), "hubwright"
    lines = (
        (DAY + 90, "msg", bert, "good night", ""), (DAY, "quit", bert, "Quit: leaving", ""), (3_000, "join", bert, "", ""),
        (2_990, "nick", bert, "", said("bert")), (2_900, "msg", kate, said("who broke \x0304main\x03?"), ""),
        (2_899, "msg", kate, "see https://ci.example.org/builds/37, and (https://en.wikipedia.org/wiki/Ring_(data))", ""),
        (2_880, "notice", bot, "[octo/engine] main \x0304✕ \x02BROKEN\x02\x0f at 4f2a9c1 by grace — build on linux-x86_64", ""),
        (2_870, "action", kate, "looks at the \x02\x0303,01tail\x0f of the \x1dring\x1d", ""),
        (2_870, "msg", said("bert"), "it was `tall`, \x11ring->tall\x11", ""), (2_000, "topic", kate, said("Release on Friday"), ""),
        (1_500, "kick", kate, said("enough"), said("spammer")), (1_000, "part", said("bert"), "lunch", ""),
        (20, "notice", bot, "[octo/engine] main \x0303✓ FIXED\x0f after 47 min (3 builds)", ""),
    )  # fmt: skip
    for ago, kind, nick, text, other in lines:
        seed.add("channel_line", channel="#builds", at=seed.now - ago, kind=kind, nick=nick[:100], person=nick[:100], text=text,
                 other=other[:100])  # fmt: skip
