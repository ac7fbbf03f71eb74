"""The search over everything that has a name: jobs, repositories, builds, builders and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import Connection

from hubwright.domain.finding import Wanted, find_best, read_query
from hubwright.store.views import load_builds, load_builds_by_ids
from hubwright.store.views_names import (
    JobName,
    find_numbered,
    load_builder_names,
    load_job_names,
    load_repository_names,
)
from hubwright.store.views_values import BuildFilter, BuildView
from hubwright.web.askers import Asker
from hubwright.web.site import Site

FRESH = 10.0
"""Seconds for which names are remembered: what is made later is found that much later, and typing asks no database."""

_JOBS, _REPOSITORIES, _BUILDERS, _PAGES, _BUILDS = 8, 6, 5, 5, 6


@dataclass(frozen=True, slots=True)
class Found:
    """One thing: `kind` is page, job, repository, builder or build; `address` its page on this hub."""

    kind: str
    title: str
    detail: str
    address: str
    build: BuildView | None = None


NamePages = Callable[[Asker], Sequence[tuple[str, Found]]]
"""The pages that there are for who asks, each with the words by which it is found."""


@dataclass(frozen=True, slots=True)
class _Names:
    at: float
    jobs: tuple[JobName, ...] = ()
    repositories: tuple[str, ...] = ()
    builders: tuple[tuple[str, str], ...] = ()


class Finder:
    """Answers searches; all names are in memory while people search."""

    def __init__(self, site: Site, name_pages: NamePages) -> None:
        self._site = site
        self._name_pages = name_pages
        self._names = _Names(float("-inf"))

    async def find(self, text: str, asker: Asker) -> tuple[Found, ...]:
        """What fits best, of each kind a few; only what there is for who asks."""
        wanted = read_query(text)
        if not wanted.text:
            return tuple(page for _, page in self._name_pages(asker))
        now = self._site.clock()
        if not 0 <= now - self._names.at < FRESH:
            self._names = await self._site.database.read(lambda connection: _load_names(connection, now))
        seen = _narrow(self._names, asker)
        paths = [one.path for one in find_best(wanted.named, seen.jobs, lambda one: one.path, _JOBS)]

        def load(connection: Connection) -> tuple[BuildView, ...]:
            return tuple(_load_builds(connection, wanted, paths, asker))

        builds = await self._site.database.read(load)
        pages = find_best(wanted.words, self._name_pages(asker), lambda one: one[0], _PAGES)
        return (*(page for _, page in pages), *_match(wanted, seen), *map(_build, builds[:_BUILDS]))


def _load_names(connection: Connection, now: float) -> _Names:
    jobs = tuple(load_job_names(connection))
    repositories = {one.repository for one in jobs if one.repository.count("/") == 1}
    known = tuple(sorted({*repositories, *load_repository_names(connection)}))
    return _Names(now, jobs, known, tuple(load_builder_names(connection)))


def _narrow(names: _Names, asker: Asker) -> _Names:
    """Who is bounded to folders is told of no repository beside those of their jobs, and of no builder."""
    if asker.folders is None:
        return names
    return _Names(names.at, tuple(one for one in names.jobs if asker.sees(one.path)))


def _match(wanted: Wanted, names: _Names) -> Iterator[Found]:
    for job in find_best(wanted.words, names.jobs, lambda one: one.path, _JOBS):
        yield Found("job", job.path, job.repository, f"/jobs/{quote(job.path)}")
    for name in find_best(wanted.words, names.repositories, str, _REPOSITORIES):
        yield Found("repository", name, "", f"/repositories/{quote(name)}")
    for builder, platform in find_best(wanted.words, names.builders, lambda one: " ".join(one[::-1]), _BUILDERS):
        yield Found("builder", builder, platform, f"/builders/{quote(builder, safe='')}")


def _load_builds(connection: Connection, wanted: Wanted, paths: list[str], asker: Asker) -> Iterator[BuildView]:
    """Those of a number, else of a commit, else of a branch."""
    if wanted.number is not None:
        ids = find_numbered(connection, paths, wanted.number) if wanted.named else [wanted.number]
        yield from (one for one in load_builds_by_ids(connection, ids) if asker.sees(one.job))
    if wanted.sha is not None:
        yield from load_builds(connection, BuildFilter(sha=wanted.sha, folders=asker.folders), _BUILDS).items
    if len(wanted.words) == 1:
        yield from load_builds(connection, BuildFilter(branch=wanted.text, folders=asker.folders), _BUILDS).items


def _build(build: BuildView) -> Found:
    title = f"{build.job} #{build.number}"
    return Found("build", title, build.message.strip().partition("\n")[0], f"/builds/{build.id}", build)
