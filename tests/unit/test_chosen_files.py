"""Which files a run keeps: real ones of its own, with a sentence for each that is refused."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hubwright.builder import files
from hubwright.builder.files import choose_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "d").mkdir(parents=True)
    (folder / "d/good.txt").write_text("good")
    (tmp_path / "outside").write_text("outside")
    return folder


def chosen(tree: Path, *globs: str) -> tuple[list[str], list[str]]:
    found = choose_files(tree, globs)
    return [path.as_posix() for path in found.files], found.refused


def test_what_is_no_file_is_refused(tree: Path, tmp_path: Path) -> None:
    """S27: links, pipes, sockets, devices; a build of another user may make them all."""
    (tree / "d/link").symlink_to(tmp_path / "outside")
    (tree / "d/folder").symlink_to(tmp_path)
    os.mkfifo(tree / "d/pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(tree / "d/sock"))  # the path of a socket is short
        names, refused = chosen(tree, "d/**")
    assert names == ["d/good.txt"]
    assert sorted(refused) == [
        "d/folder is not kept: it is a link.", "d/link is not kept: it is a link.",
        "d/pipe is not kept: it is a pipe.", "d/sock is not kept: it is a socket.",
    ]  # fmt: skip


def test_nothing_is_reached_through_a_link(tree: Path, tmp_path: Path) -> None:
    (tree / "d/up").symlink_to(tmp_path)
    names, refused = chosen(tree, "d/up/outside", "d/up/*")
    assert names == []
    assert all("through a link" in sentence or "matches" in sentence or "a link" in sentence for sentence in refused)


def test_hard_links_inside_are_files_those_to_the_outside_are_not(tree: Path, tmp_path: Path) -> None:
    """S27: cargo makes such links all the time; another user's file must not be kept through one."""
    os.link(tree / "d/good.txt", tree / "d/again.txt")
    os.link(tmp_path / "outside", tree / "d/stolen.txt")
    names, refused = chosen(tree, "d/*.txt")
    assert names == ["d/again.txt", "d/good.txt"]
    assert refused == ["d/stolen.txt is not kept: it is a hard link to a file outside of the workspace."]


@pytest.mark.parametrize(
    ("path", "content"),
    [(".git/config", ""), ("d/.git/HEAD", ""), ("sub/.GIT/x", ""), (".git-credentials", ""), (".netrc", ""),
     ("mirror/config", "[remote]\n url = https://me:token@github.com/o/n.git\n"),
     ("mirror/config", "[http]\n extraheader = AUTHORIZATION: basic abc\n")],
)  # fmt: skip
def test_credentials_of_git_are_not_kept(tree: Path, path: str, content: str) -> None:
    """S21: the leak of actions/checkout's token in uploaded artifacts."""
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(content)
    names, refused = chosen(tree, path)
    assert names == []
    assert "credentials" in refused[0]


def test_a_configuration_without_credentials_is_a_file(tree: Path) -> None:
    (tree / "config").write_text("[remote]\n url = https://github.com/o/n.git\n")
    assert chosen(tree, "config") == (["config"], [])


def test_names_that_are_one_file_elsewhere(tree: Path) -> None:
    """S27: the second is refused."""
    for name in ("A.txt", "a.txt"):
        (tree / name).write_text(name)
    names, refused = chosen(tree, "*.txt")
    assert len(names) == 1
    assert "but for its letters' case or form" in refused[0]


@pytest.mark.parametrize("name", ["a\nb", "b\u202egnp.exe", "nul", "back\\slash", "c:d", "trailing."])
def test_odd_names_are_refused(tree: Path, name: str) -> None:
    (tree / "odd").mkdir()
    (tree / "odd" / name).write_text("x")
    assert chosen(tree, "odd/*")[0] == []


def test_many_files_are_bounded(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S27: a hundred thousand entries cost neither time nor log."""
    monkeypatch.setattr(files, "MAX_FILES", 50)
    for number in range(120):
        (tree / "d" / f"{number:03}").write_text("x")
        (tree / "d" / f"link{number}").symlink_to("x")
    names, refused = chosen(tree, "d/[0-9]*")
    assert len(names) == 50
    assert refused[-1].startswith("There are more than 50 files")
    assert len(chosen(tree, "d/link*")[1]) <= files.MAX_TOLD + 1


def test_a_glob_that_finds_nothing_is_told(tree: Path) -> None:
    """A slip in a recipe would else go unseen."""
    assert chosen(tree, "dist/*", "../up", "/etc/*")[1] == [
        "No file matches dist/*.", "No file matches ../up.", "No file matches /etc/*.",
    ]  # fmt: skip
