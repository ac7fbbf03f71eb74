"""Problems on their way from a stage that runs to the spool."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder_process import scenario
from hubwright.builder.live_problems import LiveProblems
from hubwright.builder.log import Find, Log
from hubwright.builder.spool import Key, Spool
from hubwright.builder.telling import Telling
from hubwright.domain.problem_watch import ProblemWatch
from hubwright.domain.recipe_values import Stage
from hubwright.wire import Problems, read_message
from waiting import until

STAGE = Stage(name="build", run="make")


class Stand:
    """A log that is watched, and what the spool has to tell of it."""

    def __init__(self, folder: Path) -> None:
        self.spool = Spool(folder / "7-1", Key(7, 1))
        watch = ProblemWatch((str(folder),), 10**6)
        self.log = Log(self.spool.append_log, 10**6, (), lambda _: None, watch=watch.feed, scrub=self._scrub)
        telling = Telling(self.spool, lambda: 1.0, self.log.masking.hide)
        self.problems = LiveProblems(watch, self.log, telling, folder)

    def _scrub(self, find: Find) -> None:
        self.spool.scrub_log(find)

    def told(self) -> list[tuple[list[str], bool]]:
        """The messages of all problems, and whether they take the place of others."""
        read = (read_message(one.frame, from_builder=True) for one in self.spool.waiting)
        return [([one.message for one in each.problems], each.anew) for each in read if isinstance(each, Problems)]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path)
    yield stand
    stand.spool.close()


@scenario
async def test_they_are_told_in_batches_and_each_once(stand: Stand) -> None:
    """Two that came together are one message, while the command still runs; the last line comes with the end."""
    async with stand.problems.following(0, STAGE):
        stand.log.write(b"a.c:1:1: error: one\nb.c:1:1: error: two\n")
        await asyncio.to_thread(until, stand.told)
        stand.log.write(b"c.c:1:1: error: three\n")
    await stand.problems.finish(0, STAGE)
    messages = [message for batch, _ in stand.told() for message in batch]
    assert [message.split()[-1] for message in messages] == ["one", "two", "three"]
    assert len(stand.told()) == 2
    assert not any(anew for _, anew in stand.told())


@scenario
async def test_a_second_try_takes_the_place_of_the_first(stand: Stand) -> None:
    stand.log.write(b"a.c:1:1: error: one\n")
    await stand.problems.finish(0, STAGE)
    stand.problems.forget(1)
    assert len(stand.told()) == 1, "another stage's problems stay"
    async with stand.problems.following(1, STAGE):
        stand.log.write(b"b.c:1:1: error: two\n")
        await asyncio.to_thread(until, lambda: len(stand.told()) == 2)
    stand.problems.forget(1)
    assert stand.told()[-1] == ([], True)


@scenario
async def test_what_is_named_as_secret_later_is_told_anew_without_it(stand: Stand) -> None:
    """S19: the hub forgets the words that it was told before."""
    async with stand.problems.following(0, STAGE):
        stand.log.write(b"a.c:1:1: error: hunter-two-three is wrong\n")
        await asyncio.to_thread(until, stand.told)
        stand.log.write(b"::add-mask::hunter-two-three\n")
    await stand.problems.finish(0, STAGE)
    (first, _), (last, anew) = stand.told()
    assert "hunter-two-three" in first[0]
    assert ("hunter-two-three" in last[0], anew) == (False, True)
