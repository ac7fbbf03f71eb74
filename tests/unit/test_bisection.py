"""The search for the commit that broke it: right where tests tell the truth, silent where they lie."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import assume, given
from hypothesis import strategies as st

from hubwright.domain.bisection import (
    REPEATS,
    TRIES,
    Finding,
    Search,
    Sight,
    Verdict,
    findings,
    give_up,
    most_builds,
    next_commit,
)

Look = Callable[[int, str], Sight]


def names(count: int) -> tuple[str, ...]:
    return tuple(f"commit{place}" for place in range(count))


def work_through(search: Search, look: Look, bound: int = 200) -> tuple[Search, int]:
    """Build whatever the search wants until it wants nothing more; how many builds that took."""
    builds = 0
    while (commit := next_commit(search)) is not None:
        assert builds < bound, "the search does not end"
        search = see(search, commit, look)
        builds += 1
    return search, builds


def see(search: Search, commit: str, look: Look) -> Search:
    """The search with one more build of `commit`: it says something of every target."""
    place = search.commits.index(commit)
    sights = {sha: {target: list(seen) for target, seen in each.items()} for sha, each in search.sights.items()}
    for target in search.targets:
        sights.setdefault(commit, {}).setdefault(target, []).append(look(place, target))
    return Search(commits=search.commits, targets=search.targets, sights=sights)


def begin(count: int, targets: tuple[str, ...], look: Look) -> Search:
    """A search as it begins: the good end was seen good, the bad end bad."""
    search = Search(commits=names(count), targets=targets)
    return see(see(search, search.commits[0], look), search.commits[-1], look)


@given(st.integers(2, 300), st.data())
def test_the_culprit_is_found_with_few_builds(count: int, data: st.DataObject) -> None:
    """Where every test tells the truth: the one that broke it, in logarithmic time."""
    culprit = data.draw(st.integers(1, count - 1))

    def look(place: int, _target: str) -> Sight:
        return Sight.BAD if place >= culprit else Sight.GOOD

    search, builds = work_through(begin(count, ("test",), look), look)

    assert findings(search) == [Finding(target="test", verdict=Verdict.CULPRIT, suspects=(f"commit{culprit}",))]
    assert builds <= most_builds(count)


@given(st.integers(3, 60), st.data())
def test_each_test_has_its_own_culprit_and_builds_are_shared(count: int, data: st.DataObject) -> None:
    """Two tests broken by two commits of one push are two culprits; the ends are built once more only once."""
    culprits = {name: data.draw(st.integers(1, count - 1)) for name in ("a", "b", "c")}

    def look(place: int, target: str) -> Sight:
        return Sight.BAD if place >= culprits[target] else Sight.GOOD

    search, builds = work_through(begin(count, tuple(culprits), look), look)

    assert {each.target: each.suspects for each in findings(search)} == {
        name: (f"commit{place}",) for name, place in culprits.items()
    }
    assert builds <= 2 + 3 * (most_builds(count) - 2)


def test_a_failure_that_does_not_repeat_has_no_culprit() -> None:
    """Flaky: failed once at the bad end, passed when asked again. One build says so."""
    first = begin(9, ("test",), lambda place, _: Sight.BAD if place == 8 else Sight.GOOD)

    search, builds = work_through(first, lambda _place, _target: Sight.GOOD)

    assert findings(search) == [Finding(target="test", verdict=Verdict.FLAKY)]
    assert builds == 1


def test_a_failure_at_the_good_end_too_is_no_commits_doing() -> None:
    """The machine changed, not the code."""
    first = begin(9, ("test",), lambda place, _: Sight.BAD if place == 8 else Sight.GOOD)

    search, builds = work_through(first, lambda _place, _target: Sight.BAD)

    assert findings(search) == [Finding(target="test", verdict=Verdict.STANDING)]
    assert builds == 2


@given(st.integers(3, 60), st.data())
def test_commits_that_tell_nothing_are_gone_round(count: int, data: st.DataObject) -> None:
    """A commit that does not compile hides what a test would say: the culprit is among the suspects, and few are."""
    culprit = data.draw(st.integers(1, count - 1))
    mute = data.draw(st.sets(st.integers(1, max(count - 2, 1)), max_size=count))

    def look(place: int, _target: str) -> Sight:
        if place in mute and 0 < place < count - 1:
            return Sight.UNKNOWN
        return Sight.BAD if place >= culprit else Sight.GOOD

    search, _ = work_through(begin(count, ("test",), look), look, bound=TRIES * count + REPEATS * 2)

    (finding,) = findings(search)
    assert f"commit{culprit}" in finding.suspects
    assert all(int(name.removeprefix("commit")) in mute | {culprit} for name in finding.suspects[:-1])
    assert (finding.verdict is Verdict.CULPRIT) is (len(finding.suspects) == 1)


def test_an_end_that_cannot_be_built_ends_the_search() -> None:
    """It does not go on for ever."""
    first = begin(5, ("test",), lambda place, _: Sight.BAD if place == 4 else Sight.GOOD)

    search, builds = work_through(first, lambda _place, _target: Sight.UNKNOWN)

    assert findings(search) == [Finding(target="test", verdict=Verdict.UNKNOWN)]
    assert builds == TRIES


@given(st.integers(2, 40), st.randoms(use_true_random=False))
def test_whatever_the_builds_say_the_search_ends(count: int, chance: object) -> None:
    """Tests that lie at random cost a bounded number of builds; a culprit is named only where both sides were seen."""

    def look(_place: int, _target: str) -> Sight:
        return chance.choice(list(Sight))  # type: ignore[attr-defined, no-any-return]

    first = begin(count, ("test",), lambda place, _: Sight.BAD if place == count - 1 else Sight.GOOD)
    search, _ = work_through(first, look, bound=(TRIES + REPEATS) * count + 2)

    (finding,) = findings(search)
    if finding.verdict is Verdict.CULPRIT:
        place = search.commits.index(finding.suspects[0])
        assert Sight.BAD in search.sights[search.commits[place]]["test"]
        assert Sight.GOOD in search.sights[search.commits[place - 1]]["test"]


@given(st.integers(3, 40), st.integers(0, 5), st.data())
def test_a_search_given_up_tells_who_may_still_be_it(count: int, steps: int, data: st.DataObject) -> None:
    """Out of builds: the culprit is among the suspects."""
    culprit = data.draw(st.integers(1, count - 1))

    def look(place: int, _target: str) -> Sight:
        return Sight.BAD if place >= culprit else Sight.GOOD

    search = begin(count, ("test",), look)
    for _ in range(steps):
        commit = next_commit(search)
        assume(commit is not None)
        assert commit is not None
        search = see(search, commit, look)

    (finding,) = give_up(search)
    assert f"commit{culprit}" in finding.suspects


def test_a_good_commit_in_the_middle_leads_to_the_break_that_is_there_now() -> None:
    """Broken, mended and broken again: once a later commit was seen good, what was before it is nobody's concern."""
    story = [Sight.GOOD, Sight.BAD, Sight.BAD, Sight.GOOD, Sight.GOOD, Sight.GOOD, Sight.BAD, Sight.BAD, Sight.BAD]

    search, _ = work_through(begin(len(story), ("test",), lambda place, _: story[place]), lambda place, _: story[place])

    (finding,) = findings(search)
    assert finding.verdict is Verdict.CULPRIT
    assert finding.suspects == ("commit6",)
