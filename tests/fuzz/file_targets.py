"""Files that runs leave or bring: packed caches, archives that are looked into, reports of tests."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

import msgspec

from fuzz.choices import Choices
from fuzz.finding import expect
from hubwright.builder.archives import ArchiveError, list_names, pack, unpack, zstd
from hubwright.builder.harvest import UnreadableReportError, count_cases, merge_attempts, read_report
from hubwright.builder.leaks import holds_secret
from hubwright.builder.report_cases import MAX_MESSAGE
from hubwright.domain.archive import Archive
from hubwright.wire import Case

NAMES = (
    "tree/a", "tree/b/c", "tree/b", "home/.cache/x", "tree", "home", "", ".", "..", "../out", "tree/../../out",
    "/tmp/out",
    "tree//a", "tree/./a", "tree/.git/config", "tree/.GIT/hooks/x", "tree/a\\..\\b", "tree/CON", "tree/a.", "tree/é",
    "tree/" + "n" * 300, "tree/" + "d/" * 100 + "x", "home/link/x", "tree/link/x", "tree/link", "home/link",
    "etc/passwd",
)  # fmt: skip
TARGETS = ("a", "b/c", "..", "../home", "../..", "/", "/etc/passwd", "../../out", "", ".", "link", "tree/a", "x\0y")
KINDS = (
    tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE,
    tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE, tarfile.AREGTYPE, b"Z",
)  # fmt: skip
OUTSIDE = b"must not change"
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def unpack_cache(data: bytes) -> bool:
    """A tar, in zstd, as a cache of a run: nothing outside of its folder changes, it makes but files and links."""
    choices = Choices(data)
    tar = choices.rest() if choices.number(2) else _make_tar(choices)
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        place = Path(folder)
        root = place / "run"
        for name in ("tree", "home"):
            (root / name).mkdir(parents=True)
        (place / "out").write_bytes(OUTSIDE)
        (root / "home" / "link").symlink_to(place)
        archive = place / "archive"
        archive.write_bytes(zstd.compress(tar, 1))
        try:
            unpack(archive, root, place / "scratch")
        except (ArchiveError, OSError):
            return False
        finally:
            expect(sorted(path.name for path in place.iterdir()) == ["archive", "out", "run"], "a file outside")
            expect((place / "out").read_bytes() == OUTSIDE, "a file outside was changed")
        _check_tree(root)
        names = [one for base in ("tree", "home") for one in list_names(root, base, (root / base).rglob("*"))]
        pack(place / "again", root, names)
    return True


def look_into_file(data: bytes) -> bool:
    """A file that a run keeps: whatever it is, looking for a secret in it ends, and finds one that is plain in it."""
    choices = Choices(data)
    content = _make_zip(choices) if choices.number(2) else choices.rest()
    found = holds_secret(io.BytesIO(content), lambda piece: b"hunter2" in piece)
    expect(found or b"hunter2" not in content, "a plain secret was overlooked")
    return found


def write_archive(data: bytes) -> bool:
    """Names and contents as a zip or tar that others read: what was put in comes out."""
    choices = Choices(data)
    files: dict[str, bytes] = {}
    while choices.left and len(files) < 20:
        size = choices.number(30)
        name = choices.take(size).decode("utf-8", "replace").replace("\0", "") or f"f{len(files)}"
        files[name] = choices.take(choices.number(200))
    archive = Archive()
    out = b"".join(archive.begin(name, len(content), 1e9) + archive.add(content) for name, content in files.items())
    with zipfile.ZipFile(io.BytesIO(out + archive.finish())) as read:
        expect(read.testzip() is None, "a damaged zip")
        expect([read.read(one) for one in read.infolist()] == list(files.values()), "another content")
    return bool(files)


def read_test_report(data: bytes) -> bool:
    """A report of any dialect: cases within bounds, or a reason why it is none."""
    try:
        cases = read_report(data, "report.xml", 500)
    except UnreadableReportError as error:
        expect(bool(str(error)), "unreadable without a reason")
        return False
    expect(len(cases) <= 500, "more cases than wanted")
    for case in cases:
        expect(case.result in {"passed", "failed", "error", "skipped"}, f"a result {case.result}")
        expect(len(case.message) <= MAX_MESSAGE + 100, "a message out of bounds")
        texts = (case.suite, case.classname, case.name, case.message, case.file or "")
        expect(all("\0" not in text for text in texts), "a NUL in a text")
    expect(msgspec.json.decode(msgspec.json.encode(cases), type=list[Case]) == cases, "cases do not pass the wire")
    expect(count_cases(merge_attempts([cases, cases])).total == len(cases), "two attempts have other cases than one")
    return bool(cases)


def _make_tar(choices: Choices) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=choices.one((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))) as tar:
        while choices.left:
            entry = tarfile.TarInfo(choices.one(NAMES))
            entry.type = choices.one(KINDS)
            entry.linkname = choices.one(TARGETS)
            entry.mode = choices.number(0o10000)
            entry.mtime = choices.one((0, -1, 1e9, 2**33, 2**40))
            content = choices.take(choices.number(64)) if entry.isreg() else b""
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _make_zip(choices: Choices) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", choices.one((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for number in range(choices.number(4)):
            archive.writestr(f"f{number}", choices.take(choices.number(64)))
    content = bytearray(out.getvalue())
    while choices.left and content:
        content[choices.number(len(content))] = choices.number(256)
    return bytes(content)


def _check_tree(root: Path) -> None:
    for path in root.rglob("*"):
        inside = path.relative_to(root)
        if path.is_symlink():
            target = os.path.normpath(inside.parent / path.readlink())
            known = inside == Path("home/link")
            expect(known or target.split("/")[0] in {"tree", "home"}, f"a link out: {inside} -> {path.readlink()}")
        else:
            expect(path.is_file() or path.is_dir(), f"no file and no folder: {inside}")
        expect(len(inside.parts) < 2 or inside.parts[:2] != ("tree", ".git"), "git's own folder")
