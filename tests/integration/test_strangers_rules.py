"""How strangers' code is met: whose recipe it has, what the hub's settings say today, which commits count as ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fork_parts import FILE, Fork
from hub_parts import GROUND, RECIPE, Desk, open_desk, rows
from hubwright.domain.jobs import Approval, JobSettings, RecipeSide
from hubwright.domain.scheduling import split_labels
from hubwright.hub.differences import Differences
from hubwright.store import schema
from hubwright.store.database import Database

EVIL = "stages:\n  - spy: env\n"
BASE = replace(GROUND, untrusted_recipe=RecipeSide.BASE)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path) as opened:
        yield opened


def stages(desk: Desk, build: int) -> list[str]:
    (run,) = desk.runs(build_id=build, latest=True)
    return [stage["name"] for stage in run.assignment["stages"]]


@pytest.mark.parametrize("recipe", [EVIL, "wrong"])
def test_a_fork_may_have_to_take_the_recipe_of_the_base(database: Database, tmp_path: Path, recipe: str) -> None:
    """S12: `builds.untrusted_recipe` = base: the head's code, and what the newest commit of the base says is run."""
    with open_desk(database, tmp_path, ground=BASE) as desk:
        fork = Fork(desk)
        fork.push(**{FILE: recipe, "Makefile": "all:\n"})
        newer = fork.base.commit({FILE: RECIPE + "  - docs: make docs\n"})
        fork.tell()
        (build,) = desk.builds()
        assert stages(desk, 1) == ["build", "test", "docs"]
        assert (build.sha, build.recipe) == (fork.head.head("topic"), ".hubwright.yml of main")
        assert desk.runs()[0].assignment["source"]["sha"] == fork.head.head("topic") != newer
        found = Differences(database, desk.mirrors, desk.understanding.origin_of, RecipeSide.BASE).compare(1)
        assert (found.recipe, found.changes, found.deciding) == ("base", (), ("Makefile",))
        assert found.text.startswith("It has the recipe of its base.\n")


def test_what_forks_bring_goes_only_to_builders_that_are_there_for_it(database: Database, tmp_path: Path) -> None:
    """S42: whatever labels its recipe names; what is ours goes where its recipe says."""
    ground = replace(GROUND, untrusted_labels=("forks",))
    with open_desk(database, tmp_path, ground=ground) as desk:
        fork = Fork(desk)
        fork.push(**{FILE: "labels: [big]\n" + EVIL})
        fork.tell()
        (run,) = desk.runs()
        assert split_labels(run.labels) == ("big", "forks")
        fork.base.commit({FILE: "labels: [big]\n" + EVIL}, branch="ours")
        desk.understand("pull_request", fork.base.pull_request_payload(5, "ours"))
        assert [split_labels(one.labels) for one in desk.runs(build_id=2)] == [("big",)]


def test_the_base_is_the_one_that_the_pull_request_is_for(database: Database, tmp_path: Path) -> None:
    """And a job may say `head` where the hub says `base`; ours always have their own."""
    with open_desk(database, tmp_path, ground=BASE) as desk:
        fork = Fork(desk)
        fork.base.commit({FILE: "stages:\n  - old: make old\n"}, branch="stable")
        fork.push(**{FILE: EVIL})
        fork.tell(base="stable")
        assert stages(desk, 1) == ["old"]
        desk.wishes.start("octo/hello", "refs/pull/3/head", fork.head.head("topic"), "ada", "w", desk.clock())
        desk.work()
        assert stages(desk, 2) == ["build", "test"]
        fork.base.commit({FILE: EVIL}, branch="ours")
        desk.understand("pull_request", fork.base.pull_request_payload(5, "ours"))
        assert stages(desk, 3) == ["spy"]
    with open_desk(database, tmp_path, defaults=JobSettings(), ground=BASE) as desk:
        set_job(database, untrusted_recipe="head")
        fork.desk = desk
        fork.push(**{FILE: EVIL, "a": "1"})
        fork.tell("synchronize")
        assert stages(desk, 4) == ["spy"]


