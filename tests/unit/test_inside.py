"""What a builder opens in a workspace is in the workspace, whatever a build has made of its folders (S27, S42)."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest

from hubwright.builder.archives import pack
from hubwright.builder.files import choose_files, find_files
from hubwright.builder.inside import make_inside, open_inside, settle
from hubwright.builder.report_files import ReportFiles
from hubwright.builder.source_files import SourceFiles
from hubwright.errors import ExecutorError
from hubwright.wire import ReportLimits

REPORT = b"<testsuite name='s'><testcase name='stolen'/></testsuite>"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "tree"
    (folder / "d").mkdir(parents=True)
    (folder / "d/report.xml").write_bytes(REPORT)
    outside = tmp_path / "outside"
    (outside / "d").mkdir(parents=True)
    (outside / "d/report.xml").write_bytes(REPORT)
    return folder


def replace_by_link(path: Path, target: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(target)


@pytest.mark.parametrize("part", ["", "d", "d/report.xml"])
def test_no_part_of_a_path_is_followed_when_it_is_a_link(tree: Path, tmp_path: Path, part: str) -> None:
    """Also the folder itself: a build owns what is around it, and a background process swaps it at any moment."""
    replace_by_link(tree / part, tmp_path / "outside" / part)

    with pytest.raises(OSError, match=r"symbolic link|Not a directory"):
        open_inside(tree, PurePath("d/report.xml"))


def test_what_is_no_file_is_not_waited_for(tree: Path) -> None:
    """A pipe without a writer would hold the builder for ever."""
    os.mkfifo(tree / "pipe")

    with pytest.raises(OSError, match="no file"):
        open_inside(tree, PurePath("pipe"))


def test_parents_of_the_folder_may_be_links(tree: Path, tmp_path: Path) -> None:
    """They are the operator's, who may have put the builder's folder wherever there was room."""
    (tmp_path / "link").symlink_to(tree.parent)

    with open_inside(settle(tmp_path / "link" / "tree"), PurePath("d/report.xml")) as content:
        assert content.read() == REPORT


def test_a_tree_that_became_a_link_has_no_files(tree: Path, tmp_path: Path) -> None:
    """Neither reports, nor artifacts, nor sources: `ln -s /etc tree` must not give what only the builder may read."""
    replace_by_link(tree, tmp_path / "outside")
    reports = ReportFiles(tree, ("d/*.xml",), "", ReportLimits()).finish()

    assert find_files(tree, ["d/*.xml"]) == []
    assert choose_files(tree, ["d/*.xml"]).files == []
    assert (reports.totals, reports.cases) == (None, [])
    assert SourceFiles(tree, "").find("d/report.xml") is None


def test_a_report_that_is_swapped_while_it_is_looked_for_is_not_read(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment between finding and reading is a background process's chance."""
    reports = ReportFiles(tree, ("d/*.xml",), "", ReportLimits())
    found = find_files(tree, ["d/*.xml"])
    monkeypatch.setattr("hubwright.builder.report_files.find_files", lambda *_: found)
    replace_by_link(tree / "d", tmp_path / "outside/d")
    harvest = reports.finish()

    assert harvest.cases == []
    assert len(harvest.warnings) == 1


def test_nothing_is_written_through_what_a_build_has_left(tree: Path, tmp_path: Path) -> None:
    """A link at the name of the archive, and the builder would write where only it may."""
    target, canary = tree.parent / "cache", tmp_path / "canary"
    target.symlink_to(canary)

    with pytest.raises(ExecutorError, match="not ours"):
        pack(target, tree.parent, ["tree/d/report.xml"])
    with pytest.raises(ExecutorError, match="not ours"):
        make_inside(target)
    assert not canary.exists()
