"""Definitions of jobs and folders as people change them: made, changed, restored and removed, with a version of each.

Everything here happens in the caller's transaction. One change goes after the other: what a folder says is written down
for jobs below it, and what a job says is looked at with the whole tree, so that two at once would wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from hubwright.domain.job_paths import ROOT, check_path
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.job_starts import find_unanswered
from hubwright.domain.refs import check_owner, check_repository, read_clone_url
from hubwright.errors import ConflictError, DefinitionError, MalformedError, NotFoundError, UnprocessableError, Wrong
from hubwright.hub.backfill import ask_backfill
from hubwright.hub.definition_facts import tell_removal, tell_step
from hubwright.store.definitions import Subject, find_subject, keep_document, remove_job
from hubwright.store.folders import is_in_use, keep_folder, lock_tree, remove_folder
from hubwright.store.jobs import load_job, load_jobs_below
from hubwright.store.reach import names_below
from hubwright.store.triggers import keep_triggers
from hubwright.store.versions import Change, Kind, load_version

Document = dict[str, Any]

_STARTING = frozenset({"triggers", "parameters"})
_BUILT_ON = frozenset({"platforms", "recipe", "backfill", "default_branch"})
"""What may bring a job to platforms that its newest commit was not built on."""

_HOLDING_BELOW = _STARTING | _BUILT_ON


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants something changed where, and why. `check` gets the version that is there, None for nothing there, and
    raises OutdatedError if another one was expected. `folders` bound who wants it: a job of theirs may have only a
    repository that one below these has already, else they could have anything built."""

    kind: Kind
    path: str
    change: Change
    check: Callable[[int | None], None]
    folders: tuple[str, ...] | None = None


def put_definition(connection: Connection, wish: Wish, said: Mapping[str, Any]) -> bool:
    """Say this of a job or folder, instead of all that was said; whether it is new.

    A job that names no repository keeps that which it has. Raises DefinitionError, UnprocessableError for a path that
    nothing can be at, OutdatedError.
    """
    lock_tree(connection)
    known = find_subject(connection, wish.kind, wish.path, to_change=True)
    wish.check(known.version if known is not None else None)
    if known is None and wish.path != ROOT:
        check_path(wish.path)
    document = dict(said)
    if known is not None and "repository" not in document and "clone_url" not in document:
        document |= {key: known.document[key] for key in ("repository", "clone_url") if key in known.document}
    return _keep(connection, wish, known, document)


def change_definition(connection: Connection, wish: Wish, document: Document, version: int) -> bool:
    """Say this of a job or folder whose version this is; False, and nothing kept, if it has another one by now.

    Raises NotFoundError, OutdatedError, DefinitionError.
    """
    known = _find(connection, wish)
    if known.version != version:
        return False
    _keep(connection, wish, known, document)
    return True


def restore_definition(connection: Connection, wish: Wish, number: int) -> None:
    """Say again what a version has said. Raises NotFoundError, OutdatedError."""
    known = _find(connection, wish)
    _keep(connection, wish, known, load_version(connection, wish.kind, known.id, number).document, number)


def remove_definition(connection: Connection, wish: Wish) -> None:
    """Take a job, copy or empty folder away. Raises NotFoundError, OutdatedError, ConflictError."""
    known = _find(connection, wish)
    if wish.kind is Kind.JOB:
        remove_job(connection, known, wish.change.at)
    elif wish.path == ROOT:
        raise ConflictError("The root folder stays; have it say nothing instead.")
    elif is_in_use(connection, wish.path):
        raise ConflictError(f"There are jobs or folders in {wish.path}: remove them first.")
    else:
        remove_folder(connection, known.id)
    tell_removal(connection, known, wish.change)


def _find(connection: Connection, wish: Wish) -> Subject:
    lock_tree(connection)
    known = find_subject(connection, wish.kind, wish.path, to_change=True)
    if known is None or "~" in wish.path:  # as jobs that were removed are called
        raise NotFoundError(f"There is no {wish.kind.value} {wish.path!r}.")
    wish.check(known.version)
    return known


