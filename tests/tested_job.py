"""A job whose tests have a history on two platforms: what pages and the API of tests, and of trends, are shown."""

from __future__ import annotations

from typing import Any

from hubwright.domain.test_difference import identify
from seed import HOSTILE, Seed

JOB = "lab/ring"
MESSAGE = "tests/test_ring.c:57: expected 2000, got 1999\n\nring_push: head 7 tail 7\n"
BUILDS = 36
PLATFORMS = ("linux-x86_64", "freebsd-15")
GROWS, FLAKY, SLOW, EVIL = "grows at need", "survives two threads", "takes its time", HOSTILE


def number_of(name: str) -> int:
    """What the test is known by."""
    return identify("ring", "Ring", name)


def seed_tests(seed: Seed) -> int:
    """The job with its builds, an hour apart; the newest failed. Its id."""
    job = seed.job(JOB, "octo/ring")
    seed.add("gh_repository", id=77, name="ring", full_name="octo/ring", owner_login="octo", default_branch="main")
    for number in range(1, BUILDS + 1):
        ago = (BUILDS + 1 - number) * 3_600.0
        bad = number > BUILDS - 3
        build = seed.build(
            job, number, ago, repository="octo/ring", result="failure" if bad else "success",
            branch="side" if number == BUILDS - 5 else "main", finished_at=seed.now - ago + 60 + number,
        )  # fmt: skip
        for platform in PLATFORMS:
            retried = platform == PLATFORMS[0] and number % 9 == 0
            if retried:
                _run(seed, build, number, platform, ago, latest=False)
            _run(seed, build, number, platform, ago, attempt=2 if retried else 1)
    seed.add("flaky_test", job_id=job, platform=PLATFORMS[0], identity=number_of(FLAKY), suite="ring", classname="Ring",
             name=FLAKY, times=4, sha="0" * 40, run_id=1, seen_at=seed.now)  # fmt: skip
    return job


def _run(seed: Seed, build: int, number: int, platform: str, ago: float, **more: Any) -> None:
    first = more.get("latest") is False
    results = {
        GROWS: "failed" if number > BUILDS - 3 else "passed",
        FLAKY: "failed" if first else "passed",
        SLOW: "passed",
        EVIL: "skipped",
        **{f"pushes {count} items": "passed" for count in range(1, 40)},
    }
    failed = sum(result == "failed" for result in results.values())
    totals = {"tests_total": len(results), "tests_failed": failed, "tests_skipped": 1}
    totals["tests_passed"] = len(results) - failed - 1
    run = seed.add(
        "run", build_id=build, platform=platform, matrix={}, assignment={"stages": []}, state="finished",
        result="failure" if failed else "success", queued_at=seed.now - ago, started_at=seed.now - ago + 2,
        finished_at=seed.now - ago + 60, log_size=40_000 + number, **totals, **more,
    )  # fmt: skip
    for position, (name, result) in enumerate(results.items()):
        bad = result == "failed"
        seed.add(
            "test_case", run_id=run, position=position, suite="ring", classname="Ring", name=name, result=result,
            seconds=2.5 + number / 10 if name == SLOW else 0.01 + position / 1000, identity=number_of(name),
            message=MESSAGE if bad else None, file="tests/test_ring.c" if bad else None, line=57 if bad else None,
            flaky=name == FLAKY and bad,
        )  # fmt: skip


def seed_copies(seed: Seed, job: int) -> None:
    """Open copies for a pull request and a branch, and one whose branch is gone."""
    ring = {"copy_of": job, "folder": JOB}
    for key, name, gone in (
        ("pull_request:25", "pr25", {}),
        ("branch:side", "side", {}),
        ("branch:old", "old", {"closed_at": seed.now - 9e5, "archived_at": seed.now - 8e5}),
    ):
        copy = seed.job(f"{JOB}_{name}", "octo/ring", copy_key=key, **ring, **gone)
        seed.build(copy, 1, 7_000, repository="octo/ring", branch="side", family=job)
