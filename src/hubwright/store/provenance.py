"""What the hub knows of a run whose files it vouches for: its own rows; of what builders claim only the images."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection, select

from hubwright.domain.provenance import Image, Origin, Subject
from hubwright.errors import NotFoundError
from hubwright.store.moments import write_moment
from hubwright.store.schema import artifact, build, builder, job, run

_RUN = (
    select(
        run.c.id,
        run.c.build_id,
        run.c.matrix,
        run.c.assignment,
        run.c.builder,
        run.c.images,
        run.c.platform,
        run.c.state,
        run.c.result,
        run.c.started_at,
        run.c.finished_at,
        build.c.repository,
        build.c.sha,
        build.c.ref,
        build.c.event,
        build.c.trust,
        build.c.recipe,
        job.c.path,
        builder.c.platform.label("on"),
    )
    .join(build, build.c.id == run.c.build_id)
    .join(job, job.c.id == build.c.job_id)
    .outerjoin(builder, builder.c.name == run.c.builder)
)


def load_origin(connection: Connection, run_id: int, hub: str, version: str) -> tuple[Origin, list[Subject]]:
    """A good run that kept files, and those files. Raises NotFoundError for any other run."""
    row = connection.execute(_RUN.where(run.c.id == run_id)).one_or_none()
    if row is None or row.state != "finished" or row.result != "success":
        raise NotFoundError("Only files of a run that has succeeded have a provenance.")
    files = connection.execute(
        select(artifact.c.path, artifact.c.sha256, artifact.c.platform)
        .where(artifact.c.run_id == run_id)
        .order_by(artifact.c.path)
    ).all()
    if not files:
        raise NotFoundError("The run has kept no files, or they have expired.")
    origin = Origin(
        hub=hub,
        version=version,
        run=row.id,
        build=row.build_id,
        job=row.path,
        repository=row.repository,
        clone_url=row.assignment["source"]["clone_url"],
        sha=row.sha,
        ref=row.ref,
        event=row.event,
        trust=row.trust,
        builder=row.builder,
        platform=files[0].platform,
        recipe=row.recipe,
        recipe_sha256=_digest(row.assignment),
        started_at=None if row.started_at is None else write_moment(row.started_at),
        finished_at=None if row.finished_at is None else write_moment(row.finished_at),
        matrix=row.matrix,
        images=[Image(**image) for image in row.images or ()],
    )
    return origin, [Subject(name=file.path, sha256=file.sha256) for file in files]


def _digest(assignment: dict[str, Any]) -> str:
    """SHA-256 of the stages that were to be run, in JSON with sorted keys: the recipe as the run got it."""
    return sha256(orjson.dumps(assignment["stages"], option=orjson.OPT_SORT_KEYS)).hexdigest()
