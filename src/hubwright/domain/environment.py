"""The variables that every build gets, under the names that scripts of other systems already read.

Woodpecker's `CI_*` names, GitLab's and GitHub's where harmless; `GITHUB_ACTIONS` is not set on purpose, because tools
would then look for GitHub's own services. What only the builder knows (`CI_WORKSPACE`, `PATH`) it adds itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hubwright.domain.builds import Wanted

MOST = 16_384
"""Characters of a value: Linux starts no program with a longer one than 128 KiB, and a commit's message may be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the build belongs: its job, repository and addresses."""

    job: str
    repository: str
    clone_url: str
    default_branch: str | None
    number: int
    build_id: int
    build_url: str
    system_url: str
    version: str


def build_environment(place: Place, wanted: Wanted) -> dict[str, str]:
    """The variables of a build; a value that is not known is left out."""
    owner, _, name = place.repository.partition("/")
    values: dict[str, str | None] = {
        "CI": "true",
        "CONTINUOUS_INTEGRATION": "true",
        "HUBWRIGHT": "true",
        "CI_REPO": place.repository,
        "CI_REPO_OWNER": owner,
        "CI_REPO_NAME": name or owner,
        "CI_REPO_URL": place.clone_url.removesuffix(".git"),
        "CI_REPO_CLONE_URL": place.clone_url,
        "CI_REPO_DEFAULT_BRANCH": place.default_branch,
        "CI_COMMIT_SHA": wanted.sha,
        "CI_COMMIT_SHORT_SHA": wanted.sha[:7],
        "CI_COMMIT_REF": wanted.ref,
        "CI_COMMIT_REF_NAME": wanted.tag or wanted.branch,
        "CI_COMMIT_BRANCH": wanted.target_branch or wanted.branch,
        "CI_COMMIT_TAG": wanted.tag,
        "CI_COMMIT_MESSAGE": wanted.message,
        "CI_COMMIT_AUTHOR": wanted.author_login or wanted.author_name,
        "CI_PREV_COMMIT_SHA": wanted.before,
        "CI_PIPELINE_NUMBER": str(place.number),
        "CI_PIPELINE_ID": str(place.build_id),
        "CI_PIPELINE_EVENT": wanted.event,
        "CI_PIPELINE_URL": place.build_url,
        "CI_JOB_NAME": place.job,
        "CI_SYSTEM_NAME": "hubwright",
        "CI_SYSTEM_URL": place.system_url,
        "CI_SYSTEM_VERSION": place.version,
        "CI_FORGE_TYPE": "github",
        "CI_FORGE_URL": "https://github.com",
        "SOURCE_DATE_EPOCH": _epoch(wanted.timestamp),
        "GITHUB_SHA": wanted.sha,
        "GITHUB_REF": wanted.ref,
        "GITHUB_REF_NAME": wanted.tag or wanted.branch,
        "GITHUB_REPOSITORY": place.repository,
        "GITHUB_EVENT_NAME": "push" if wanted.event == "tag" else wanted.event,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": str(place.build_id),
        "GITHUB_RUN_NUMBER": str(place.number),
        **_pull_request(wanted),
    }
    return {key: value.replace("\0", "")[:MOST] for key, value in values.items() if value is not None}


def _pull_request(wanted: Wanted) -> dict[str, str | None]:
    if wanted.pull_request is None:
        return {}
    return {
        "CI_COMMIT_PULL_REQUEST": str(wanted.pull_request),
        "CI_COMMIT_SOURCE_BRANCH": wanted.branch,
        "CI_COMMIT_TARGET_BRANCH": wanted.target_branch,
        "GITHUB_HEAD_REF": wanted.branch,
        "GITHUB_BASE_REF": wanted.target_branch,
    }


def _epoch(timestamp: str | None) -> str | None:
    """The commit's time in Unix seconds (https://reproducible-builds.org/specs/source-date-epoch/)."""
    if timestamp is None:
        return None
    try:
        return str(int(datetime.fromisoformat(timestamp).timestamp()))
    except ValueError:
        return None
