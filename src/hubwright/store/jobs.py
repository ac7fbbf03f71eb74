"""Jobs and copies with all that holds for them: what to build of which repository, and how.

A job is read with the job that it is a copy of and the folders above: two statements by key, however many jobs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Select, bindparam, func, insert, select, union_all, update

from hubwright.domain.job_inheritance import Effective, Layer, Origin, Source, lay_all, lay_copy
from hubwright.domain.job_paths import folders_of, split_path
from hubwright.domain.job_settings import DEFAULTS, DefinedJob, read_effective, write_document
from hubwright.domain.jobs import Job, JobSettings
from hubwright.domain.pauses import Pause
from hubwright.domain.repos import Repository
from hubwright.store.folders import keep_folders, load_folders
from hubwright.store.schema import job
from hubwright.store.triggers import keep_triggers
from hubwright.store.versions import Change, Kind, keep_version

HUB = "hub_layer"
"""The execution option that has what the hub's settings say of all jobs, a `Layer`."""

_PARENT = job.alias("parent")
_WITH_PARENT: Select[Any] = select(
    job,
    _PARENT.c.path.label("parent_path"),
    _PARENT.c.settings.label("parent_settings"),
    _PARENT.c.enabled.label("parent_enabled"),
    _PARENT.c.paused_at.label("parent_paused_at"),
    _PARENT.c.paused_by.label("parent_paused_by"),
).outerjoin(_PARENT, _PARENT.c.id == job.c.copy_of)
_IS_JOB = job.c.copy_of.is_(None)  # in the words of the indexes, without which SQLite would not use them
_BY_NAME = select(job).where(func.lower(job.c.repository) == bindparam("name"), _IS_JOB)
# A job that was registered by name has no number until the first webhook; a number is the identity for ever after.
_BY_NUMBER = union_all(
    select(job).where(job.c.repository_id == bindparam("number", type_=BigInteger()), _IS_JOB),
    _BY_NAME.where(job.c.repository_id.is_(None)),
)
_BY_PATHS = _WITH_PARENT.where(job.c.path.in_(bindparam("paths", expanding=True)))
_BY_ID = _WITH_PARENT.where(job.c.id == bindparam("job_key"))
_BY_IDS = _WITH_PARENT.where(job.c.id.in_(bindparam("job_keys", expanding=True)))
_SET_IDENTITY = (
    update(job)
    .where(job.c.id == bindparam("job_key"))
    .values(repository_id=bindparam("number"), repository=bindparam("name"))
)
_TAKE_NUMBERS = (
    update(job)
    .where(job.c.id == bindparam("job_key"))
    .values(builds=job.c.builds + bindparam("count"))
    .returning(job.c.builds)
)


def load_jobs(connection: Connection, repository: Repository) -> list[DefinedJob]:
    """The jobs of a repository, disabled ones too, by GitHub's number or, where there is none, by name in any case.

    Copies are not among them: what they build goes by links.
    """
    query = _BY_NAME if repository.id is None else _BY_NUMBER
    named = {"name": repository.full_name.lower()}
    rows = connection.execute(query, named if repository.id is None else {**named, "number": repository.id}).all()
    return _define(connection, sorted(rows, key=lambda row: row.id))


def load_job(connection: Connection, path: str) -> DefinedJob | None:
    """The job or copy at a path of the folder tree."""
    return load_jobs_at(connection, [path]).get(path)


def load_jobs_at(connection: Connection, paths: Sequence[str]) -> dict[str, DefinedJob]:
    """The jobs and copies at these paths, by path."""
    rows = connection.execute(_BY_PATHS, {"paths": list(paths)}).all()
    return {one.path: one for one in _define(connection, rows)}


def load_parent_path(connection: Connection, path: str) -> str | None:
    """Where the job is that the one at this path is a copy of; None: it is none."""
    query = select(_PARENT.c.path).join(job, job.c.copy_of == _PARENT.c.id).where(job.c.path == path)
    found: str | None = connection.execute(query).scalar()
    return found


def load_job_by_id(connection: Connection, number: int) -> DefinedJob | None:
    """The job or copy with our number."""
    found = _define(connection, connection.execute(_BY_ID, {"job_key": number}).all())
    return found[0] if found else None


def load_jobs_below(connection: Connection, folder: str) -> list[DefinedJob]:
    """The jobs in a folder and all below it, without their copies."""
    inside = select(job).where(_IS_JOB)
    if folder:
        inside = inside.where(job.c.path.startswith(f"{folder}/", autoescape=True))
    return _define(connection, connection.execute(inside.order_by(job.c.path)).all())


