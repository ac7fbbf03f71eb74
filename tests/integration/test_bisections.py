"""`commits: bisect`: the head is built; when it breaks, the commit that did it is found, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from build_lives import Clock
from culprit_hunt import RECIPE, Hunt, Told
from hub_parts import Desk, open_desk, rows
from hubwright.domain.bisection import most_builds
from hubwright.domain.facts import Fact, FactKind, sentence
from hubwright.hub.bisection_ends import cancel_search
from hubwright.hub.bisection_grounds import Bounds
from hubwright.hub.bisection_wishes import Asked, Question, ask_search
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.views_jobs import load_job
from tables import with_tables


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path, Clock()) as desk:
        yield desk


@pytest.fixture
def hunt(desk: Desk) -> Hunt:
    hunt = Hunt(desk)
    hunt.begin()
    return hunt


def sentences(hunt: Hunt) -> list[str]:
    return [
        sentence(Fact(kind=FactKind(row.kind), at=row.at, data=row.data))
        for row in rows(hunt.desk.database, schema.fact)
        if row.kind in {"BisectionStarted", "BisectionEnded", "CulpritFound"}
    ]


def test_each_broken_test_of_a_push_gets_its_culprit(hunt: Hunt) -> None:
    """Thirty commits, two of them break a test, some don't compile: few builds, the right two commits."""
    hunt.says = lambda place, _: (
        None if place in {8, 15} else {"test_a": True, "test_b": place < 17, "test_c": place < 23}
    )
    hunt.push(30)
    assert hunt.culprits() == {17: ["suite: test_b"], 23: ["suite: test_c"]}
    (search,) = hunt.searches()
    assert (search.state, search.reason, len(search.commits)) == ("found", None, 31)
    assert hunt.spent() == search.builds <= 2 * most_builds(31)
    pushed = [build for build in hunt.desk.builds() if build.event == "push"]
    assert [hunt.names.index(build.sha) for build in pushed] == [0, 30], "only heads are built"
    (author,) = {row.author_name for row in rows(hunt.desk.database, schema.culprit)}
    assert f"{hunt.names[17][:7]} by {author} broke suite: test_b: Commit 17." in "\n".join(sentences(hunt))
    assert "test_b was broken by " in sentences(hunt)[-1]


def test_its_builds_are_no_news_of_the_job(hunt: Hunt) -> None:
    """Low priority, one place, up to the stage that is looked at, no branch, and the job's newest build is a push's."""
    hunt.says = lambda place, _: {"test_a": place < 3}
    hunt.push(6)
    asked = hunt.desk.builds(event="bisect")
    assert asked
    assert {build.branch for build in asked} == {None}
    for build in asked:
        (run,) = hunt.desk.runs(build_id=build.id)
        assert run.priority < -2048
        assert [stage["name"] for stage in run.assignment["stages"]] == ["build", "test"], (
            "an old commit is not shipped"
        )
    with hunt.desk.database.reading() as connection:
        newest = load_job(connection, hunt.repository.full_name).newest
    assert newest is not None
    assert newest.event == "push"


def test_a_stage_that_breaks_without_tests_is_searched_for(hunt: Hunt) -> None:
    hunt.says = lambda place, _: None if place >= 5 else {"test_a": True}
    hunt.push(9)
    assert hunt.culprits() == {5: ["stage build"]}
    hunt.push(3)
    assert len(hunt.searches()) == 1, "it still fails: nothing new has broken"


def test_a_flaky_test_has_no_culprit(hunt: Hunt) -> None:
    """The failure must repeat at the bad end."""
    hunt.says = lambda place, times: {"test_a": place < 10 or times > 0}
    hunt.push(10)
    (search,) = hunt.searches()
    assert (search.state, search.builds, hunt.culprits()) == ("ended", 1, {})
    assert search.reason == "Suite: test_a both failed and passed on one commit: it is flaky."


def test_a_failure_at_the_good_end_has_no_culprit(hunt: Hunt) -> None:
    """It passed there once; when it is looked at again, the failure is older than the push."""
    hunt.says = lambda place, times: {"test_a": place == 0 and times == 0}
    hunt.push(10)
    (search,) = hunt.searches()
    assert (search.state, hunt.culprits()) == ("ended", {})
    assert "flaky" in search.reason or "good end" in search.reason


def test_the_search_goes_back_to_the_last_good_build_over_several_pushes(hunt: Hunt) -> None:
    """A push that did not compile lies between: the break of the test may be in either."""
    hunt.says = lambda place, _: None if place == 8 else {"test_a": place < 4}
    hunt.push(8)
    assert hunt.culprits() == {8: ["stage build"]}
    hunt.push(8)
    assert hunt.culprits() == {8: ["stage build"], 4: ["suite: test_a"]}


