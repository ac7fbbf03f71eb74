"""Files that hold a secret are found, plain and packed, within bounds (S17, S21, S27)."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hubwright.builder import leaks, packed
from hubwright.builder.leaks import holds_secret
from hubwright.builder.masking import Masking

SECRET = "correct-horse-battery"
TEXT = b"x" * 3000 + SECRET.encode() + b"\n"


def zipped(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a/readme", b"nothing" * 100)
        archive.writestr("a/config", data)
    return out.getvalue()


def tarred(data: bytes, mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in (("readme", b"nothing" * 100), ("config", data)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "zip": zipped,
    "stored zip": lambda data: zipped(data, zipfile.ZIP_STORED),
    "bzip2 zip": lambda data: zipped(data, zipfile.ZIP_BZIP2),
    "zip after a script": lambda data: b"#!/usr/bin/env python3\n" + zipped(data),
    "tar": lambda data: tarred(data, "w:"),
    "tar.gz": lambda data: tarred(data, "w:gz"),
    "tar.bz2": lambda data: tarred(data, "w:bz2"),
    "tar.xz": lambda data: tarred(data, "w:xz"),
    "gz": gzip.compress,
    "two gz": lambda data: gzip.compress(b"nothing") + gzip.compress(data),
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


def looks_bad(folder: Path, content: bytes) -> bool:
    file = folder / "file"
    file.write_bytes(content)
    with file.open("rb") as written:
        return holds_secret(written, Masking([SECRET]).hides)


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_secret_is_found_however_it_is_packed(tmp_path: Path, packing: str) -> None:
    """And what holds none is kept."""
    pack = PACKINGS[packing]
    assert looks_bad(tmp_path, pack(TEXT))
    assert not looks_bad(tmp_path, pack(TEXT.replace(SECRET.encode(), b"incorrect")))


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_damaged_archive_is_only_a_file(tmp_path: Path, packing: str) -> None:
    """Cut short or with bytes changed, it raises nothing."""
    whole = bytearray(PACKINGS[packing](TEXT.replace(SECRET.encode(), b"incorrect")))
    assert not looks_bad(tmp_path, bytes(whole[: len(whole) // 2]))
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        whole[place] ^= 0xFF
        assert not looks_bad(tmp_path, bytes(whole))


@pytest.mark.parametrize("packing", ["zip", "gz", "xz", "bz2"])
def test_a_bomb_is_looked_through_to_the_bound_only(
    tmp_path: Path, packing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S27: what expands to more than the bound is not expanded further."""
    monkeypatch.setattr(leaks, "EXPANDED", 3 * 1024 * 1024)
    seen: list[int] = []

    def hides(data: bytes) -> bool:
        seen.append(len(data))
        return False

    file = tmp_path / "file"
    file.write_bytes(PACKINGS[packing](bytes(30 * 1024 * 1024)))
    with file.open("rb") as content:
        assert not holds_secret(content, hides)
    assert sum(seen) < 5 * 1024 * 1024
    assert max(seen) < 2 * 1024 * 1024


def test_a_zip_with_a_huge_directory_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its directory would be held in memory."""
    monkeypatch.setattr(packed, "DIRECTORY", 50)
    assert not looks_bad(tmp_path, zipped(TEXT))
