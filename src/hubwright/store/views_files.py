"""What a build kept, as folders of files: read for the page that one browses them on, and for the archive of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from hubwright.domain.artifacts import MAX_FILES
from hubwright.store.schema import artifact, run
from hubwright.store.views import load_rows
from hubwright.store.views_lists import ARTIFACT_COLUMNS
from hubwright.store.views_values import ArtifactView


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptView:
    """A run that kept files: how many, how many bytes, and when the first of them goes (None: with the others)."""

    run_id: int
    platform: str
    matrix: dict[str, str]
    attempt: int
    files: int
    size: int
    kept_at: float
    expires_at: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderView:
    """A folder below the one that is looked at, with all that is in it."""

    name: str
    files: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A part of a folder: first its folders, then its files; `total` counts both, of the whole folder."""

    folders: tuple[FolderView, ...]
    files: tuple[ArtifactView, ...]
    total: int


def load_kept(connection: Connection, build_id: int) -> tuple[KeptView, ...]:
    """The build's runs that kept something, earlier attempts too."""
    query = (
        select(run.c.id.label("run_id"), func.max(artifact.c.platform).label("platform"), run.c.matrix, run.c.attempt)
        .add_columns(func.count().label("files"), func.sum(artifact.c.size).label("size"))
        .add_columns(func.max(artifact.c.kept_at).label("kept_at"), func.min(artifact.c.expires_at).label("expires_at"))
        .join(artifact, artifact.c.run_id == run.c.id)
        .where(run.c.build_id == build_id)
        .group_by(run.c.id)
        .order_by(run.c.id)
    )
    return tuple(KeptView(**{**row, "size": int(row["size"])}) for row in load_rows(connection, query))


def load_listing(connection: Connection, run_id: int, folder: str, first: int, count: int) -> Listing:
    """`count` entries of the run's folder from the `first` on (from nought); "" is the folder of all."""
    before = f"{folder}/" if folder else ""
    query = select(artifact.c.path, artifact.c.size).where(artifact.c.run_id == run_id).limit(MAX_FILES)
    if before:
        query = query.where(artifact.c.path.startswith(before, autoescape=True))
    folders: dict[str, list[int]] = {}
    names: list[str] = []
    for path, size in connection.execute(query):
        name, below, _ = path.removeprefix(before).partition("/")
        if below:
            folders.setdefault(name, []).append(size)
        else:
            names.append(path)
    found = [FolderView(name=name, files=len(sizes), size=sum(sizes)) for name, sizes in sorted(folders.items())]
    rest = max(first - len(found), 0)
    wanted = sorted(names)[rest : rest + max(count - len(found[first:]), 0)]
    return Listing(
        folders=tuple(found[first : first + count]),
        files=_load_files(connection, run_id, wanted),
        total=len(found) + len(names),
    )


def load_packed(connection: Connection, runs: Sequence[int], folder: str, most: int) -> tuple[ArtifactView, ...]:
    """All files of the runs below the folder, at most `most`."""
    query = select(*ARTIFACT_COLUMNS).where(artifact.c.run_id.in_(runs))
    if folder:
        query = query.where(artifact.c.path.startswith(f"{folder}/", autoescape=True))
    rows = load_rows(connection, query.order_by(artifact.c.run_id, artifact.c.path).limit(most))
    return tuple(ArtifactView(**row) for row in rows)


def _load_files(connection: Connection, run_id: int, paths: Sequence[str]) -> tuple[ArtifactView, ...]:
    if not paths:
        return ()
    query = select(*ARTIFACT_COLUMNS).where(artifact.c.run_id == run_id, artifact.c.path.in_(paths))
    return tuple(sorted((ArtifactView(**row) for row in load_rows(connection, query)), key=lambda one: one.path))