def test_the_bound_of_builds_holds(desk: Desk) -> None:
    """What can't be told apart with so many builds is told as suspects."""
    hunt = Hunt(desk, bounds=Bounds(builds=4))
    hunt.begin()
    hunt.says = lambda place, _: {"test_a": place < 20}
    hunt.push(60)
    (search,) = hunt.searches()
    assert (search.state, search.builds, hunt.culprits()) == ("ended", 4, {})
    assert search.reason.startswith("Suite: test_a was broken by one of ")
    (finding,) = search.findings
    assert hunt.names[20] in finding["suspects"]


def test_a_branch_that_is_pushed_over_ends_its_search(hunt: Hunt) -> None:
    """And the build that it waited for."""
    hunt.says = lambda place, _: {"test_a": place < 5}
    begin = hunt.repository.head()
    assert begin is not None
    hunt.names += hunt.repository.commit_each([({"n": str(number)}, "C") for number in range(1, 9)])
    hunt.deliver(begin)
    (head,) = hunt.desk.runs(state="queued")
    hunt.play(head)
    for _ in range(2):
        hunt.drain()
    assert [search.state for search in hunt.searches()] == ["searching"]
    hunt.repository.move("main", begin)
    hunt.push(1, before=hunt.names[8])
    (search,) = [one for one in hunt.searches() if one.bad == hunt.names[8]]
    assert (search.state, hunt.culprits()) == ("ended", {})
    assert "pushed over" in search.reason or "no longer fails" in search.reason
    assert not [build for build in hunt.desk.builds() if build.state != "finished"]


def test_somebody_cancels_it(hunt: Hunt) -> None:
    hunt.says = lambda place, _: {"test_a": place < 5}
    hunt.names += hunt.repository.commit_each([({"n": str(number)}, "C") for number in range(1, 9)])
    hunt.deliver(hunt.names[0])
    (head,) = hunt.desk.runs(state="queued")
    hunt.play(head)
    for _ in range(3):
        hunt.drain()
    (search,) = hunt.searches()
    hunt.desk.database.write(lambda connection: cancel_search(connection, search.id, "ada", hunt.desk.clock()))
    (search,) = hunt.searches()
    assert (search.state, search.reason) == ("cancelled", "Cancelled by ada.")
    assert {build.result for build in hunt.desk.builds(event="bisect")} == {"cancellation"}
    hunt.work()
    assert hunt.culprits() == {}


def test_jobs_that_do_not_ask_for_it_are_left_alone(desk: Desk) -> None:
    hunt = Hunt(desk, settings={"commits": "head"})
    hunt.begin()
    hunt.says = lambda place, _: {"test_a": place < 5}
    hunt.push(10)
    assert hunt.searches() == []


