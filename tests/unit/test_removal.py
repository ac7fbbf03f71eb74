"""Whatever a build has made is deleted, and nothing that its links lead to."""

from __future__ import annotations

import os
from pathlib import Path

from hubwright.builder.disk_watch import measure
from hubwright.builder.files import choose_files, find_files
from hubwright.builder.removal import remove_tree
from hubwright.builder.source_files import SourceFiles

LEVELS = 1500


def make_deep(root: Path, *, size: int = 0) -> None:
    """More levels than Python has frames, and a path that is longer than the system takes; a file at its end."""
    place = os.open(root, os.O_RDONLY)
    for _ in range(LEVELS):
        os.mkdir("level", dir_fd=place)
        inner = os.open("level", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    with os.fdopen(os.open("file.xml", os.O_WRONLY | os.O_CREAT, dir_fd=place), "wb") as file:
        file.write(bytes(size))
    os.close(place)


def test_folders_of_any_depth_are_deleted(tmp_path: Path) -> None:
    """A workspace that stays would fill the disk, run by run."""
    root = tmp_path / "root"
    root.mkdir()
    make_deep(root)
    remove_tree(root)

    assert not root.exists()


def test_what_is_read_only_is_deleted_too(tmp_path: Path) -> None:
    """Go's module cache is made so."""
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "file").touch(0o400)
    for path in (root / "a" / "b", root / "a", root):
        path.chmod(0o000)
    remove_tree(root)

    assert not root.exists()


def test_links_are_deleted_and_not_followed(tmp_path: Path) -> None:
    """Neither those in the folder nor the folder itself, if it has become one."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "other").symlink_to(tmp_path / "kept")
    remove_tree(root)
    remove_tree(tmp_path / "other")
    remove_tree(tmp_path / "never there")

    assert not root.exists()
    assert (tmp_path / "kept" / "file").exists()


def test_what_is_deep_counts_and_is_no_file_of_ours(tmp_path: Path) -> None:
    """A build must not hide its files below paths that are too long, nor end the builder's look at the rest."""
    make_deep(tmp_path, size=3_000_000)
    (tmp_path / "near.xml").write_text("<testsuite/>")
    taken = measure(tmp_path)
    near = Path("near.xml")
    found = (find_files(tmp_path, ["*.xml"]), find_files(tmp_path, ["**/*.xml"]), choose_files(tmp_path, ["*"]).files)
    source = SourceFiles(tmp_path, "").find("near.xml")
    remove_tree(tmp_path)

    assert taken > 3_000_000
    assert (found[0], set(found[1]) <= {near}, near in found[2]) == ([near], True, True)
    assert source == "near.xml"
