"""Where files of builds lie: every key leads back to what it is of, and no name is in another's way."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.artifacts import path_problem
from hubwright.domain.build_files import DOCUMENT, LOG, Place, build_folder, name_files, read_place, run_folder

JOBS = st.lists(st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,6}(?:~[0-9]+)?", fullmatch=True), min_size=1, max_size=4)
PATHS = st.text("ab.#/ü~ %", min_size=1, max_size=8).filter(lambda path: path_problem(path) is None)


@given(JOBS, st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_key_leads_back(names: list[str], number: int, run: int) -> None:
    """Also where folders and jobs are called as numbers are, or as our own files are."""
    job = "/".join(names)
    folder = build_folder(job, number)
    assert read_place(f"{folder}/{DOCUMENT}") == Place(folder, job, number, None, None)
    assert read_place(f"{run_folder(folder, run)}/{LOG}") == Place(folder, job, number, run, LOG)


@given(st.sets(PATHS, max_size=12))
def test_files_have_names_that_every_store_keeps_apart(paths: set[str]) -> None:
    """Whatever a build has called them: plain letters, all different, and none the folder of another."""
    names = name_files(paths)
    assert set(names) == paths
    assert len(set(names.values())) == len(paths)
    for name in names.values():
        assert re.fullmatch(r"[A-Za-z0-9_+@=,./~-]+", name)
        assert path_problem(name) is None
        assert not any(other.startswith(f"{name}/") for other in names.values())


def test_foreign_keys_are_nobodys() -> None:
    for key in ("jobs/app/build.json", "jobs/1/build.json", "artifacts/1/x", "jobs/app/1/other", "jobs/app/1/runs/x/y"):
        assert read_place(key) is None, key