def test_a_base_without_the_branch_or_a_recipe_says_so(database: Database, tmp_path: Path) -> None:
    """It ends with the reason; nothing of the head's recipe is run instead."""
    with open_desk(database, tmp_path, ground=BASE) as desk:
        fork = Fork(desk)
        fork.push(**{FILE: EVIL})
        fork.tell(base="main", pull_request={"base": base_of(fork, "gone")})
        fork.base.commit({FILE: "wrong"})
        fork.push(**{FILE: EVIL, "a": "1"})
        fork.tell("synchronize")
        one, two = desk.builds()
        assert (one.result, two.result) == ("error", "failure")
        assert "no branch gone" in one.problem
        assert "read on main" in two.problem
        assert desk.runs() == []


def base_of(fork: Fork, branch: str) -> dict[str, object]:
    payload = fork.base.pull_request_payload(3, "topic", head=fork.head)
    return dict(payload["pull_request"]["base"], ref=branch)


def set_job(database: Database, **settings: str) -> None:
    table = schema.job
    database.write(lambda it: it.execute(table.update().values(settings=settings)))


def test_the_hubs_settings_of_today_count_for_jobs_of_yesterday(database: Database, tmp_path: Path) -> None:
    """A job that came to be while approval was off waits now that it is on; what a job says itself stays."""
    with open_desk(database, tmp_path, ground=replace(GROUND, approval=Approval.NEVER)) as desk:
        fork = Fork(desk)
        fork.push()
        fork.tell()
        assert fork.states() == ["queued"]
        assert rows(database, schema.job)[0].settings == {}
    with open_desk(database, tmp_path) as desk:
        fork.desk = desk
        fork.push(a="1")
        fork.tell("synchronize")
        assert fork.states()[-1] == "held"
        set_job(database, approval="never")
        fork.push(a="2")
        fork.tell("synchronize")
        assert fork.states()[-1] == "queued"


def test_a_commit_that_was_never_pushed_to_us_is_a_strangers(desk: Desk) -> None:
    """S17: GitHub serves a fork's commits by their ids from our repository; no branch of ours leads to them."""
    fork = Fork(desk)
    desk.understand("push", fork.base.push_payload())
    sha = fork.push(evil="1")
    desk.wishes.start("octo/hello", None, sha, "ada", "w1", desk.clock())
    desk.work()
    (build,) = desk.builds(event="manual")
    assert (build.trust, [run.state for run in desk.runs(build_id=build.id)]) == ("untrusted", ["held"])
    assert desk.runs(build_id=build.id)[0].assignment["trust"] == "untrusted"
    desk.wishes.start("octo/hello", "refs/heads/main", sha, "ada", "w2", desk.clock())  # whatever ref is claimed
    desk.work()
    assert [one.trust for one in desk.builds(event="manual")] == ["untrusted", "untrusted"]
    assert len(rows(desk.database, schema.approval)) == 2
    assert fork.approve(build.id) == 1


@pytest.mark.parametrize("where", ["refs/heads/other", "refs/tags/v1"])
def test_a_commit_that_a_branch_or_tag_of_ours_leads_to_is_ours(desk: Desk, where: str) -> None:
    """Whoever merged it could write; nobody had told this hub of it."""
    fork = Fork(desk)
    desk.understand("push", fork.base.push_payload())
    first = fork.push(a="1")
    fork.push(b="1")
    fork.base.git("update-ref", where, fork.head.head("topic"))
    desk.wishes.start("octo/hello", None, first, "ada", "w", desk.clock())
    desk.work()
    (build,) = desk.builds(event="manual")
    assert (build.trust, [run.state for run in desk.runs(build_id=build.id)]) == ("trusted", ["queued"])


def test_a_commit_that_was_pushed_to_us_stays_ours(desk: Desk) -> None:
    """Also when its branch was pushed over since: GitHub's signed word counts."""
    fork = Fork(desk)
    old = fork.base.commit({"a": "1"}, branch="topic")
    desk.understand("push", fork.base.push_payload(branch="topic"))
    fork.base.move("topic", fork.base.head("main"))
    desk.wishes.start("octo/hello", None, old, "ada", "w", desk.clock())
    desk.work()
    assert [one.trust for one in desk.builds(event="manual")] == ["trusted"]
