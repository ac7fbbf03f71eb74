"""Why runs wait: R30's reasons."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.causes import explain_build, explain_end
from hubwright.domain.estimates import Station, Waiter, Work
from hubwright.domain.scheduling import Want, suits
from hubwright.domain.waiting import Line, Waiting, explain_doubted, explain_unplanned, name_want

WORK = Work(run=9, build=8, job="octo/hello", number=7, left=20.0)
NOW = 1000.0
LINUX = Want(platform="linux")


def wait(*stations: Station, want: Want = LINUX, before: tuple[Want, ...] = ()) -> Waiting:
    line = [Waiter(run=-number, want=other) for number, other in enumerate(before, 1)]
    return Line([*line, Waiter(run=1, want=want)], stations, NOW).explain(1)


def kinds(waiting: Waiting) -> list[str]:
    return [reason.kind for reason in waiting.reasons]


def test_no_builder_has_ever_matched() -> None:
    """It says what was wanted, what to do, and who comes near."""
    want = Want(platform="freebsd-*", labels=("big", "gpu"))
    waiting = wait(Station(name="fern", platform="freebsd-15", labels=("gpu",)), want=want)
    assert kinds(waiting) == ["no_builder_ever"]
    assert waiting.sentence == (
        "No builder has ever matched 'freebsd-*' with the labels big and gpu: start one with "
        "`hubwright builder --label big --label gpu`. "
        "Builder fern lacks big."
    )
    assert waiting.reasons[0].more["near"] == [{"builder": "fern", "lacks": ["big"]}]
    assert (waiting.eligible, waiting.estimate) == ((), None)


def test_builders_are_away_and_since_when() -> None:
    waiting = wait(Station(name="oak", platform="linux", state="away", seen_at=NOW - 300))
    assert kinds(waiting) == ["builders_away"]
    assert waiting.sentence == "Builder oak is away, for 5 min 00 s."
    assert waiting.reasons[0].more["builders"] == [{"name": "oak", "since": NOW - 300}]
    assert waiting.eligible == ("oak",)


def test_a_builder_is_started_on_demand() -> None:
    """Nobody need do anything about it, and none is missing."""
    waiting = wait(Station(name="oak", platform="linux", state="on_demand", seen_at=NOW - 300))

    assert [reason.kind for reason in waiting.reasons] == ["builders_on_demand"]
    assert waiting.sentence == "Builder oak is started on demand, as now."


def test_builders_are_paused_or_leaving() -> None:
    paused = Station(name="a", platform="linux", state="paused")
    leaving = [Station(name=name, platform="linux", state="draining") for name in "bcde"]
    assert wait(paused).sentence == "Builder a is paused."
    waiting = wait(paused, *leaving)
    assert kinds(waiting) == ["builders_paused", "builders_draining"]
    assert waiting.reasons[1].sentence == "Builders b, c, d and 1 more are leaving and take no more runs."


def test_all_are_busy_and_with_what() -> None:
    waiting = wait(Station(name="oak", platform="linux", works=(WORK,)), before=(Want(platform="linux"),))
    assert kinds(waiting) == ["all_busy", "behind"]
    assert waiting.sentence == "Builder oak is busy with octo/hello #7 (1 slot). 1 run is due before it."
    (busy,) = waiting.reasons[0].more["builders"]
    assert busy["running"] == [{"run": 9, "build": 8, "job": "octo/hello", "number": 7, "left": 20.0}]


def test_an_elastic_builder_at_nought_may_add_a_slot() -> None:
    waiting = wait(Station(name="oak", platform="linux", slots=0))
    assert (kinds(waiting), waiting.sentence) == (["all_busy"], "Builder oak has no slot now and may add one.")


def test_only_those_before_it_count_that_want_the_same_builders() -> None:
    mac, linux = Station(name="mac", platform="mac"), Station(name="oak", platform="linux", works=(WORK,))
    before = (Want(platform="mac"), Want(platform="any"), Want(platform="plan9"))
    assert wait(mac, linux, before=before).ahead == 1


def test_a_free_builder_is_being_given_it() -> None:
    waiting = wait(Station(name="oak", platform="linux"))
    assert (kinds(waiting), waiting.estimate) == (["starting"], 0.0)


def test_builds_without_runs_wait_for_their_repository() -> None:
    later = explain_unplanned("github.com does not answer.", failed=True, again=112.0, now=100.0)
    assert (later.kind, later.more) == ("retry_later", {"again": 112.0})
    assert later.sentence == "It is tried again by itself in 12 s: github.com does not answer."
    due = explain_unplanned("github.com does not answer.", failed=True, again=112.0, now=113.0)
    assert due.sentence == "It is tried again by itself just now: github.com does not answer."
    assert explain_unplanned(None, failed=False, again=None, now=100.0).kind == "fetching"


def test_who_approved_is_asked_about_again_and_when() -> None:
    reason = explain_doubted("ada", "GitHub does not answer.", 160.0, 100.0)
    assert reason.sentence.endswith("That is tried again by itself in 1 min 00 s: GitHub does not answer.")
    assert reason.more == {"approver": "ada", "again": 160.0}


def test_wants_have_names() -> None:
    assert name_want(Want(platform="any")) == "any platform"
    assert name_want(Want(platform="linux", labels=("gpu",))) == "'linux' with the label gpu"


def test_builds_say_why_they_are_there_and_why_they_ended() -> None:
    assert explain_build("push", "main", None, "ada").sentence == "ada pushed the commit to main."
    assert explain_build("pull_request", "x", 7, "ada").sentence == "It is the head of pull request #7 by ada."
    assert explain_end("skip", "Nothing applies.", None).kind == "skipped"
    assert explain_end("failure", "2:1: wrong", None).kind == "no_runs"
    assert explain_end("cancellation", None, "Cancelled by ada.").sentence == "Cancelled by ada."
    assert explain_end("success", None, None).sentence == "It ran: passed."


_wants = st.builds(
    Want, platform=st.sampled_from(["linux", "mac", "any", "l*", "["]), labels=st.sampled_from([(), ("gpu",)])
)
_stations = st.builds(
    Station,
    name=st.sampled_from("abcdefgh"),
    platform=st.sampled_from(["linux", "mac"]),
    labels=st.sampled_from([(), ("gpu", "big")]),
    slots=st.integers(0, 2),
    state=st.sampled_from(["connected", "paused", "draining", "away", "on_demand"]),
    seen_at=st.sampled_from([None, 1.0]),
    works=st.lists(st.just(WORK), max_size=2).map(tuple),
)


@given(st.lists(_wants, min_size=1, max_size=8), st.lists(_stations, max_size=6, unique_by=lambda one: one.name))
def test_every_wait_has_a_reason_and_it_is_the_true_one(wants: list[Want], stations: list[Station]) -> None:
    """Invariant 2 of the design: every wait has a visible reason."""
    line = Line([Waiter(run=at, want=want) for at, want in enumerate(wants)], stations, NOW)
    for at, want in enumerate(wants):
        waiting = line.explain(at)
        eligible = [one for one in stations if suits(want, one)]
        able = [one for one in eligible if one.state == "connected"]
        assert waiting.sentence
        assert waiting.eligible == tuple(one.name for one in eligible)
        assert ("no_builder_ever" in kinds(waiting)) == (not eligible)
        assert any(kind.startswith("builders_") for kind in kinds(waiting)) == (bool(eligible) and not able)
        assert ("all_busy" in kinds(waiting)) == (bool(able) and not any(one.free for one in able))
        assert 0 <= waiting.ahead <= at
        assert waiting.estimate is None or able
