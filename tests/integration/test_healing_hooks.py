"""Deliveries that did not arrive are found and had again: hooks of repositories, organizations, an App."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from fake_github_state import Fault
from fake_repository import FakeRepository
from github_description import find_answer_problems
from github_items import issue
from healing_parts import Ward, open_ward
from hubwright.hub.healing import HEADS, HOOKS, word_place
from hubwright.store.database import Database
from hubwright.store.schema import watch
from waiting import until

PLACE = "/repos/octo/hello"
LIMITED = Fault(
    status=403, headers={"retry-after": "90"}, body={"message": "You have exceeded a secondary rate limit."}
)


@pytest.fixture
def ward(database: Database, tmp_path: Path) -> Iterator[Ward]:
    with open_ward(database, tmp_path) as opened:
        yield opened


@pytest.fixture
def app_ward(database: Database, tmp_path: Path) -> Iterator[Ward]:
    with open_ward(database, tmp_path, app_owners=("octo",)) as opened:
        yield opened


def miss(ward: Ward, hook: object, repository: FakeRepository, count: int) -> list[str]:
    """So many events that nobody took; their guids."""
    ward.away = True
    for number in range(count):
        payload = {"action": "opened", "issue": issue(number + 1), "repository": repository.describe()}
        assert hook.send("issues", payload) == 503  # type: ignore[attr-defined]
    ward.away = False
    return [one["guid"] for one in hook.sent[-count:]]  # type: ignore[attr-defined]


def know_organization(ward: Ward, repository: FakeRepository) -> None:
    """GitHub tells that the owner is one."""
    organization = {"id": 77, "login": "octo", "url": "https://api.github.com/orgs/octo"}
    payload = {"action": "created", "repository": repository.describe(), "organization": organization,
               "starred_at": "2026-01-01T00:00:00Z", "sender": repository.describe()["owner"]}  # fmt: skip
    ward.desk.deliver("star", payload)
    ward.desk.work()


def test_a_repositorys_hook_is_read_page_by_page_and_each_missed_delivery_comes_once(ward: Ward) -> None:
    """Pages are had by cursor, newest first; what arrived is not asked for; a second look asks for nothing."""
    repository = ward.repository()
    hook = ward.hook(PLACE)
    hook.page = 4
    hook.send("star", {"action": "created", "repository": repository.describe(), "starred_at": "2026-01-01T00:00:00Z"})
    guids = miss(ward, hook, repository, 10)
    found = ward.heal(10)
    pages = ward.asked("/deliveries?")

    assert (found.recovered, found.missing, found.unseen_count, found.unlooked) == (10, 0, 0, 0)
    assert set(guids) <= set(ward.ledger())
    assert len(ward.ledger()) == len(set(ward.ledger()))
    assert len(hook.asked) == len(set(hook.asked)) == 10
    assert [page.partition("cursor=")[1] for page in pages[:3]] == ["", "cursor=", "cursor="]
    assert ward.text.endswith("12 delivered, 10 recovered, 0 missing")
    ward.look()
    assert len(hook.asked) == 10


def test_an_organizations_hook_is_read_too(ward: Ward) -> None:
    """It tells of all repositories; its deliveries are listed and asked for below the organization."""
    repository = ward.repository()
    know_organization(ward, repository)
    hook = ward.hook("/orgs/octo")
    hook.page = 3
    guids = miss(ward, hook, repository, 7)
    found = ward.heal(7)

    assert set(guids) <= set(ward.ledger())
    assert (found.missing, found.unseen_count) == (0, 0)
    assert set(ward.watches(HOOKS)) == {"/orgs/octo", PLACE}
    assert len(ward.asked(f"/orgs/octo/hooks/{hook.number}/deliveries/", "POST")) == 7
    assert {row.way for row in ward.missed()} == {"redelivered"}
    ward.look()
    assert ward.watches(HOOKS)[PLACE].told["hook"] is False
    assert ward.watches(HEADS)[PLACE].told["hook"] is True, "what the organization's hook tells of needs no polling"


def test_an_apps_deliveries_are_read_as_the_app(app_ward: Ward) -> None:
    """The App's own hook is asked about with its JWT; hooks that its installation may not see are covered by it."""
    repository = app_ward.repository()
    app_ward.github.state.weak_hooks = True
    hook = app_ward.hook("/app")
    hook.page = 2
    guids = miss(app_ward, hook, repository, 5)
    found = app_ward.heal(5)

    assert set(guids) <= set(app_ward.ledger())
    assert (found.missing, found.unseen_count) == (0, 0), app_ward.text
    assert len(app_ward.asked("/app/hook/deliveries/", "POST")) == 5
    assert {row.endpoint for row in app_ward.missed()} == {"/app/hook/deliveries"}
    assert app_ward.watches(HEADS)[PLACE].told["hook"] is True


