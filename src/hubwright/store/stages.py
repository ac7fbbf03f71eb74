"""Stages of runs on their way: begun, ended. Statements are built once, as in `store.runs`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Connection, and_, bindparam, func, update

from hubwright.store.moments import Moment
from hubwright.store.runs import FINISHED, RUNNING
from hubwright.store.schema import stage
from hubwright.wire import Job
from hubwright.wire import Result as ResultMessage

_RUN: BindParameter[Any] = bindparam("run_key")
_POSITION: BindParameter[Any] = bindparam("position_key")

_STAGE = and_(stage.c.run_id == _RUN, stage.c.position == _POSITION)
_START_STAGE = (
    update(stage)
    .where(_STAGE)
    .values(
        state=RUNNING,
        attempt=bindparam("attempt"),
        result=None,
        started_at=func.coalesce(stage.c.started_at, bindparam("at", type_=Moment())),
        log_start=func.coalesce(stage.c.log_start, bindparam("log")),
    )
    .returning(stage.c.name)
)
_FINISH_STAGE = (
    update(stage)
    .where(_STAGE)
    .values(
        state=FINISHED,
        result=bindparam("ended"),
        exit_code=bindparam("code"),
        detail=bindparam("why"),
        finished_at=bindparam("at", type_=Moment()),
        log_end=bindparam("log"),
    )
    .returning(stage.c.name)
)


def start_stage(connection: Connection, message: Job) -> str | None:
    """A stage begins (again); its name."""
    key = {"run_key": message.run, "position_key": message.stage}
    values = {"attempt": message.attempt, "at": message.at, "log": message.log}
    return connection.execute(_START_STAGE, key | values).scalar_one_or_none()


def finish_stage(connection: Connection, message: ResultMessage) -> str | None:
    """A stage ended; its name."""
    values = {
        "run_key": message.run,
        "position_key": message.stage,
        "ended": message.result,
        "code": message.exit_code,
        "why": message.detail or None,
        "at": message.at,
        "log": message.log,
    }
    return connection.execute(_FINISH_STAGE, values).scalar_one_or_none()
