"""What the API shows beside builds, as plain documents. Times are RFC 3339 in UTC, durations seconds."""

from __future__ import annotations

from dataclasses import asdict
from urllib.parse import quote

from hubwright.domain.waiting import Reason, Waiting
from hubwright.store.documents import BuildDocuments, Document, moment
from hubwright.store.test_strips import Strip
from hubwright.store.views import MAX_PAGE
from hubwright.store.views_records import BuiltView, CommitView, DeliveryView
from hubwright.store.views_values import ArtifactView, CaseView, JobView, QueuedView
from hubwright.store.views_waiting import QueueView

_QUEUED = ("job", "number", "sha", "branch", "platform", "labels", "matrix", "attempt", "priority")


class Documents(BuildDocuments):
    """Writes documents of all that the API shows; addresses in them begin with `public_url`."""

    def job(self, job: JobView) -> Document:
        """A job or copy; `newest` is its newest build, `copy_of` the path of the job that it is a copy of.

        One that was removed is shown for as long as it has builds.
        """
        return {
            "path": job.path,
            "repo": job.repository,
            "clone_url": job.clone_url,
            "enabled": job.enabled,
            "settings": job.settings,
            "version": job.version,
            "copy_of": job.parent if job.copy_of != job.id else None,
            "copy_key": job.copy_key if job.copy_of != job.id else None,
            "closed_at": moment(job.closed_at),
            "archived_at": moment(job.archived_at),
            "removed": job.copy_of == job.id,
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


def write_case(case: CaseView) -> Document:
    """A test case."""
    return asdict(case)


def write_queued(item: tuple[QueuedView, Waiting], reasons: dict[int, Document] | None = None) -> Document:
    """A run that waits, and why; `reasons` as of `write_waiting`."""
    queued, waiting = item
    told = {name: getattr(queued, name) for name in _QUEUED}
    return {"run": queued.id, "build": queued.build_id, **told, "queued_at": moment(queued.queued_at)} | write_waiting(
        waiting, reasons
    )


def write_waiting(waiting: Waiting, reasons: dict[int, Document] | None = None) -> Document:
    """Why a run waits: `reason` in words, `reasons` one by one; `estimate` in seconds, None when nobody knows.

    Runs of a list that wait for one and the same reason share its document: in `reasons` by `id`, while the list lives.
    """
    written = {} if reasons is None else reasons
    for reason in waiting.reasons:
        if id(reason) not in written:
            written[id(reason)] = write_reason(reason)
    return {
        "reason": waiting.sentence,
        "reasons": [written[id(reason)] for reason in waiting.reasons],
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
    if "since" in more:
        return {**more, "since": moment(more["since"])}
    if "builders" not in more:
        return more
    shown = [{**one, "since": moment(one["since"])} if "since" in one else one for one in more["builders"]]
    return {**more, "builders": shown}


def write_commit(commit: CommitView) -> Document:
    """A commit."""
    return {**asdict(commit), "authored_at": moment(commit.authored_at)}


def write_built(built: BuiltView) -> Document:
    """A build of a commit that something told of."""
    return {**asdict(built), "queued_at": moment(built.queued_at)}


def write_delivery(delivery: DeliveryView) -> Document:
    """A webhook, without its body."""
    times = {"received_at": moment(delivery.received_at), "finished_at": moment(delivery.finished_at)}
    return {**asdict(delivery), **times}
