"""What people want to be told of: the nearest preference counts, and it never tells more than was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.preferences import Preference, Way, choose_preference, is_mailbox, make_preference, places_of
from hubwright.domain.streaks import Turn
from hubwright.errors import UnprocessableError
from hubwright.reports.mail_recipients import Recipients
from hubwright.store.streaks import Person

NAMES = st.lists(st.sampled_from(["a", "b", "app", "team"]), min_size=1, max_size=5)


@given(NAMES, st.sets(st.integers(0, 6)))
def test_the_nearest_place_counts(names: list[str], kept_at: set[int]) -> None:
    """From the job up to everything: a job says more than its folder."""
    places = places_of("/".join(names))
    kept = {places[at]: Preference(path=places[at]) for at in kept_at if at < len(places)}
    chosen = choose_preference(kept, places)

    assert places[0] == "/".join(names)
    assert places[-1] == ""
    assert chosen == (kept[places[min(at for at in kept_at if at < len(places))]] if kept else None)


def test_a_copy_goes_by_its_job() -> None:
    """Nobody names the copies of pull requests one by one."""
    assert places_of("team/app_pr7", "team/app") == ["team/app_pr7", "team/app", "team", ""]


@given(
    st.sets(st.sampled_from(list(Turn))), st.booleans(), st.sets(st.sampled_from(list(Way))),
    st.sampled_from([*Turn, None]), st.sampled_from(list(Way)), st.booleans(),
)  # fmt: skip
def test_nobody_is_told_more_than_they_asked_for(
    events: set[Turn], mine: bool, ways: set[Way], turn: str | None, way: Way, involved: bool
) -> None:
    """An event, a way and, for `mine`, a part in it: each of them can silence."""
    wish = make_preference("", events=[*events], mine=mine, ways=[*ways])

    assert wish.wants(way, turn, involved=involved) is (turn in events and way in ways and (involved or not mine))


def test_what_nobody_can_mean_is_refused() -> None:
    for given_ in ({"events": ["brocken"]}, {"ways": ["pigeon"]}):
        with pytest.raises(UnprocessableError, match="is none of"):
            make_preference("team/app", **{"events": [], "mine": True, "ways": [], **given_})
    with pytest.raises(UnprocessableError, match="A path"):
        make_preference("team//app", events=[], mine=True, ways=[])
    assert make_preference("/team/app/", events=["fixed", "broken", "fixed"], mine=False, ways=[]).events == (
        Turn.BROKEN, Turn.FIXED,
    )  # fmt: skip


EVE, BOB = Person("Eve", "eve@example.org"), Person(None, "bob@example.org")
WISH = Preference(events=(Turn.BROKEN,), ways=(Way.MAIL,))


def recipients(told: dict[str, list[str]], wishes: dict[str, Preference], turn: str = "broken") -> list[str]:
    found = Recipients(turn, told, [EVE, BOB])
    found.add_wishes(wishes, lambda login: [f"{login}@home.example"])
    return found.read_addresses()


def test_who_has_said_something_is_mailed_by_that_and_others_by_the_job() -> None:
    """The default stays: who broke it, if the job says so; one who asked is told whatever the job says."""
    both = {"email": ["culprits", "team@example.org"]}

    assert recipients(both, {}) == ["team@example.org", "eve@example.org", "bob@example.org"]
    assert recipients(both, {"eve": Preference(ways=(Way.PAGE,))}) == ["team@example.org", "bob@example.org"]
    assert recipients({}, {}) == []
    assert recipients({}, {"eve": WISH}) == ["eve@example.org"]
    assert recipients({}, {"ann": WISH}) == []
    assert recipients({}, {"ann": Preference(mine=False)}) == ["ann@home.example"]
    assert recipients(both, {"eve": WISH}, "fixed") == ["team@example.org", "bob@example.org"]


def test_mail_goes_where_they_say_and_never_where_nobody_reads() -> None:
    elsewhere = Preference(address="eve@work.example")

    assert recipients({}, {"eve": elsewhere}) == ["eve@work.example"]
    assert recipients({}, {"eve": Preference(address="7+eve@users.noreply.github.com")}) == ["eve@example.org"]
    assert not is_mailbox("7+Eve@users.noreply.GitHub.com")


def test_each_address_gets_one_mail() -> None:
    """A person may be named, be a culprit and have asked."""
    assert recipients({"email": ["culprits", "eve@example.org"]}, {"eve": WISH}) == [
        "eve@example.org", "bob@example.org",
    ]  # fmt: skip
