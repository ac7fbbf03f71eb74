"""Packed folders: what comes back is what was packed; nothing in an archive is written outside."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from hubwright.builder import archives
from hubwright.builder.archives import ArchiveError, pack, unpack


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run's folder with an empty tree and home."""
    return make_root(tmp_path / "run")


def make_root(root: Path) -> Path:
    for name in ("tree", "home"):
        (root / name).mkdir(parents=True)
    return root


def archive(folder: Path, *entries: tuple[str, bytes, str] | tarfile.TarInfo) -> Path:
    """An archive as an attacker would write it: (name, type, content or target)."""
    file = folder / "made.tar.zst"
    with zstd.open(file, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry, io.BytesIO(b"x" * entry.size))
                continue
            name, kind, said = entry
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(said)
                tar.addfile(info, io.BytesIO(said.encode()))
            else:
                info.linkname = said
                tar.addfile(info)
    return file


def below(folder: Path) -> dict[str, str]:
    """What lies there: the text of files, `-> target` of links."""
    return {
        path.relative_to(folder).as_posix(): f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def bring(root: Path, file: Path) -> int:
    return unpack(file, root, root / "scratch")


def test_what_was_packed_comes_back(root: Path, tmp_path: Path) -> None:
    (root / "tree/node/bin").mkdir(parents=True)
    (root / "tree/node/empty").mkdir()
    (root / "tree/node/tool.js").write_text("tool")
    (root / "tree/node/tool.js").chmod(0o755)
    (root / "tree/node/bin/tool").symlink_to("../tool.js")
    (root / "home/.npm").mkdir()
    (root / "home/.npm/x").write_text("kept")
    names = ["tree/node", "tree/node/bin", "tree/node/empty", "tree/node/tool.js", "tree/node/bin/tool", "home/.npm/x"]
    assert pack(tmp_path / "a", root, names) == 6

    other = make_root(tmp_path / "other")
    assert bring(other, tmp_path / "a") == 6
    assert below(other) == below(root)
    assert os.access(other / "tree/node/tool.js", os.X_OK)
    assert (other / "tree/node/empty").is_dir()
    assert not (other / "scratch").exists()


def test_what_leads_outside_is_not_packed(root: Path, tmp_path: Path) -> None:
    """S17, S27: the next run must not get what this one could only reach through a link."""
    (tmp_path / "secret").write_text("secret")
    (root / "tree/absolute").symlink_to(tmp_path / "secret")
    (root / "tree/up").symlink_to("../../secret")
    (root / "tree/out").symlink_to(tmp_path)
    os.mkfifo(root / "tree/pipe")
    (root / "tree/.git").mkdir()
    (root / "tree/.git/config").write_text("token")
    (root / "tree/good").write_text("good")
    names = [f"tree/{name}" for name in ("absolute", "up", "out", "out/secret", "pipe", ".git", ".git/config", "good")]
    assert pack(tmp_path / "a", root, names) == 1
    other = make_root(tmp_path / "other")
    bring(other, tmp_path / "a")
    assert below(other) == {"tree/good": "good"}


FILE, LINK, HARD = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.mark.parametrize(
    "entries",
    [
        [("../evil", FILE, "x")], [("/tmp/evil", FILE, "x")], [("tree/../../evil", FILE, "x")], [("tree", FILE, "x")],
        [("other/evil", FILE, "x")], [("tree//evil", FILE, "x")], [("tree/./evil", FILE, "x")],
        [("tree/.git/hooks/post-checkout", FILE, "x")], [("tree/.GIT/config", FILE, "x")],
        [("tree/a", LINK, "/etc/passwd")], [("tree/a", LINK, "../../evil")], [("tree/a", HARD, "tree/b")],
        [("tree/b", FILE, "x"), ("tree/a", HARD, "tree/b")], [("tree/a", tarfile.FIFOTYPE, "")],
        [("tree/a", tarfile.CHRTYPE, "")], [("tree/a", tarfile.BLKTYPE, "")],
        [("tree/a", FILE, "x"), ("tree/a", FILE, "y")],
    ],
)  # fmt: skip
def test_an_archive_with_anything_else_is_refused_whole(
    root: Path, tmp_path: Path, entries: list[tuple[str, bytes, str]]
) -> None:
    """S27: zip-slip, absolute names, links out, hard links, devices, doubled entries, git's own folder."""
    file = archive(tmp_path, ("tree/before", FILE, "x"), *entries)
    with pytest.raises(ArchiveError):
        bring(root, file)
    assert below(root) == {}
    assert not (tmp_path / "evil").exists()


def test_nothing_is_written_through_a_link_of_the_archive(root: Path, tmp_path: Path) -> None:
    """Links are made last: a file below a link's name makes a folder, and then there is no place for the link."""
    file = archive(tmp_path, ("tree/a", LINK, "b"), ("tree/a/evil", FILE, "x"))
    with pytest.raises((ArchiveError, OSError)):
        bring(root, file)
    assert below(root) == {}


def test_nothing_is_written_through_a_link_of_the_checkout(root: Path, tmp_path: Path) -> None:
    """The repository may have a link where the cache has a folder."""
    (tmp_path / "elsewhere").mkdir()
    (root / "tree/node").symlink_to(tmp_path / "elsewhere")
    bring(root, archive(tmp_path, ("tree/node/evil", FILE, "x"), ("tree/good", FILE, "y")))
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert below(root) == {"tree/node": f"-> {tmp_path / 'elsewhere'}", "tree/good": "y"}


def test_the_checkout_wins(root: Path, tmp_path: Path) -> None:
    (root / "tree/lib").mkdir()
    (root / "tree/lib/a").write_text("checked out")
    bring(root, archive(tmp_path, ("tree/lib/a", FILE, "cached"), ("tree/lib/b", FILE, "cached")))
    assert below(root) == {"tree/lib/a": "checked out", "tree/lib/b": "cached"}


def test_bombs_are_refused(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S27: what unpacks to very much more than it is, and what has too many entries."""
    monkeypatch.setattr(archives, "FREE", 1000)
    bomb = tarfile.TarInfo("tree/bomb")
    bomb.size = 50_000_000
    with pytest.raises(ArchiveError, match="too large"):
        bring(root, archive(tmp_path, bomb))
    monkeypatch.setattr(archives, "MAX_ENTRIES", 10)
    with pytest.raises(ArchiveError, match="too many"):
        bring(root, archive(tmp_path, *((f"tree/{number}", FILE, "") for number in range(11))))
    assert below(root) == {}


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda _: b"nonsense", lambda data: data[:30] + b"\0\0\0" + data[33:]]
)
def test_damage_is_told(root: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    file = archive(tmp_path, ("tree/a", FILE, "x" * 1000), ("tree/b", FILE, "y" * 1000))
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises((ArchiveError, OSError)):
        bring(root, file)
    assert below(root) == {}
