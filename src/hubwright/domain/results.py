"""How things end: states, results, and the verdict over many of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class State(StrEnum):
    """Where a build, run or stage is on its way. Only runs are held: they wait for approval or within
    limits, their build is queued."""

    QUEUED = "queued"
    HELD = "held"
    RUNNING = "running"
    FINISHED = "finished"


class Result(StrEnum):
    """How it ended: OpenTelemetry's six results of a CI/CD pipeline.

    https://opentelemetry.io/docs/specs/semconv/registry/attributes/cicd/
    `failure` is the code's fault, `error` is ours.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLATION = "cancellation"
    SKIP = "skip"


# Worst first: a build is as bad as its worst run.
_SEVERITY = (Result.FAILURE, Result.TIMEOUT, Result.ERROR, Result.CANCELLATION, Result.SUCCESS, Result.SKIP)


def verdict(results: Iterable[Result]) -> Result:
    """The result of a whole from the results of its parts: the worst of them; nothing at all is a skip."""
    found = set(results)
    return next((result for result in _SEVERITY if result in found), Result.SKIP)