def test_hooks_that_lead_elsewhere_are_let_alone_and_one_that_is_off_is_no_hook(ward: Ward) -> None:
    """`is_ours` decides; a hook that is switched off tells of nothing, so the repository is polled."""
    repository = ward.repository()
    other = ward.github.add_hook(PLACE, "https://ci.elsewhere.example/hooks/github", "x")
    ours = ward.hook(PLACE)
    ours.active = False
    other.lose("push", repository.push_payload())
    ward.drain()
    since = len(ward.github.requests)
    ward.look()  # by now it is known what hooks there are

    assert not ward.asked(f"/hooks/{other.number}/")
    assert len(ward.asked(f"/hooks/{ours.number}/deliveries?", since=since)) == 1
    assert ward.watches(HOOKS)[PLACE].told["hook"] is False
    assert ward.watches(HEADS)[PLACE].next_try_at - ward.clock() < 67


@pytest.mark.parametrize(
    ("fault", "pause"),
    [
        (LIMITED, 90.0),
        (Fault(status=502, body={"message": "Server Error"}), 5.0),
        (Fault(status=429, headers={"retry-after": "40"}, body={"message": "Too many requests"}), 40.0),
    ],
    ids=["Retry-After", "502", "429"],
)
def test_a_look_that_is_stopped_in_mid_list_ends_later_and_says_so(ward: Ward, fault: Fault, pause: float) -> None:
    """Until then nothing is called looked at; pages that were read are not read again; nothing is asked for twice."""
    repository = ward.repository()
    hook = ward.hook(PLACE)
    hook.page = 3
    miss(ward, hook, repository, 8)
    ward.database.write(lambda connection: connection.execute(update(watch).values(next_try_at=ward.clock() + 1e6)))
    ward.healing.ask(ward.clock())
    ward.database.write(
        lambda connection: connection.execute(
            update(watch).where(watch.c.what == HEADS).values(next_try_at=ward.clock() + 1e6)
        )
    )
    ward.fail_after(2, fault)  # the list of hooks, a page of deliveries
    ward.drain()
    (row,) = ward.watches(HOOKS).values()
    found = ward.figures()

    assert (row.looked_at, found.missing, found.unseen_count) == (None, 3, 1)
    assert "could not look at the hooks of octo/hello: GitHub a" in ward.text
    assert not found.unseen[0].refused
    assert pause * 0.7 <= row.next_try_at - ward.clock() <= pause + 1
    since = len(ward.github.requests)
    ward.clock.ahead += pause + 1
    ward.drain()
    pages = ward.asked("/deliveries?", since=since)
    assert not ward.asked("/hooks?", since=since), "the list of hooks is not read again"
    assert len(pages) == 2
    assert all("cursor=" in page for page in pages)
    found = ward.heal(8)
    assert (found.missing, found.unseen_count, found.unlooked) == (0, 0, 0)
    assert len(hook.asked) == len(set(hook.asked)) == 8


def test_who_wants_it_now_does_not_have_asked_again_for_what_is_on_its_way(ward: Ward) -> None:
    """GitHub sends within seconds; what did not come by then is asked for without any longer pause."""
    hook = ward.hook(PLACE)
    (guid,) = miss(ward, hook, ward.repository(), 1)
    hook.reaches = False
    times = []
    for later in (0, 5, 10, 10):
        ward.clock.ahead += later
        ward.look()
        times.append(len(ward.asked("/attempts", "POST")))
    assert times == [1, 1, 1, 2]

    ward.clock.ahead += 10  # far from the two minutes until the third time, which takes it from GitHub's own list
    ward.look()
    assert guid in ward.ledger()


