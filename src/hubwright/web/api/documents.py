"""What the API shows of builds and all the rest, as plain documents. Times are RFC 3339 in UTC, durations seconds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from hubwright.domain.waiting import Reason, Waiting
from hubwright.store.test_strips import Strip
from hubwright.store.views import MAX_PAGE
from hubwright.store.views_values import (
    ArtifactView,
    BuildView,
    CaseView,
    CommitView,
    DeliveryView,
    FactView,
    JobView,
    QueuedView,
    RunView,
    StageView,
    Totals,
)
from hubwright.store.views_waiting import QueueView
from hubwright.web.api.answers import duration, moment

Document = dict[str, Any]


class Documents:
    """Writes documents; addresses in them begin with `public_url`."""

    def __init__(self, public_url: str) -> None:
        self._public = public_url.rstrip("/")

    def build(self, build: BuildView) -> Document:
        """A build with its runs."""
        return {
            "id": build.id,
            "number": build.number,
            "job": build.job,
            "repo": build.repository,
            "sha": build.sha,
            "ref": build.ref,
            "branch": build.branch,
            "event": build.event,
            "trust": build.trust,
            "pull_request": build.pull_request,
            "message": build.message,
            "author": build.author_login or build.author_name,
            "state": build.state,
            "result": build.result,
            "problem": build.problem,
            "recipe": build.recipe,
            "queued_at": moment(build.queued_at),
            "started_at": moment(build.started_at),
            "finished_at": moment(build.finished_at),
            "duration": duration(build.started_at, build.finished_at),
            "tests": write_totals(build.tests),
            "url": f"{self._public}/builds/{build.id}",
            "runs": [self.run(run) for run in build.runs],
        }

    def whole_build(self, build: BuildView) -> Document:
        """A build with its runs, and those that newer attempts replaced."""
        return {**self.build(build), "earlier_runs": [self.run(run) for run in build.earlier]}

    def run(self, run: RunView) -> Document:
        """A run with its stages."""
        return {
            "id": run.id,
            "build": run.build_id,
            "platform": run.platform,
            "labels": run.labels,
            "matrix": run.matrix,
            "attempt": run.attempt,
            "state": run.state,
            "result": run.result,
            "detail": run.detail,
            "builder": run.builder,
            "images": run.images or [],
            "queued_at": moment(run.queued_at),
            "started_at": moment(run.started_at),
            "finished_at": moment(run.finished_at),
            "duration": duration(run.started_at, run.finished_at),
            "log_size": run.log_size,
            "log_url": f"{self._public}/api/v1/runs/{run.id}/log",
            "tests": write_totals(run.tests),
            "stages": [write_stage(stage) for stage in run.stages],
        }

    def job(self, job: JobView) -> Document:
        """A job; `newest` is its newest build, without its runs."""
        return {
            "path": job.path,
            "repo": job.repository,
            "clone_url": job.clone_url,
            "enabled": job.enabled,
            "settings": job.settings,
            "builds": job.builds,
            "created_at": moment(job.created_at),
            "newest": None if job.newest is None else self.build(job.newest),
        }

    def artifact(self, artifact: ArtifactView) -> Document:
        """A file that a run kept, and where to get it."""
        return {
            "path": artifact.path,
            "run": artifact.run_id,
            "platform": artifact.platform,
            "size": artifact.size,
            "sha256": artifact.sha256,
            "kept_at": moment(artifact.kept_at),
            "expires_at": moment(artifact.expires_at),
            "url": self._public + artifact_path(artifact),
            "run_url": f"{self._public}/api/v1/runs/{artifact.run_id}/artifacts/{quote(artifact.path)}",
        }

    def strip(self, strip: Strip) -> Document:
        """What a test did in the last runs of a platform and matrix point."""
        runs = [
            {
                "run": mark.run_id,
                "build": mark.build_id,
                "number": mark.number,
                "sha": mark.sha,
                "result": mark.result,
                "flaky": mark.flaky,
                "seconds": mark.seconds,
                "finished_at": moment(mark.finished_at),
                "url": f"{self._public}/builds/{mark.build_id}/runs/{mark.run_id}",
            }
            for mark in strip.marks
        ]
        return {"platform": strip.platform, "matrix": strip.matrix, "runs": runs}


def artifact_path(artifact: ArtifactView) -> str:
    """The path of an artifact's address."""
    return f"/artifacts/{artifact.sha}/{quote(artifact.platform, safe='')}/{quote(artifact.path)}"