def test_the_same_build_twice_begins_one_search(hunt: Hunt) -> None:
    """The facts are read again after a crash, or the build is run again and fails as before."""
    hunt.says = lambda place, _: {"test_a": place < 5}
    hunt.push(10)
    back = update(schema.reporter).where(schema.reporter.c.name == "bisections").values(cursor=0)
    hunt.desk.database.write(lambda connection: connection.execute(back))
    (head,) = [build for build in hunt.desk.builds(event="push") if hunt.names.index(build.sha) == 10]
    hunt.lives.rerun(head.id)
    hunt.work()
    assert len(hunt.searches()) == 1
    assert hunt.culprits() == {5: ["suite: test_a"]}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_the_history_the_culprit_is_right_or_none_is_named(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Random breaks, commits that don't compile, tests that lie; the hub starts anew before every step.

    Where no test lies, whoever is named is guilty; where the break can be told, somebody is named.
    """
    folder = tmp_path_factory.mktemp("hunt")
    count = data.draw(st.integers(1, 25), "commits")
    breaks = data.draw(st.integers(1, count), "culprit")
    mute = data.draw(st.sets(st.integers(1, max(count - 1, 1)), max_size=5), "not compiling") - {count}
    lies = data.draw(st.sets(st.tuples(st.integers(0, count), st.integers(0, 2)), max_size=2), "lies")

    def says(place: int, times: int) -> Told:
        if place in mute:
            return None
        truth = place < breaks
        return {"test_a": truth != ((place, times) in lies), "test_b": True}

    database = Database(with_tables(f"sqlite:///{folder}/hub.db"))
    try:
        with open_desk(database, folder, Clock()) as desk:
            hunt = Hunt(desk)
            hunt.begin()
            hunt.says = says
            hunt.built.clear()
            hunt.push(count)
            searches = hunt.searches()
            assert all(search.state in {"found", "ended"} for search in searches)
            assert all(search.builds <= hunt.bounds.builds for search in searches)
            if not lies:
                suspects = [place for place in range(1, breaks + 1) if all(n in mute for n in range(place, breaks))]
                expected = {breaks: ["suite: test_a"]} if len(suspects) == 1 else {}
                after = [place for place in range(breaks, count + 1) if place not in mute]
                if breaks not in mute:
                    assert hunt.culprits() == expected
                assert set(hunt.culprits()) <= {after[0]}
    finally:
        database.close()


def start(hunt: Hunt, count: int) -> None:
    """A push whose head has broken, and a search that waits for its first build."""
    hunt.names += hunt.repository.commit_each([({"n": str(number)}, "C") for number in range(1, count + 1)])
    hunt.deliver(hunt.names[0])
    (head,) = hunt.desk.runs(state="queued")
    hunt.play(head)
    for _ in range(3):
        hunt.drain()
    assert [search.state for search in hunt.searches()] == ["searching"]


def test_a_newer_head_that_is_mended_ends_the_search(hunt: Hunt) -> None:
    """Nobody waits for the answer any more; what was asked for is not built on and on."""
    hunt.says = lambda place, _: {"test_a": place < 5 or place == 10}
    start(hunt, 9)
    hunt.names.append(hunt.repository.commit({"n": "10"}))
    hunt.deliver(hunt.names[9])
    (mended,) = [run for run in hunt.desk.runs(state="queued") if run.priority >= 0]
    hunt.play(mended)
    hunt.work()
    (search,) = hunt.searches()
    assert (search.state, search.reason) == ("ended", "Superseded: build 4 of main no longer fails.")


def test_a_branch_that_is_deleted_ends_its_search(hunt: Hunt) -> None:
    hunt.says = lambda place, _: {"test_a": place < 5}
    start(hunt, 9)
    hunt.desk.deliver("push", hunt.repository.push_payload(before=hunt.names[9], after="0" * 40))
    hunt.desk.work()
    hunt.work()
    (search,) = hunt.searches()
    assert (search.state, search.reason) == ("ended", "Branch main was deleted.")


def test_only_the_platform_that_broke_is_searched(desk: Desk) -> None:
    hunt = Hunt(desk, only="mac", recipe=f"platforms: [linux, mac]\n{RECIPE}")
    hunt.begin()
    hunt.says = lambda place, _: {"test_a": place < 6}
    hunt.push(9)
    assert hunt.culprits() == {6: ["suite: test_a"]}
    asked = [build.id for build in hunt.desk.builds(event="bisect")]
    assert {run.platform for run in hunt.desk.runs() if run.build_id in asked} == {"mac"}
    assert [search.platform for search in hunt.searches()] == ["mac"]


def ask(hunt: Hunt, good: str, bad: str, **more: str) -> str:
    """A search that somebody asks for; its reason."""
    question = Question(good=good, bad=bad, **more)
    path, now = hunt.repository.full_name, hunt.desk.clock()
    number = hunt.desk.database.write(lambda connection: ask_search(connection, path, question, Asked("ada", now)))
    hunt.work()
    (search,) = [one for one in hunt.searches() if one.id == number]
    return str(search.reason)


def test_somebody_asks_between_commits_that_were_never_built(desk: Desk) -> None:
    """By the first digits, by branch; what fails at both ends was broken by none of these."""
    hunt = Hunt(desk, settings={"commits": "head"})
    hunt.begin()
    hunt.says = lambda place, _: {"test_a": place < 6, "test_b": False}
    hunt.push(12)
    assert hunt.searches() == []
    assert ask(hunt, hunt.names[2][:12], "main") == "Suite: test_b fails at the good end too."
    assert hunt.culprits() == {6: ["suite: test_a"]}
    assert ask(hunt, hunt.names[1], hunt.names[9], stage="build") == "Stage build does not fail at the bad end."
    assert "is none of the 3 commits before" in ask(hunt, hunt.names[9], hunt.names[3])


def test_a_command_of_ones_own_is_run_at_each_commit(desk: Desk) -> None:
    """As `git bisect run`: by exit code, 125 goes round a commit; what other builds say of these commits is nothing."""
    hunt = Hunt(desk, own={place: 125 if place in {4, 8} else 1 for place in (4, *range(6, 13))})
    hunt.begin()
    hunt.says = lambda place, _: {"test_a": place < 3}
    hunt.push(12)
    assert hunt.culprits() == {3: ["suite: test_a"]}
    number = len(hunt.searches()) + 1
    assert ask(hunt, hunt.names[0], "main", run="./try.sh") == "None"
    assert hunt.culprits()[6] == [f"stage bisect-{number}"]
    (run, *_) = [one for one in hunt.desk.runs() if one.assignment["stages"][0]["name"] == f"bisect-{number}"]
    (stage,) = run.assignment["stages"]
    assert stage["run"] == "./try.sh"


def test_commits_of_forks_are_not_built_as_ours(hunt: Hunt) -> None:
    """GitHub gives them under the repository's own address: S-cases of pull requests, by way of a search."""
    hunt.push(2)
    fork = hunt.repository.commit({"n": "evil"}, branch="fork")
    hunt.repository.git("update-ref", "refs/pull/1/head", fork)
    hunt.repository.delete("fork")
    assert "is on no branch that was fetched" in ask(hunt, hunt.names[0], fork)
    assert not hunt.desk.builds(event="bisect")
