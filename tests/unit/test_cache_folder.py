"""Caches of `hubwright run`: the newest of each family, within a bound."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from hubwright.builder.cache_folder import FolderShelf


def put(shelf: FolderShelf, tmp_path: Path, digest: str, content: bytes, *, replace: bool = False) -> str:
    archive = tmp_path / "archive"
    archive.write_bytes(content)
    return asyncio.run(shelf.put("family", digest, archive, replace=replace))


def fetch(shelf: FolderShelf, tmp_path: Path, digest: str, family: str = "family") -> tuple[str | None, bytes]:
    target = tmp_path / "target"
    target.write_bytes(b"")
    return asyncio.run(shelf.fetch(family, digest, target)), target.read_bytes()


def test_the_same_comes_back_or_the_newest_like_it(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path / "shelf")
    assert fetch(shelf, tmp_path, "a") == (None, b"")
    for age, digest in enumerate("abc"):
        put(shelf, tmp_path, digest, digest.encode())
        os.utime(tmp_path / "shelf" / f"family-{digest}", (age, age))
    assert fetch(shelf, tmp_path, "z") == ("near", b"c")
    assert fetch(shelf, tmp_path, "a") == ("exact", b"a")
    assert fetch(shelf, tmp_path, "a", "other") == (None, b"")


def test_one_of_the_same_digest_stays_unless_it_is_replaced(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path / "shelf")
    for content, kept, replace in ((b"1", b"1", False), (b"2", b"1", False), (b"3", b"3", True)):
        assert put(shelf, tmp_path, "a", content, replace=replace) == ""
        assert fetch(shelf, tmp_path, "a")[1] == kept


def test_those_not_used_for_longest_go(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path / "shelf", most=10)
    for age, digest in enumerate("abc"):
        assert put(shelf, tmp_path, digest, b"1234") == ""
        os.utime(tmp_path / "shelf" / f"family-{digest}", (age, age))
    put(shelf, tmp_path, "d", b"1234")
    assert {file.name for file in (tmp_path / "shelf").iterdir()} == {"family-c", "family-d"}
    assert put(shelf, tmp_path, "e", b"x" * 11) == "not kept, it is larger than 10 bytes"