def write_stage(stage: StageView) -> Document:
    """A stage; `log` are the bytes of the run's log that are its own, `end` None while it runs."""
    return {
        "position": stage.position,
        "name": stage.name,
        "kind": stage.kind,
        "state": stage.state,
        "result": stage.result,
        "exit_code": stage.exit_code,
        "detail": stage.detail,
        "allow_failure": stage.allow_failure,
        "attempt": stage.attempt,
        "started_at": moment(stage.started_at),
        "finished_at": moment(stage.finished_at),
        "duration": duration(stage.started_at, stage.finished_at),
        "log": {"start": stage.log_start, "end": stage.log_end},
    }


def write_totals(totals: Totals | None) -> Document | None:
    """Counts of test cases."""
    return None if totals is None else asdict(totals)


def write_case(case: CaseView) -> Document:
    """A test case."""
    return asdict(case)


def write_queued(item: tuple[QueuedView, Waiting]) -> Document:
    """A run that waits, and why."""
    queued, waiting = item
    fields = asdict(queued)
    told = {"run": fields.pop("id"), "build": fields.pop("build_id"), **fields, "queued_at": moment(queued.queued_at)}
    return told | write_waiting(waiting)


def write_waiting(waiting: Waiting) -> Document:
    """Why a run waits: `reason` in words, `reasons` one by one; `estimate` in seconds, None when nobody knows."""
    return {
        "reason": waiting.sentence,
        "reasons": [write_reason(reason) for reason in waiting.reasons],
        "ahead": waiting.ahead,
        "eligible": waiting.eligible[:MAX_PAGE],
        "estimate": None if waiting.estimate is None else round(waiting.estimate, 1),
    }


def write_reason(reason: Reason) -> Document:
    """A reason by kind and sentence, with what its kind has to tell."""
    return {"kind": reason.kind, "sentence": reason.sentence, **_in_rfc_3339(reason.more)}


def write_queue(queue: QueueView) -> Document:
    """A queue; `oldest` is when the first that waits came, `estimate` when one that comes now should start."""
    return {
        "platform": queue.want.platform,
        "labels": queue.want.labels,
        "waiting": queue.waiting,
        "running": queue.running,
        "held": queue.held,
        "oldest": moment(queue.oldest),
        "estimate": None if queue.estimate is None else round(queue.estimate, 1),
        "builders": queue.builders[:MAX_PAGE],
        "connected": queue.connected,
        "slots": queue.slots,
        "free": queue.free,
    }


def _in_rfc_3339(more: Document) -> Document:
    """The moments in a reason's details as the API writes them."""
    if "again" in more:
        return {**more, "again": moment(more["again"])}
    if "builders" not in more:
        return more
    shown = [{**one, "since": moment(one["since"])} if "since" in one else one for one in more["builders"]]
    return {**more, "builders": shown}


def write_commit(commit: CommitView) -> Document:
    """A commit."""
    return {**asdict(commit), "authored_at": moment(commit.authored_at)}


def write_delivery(delivery: DeliveryView) -> Document:
    """A webhook, without its body."""
    times = {"received_at": moment(delivery.received_at), "finished_at": moment(delivery.finished_at)}
    return {**asdict(delivery), **times}


def write_fact(fact: FactView) -> Document:
    """What happened."""
    return {
        "id": fact.id,
        "kind": fact.kind,
        "at": moment(fact.at),
        "job": fact.job_id,
        "build": fact.build_id,
        "run": fact.run_id,
        "sentence": fact.sentence,
        "data": fact.data,
    }
