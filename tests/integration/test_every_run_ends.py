"""Every run ends, once, truly: builders that say anything in any order, as often as they like (R13, R29).

The moves are the hub's own on SQLite in memory; the database itself refuses what no transaction may ever do (the guards
of the simulation). Beside them goes the simplest model of a run that there is.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Row, insert, select

from hubwright.domain.builds import BuildPlan, Wanted
from hubwright.domain.pauses import Stops
from hubwright.domain.results import Result, verdict
from hubwright.domain.scheduling import FreeBuilder
from hubwright.errors import ConflictError
from hubwright.hub import moves
from hubwright.hub.builds import cancel, rerun
from hubwright.hub.plan_rows import keep_plans
from hubwright.hub.scheduler import _lease_for
from hubwright.store import runs
from hubwright.store.facts import keep_facts
from hubwright.store.schema import build, fact, run, stage
from hubwright.store.schema import job as job_table
from hubwright.wire import Job
from hubwright.wire import Result as Told
from simulation.ground import GROUND, JOB, ORIGIN, planned_runs
from simulation.simulated_builder import Script
from simulation.simulated_database import DatabaseServer

BUILDERS = ("anvil", "bellows")
STAGES = 2


@dataclass
class Telling:
    """All that the holder of one lease has to tell, in its order; it goes on telling when the lease is gone."""

    builder: str
    run: int
    lease: int
    codes: tuple[int, ...]
    messages: list[moves.Telling] = field(init=False)

    def __post_init__(self) -> None:
        self.messages = []
        for position, code in enumerate(self.codes):
            word = "failure" if code else "success"
            self._say(Job, at=1.0, stage=position)
            self._say(Told, at=1.0, stage=position, result=word, exit_code=code)
        self._say(Told, at=1.0, result=self.result)

    @property
    def result(self) -> str:
        """What the run came to, truly."""
        return "failure" if any(self.codes) else "success"

    def _say(self, kind: Any, **more: Any) -> None:
        self.messages.append(kind(run=self.run, lease=self.lease, seq=len(self.messages) + 1, **more))


@dataclass
class Life:
    """What must be true of one run."""

    state: str = "queued"
    lease: int = 0
    builder: str = ""
    seq: int = 0
    result: str | None = None
    cancel: bool = False


class EveryRunEnds(RuleBasedStateMachine):
    """A build whose runs are leased, told of, lost, put back, cancelled and begun again."""

    def __init__(self) -> None:
        super().__init__()
        self.server = DatabaseServer()
        self.lives: dict[int, Life] = {}
        self.tellings: list[Telling] = []
        self.now = 1_800_000_000.0

    def do(self, work: Any) -> Any:
        """One transaction; runs that it made are known afterwards."""
        self.now += 1
        connection = self.server.connection
        with connection.begin():
            answer = work(connection)
        for row in self.rows(run):
            self.lives.setdefault(row.id, Life())
        return answer

    def rows(self, table: Any) -> list[Row[Any]]:
        with self.server.connection.begin():
            return list(self.server.connection.execute(select(table).order_by(table.c.id)))

    def row(self, number: int) -> Row[Any]:
        with self.server.connection.begin():
            return runs.load_runs(self.server.connection, [number])[0]

    @initialize(platforms=st.sampled_from([("linux",), ("linux", "mac")]))
    def begin(self, platforms: tuple[str, ...]) -> None:
        scripts = tuple(Script(number, 0, 0.0, 0) for number in range(STAGES))
        wanted = Wanted(sha="a" * 40, ref="refs/heads/main", event="push", trigger="t", branch="main")
        plan = BuildPlan(wanted=wanted, runs=planned_runs(platforms, scripts), recipe="file")
        values = {"id": 1, "path": JOB.path, "repository": JOB.repository, "settings": {}, "created_at": self.now}
        self.do(lambda connection: connection.execute(insert(job_table).values(values)))
        self.do(lambda connection: keep_plans(connection, JOB, ORIGIN, [plan], GROUND, self.now))

    def _in(self, state: str) -> list[int]:
        return [number for number, life in self.lives.items() if life.state == state]

    @rule(
        builder=st.sampled_from(BUILDERS),
        platform=st.sampled_from(("linux", "mac")),
        codes=st.tuples(*[st.sampled_from((0, 0, 3))] * STAGES),
    )
    def lease(self, builder: str, platform: str, codes: tuple[int, ...]) -> None:
        """As the scheduler: what waits is read and given away in one transaction."""
        free = [FreeBuilder(name=builder, platform=platform, slots=1, labels=())]
        waiting = [row.id for row in self.rows(run) if row.id in self._in("queued") and row.platform == platform]
        rows, doubted = self.do(lambda connection: _lease_for(connection, free, Stops(), self.now, place=""))
        assert not doubted
        assert [row.id for row in rows] == waiting[: len(rows)]
        assert len(rows) == min(1, len(waiting))
        for row in rows:
            life = self.lives[row.id]
            assert row.lease == life.lease + 1
            life.state, life.lease, life.builder, life.seq = "running", row.lease, builder, 0
            self.tellings.append(Telling(builder, row.id, row.lease, codes))

    @precondition(lambda self: self.tellings)
    @rule(data=st.data(), liar=st.sampled_from((False, False, False, True)))
    def tell_anything(self, data: Any, liar: bool) -> None:
        """Any words of any holders, also former ones, in any order, some twice: all in one transaction."""
        said = []
        for _ in range(data.draw(st.integers(1, 5))):
            telling = data.draw(st.sampled_from(self.tellings))
            message = data.draw(st.sampled_from(telling.messages))
            said.append((telling, message, BUILDERS[telling.builder == BUILDERS[0]] if liar else telling.builder))
        self._tell(said)

    @precondition(lambda self: self.tellings)
    @rule(data=st.data(), count=st.integers(1, 2 * STAGES + 1))
    def tell_on(self, data: Any, count: int) -> None:
        """A holder goes on from where the hub is, as after its welcome."""
        telling = data.draw(st.sampled_from(self.tellings))
        start = self.lives[telling.run].seq if self.lives[telling.run].lease == telling.lease else 0
        self._tell([(telling, message, telling.builder) for message in telling.messages[start : start + count]])

    def _tell(self, said: list[tuple[Telling, moves.Telling, str]]) -> None:
        items = [moves.Told(builder, message, self.now) for _, message, builder in said]
        answers = self.do(lambda connection: moves.apply_messages(connection, items))
        for (telling, message, builder), answer in zip(said, answers, strict=True):
            assert answer.ended or not answer.searched
            assert replace(answer, searched=False) == self._expect(telling, message, builder), (message, builder)

    def _expect(self, telling: Telling, message: moves.Telling, builder: str) -> moves.Applied:
        life = self.lives[telling.run]
        if life.state != "running" or (life.lease, life.builder) != (telling.lease, builder):
            return moves.Applied(held=False)
        if message.seq != life.seq + 1:
            return moves.Applied(held=True, gap=message.seq > life.seq)
        life.seq += 1
        if message is telling.messages[-1]:
            life.state, life.result = "finished", telling.result
            return moves.Applied(held=True, ended=True)
        return moves.Applied(held=True)

    @precondition(lambda self: self._in("running"))
    @rule(data=st.data())
    def lose(self, data: Any) -> None:
        number = data.draw(st.sampled_from(self._in("running")))
        row, life, count = self.row(number), self.lives[number], len(self.lives)
        self.do(lambda connection: keep_facts(connection, moves.lose_run(connection, row, self.now, "lost")))
        assert len(self.lives) - count == (row.attempt == 1 and not life.cancel)  # begun again once
        life.state, life.result = "finished", "cancellation" if life.cancel else "error"

    @precondition(lambda self: self._in("running"))
    @rule(data=st.data())
    def put_back(self, data: Any) -> None:
        number = data.draw(st.sampled_from(self._in("running")))
        row, life = self.row(number), self.lives[number]
        self.do(lambda connection: keep_facts(connection, moves.put_back(connection, row, self.now)))
        if life.seq == 0 and not life.cancel and life.lease < moves.LEASES:
            life.state = "queued"
        else:
            life.state, life.result = "finished", "cancellation" if life.cancel else "error"

    @rule()
    def cancel(self) -> None:
        with suppress(ConflictError):
            self.do(lambda connection: cancel(connection, 1, self.now, "not wanted"))
            for life in self.lives.values():
                if life.state != "finished":
                    life.cancel = True
                if life.state == "queued":
                    life.state, life.result = "finished", "cancellation"

    @rule(failed_only=st.booleans())
    def rerun(self, failed_only: bool) -> None:
        with suppress(ConflictError):
            self.do(lambda connection: rerun(connection, 1, self.now, failed_only=failed_only))

    @invariant()
    def rows_are_as_the_model(self) -> None:
        rows = self.rows(run)
        for row in rows:
            life = self.lives[row.id]
            assert (row.state, row.lease, row.result) == (life.state, life.lease, life.result)
            assert life.state == "queued" or row.seq == life.seq
        for one in self.rows(build):
            newest = [row for row in rows if row.latest]
            left = sum(row.state != "finished" for row in rows)
            assert one.runs_left == left
            assert (one.state == "finished") == (left == 0)
            if left == 0:
                assert one.result == verdict(Result(row.result) for row in newest).value
        told = Counter((one.run_id, one.kind) for one in self.rows(fact) if one.run_id is not None)
        for number, life in self.lives.items():
            assert told[number, "RunFinished"] == (life.state == "finished")
            assert told[number, "RunStarted"] == life.lease

    def teardown(self) -> None:
        """The builders get their time: then everything has ended, and no stage was left open."""
        try:
            while unfinished := self._in("queued") + self._in("running"):
                for number in unfinished:
                    life = self.lives[number]
                    if life.state == "queued":
                        for platform in ("linux", "mac"):
                            self.lease(BUILDERS[0], platform, (0,) * STAGES)
                        continue
                    (telling,) = (one for one in self.tellings if (one.run, one.lease) == (number, life.lease))
                    self._tell([(telling, message, telling.builder) for message in telling.messages[life.seq :]])
                self.rows_are_as_the_model()
            if self.lives:
                assert {one.state for one in self.rows(build)} == {"finished"}
                ended = {row.id for row in self.rows(run)}
                assert all(one.state == "finished" for one in self._stages() if one.run_id in ended)
        finally:
            self.server.close()

    def _stages(self) -> list[Row[Any]]:
        with self.server.connection.begin():
            return list(self.server.connection.execute(select(stage)))


EveryRunEnds.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
TestEveryRunEnds = EveryRunEnds.TestCase
