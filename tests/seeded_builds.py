"""Builds in every state that their page has to show, and one that has far too much of everything."""

from __future__ import annotations

from seed import GCC, TESTS, Seed, green, red

MATRIX = {"cc": "clang-19"}
PLATFORMS = ("linux-x86_64", "linux-aarch64", "freebsd-15", "macos-arm64", "windows-x86_64", "openbsd-7", "netbsd-10",
             "illumos", "alpine", "debian-13", "fedora-44", "haiku")  # fmt: skip
PROBLEMS, CASES = 300, 5_000


def seed_states(seed: Seed) -> dict[str, int]:
    """One build in each state; their ids by its name."""
    job = seed.job("lib/queue", "octo/queue")
    ids: dict[str, int] = {}
    seed.add("builder", name="elm-1", platform="linux-x86_64", labels=["fast"], slots=2, version="0.1.0",
             executor="container", instance="i", state="connected", seen_at=seed.now - 9, lag=0.012)  # fmt: skip
    ids["passed"] = seed.build(job, 1, 9_000, repository="octo/queue", finished_at=seed.now - 8_930)
    seed.run(
        ids["passed"], green(), 9_000, builder="elm-1", finished_at=seed.now - 8_952,
        images=[{"name": "docker.io/library/gcc:15", "digest": "sha256:" + "5e" * 32}],
        assignment={"stages": [{"name": "build", "secrets": ["SIGNING_KEY"], "env": {"CC": "gcc"}}],
                    "env": {"CI": "true", "SIZE": "a-value-to-be-told-to-nobody"}},
    )  # fmt: skip
    ids["failed"] = seed.build(
        job, 2, 8_000, repository="octo/queue", result="failure", parameters={"SIZE": "very big"}
    )
    for place, platform in enumerate(PLATFORMS[:4]):
        bad = place == 1
        stages = red() if bad else green()
        seed.run(ids["failed"], stages, 8_000 - place, platform=platform, matrix=MATRIX,
                 result="failure" if bad else "success", started_at=seed.now - 7_990 + 7 * place,
                 finished_at=seed.now - 7_950 + 11 * place)  # fmt: skip
    ids["cancelled"] = seed.build(job, 3, 7_000, repository="octo/queue", result="cancellation")
    stopped = [*green()[:1], ("build", "finished", "cancellation", "cc\r\n")]
    seed.run(ids["cancelled"], stopped, 7_000, result="cancellation", detail="Cancelled by ann.",
             cancel="Cancelled by ann.", finished_at=seed.now - 6_900)  # fmt: skip
    why = "The repository did not answer: connection refused."
    ids["error"] = seed.build(job, 4, 6_000, repository="octo/queue", result="error", started_at=None, problem=why)
    ids["held"] = seed.build(job, 5, 50, repository="octo/queue", state="queued", trust="untrusted", pull_request=7,
                             ref="refs/pull/7/head", event="pull_request", branch="patch-1")  # fmt: skip
    seed.run(ids["held"], [("build", "queued", None, "")], 50, state="held", result=None, builder=None, started_at=None)
    ids["running"] = seed.build(job, 6, 60, repository="octo/queue", state="running")
    seed.run(ids["running"], [*green()[:1], ("build", "running", None, GCC), ("test", "queued", None, "")], 60,
             state="running", result=None)  # fmt: skip
    ids["queued"] = seed.build(job, 7, 30, repository="octo/queue", state="queued")
    seed.run(
        ids["queued"], [("build", "queued", None, "")], 30, state="queued", result=None, builder=None, platform="plan9"
    )
    return ids


def seed_crowd(seed: Seed) -> int:
    """A build on twelve platforms with 300 problems and 5,000 tests, many of which fail."""
    job = seed.job("lib/crowd", "octo/crowd")
    build = seed.build(job, 1, 5_000, repository="octo/crowd", result="failure", finished_at=seed.now - 1_000)
    for place, platform in enumerate(PLATFORMS):
        stages = [*red()[:2], *[(f"check {number}", "finished", "success", TESTS) for number in range(8)]]
        total, failed = CASES // 12 + (place < CASES % 12), 40
        run = seed.run(
            build, stages, 5_000, platform=platform, result="failure", matrix={"cc": "gcc", "std": f"c{place}"},
            started_at=seed.now - 4_900 + 30 * place, finished_at=seed.now - 4_000 + 250 * place,
            detail="Stage build failed: exit code 2.", tests_total=total, tests_failed=failed,
            tests_passed=total - failed, tests_skipped=0, tests_difference={
                "now_failing": 20, "now_passing": 3, "still_failing": 20, "new": 1, "gone": 2, "flaky": 2,
                "names": {"now_failing": [f"parser: accepts input number {n}" for n in range(20)],
                          "now_passing": ["a", "b", "c"]},
                "gone_names": ["old one", "old two"]},
        )  # fmt: skip
        for number in range(total):
            bad = number < failed
            seed.add("test_case", run_id=run, position=1, suite="parser", classname="parser.Input", seconds=0.01,
                     name=f"accepts input number {number}", result="failed" if bad else "passed",
                     message=f"expected {number}, got {number + 1}\n" + "  at parser.c:17\n" * 20 if bad else None,
                     identity=number, change=("still_failing", "now_failing")[number % 2] if bad else None)  # fmt: skip
        for number in range(PROBLEMS // 12):
            seed.add("problem", run_id=run, position=1, severity="warning" if number % 3 else "error", matcher="gcc",
                     file=f"src/parser/input_{number}.c", line=number + 1, col=9, log_offset=60,
                     message=f"comparison of integer expressions of different signedness in case {number}")  # fmt: skip
        for number in range(20):
            seed.add("artifact", run_id=run, sha="4" * 40, platform=platform, path=f"dist/part-{number}.tar.gz",
                     size=1_000_000, sha256="0" * 64, kept_at=seed.now)  # fmt: skip
    return build