def test_a_limit_that_is_used_up_in_mid_list_is_waited_for(ward: Ward) -> None:
    """GitHub's own figures say so: the hour's limit is over, and the look goes on when it begins anew."""
    repository = ward.repository()
    hook = ward.hook(PLACE)
    hook.page = 2
    miss(ward, hook, repository, 6)
    ward.github.set_quota(3)
    ward.healing.ask(ward.clock())
    ward.drain()
    assert ward.figures().unseen_count >= 1
    assert "0 missing" not in ward.text or "as far as is known" in ward.text
    ward.github.set_quota(1000)
    ward.clock.ahead += 3700
    found = ward.heal(6)
    assert (found.recovered, found.missing, found.unseen_count, found.unlooked) == (6, 0, 0, 0)
    assert len(hook.asked) == 6


def test_what_the_token_may_not_see_is_not_looked_at(ward: Ward) -> None:
    """Hooks are shown to admins only: a 404 is no answer, and "0 missing" is not said without it."""
    ward.repository()
    ward.github.state.weak_hooks = True
    found = ward.look()
    (row,) = ward.watches(HOOKS).values()

    assert (row.looked_at, found.looked_at, found.unseen_count, found.behind) == (None, None, 1, 0)
    assert found.unseen[0].refused
    assert "0 missing as far as is known: could not look at the hooks of octo/hello: GitHub does not show" in ward.text
    assert row.told["hook"] is None
    ward.github.state.weak_hooks = False
    found = ward.look()
    assert (found.unseen_count, found.unlooked) == (0, 0)
    assert ward.text.endswith("0 missing")
    seen = ward.watches(HOOKS)[PLACE].looked_at
    ward.github.state.weak_hooks = True
    found = ward.look()
    assert found.unseen_count == 1, "what was seen before is not what is now"
    assert ward.watches(HOOKS)[PLACE].looked_at == seen


def test_a_hook_that_vanishes_in_mid_list_stops_nothing(ward: Ward) -> None:
    """Its 404 is told; the next look begins with the hooks that there are."""
    repository = ward.repository()
    first, second = ward.hook(PLACE), ward.hook(PLACE)
    first.page = 2
    miss(ward, first, repository, 5)
    theirs = miss(ward, second, repository, 2)
    ward.fail_after(2, LIMITED)
    ward.healing.ask(ward.clock())
    ward.database.write(
        lambda connection: connection.execute(
            update(watch).where(watch.c.what == HEADS).values(next_try_at=ward.clock() + 1e6)
        )
    )
    ward.drain()
    assert ward.watches(HOOKS)[PLACE].told["left"]
    ward.github.state.delivering.remove(first)
    ward.clock.ahead += 100
    ward.drain()
    found = ward.figures()
    assert [(one.refused, one.place) for one in found.unseen] == [(True, PLACE)]
    assert "GitHub does not show all deliveries" in ward.text
    until(lambda: set(theirs) <= set(ward.ledger()), what="what the other hook had missed")
    found = ward.look()
    assert (found.missing, found.recovered, found.unseen_count) == (2, 2, 0)
    lost = [row for row in ward.missed() if row.recovered_at is None]
    assert [(row.next_try_at, row.error) for row in lost] == [(None, lost[0].error)] * 2
    assert "404" in lost[0].error, "they are gone with their hook, and said to be missing"


def test_a_look_whose_process_died_is_gone_on_with_by_another(ward: Ward) -> None:
    """What was noted of it stands in the row: pages that were read are not read again, nothing is asked for twice."""
    repository = ward.repository()
    hook = ward.hook(PLACE)
    hook.page = 3
    miss(ward, hook, repository, 9)
    ward.healing.ask(ward.clock())
    ward.fail_after(3, LIMITED)
    ward.drain()
    ward.pass_by(PLACE)
    ward.clock.ahead += 100
    second = ward.another("second")
    try:
        until_recovered = 0
        while ward.figures().missing or ward.figures().recovered < 9:
            ward.drain(second)
            ward.clock.ahead += 1
            until_recovered += 1
            assert until_recovered < 60
    finally:
        second.close()
    assert len(hook.asked) == len(set(hook.asked)) == 9