def load_jobs_by_ids(connection: Connection, numbers: Sequence[int]) -> dict[int, DefinedJob]:
    """The jobs and copies with these numbers of ours."""
    rows = connection.execute(_BY_IDS, {"job_keys": list(numbers)}).all() if numbers else []
    return {one.id: one for one in _define(connection, rows)}


def load_effective(connection: Connection, path: str, hub: Layer | None = None) -> Effective | None:
    """What holds for the job or copy at a path, and where each value comes from, what it is of included.

    `hub` lies below the folders; without it what the hub says that opened the database.
    """
    row = connection.execute(_BY_PATHS, {"paths": [path]}).one_or_none()
    if row is None:
        return None
    above = load_folders(connection, _folders_above(row))
    return lay_all([Layer(Origin(Source.DEFAULT), {"enabled": True})]).under(
        _lay(row, above, hub or hub_of(connection)).under(lay_all(_lay_columns(row)))
    )


def load_effective_folder(connection: Connection, path: str) -> Effective:
    """What holds for jobs in the folder at a path, there or not, as long as they say nothing themselves."""
    paths = [*folders_of(path), path] if path else [path]
    return lay_all(_lay_folders(paths, load_folders(connection, paths), hub_of(connection)))


def hub_of(connection: Connection) -> Layer | None:
    """What the settings of the hub say of all jobs: `Database` has been given it under `HUB`."""
    layer: Layer | None = connection.get_execution_options().get(HUB)
    return layer


def load_effectives(connection: Connection, paths: Sequence[str]) -> list[tuple[Row[Any], Effective]]:
    """The rows of the jobs and copies at these paths, with `parent_path`, and what holds for each."""
    rows = connection.execute(_BY_PATHS, {"paths": list(paths)}).all()
    folders = load_folders(connection, [path for row in rows for path in _folders_above(row)]) if rows else {}
    hub = hub_of(connection)
    return [(row, _lay(row, folders, hub)) for row in rows]


def keep_job(
    connection: Connection, repository: Repository, settings: JobSettings, now: float, clone_url: str | None = None
) -> DefinedJob:
    """The job for a repository that has none yet; its path is the repository's name. An existing one is returned.

    A name may have been another repository's before it was renamed: then the number keeps the two apart.
    """
    path = repository.full_name
    known = load_job(connection, path)
    if known is not None and known.repository_id not in (None, repository.id) and repository.id is not None:
        path = f"{path}-{repository.id}"
        known = load_job(connection, path)
    if known is not None:
        return known
    values = {"repository": repository.full_name, "repository_id": repository.id, "clone_url": clone_url}
    change = Change(None, now, "The repository was built for the first time.")
    number = add_job(connection, path, {**values, "settings": _own(settings, hub_of(connection))}, change)
    (made,) = _define(connection, connection.execute(_BY_ID, {"job_key": number}).all())
    return made


def foresee_job(
    connection: Connection, repository: Repository, settings: JobSettings, clone_url: str | None = None
) -> DefinedJob:
    """The job as `keep_job` would make it, with what the folders above say by now; its number of ours is nought."""
    path = repository.full_name
    folders, hub = load_folders(connection, folders_of(path)), hub_of(connection)
    own = Layer(Origin(Source.JOB, path), _own(settings, hub))
    return DefinedJob(
        id=0,
        path=path,
        repository_id=repository.id,
        repository=repository.full_name,
        clone_url=clone_url,
        settings=read_effective(lay_all([*_lay_folders(folders_of(path), folders, hub), own]).document()),
    )


def _own(settings: JobSettings, hub: Layer | None) -> dict[str, Any]:
    """What the hub's settings do not say of all jobs anyway."""
    said = write_document(settings).items()
    return {key: value for key, value in said if hub is None or hub.document.get(key) != value}


def add_job(connection: Connection, path: str, values: Mapping[str, Any], change: Change) -> int:
    """Add a job with these columns, its folders and its first version; its number of ours."""
    keep_folders(connection, folders_of(path), change.at)
    row = {**values, "path": path, "folder": split_path(path)[0], "created_at": change.at}
    number: int = connection.execute(insert(job).values(row).returning(job.c.id)).scalar_one()
    keep_version(connection, Kind.JOB, number, path, whole_document(values), change)
    keep_triggers(connection, _define(connection, connection.execute(_BY_ID, {"job_key": number}).all()), change.at)
    return number