def _keep(
    connection: Connection, wish: Wish, known: Subject | None, document: Document, restored: int | None = None
) -> bool:
    """Keep the document where it says something new; whether the job or folder is new."""
    document = dict(document)
    if wish.kind is Kind.JOB and (known is None or known.copy_of is None):
        document = _with_repository(document)
        _check_reach(connection, wish, known, document)
    elif wish.kind is Kind.JOB:
        document = {key: value for key, value in document.items() if key not in {"repository", "clone_url"}}
    if wish.kind is Kind.JOB and document.get("enabled"):
        del document["enabled"]  # as jobs are that say nothing of it
    if known is not None and known.document == document and known.version:
        return False
    before = known.document if known is not None else None
    if wish.kind is Kind.FOLDER:
        keep_folder(connection, wish.path, document, wish.change)
        changed = {key for key in _HOLDING_BELOW if document.get(key) != (before or {}).get(key)}
        if changed:
            _settle_below(connection, wish, changed)
    else:
        _keep_job(connection, wish, document)
    if (kept := find_subject(connection, wish.kind, wish.path)) is not None:
        tell_step(connection, kept, before, wish.change, restored)
    return known is None


def _check_reach(connection: Connection, wish: Wish, known: Subject | None, document: Document) -> None:
    """Raises DefinitionError when somebody who is bounded to folders brings a repository there."""
    repository, clone_url = document["repository"], document.get("clone_url")
    before = {} if known is None else known.document
    same = (repository, clone_url) == (before.get("repository"), before.get("clone_url"))
    if wish.folders is None or same or names_below(connection, wish.folders, repository, clone_url):
        return
    said = (
        f"no job below {', '.join(wish.folders)} has {clone_url or repository} yet; ask who may see all for the first"
    )
    raise DefinitionError([Wrong("/repository" if clone_url is None else "/clone_url", said)])


def _keep_job(connection: Connection, wish: Wish, document: Document) -> None:
    try:
        new = keep_document(connection, wish.path, document, wish.change)
    except IntegrityError as error:
        raise ConflictError(f"Somebody else has made {wish.path} just now: read it, then change that.") from error
    job = load_job(connection, wish.path)
    if job is not None:
        _refuse_unanswered([job], wish)
    if job is not None and not new:
        ask_backfill(connection, [job], wish.change.at)


def _settle_below(connection: Connection, wish: Wish, changed: Set[str]) -> None:
    """Do what another definition of each job below the folder would have led to."""
    below = load_jobs_below(connection, wish.path)
    if "triggers" in changed:
        keep_triggers(connection, below, wish.change.at)
    if changed & _STARTING:
        _refuse_unanswered(below, wish)
    if changed & _BUILT_ON:
        ask_backfill(connection, below, wish.change.at)


def _refuse_unanswered(jobs: Iterable[DefinedJob], wish: Wish) -> None:
    """Raises DefinitionError; where a folder's change is to blame, it names the first of the jobs."""
    for job in jobs:
        wrong = find_unanswered(job.settings) if job.copy_of is None else []
        if wrong and wish.kind is Kind.FOLDER:
            raise DefinitionError([Wrong("", f"{job.path} could not be built: {one.message}") for one in wrong])
        if wrong:
            raise DefinitionError(wrong)


def _with_repository(document: Document) -> Document:
    """The document with a repository that can be one; of a plain address it is its last two names."""
    key = "repository" if "repository" in document else "clone_url"
    try:
        if key in document:
            owner, _, name = document[key].partition("/")
            said = (owner, name) if key == "repository" else read_clone_url(document[key])[1:]
            return {**document, "repository": f"{check_owner(said[0])}/{check_repository(said[1])}"}
    except (MalformedError, UnprocessableError) as error:
        raise DefinitionError([Wrong(f"/{key}", str(error).rstrip("."))]) from error
    raise DefinitionError([Wrong("/repository", "a job needs a `repository`, `owner/name`, or a `clone_url`")])
