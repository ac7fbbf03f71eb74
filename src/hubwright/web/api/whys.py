"""`/builds/{id}/why`: why there is such a build, what its runs wait for, why it ended as it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubwright.domain.causes import explain_build, explain_end
from hubwright.domain.waiting import Waiting
from hubwright.store.views_values import BuildView, RunView
from hubwright.web.api.documents import write_reason, write_waiting

Document = dict[str, Any]


def write_why(build: BuildView, waits: Mapping[int, Waiting]) -> Document:
    """The answer. `runs` tell all of each waiting run, `reasons` the same one by one; nought waits for its plan."""
    author = build.author_login or build.author_name
    causes = [explain_build(build.event, build.branch or build.ref, build.pull_request, author)]
    if build.state == "finished":
        cancelled = next((run.cancel for run in build.runs if run.cancel), None)
        causes.append(explain_end(build.result, build.problem, cancelled))
    known = {run.id: run for run in build.runs}
    runs = [{**_name(known.get(number)), **write_waiting(waiting)} for number, waiting in waits.items()]
    return {
        "build": build.id,
        "state": build.state,
        "waiting": bool(waits),
        "causes": [write_reason(cause) for cause in causes],
        "runs": runs,
        "reasons": [
            {
                **reason,
                "reason": reason["sentence"],
                **{key: run[key] for key in ("run", "platform", "ahead", "eligible", "estimate")},
            }
            for run in runs
            for reason in run["reasons"]
        ],
    }


def _name(run: RunView | None) -> Document:
    if run is None:
        return {"run": None, "platform": None, "labels": (), "matrix": {}, "attempt": None}
    return {
        "run": run.id,
        "platform": run.platform,
        "labels": run.labels,
        "matrix": run.matrix,
        "attempt": run.attempt,
    }
