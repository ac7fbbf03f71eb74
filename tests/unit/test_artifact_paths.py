"""Names of files: nothing that any system would take for something else is kept."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.artifacts import folded, matches, path_problem, staging_key


@pytest.mark.parametrize(
    "path",
    ["", "/a", "\\a", "a\\b", "C:/a", "c:a", "\\\\host\\share", "..", "a/../b", "./a", "a//b", "a/", "a\nb", "a\x00b",
     "a\u202eb", "a\u200bb", "\ud800", "nul", "NUL.txt", "a/com1", "COM1 .log", "a.", "a ", "a. /b", "file:stream",
     ".git/config", "a/.GIT/hooks/x", ".git", "GIT~1/config", ".git. /x", "b/.git-credentials", ".netrc", "x" * 1001,
     "é" * 200],
)  # fmt: skip
def test_refused_names(path: str) -> None:
    """S21, S27: zip-slip, drives, UNC, devices, streams, hidden characters, git's own folder."""
    assert path_problem(path)


@pytest.mark.parametrize(
    "path",
    ["a", "dist/näme (1).zip", ".hidden/x", "a..b", "...a", "console.log", ".gitignore", "日本/語", "a b", "-rf"],
)
def test_good_names(path: str) -> None:
    assert path_problem(path) is None


@given(st.text(max_size=40))
def test_a_good_name_stays_below_its_folder(path: str) -> None:
    """Whatever is not refused leads nowhere else."""
    if path_problem(path) is None:
        parts = PurePosixPath("/root", path).parts
        assert parts[:2] == ("/", "root")
        assert ".." not in parts
        assert "/".join(parts[2:]) == path


def test_names_that_are_one_file_elsewhere_fold_to_one() -> None:
    assert folded("Straße/É") == folded("STRASSE/E\u0301")
    assert folded("a") != folded("b")


@pytest.mark.parametrize(
    ("glob", "holds"), [(None, True), (".zip", True), ("dist/*.zip", True), ("app.zip", True), ("*.tar", False)]
)
def test_globs_name_files(glob: str | None, holds: bool) -> None:
    assert matches("dist/app.zip", glob) is holds


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 9), st.text(), st.text()), min_size=2, unique=True))
def test_uploads_never_share_a_place(uploads: list[tuple[int, int, str, str]]) -> None:
    """S29: the parts can't run into each other."""
    keys = {staging_key(run, lease, path, digest) for run, lease, path, digest in uploads if "\0" not in digest}
    assert len(keys) == sum("\0" not in digest for *_, digest in uploads)
