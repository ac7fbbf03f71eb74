"""Small files in a folder that is a storage: whole or not there, beside whatever else is written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hubwright.storage.folder import delete_files, write_file


def test_folders_that_are_missing_are_made(tmp_path: Path) -> None:
    write_file(tmp_path / "jobs/app/1/build.json", b"{}")
    assert (tmp_path / "jobs/app/1/build.json").read_bytes() == b"{}"


def test_a_draft_that_a_killed_process_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """It is swept later, by its age; until then it may be somebody's who writes on."""
    (tmp_path / "log.txt#1").write_bytes(b"half")
    write_file(tmp_path / "log.txt", b"whole")
    assert (tmp_path / "log.txt").read_bytes() == b"whole"
    assert (tmp_path / "log.txt#1").read_bytes() == b"half"


def test_what_fails_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "log.txt/inside").mkdir(parents=True)
    with pytest.raises(OSError, match=r"log\.txt"):
        write_file(tmp_path / "log.txt", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").write_bytes(b"")
    with pytest.raises(OSError, match="runs"):
        write_file(tmp_path / "runs/1/log.txt", b"whole")


def test_writers_of_one_file_and_who_removes_its_folder_do_not_harm_each_other(tmp_path: Path) -> None:
    """Each content is of one writer, whole, and a folder that was empty for a moment is made again."""
    path = tmp_path / "jobs/app/1/build.json"
    contents = {bytes([letter]) * 10_000 for letter in b"abcdefgh"}

    def write(content: bytes) -> None:
        for _ in range(40):
            write_file(path, content)
            delete_files(tmp_path, ["jobs/app/1/build.json"])
        write_file(path, content)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, contents))
    assert path.read_bytes() in contents
    assert [one.name for one in path.parent.iterdir()] == ["build.json"]
