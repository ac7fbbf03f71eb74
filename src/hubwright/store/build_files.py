"""Which files builds have beside their rows, and where these should lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from hubwright.domain.artifacts import artifact_key
from hubwright.domain.build_files import LOG, TESTS, Place, build_folder, read_place, run_folder
from hubwright.store.schema import artifact, build, job, run


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file of a run, and under which key its content is."""

    id: int
    path: str
    size: int
    sha256: str
    key: str


_FILES = (
    select(artifact)
    .where(artifact.c.run_id.in_(bindparam("runs", expanding=True)))
    .order_by(artifact.c.run_id, artifact.c.path)
)


def load_files(connection: Connection, runs: Sequence[int]) -> dict[int, list[HeldFile]]:
    """All files that runs kept, by run and path; a run that kept none is missing."""
    found: dict[int, list[HeldFile]] = {}
    for row in connection.execute(_FILES, {"runs": runs}):
        file = HeldFile(row.id, row.path, row.size, row.sha256, artifact_key(row.run_id, row.path, row.key))
        found.setdefault(row.run_id, []).append(file)
    return found


def move_file(connection: Connection, run_id: int, file: HeldFile, key: str) -> bool:
    """Say that the content is under another key; False, and nothing changed, when the row is gone or names another."""
    known = connection.execute(select(artifact.c.key).where(artifact.c.id == file.id).with_for_update()).one_or_none()
    if known is None or artifact_key(run_id, file.path, known.key) != file.key:
        return False
    connection.execute(update(artifact).where(artifact.c.id == file.id).values(key=key))
    return True


def load_build_folders(connection: Connection, builds: Sequence[int]) -> list[str]:
    """The folders of builds."""
    rows = connection.execute(
        select(job.c.path, build.c.number).join(build, build.c.job_id == job.c.id).where(build.c.id.in_(builds))
    )
    return [build_folder(row.path, row.number) for row in rows]


def load_log_files(connection: Connection, runs: Sequence[int]) -> list[str]:
    """The keys of the logs of runs."""
    return [f"{run_folder(folder, run_id)}/{LOG}" for run_id, (_, folder, _) in _load_runs(connection, runs).items()]


def find_misplaced(connection: Connection, keys: Iterable[str]) -> dict[int, set[str]]:
    """The builds that are elsewhere in the tree by now than files of theirs, and these files."""
    places = {key: place for key in keys if (place := read_place(key)) is not None and place.run is not None}
    runs = _load_runs(connection, [place.run for place in places.values() if place.run is not None])
    found: dict[int, set[str]] = {}
    for key, place in places.items():
        build_id, folder, _ = runs.get(place.run or 0, (0, place.folder, False))
        if folder != place.folder:
            found.setdefault(build_id, set()).add(key)
    return found


def find_known(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Those keys that a build, a run or a file of it still has."""
    places = {key: place for key in keys if (place := read_place(key)) is not None}
    wanted = [place.run for place in places.values() if place.run is not None]
    runs = _load_runs(connection, wanted)
    kept = _load_kept(connection, wanted)
    builds = _load_builds(connection, [place for place in places.values() if place.run is None])
    known = set()
    for key, place in places.items():
        if place.run is None:
            is_known = (place.job, place.number) in builds
        elif place.file in {LOG, TESTS}:
            _, folder, has_log = runs.get(place.run, (0, "", False))
            is_known = folder == place.folder and (has_log or place.file == TESTS)
        else:
            is_known = key in kept
        if is_known:
            known.add(key)
    return known


def _load_runs(connection: Connection, runs: Sequence[int]) -> dict[int, tuple[int, str, bool]]:
    """Of runs their build, its folder, and whether there is a log."""
    query = (
        select(run.c.id, run.c.build_id, run.c.log_size, job.c.path, build.c.number)
        .join(build, build.c.id == run.c.build_id)
        .join(job, job.c.id == build.c.job_id)
        .where(run.c.id.in_(set(runs)))
    )
    return {
        row.id: (row.build_id, build_folder(row.path, row.number), row.log_size > 0)
        for row in connection.execute(query)
    }


def _load_kept(connection: Connection, runs: Sequence[int]) -> set[str]:
    query = select(artifact.c.run_id, artifact.c.path, artifact.c.key).where(artifact.c.run_id.in_(set(runs)))
    return {artifact_key(row.run_id, row.path, row.key) for row in connection.execute(query)}


def _load_builds(connection: Connection, places: Sequence[Place]) -> set[tuple[str, int]]:
    of_jobs = job.c.path.in_({place.job for place in places})
    numbered = build.c.number.in_({place.number for place in places})
    query = select(job.c.path, build.c.number).join(build, build.c.job_id == job.c.id).where(of_jobs, numbered)
    return {(row.path, row.number) for row in connection.execute(query)}
