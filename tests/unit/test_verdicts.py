"""Verdicts over lost runs: each cause from what was measured, in one sentence with its figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.verdicts import Back, Cause, Evidence, Figures, Verdict, explains_failure, judge

GB = 1_000_000_000
FINE = Figures(
    memory=3 * GB,
    memory_total=8 * GB,
    run_memory=GB,
    largest=(4242, "cc1plus", GB),
    disk_free=50 * GB,
    disk_total=100 * GB,
    load=1.5,
)
LOST = Evidence(figures=FINE, lost=True, silence=95.0)

figures = st.builds(
    Figures,
    memory=st.integers(0, 2**50),
    memory_total=st.integers(0, 2**50),
    run_memory=st.integers(0, 2**50),
    limit=st.none() | st.integers(0, 2**50),
    largest=st.none() | st.tuples(st.integers(1, 2**22), st.text(max_size=20), st.integers(0, 2**50)),
    disk_free=st.integers(0, 2**50),
    disk_total=st.integers(0, 2**50),
    load=st.floats(0, 1e4),
)
seconds = st.floats(0, 1e7)
evidences = st.builds(
    Evidence,
    figures=st.none() | figures,
    lost=st.booleans(),
    exit_code=st.none() | st.integers(0, 255),
    oom_kills=st.integers(-5, 5),
    group_kills=st.integers(0, 5),
    back=st.sampled_from(Back),
    silence=seconds,
    gap=seconds,
    closed=st.booleans(),
    leaving=st.booleans(),
)


@given(evidences)
def test_there_is_always_a_verdict_in_one_sentence(evidence: Evidence) -> None:
    """Whatever was measured or was not: a word that programs know, and a sentence that begins with it or weakens it."""
    verdict = judge(evidence)

    assert verdict.cause in Cause
    assert verdict.sentence.endswith(".")
    assert "\n" not in verdict.sentence or "\n" in str(evidence.figures)
    assert verdict.cause.value in verdict.sentence.lower()


@given(evidences)
def test_a_builder_that_worked_on_is_never_called_dead(evidence: Evidence) -> None:
    """Only the wire or a freeze is left when the same process answers."""
    verdict = judge(replace(evidence, lost=True, back=Back.SAME))

    assert verdict.cause in {Cause.NETWORK, Cause.FROZEN}


@pytest.mark.parametrize(
    ("change", "cause", "says"),
    [
        ({"closed": True}, Cause.KILLED, "connection ended without a word, and it has not come back for 1 min 35 s"),
        ({}, Cause.UNKNOWN, "fell silent 1 min 35 s ago: its machine stopped, froze or lost its network"),
        ({"back": Back.PROCESS}, Cause.KILLED, "ended without a word and was back 1 min 35 s later"),
        ({"back": Back.PROCESS, "leaving": True}, Cause.BUILDER, "had been told to end"),
        ({"back": Back.MACHINE}, Cause.MACHINE, "was started anew"),
        ({"back": Back.SAME, "gap": 90.0}, Cause.FROZEN, "stood still for 1 min 30 s"),
        ({"back": Back.SAME, "gap": 3.0}, Cause.NETWORK, "could not be reached for 1 min 35 s"),
        (
            {"back": Back.PROCESS, "oom_kills": 1, "figures": replace(FINE, memory=7 * GB)},
            Cause.MEMORY,
            "7.0 GB of 8.0 GB, the kernel killed 1 process",
        ),
        ({"back": Back.PROCESS, "oom_kills": 1}, Cause.KILLED, "ended without a word"),  # there was plenty: another's
        ({"figures": replace(FINE, memory=8 * GB)}, Cause.MEMORY, "Probably out of memory"),
        ({"figures": replace(FINE, disk_free=12_000)}, Cause.DISK, "12.0 kB of 100 GB were free"),
        ({"figures": None, "closed": True}, Cause.KILLED, "ended without a word"),
    ],
)
def test_a_loss_has_a_cause(change: dict[str, object], cause: Cause, says: str) -> None:
    """Issue 3: killed, out of memory, disk full, network, restarted, frozen, unknown."""
    verdict = judge(replace(LOST, **change))  # type: ignore[arg-type]

    assert verdict.cause is cause
    assert says in verdict.sentence


def test_out_of_memory_says_how_much_and_who() -> None:
    """Figures instead of `exit code 137`."""
    bounded = replace(FINE, run_memory=7_800_000_000, limit=8 * GB, largest=(4242, "cc1plus", 7 * GB))

    verdict = judge(Evidence(figures=bounded, exit_code=137, oom_kills=1, group_kills=1))

    assert verdict == Verdict(
        cause=Cause.MEMORY,
        sentence="Out of memory: the run used 7.8 GB of 8.0 GB, the kernel killed 1 process, "
        "the run's largest process was 4242 (cc1plus) with 7.0 GB.",
    )
    assert explains_failure(verdict)


def test_a_compiler_that_was_killed_below_make_is_found_by_its_group() -> None:
    """`make` ends with 2 when its compiler was killed: the group's counter tells, the machine's may mean others."""
    own, other = Evidence(figures=FINE, exit_code=2, group_kills=1), Evidence(figures=FINE, exit_code=2, oom_kills=1)

    assert judge(own).cause is Cause.MEMORY
    assert judge(other).cause is Cause.UNKNOWN


def test_a_kill_without_want_of_memory_is_only_a_kill() -> None:
    """Somebody sent it; nothing is made up."""
    verdict = judge(Evidence(figures=FINE, exit_code=137))

    assert (verdict.cause, explains_failure(verdict)) == (Cause.KILLED, False)
    assert "SIGKILL" in verdict.sentence


def test_a_timeout_shows_what_was_free() -> None:
    """Nothing explains it, and that is said with figures."""
    verdict = judge(Evidence(figures=FINE))

    assert verdict.sentence == (
        "Unknown: nothing measured explains it; 63 % of the memory and 50.0 GB of the disk were free, the load was 1.5."
    )