def whole_document(values: Mapping[str, Any]) -> dict[str, Any]:
    """A definition from columns: the settings, and what has a column of its own; a copy says no repository."""
    document = canonical(values["settings"])
    own = values.get("copy_of") is None
    if own:
        document["repository"] = values["repository"]
    if own and values.get("clone_url") is not None:
        document["clone_url"] = values["clone_url"]
    if not values.get("enabled", True):
        document["enabled"] = False
    return document


def keep_identity(connection: Connection, known: Job, repository: Repository) -> None:
    """Give a job that was registered by name the repository's number; follow a rename by that number."""
    if repository.id is None or known.clone_url is not None:
        return
    if (known.repository_id, known.repository) != (repository.id, repository.full_name):
        values = {"job_key": known.id, "number": repository.id, "name": repository.full_name}
        connection.execute(_SET_IDENTITY, values)


def take_numbers(connection: Connection, job_id: int, count: int) -> int:
    """Reserve `count` build numbers of a job; the first of them."""
    last: int = connection.execute(_TAKE_NUMBERS, {"job_key": job_id, "count": count}).scalar_one()
    return last - count + 1


def canonical(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are stored; those that a hub of the release before has just written are put in today's form."""
    document = {key: value for key, value in settings.items() if key not in {"env", "recipe_path"}}
    if "env" in settings:
        document["environment"] = settings["env"]
    if isinstance(recipe := settings.get("recipe"), str):
        document["recipe"] = {"text": recipe}
    elif "recipe_path" in settings:
        document["recipe"] = {"path": settings["recipe_path"]}
    return document


def _define(connection: Connection, rows: Sequence[Row[Any]]) -> list[DefinedJob]:
    if not rows:
        return []
    folders = load_folders(connection, [path for row in rows for path in _folders_above(row)])
    hub = hub_of(connection)
    return [_job(row, folders, hub) for row in rows]


def _job(row: Row[Any], folders: Mapping[str, dict[str, Any]], hub: Layer | None) -> DefinedJob:
    return DefinedJob(
        id=row.id,
        path=row.path,
        repository_id=row.repository_id,
        repository=row.repository,
        clone_url=row.clone_url,
        settings=read_effective(_lay(row, folders, hub).document()),
        enabled=row.enabled and _of_parent(row, "enabled", True),
        version=row.version,
        copy_of=row.copy_of,
        copy_key=row.copy_key,
        parent=_of_parent(row, "path", None),
        paused=_paused(row),
    )


def _paused(row: Row[Any]) -> Pause | None:
    if row.paused_at is not None:
        return Pause(row.paused_by or "?", row.paused_at)
    at = _of_parent(row, "paused_at", None)
    return Pause(_of_parent(row, "paused_by", None) or "?", at) if at is not None else None


def _lay(row: Row[Any], folders: Mapping[str, dict[str, Any]], hub: Layer | None) -> Effective:
    own = canonical(row.settings)
    path, settings = (row.path, own)
    if row.copy_of is not None:
        path, settings = row.parent_path, canonical(row.parent_settings)
    above = _lay_folders(folders_of(path), folders, hub)
    holding = lay_all([*above, Layer(Origin(Source.JOB, path), settings)])
    return holding if row.copy_of is None else lay_copy(holding, Layer(Origin(Source.COPY, row.path), own))


def _lay_folders(paths: Sequence[str], folders: Mapping[str, dict[str, Any]], hub: Layer | None) -> list[Layer]:
    above = [Layer(Origin(Source.FOLDER, one), folders[one]) for one in paths if one in folders]
    return [DEFAULTS, *([hub] if hub is not None else []), *above]


def _lay_columns(row: Row[Any]) -> list[Layer]:
    """What a job is of, and whether it or the job that it is a copy of is switched off."""
    own = Origin(Source.JOB if row.copy_of is None else Source.COPY, row.path)
    layers = [Layer(own, {"repository": row.repository, "clone_url": row.clone_url})]
    if not _of_parent(row, "enabled", True):
        layers.append(Layer(Origin(Source.JOB, row.parent_path), {"enabled": False}))
    return [*layers, Layer(own, {"enabled": False})] if not row.enabled else layers


def _folders_above(row: Row[Any]) -> list[str]:
    return folders_of(_of_parent(row, "path", None) or row.path)


def _of_parent(row: Row[Any], name: str, otherwise: Any) -> Any:
    """Of the job that this is a copy of."""
    return getattr(row, f"parent_{name}") if row.copy_of is not None else otherwise
