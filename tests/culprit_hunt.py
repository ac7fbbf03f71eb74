"""Searches for culprits without builders: a real repository, real plans and moves, and a say in what each build tells.

hunt = Hunt(desk)
hunt.push(30, lambda place, _: {"test_b": place < 17})
hunt.work()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, select, update

from build_lives import Lives
from hub_parts import Desk, rows
from hubwright.hub import moves
from hubwright.hub.bisection_grounds import Bounds, Grounds
from hubwright.hub.bisections import Bisections
from hubwright.store import schema
from hubwright.wire import Case
from hubwright.wire import Job as StageMessage
from hubwright.wire import Result as ResultMessage
from hubwright.wire import Tests as TestsMessage

Told = Mapping[str, bool] | None
"""What a build tells: which tests pass; None: it does not compile."""

RECIPE = """\
stages:
- build: make
- test: {run: make check, reports: report.xml}
- deploy: {run: ship, when: {branch: main}}
"""


@dataclass
class Hunt:
    """A job with `commits: bisect`; `says(place of the commit, times it was built)` is what a build tells."""

    desk: Desk
    settings: dict[str, Any] = field(default_factory=lambda: {"commits": "bisect"})
    bounds: Bounds = field(default_factory=Bounds)
    says: Callable[[int, int], Told] = lambda _place, _times: {"test_a": True}
    only: str | None = None  # the platform where `says` counts; elsewhere all is well
    recipe: str = RECIPE
    own: dict[int, int] = field(default_factory=dict)  # the exit code of a search's own command, by place
    names: list[str] = field(default_factory=list)
    built: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.repository = self.desk.repository()
        self.lives = Lives(self.desk.database, self.desk.clock)

    def begin(self) -> None:
        """The first commit is there, the job is made, and its build has ended."""
        self.drain()  # the cursor begins
        self.names.append(self.repository.commit({".hubwright.yml": self.recipe, "n": "0"}, "Begin"))
        self.deliver()
        values = update(schema.job).values(settings=self.settings)
        self.desk.database.write(lambda connection: connection.execute(values))
        self.work()

    def push(self, count: int, before: str | None = None) -> None:
        """So many commits in one push, and all that follows from them."""
        before = before or self.repository.head()
        first = len(self.names)
        changes = [({"n": str(number)}, f"Commit {number}") for number in range(first, first + count)]
        self.names += self.repository.commit_each(changes)
        self.deliver(before)
        self.work()

    def deliver(self, before: str | None = None) -> None:
        """The webhook of the push, understood."""
        self.desk.deliver("push", self.repository.push_payload(before=before))
        self.desk.work()

    def drain(self) -> float | None:
        """As a hub that has just started: nothing is remembered but rows."""
        rules = self.desk.rules
        grounds = Grounds(
            mirrors=self.desk.mirrors, origin_of=self.desk.understanding.origin_of, ground=rules.ground,
            bounds=self.bounds,
        )  # fmt: skip
        self.desk.clock.now += 1
        return Bisections(self.desk.database, grounds, self.desk.clock, self.desk.woken.append).drain()

    def work(self, steps: int = 400) -> None:
        """Build and search until nothing waits."""
        for _ in range(steps):
            waiting = self.desk.runs(state="queued")
            for run in waiting:
                self.play(run)
            due = self.drain()
            if due is None and not self.desk.runs(state="queued"):
                return
        raise AssertionError("the search does not end")

    def play(self, run: Row[Any]) -> None:
        """A builder builds the run."""
        (build,) = self.desk.builds(id=run.build_id)
        place = self.names.index(build.sha)
        there = self.only is None or run.platform == self.only
        told = self.says(place, self.built.count(place)) if there else {"test_a": True}
        if there:
            self.built.append(place)
        self.lives.start(run.id)
        (leased,) = self.desk.runs(id=run.id)
        stages = rows(self.desk.database, schema.stage, run_id=run.id)
        self._tell(leased, [row.name for row in stages], told)

    def _tell(self, run: Row[Any], stages: list[str], told: Told) -> None:
        said: list[moves.Telling] = []

        def say(kind: Callable[..., moves.Telling], **more: Any) -> None:
            said.append(kind(run=run.id, lease=run.lease, seq=len(said) + 1, **more))

        good = True
        if stages[0].startswith("bisect-"):
            (build,) = self.desk.builds(id=run.build_id)
            code = self.own.get(self.names.index(build.sha), 0)
            good = code == 0
            result = "success" if good else "failure"
            say(StageMessage, at=self.desk.clock(), stage=0)
            say(ResultMessage, at=self.desk.clock(), stage=0, result=result, exit_code=code)
            stages = []
        for position, name in enumerate(stages):
            if not good:
                break
            good = told is not None and (name != "test" or all(told.values()))
            say(StageMessage, at=self.desk.clock(), stage=position)
            if name == "test" and told is not None:
                cases = [
                    Case(suite="s", classname="suite", name=test, result="passed" if fine else "failed")
                    for test, fine in told.items()
                ]
                say(TestsMessage, stage=position, cases=tuple(cases))
            result = "success" if good else "failure"
            say(ResultMessage, at=self.desk.clock(), stage=position, result=result, exit_code=0 if good else 1)
        say(ResultMessage, at=self.desk.clock(), result="success" if good else "failure", detail="")
        items = [moves.Told(run.builder, message, self.desk.clock()) for message in said]
        answers = self.desk.database.write(lambda connection: moves.apply_messages(connection, items))
        assert answers[-1].ended

    # --- what came of it

    def searches(self) -> list[Row[Any]]:
        """All searches."""
        return rows(self.desk.database, schema.bisection)

    def culprits(self) -> dict[int, list[str]]:
        """The places of the commits that were found, and what they broke."""
        with self.desk.database.reading() as connection:
            found = connection.execute(select(schema.culprit)).all()
        return {self.names.index(row.sha): row.targets for row in found}

    def spent(self) -> int:
        """Builds that the searches have asked for."""
        return len(self.desk.builds(event="bisect"))
