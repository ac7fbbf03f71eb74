"""Where the files of builds lie in the storage: by folder, job and number, as people look for them.

    jobs/team/app/12/build.json
    jobs/team/app/12/runs/31/log.txt, tests.json, artifacts/dist/app.tar.gz

The first name of digits only is a build's number: a folder or job that is called so has a `~` behind it here, which no
name has. What a build has chosen for a file is written as it is only if every system takes it for a plain name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

ROOT = "jobs"
"""The folder of the storage."""

DOCUMENT, LOG, TESTS = "build.json", "log.txt", "tests.json"

_PLACE = re.compile(rf"({ROOT}/(.+?)/([0-9]+))/(?:{re.escape(DOCUMENT)}|runs/([0-9]+)/(.+))\Z", re.DOTALL)
_UNSAFE = re.compile(r"[^A-Za-z0-9_+@=,./-]")
_LONG = 150  # characters of a name that got a digest
_DIGEST = 16


class Place(NamedTuple):
    """What a key says of itself: the build's folder, job and number; of a run's file the run and what it is."""

    folder: str
    job: str
    number: int
    run: int | None
    file: str | None


def build_folder(job: str, number: int) -> str:
    """The folder of a build, without a slash behind it."""
    names = (f"{name}~" if name.isdigit() else name for name in job.split("/"))
    return f"{ROOT}/{'/'.join(names)}/{number}"


def run_folder(folder: str, run: int) -> str:
    """The folder of a run in that of its build."""
    return f"{folder}/runs/{run}"


def name_files(paths: Iterable[str]) -> dict[str, str]:
    """What the files of a run are called, below `artifacts/`; no two alike, and none is in the way of another."""
    wanted = list(paths)
    folders = {path[:at] for path in wanted for at, letter in enumerate(path) if letter == "/"}
    return {path: _name_file(path, is_folder=path in folders) for path in wanted}


def read_place(key: str) -> Place | None:
    """Whose file a key is; None for one that no build has."""
    match = _PLACE.match(key)
    if match is None:
        return None
    job = "/".join(re.sub(r"\A([0-9]+)~\Z", r"\1", name) for name in match[2].split("/"))
    return Place(match[1], job, int(match[3]), int(match[4]) if match[4] else None, match[5])


def _name_file(path: str, *, is_folder: bool) -> str:
    if not is_folder and not _UNSAFE.search(path) and not path.startswith("/"):
        return path
    folder, _, name = _UNSAFE.sub("_", path).rpartition("/")
    parts = [*(part[:_LONG] for part in folder.split("/") if part), name[:_LONG]]
    return f"{'/'.join(parts)}~{sha256(path.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGEST]}"