def test_two_hubs_on_one_database_never_look_at_a_place_together(ward: Ward) -> None:
    """Each look has a lease: each place is asked about once, by one or the other."""
    for number in range(6):
        ward.repository(f"octo/r{number}")
    others = [ward.another(f"hub {number}") for number in range(2)]
    try:
        others[0].ask(ward.clock())
        since = len(ward.github.requests)
        for healing in others:
            healing.drain()
        deadline = time.monotonic() + 20
        while ward.figures().behind or ward.figures().unlooked:
            assert time.monotonic() < deadline, ward.text
            time.sleep(0.01)
    finally:
        for healing in others:
            healing.close()
    for number in range(6):
        assert len(ward.asked(f"/repos/octo/r{number}/hooks?", since=since)) == 1
        assert len(ward.asked(f"/repos/octo/r{number}/branches?", since=since)) == 1


def test_the_timer_looks_again_by_itself(ward: Ward) -> None:
    """Nobody asks: a delivery that was missed after the first look is found when the interval is over."""
    repository = ward.repository()
    hook = ward.hook(PLACE)
    ward.drain()
    assert ward.figures().unlooked == 0
    miss(ward, hook, repository, 1)
    due = ward.healing.drain()
    assert due is not None
    assert 590 < due - ward.clock() <= 600
    ward.clock.ahead += 599
    ward.drain()
    assert ward.missed() == []
    ward.clock.ahead += 2
    found = ward.heal(1)
    assert (found.recovered, found.missing) == (1, 0)


def test_switched_off_nothing_is_asked(ward: Ward) -> None:
    """GITHUB__HEAL=false: no look by the timer, none when asked; what was known stays."""
    ward.repository()
    ward.look()
    since = len(ward.github.requests)
    off = ward.another("off", on=False)
    try:
        assert off.drain() is None
        with pytest.raises(Exception, match="switched off: set GITHUB__HEAL"):
            off.ask(ward.clock())
    finally:
        off.close()
    assert len(ward.github.requests) == since
    assert len(ward.watches(HOOKS)) == 1


def test_what_a_watch_had_found_that_is_no_more_is_taken_over(ward: Ward) -> None:
    """The credentials were gone for a while: a missing delivery is not forgotten by those who look afterwards."""
    repository = ward.repository()
    hook = ward.hook(PLACE)
    hook.reaches = False
    miss_guid = hook.lose("star", {"action": "created", "repository": repository.describe()}, at=time.time() - 3600)
    ward.look()
    assert [row.guid for row in ward.missed()] == [miss_guid]
    ward.side.is_known = False
    ward.clock.ahead += 11
    ward.drain()
    assert not ward.watches(HOOKS)
    assert ward.text.endswith("GitHub is not asked, for want of credentials or jobs")
    ward.side.is_known = True
    hook.reaches = True
    ward.clock.ahead += 11
    found = ward.heal(1)
    assert found.missing == 0


def test_what_github_is_asked_and_answers_here_is_as_github_describes_it(ward: Ward) -> None:
    """Requests are checked at the end of every test; here the answers that these tests stand on are, too."""
    repository = ward.repository()
    repository.git("tag", "v1", "main")
    repository_hook, organization_hook = ward.hook(PLACE), ward.hook("/orgs/octo")
    asked = [f"{PLACE}/hooks", f"{PLACE}/tags", "/orgs/octo/hooks"]
    for hook in (repository_hook, organization_hook):
        hook.send("star", {"action": "created", "repository": repository.describe()})
        asked += [hook.path, f"{hook.path}/{hook.sent[0]['id']}"]
    problems = {}
    for path in asked:
        answer = ward.side.client.get(path, owner="octo")
        assert answer.json
        problems[path] = find_answer_problems("GET", path, answer.status, answer.json)
    assert not any(problems.values()), problems


def test_places_are_named_as_people_know_them() -> None:
    assert word_place(HOOKS, "/app") == "the App's deliveries"
    assert word_place(HOOKS, "/orgs/octo") == "the hooks of octo"
    assert word_place(HEADS, "/repos/octo/he%20llo") == "the branches of octo/he llo"
