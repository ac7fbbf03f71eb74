"""What there is for tokens that are bounded to folders: what lies below, and nothing else.

Every door is shut for them until it is named here with what it is about; what is shut or lies elsewhere is answered
404, in the words for things that do not exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection
from starlette.requests import HTTPConnection

from hubwright.errors import NotFoundError
from hubwright.store.reach import load_job_of_build, load_job_of_failure, load_job_of_run
from hubwright.web.askers import Asker, lies_below, name_of
from hubwright.web.site import Site
from hubwright.web.topics import Topic

MAX_NUMBER = 2**63 - 1


class Subject(NamedTuple):
    """What a door is about: `kind`, and the parameter of its address (or, for `job`, of its query) that names it."""

    kind: str
    name: str = ""


FREE = Subject("free")
"""It tells nothing of jobs."""

LISTED = Subject("listed")
"""It shows or sends only what the asker sees: its handler asks `web.askers`."""


def _build(name: str) -> Subject:
    return Subject("build", name)


def _run(name: str) -> Subject:
    return Subject("run", name)


def _failure(name: str) -> Subject:
    return Subject("failure", name)


BELOW = Subject("below", "path")
"""The path of a job or folder, below."""

WITHIN = Subject("within", "path")
"""The same, or the folder itself."""

JOB = Subject("job", "job")
"""A job named in the query."""

DOORS: dict[str, Subject] = {
    "pages.reference.Reference.show_page": FREE,
    "pages.reference.Reference.show_document": FREE,
    "api.info.Info.show_info": FREE,
    "api.lists.Lists.ping": LISTED,
    "api.lists.Lists.list_queue": LISTED,
    "api.lists.Lists.list_facts": LISTED,
    "api.events.Events.stream_facts": LISTED,
    "live.Live.connect": LISTED,
    "api.builds.Builds.list_builds": LISTED,
    "api.builds.Builds.show_build": _build("build_id"),
    "api.builds.Builds.show_why": _build("build_id"),
    "api.builds.Builds.show_problems": _build("build_id"),
    "api.builds.Builds.rerun_build": _build("build_id"),
    "api.builds.Builds.cancel_build": _build("build_id"),
    "api.takes.Takes.take_build": _build("build_id"),
    "api.takes.Takes.drop_build": _build("build_id"),
    "api.archives.Archives.pack": _build("build_id"),
    "api.approvals.Approvals.show_approval": _build("build_id"),
    "api.approvals.Approvals.show_difference": _build("build_id"),
    "api.approvals.Approvals.approve_build": _build("build_id"),
    "api.reports.Reports.list_of_build": _build("build_id"),
    "api.reports.Reports.tell_build_again": _build("build_id"),
    "api.runs.Runs.show_run": _run("run_id"),
    "api.runs.Runs.show_log": _run("run_id"),
    "api.runs.Runs.stream_log": _run("run_id"),
    "api.log_views.LogViews.list_groups": _run("run_id"),
    "api.log_views.LogViews.list_errors": _run("run_id"),
    "api.log_views.LogViews.search_log": _run("run_id"),
    "api.runs.Runs.list_tests": _run("run_id"),
    "api.runs.Runs.show_history": _run("run_id"),
    "api.runs.Runs.show_recorder": _run("run_id"),
    "api.runs.Runs.list_artifacts": _run("run_id"),
    "api.artifacts.Artifacts.download_of_run": _run("run_id"),
    "api.provenance.Provenance.show_run": _run("run_id"),
    "api.provenance.Provenance.show_key": FREE,
    "api.downloads.Downloads.download_latest": JOB,
    "api.downloads.Downloads.list_downloads": JOB,
    "api.trends.Trends.show": LISTED,
    "api.known_failures.KnownFailures.list_failures": LISTED,
    "api.known_failures.KnownFailures.show_failure": _failure("number"),
    "api.known_failures.KnownFailures.link": _failure("number"),
    "api.known_failures.KnownFailures.unlink": _failure("number"),
    "pages.failures.FailurePages.list": LISTED,
    "pages.failures.FailurePages.show": _failure("id"),
    "pages.failures.FailurePages.link": _failure("id"),
    "api.tests.JobTests.list_tests": JOB,
    "api.tests.JobTests.show_test": JOB,
    "badges.make_badges.show_svg": BELOW,
    "badges.make_badges.show_json": BELOW,
    "feeds.make_feeds.show_builds": LISTED,
    "feeds.make_feeds.show_projects": LISTED,
    "api.jobs.Jobs.list_jobs": LISTED,
    "api.jobs.Jobs.show_job": WITHIN,
    "api.jobs.Jobs.put_job": BELOW,
    "api.jobs.Jobs.patch_job": BELOW,
    "api.jobs.Jobs.remove_job": BELOW,
    "api.versions.Versions.list_versions": WITHIN,
    "api.versions.Versions.show_version": WITHIN,
    "api.versions.Versions.show_differences": WITHIN,
    "api.versions.Versions.restore_version": WITHIN,
    "api.folders.Folders.list_folders": Subject("within", "parent"),
    "api.folders.Folders.show_folder": WITHIN,
    "api.folders.Folders.put_folder": WITHIN,
    "api.folders.Folders.patch_folder": WITHIN,
    "api.folders.Folders.remove_folder": BELOW,
    "api.starts.Starts.start_build": BELOW,
    "api.search.Search.search": LISTED,
    "api.pauses.Pauses.show": LISTED,
    "api.pauses.Pauses.pause_job": BELOW,
    "api.pauses.Pauses.resume_job": BELOW,
    "api.links.Links.list_links": LISTED,
    "api.links.Links.show_link": LISTED,
    "api.links.Links.put_link": LISTED,
    "api.links.Links.remove_link": LISTED,
    "api.secrets.Secrets.list_secrets": LISTED,
    "api.secrets.Secrets.put_secret": LISTED,
    "api.secrets.Secrets.delete_secret": LISTED,
    "pages.secrets.SecretPages.show": LISTED,
    "pages.secrets.SecretPages.keep": LISTED,
    "pages.secrets.SecretPages.remove": LISTED,
    "pages.links.LinkPages.show": LISTED,
    "pages.links.LinkPages.keep": LISTED,
    "pages.links.LinkPages.remove": LISTED,
    "register.make_register_routes.list_builds": LISTED,
    "api.tokens.Sessions.list": LISTED,
    "api.tokens.Sessions.end": LISTED,
    "pages.home.HomePage.show": LISTED,
    "pages.lists.ListPages.help": FREE,
    "pages.search.SearchPage.show": LISTED,
    "pages.tv.TvPage.show": LISTED,
    "pages.jobs.JobPages.list": LISTED,
    "pages.jobs.JobPages.show": WITHIN,
    "pages.starts.StartPages.start": BELOW,
    "pages.pauses.PausePages.job": BELOW,
    "pages.commits.CommitPages.show": LISTED,
    "pages.grids.GridPages.grid": LISTED,
    "pages.grids.GridPages.branches": LISTED,
    "pages.grids.GridPages.pulls": LISTED,
    "pages.grids.GridPages.pull": LISTED,
    "pages.blame.BlamePage.show": LISTED,
    "api.grids.Grids.list_commits": LISTED,
    "api.grids.Grids.list_branches": LISTED,
    "api.grids.Grids.list_pulls": LISTED,
    "api.grids.Grids.list_pushes": LISTED,
    "api.grids.Grids.list_breakages": LISTED,
    "pages.definitions.DefinitionPages.job": WITHIN,
    "pages.definitions.DefinitionPages.folder": WITHIN,
    "pages.definitions.DefinitionPages.restore_job": WITHIN,
    "pages.definitions.DefinitionPages.restore_folder": WITHIN,
    "pages.definitions.DefinitionPages.copies": BELOW,
    "pages.downloads.DownloadPages.show": BELOW,
    "pages.trends.TrendPages.whole": LISTED,
    "pages.trends.TrendPages.job": BELOW,
    "pages.tests.CasePages.list": BELOW,
    "pages.tests.CasePages.show": BELOW,
    "pages.builds.BuildPages.show": _build("id"),
    "pages.artifacts.ArtifactPages.show": _build("id"),
    "pages.artifacts.ArtifactPages.look": _build("id"),
    "pages.build_orders.BuildOrders.rerun": _build("id"),
    "pages.build_orders.BuildOrders.cancel": _build("id"),
    "pages.build_orders.BuildOrders.approve": _build("id"),
    "pages.build_orders.BuildOrders.tell": _build("id"),
    "pages.build_orders.BuildOrders.take": _build("id"),
    "pages.build_orders.BuildOrders.drop": _build("id"),
    "pages.logs.LogPages.errors": _run("run"),
    "pages.logs.LogPages.groups": _run("run"),
    "pages.logs.LogPages.search": _run("run"),
    "pages.logs.LogPages.fragment": _run("run"),
    "pages.stream.Stream.open": Subject("stream"),
    "pages.notices.Notices.show": LISTED,
}
"""The doors that are open to tokens with folders."""


_LOADS = {"build": load_job_of_build, "run": load_job_of_run, "failure": load_job_of_failure}


class Reach:
    """Holds tokens with folders to what lies below these."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def check(self, request: HTTPConnection, asker: Asker) -> None:
        """Raises NotFoundError when what the request is about is not there for the asker."""
        subject = DOORS.get(name_of(request))
        if subject is None:
            raise NotFoundError("Not found.")
        if subject in (FREE, LISTED) or asker.folders is None:
            return
        if subject.kind == "stream":
            for kind in ("build", "run"):
                if text := request.query_params.get(kind, ""):
                    await self._check_number(kind, text, asker)
            return
        text = str(request.path_params.get(subject.name, "") or request.query_params.get(subject.name, ""))
        if subject.kind in _LOADS:
            await self._check_number(subject.kind, text, asker)
            return
        path = text.strip("/")
        itself = subject.kind == "within" and path in asker.folders
        if not itself and not lies_below(path, asker.folders):
            raise NotFoundError(f"There is no job {text!r}.")

    async def check_topics(self, folders: tuple[str, ...] | None, topics: Iterable[Topic]) -> None:
        """Raises NotFoundError for the first topic that is not there for who sees only these folders."""
        if folders is None:
            return
        asker = Asker("read", "", "token", folders=folders)
        for topic in topics:
            if topic.kind in {"build", "run"}:
                await self._check_number(topic.kind, topic.name, asker)
            elif topic.kind == "job":
                if topic.name not in folders and not asker.sees(topic.name):
                    raise NotFoundError(f"There is no job {topic.name!r}.")
            elif topic.kind not in {"builds", "facts", "jobs"}:
                raise NotFoundError(f"There is no topic {topic.text}.")

    async def _check_number(self, kind: str, text: str, asker: Asker) -> None:
        if not asker.sees(await self._find_job(kind, text)):
            raise NotFoundError(f"There is no {kind} {text[:40]}.")

    async def _find_job(self, kind: str, text: str) -> str | None:
        if not text.isascii() or not text.isdecimal() or len(text) > 19 or int(text) > MAX_NUMBER:
            return None
        number, load = int(text), _LOADS[kind]

        def find(connection: Connection) -> str | None:
            return load(connection, number)

        return await self._site.database.read(find)
