"""Folders packed for the next run and unpacked again: tar in zstd, with bounds, and nothing that leads outside.

Names begin with `tree/` or `home/`. Only files, folders and links that stay inside are packed; an archive with
anything else is refused as a whole. It is unpacked into an empty folder, links last, so that no name in it can be
written through a link; then what the workspace does not have is moved there, never through a link of the checkout.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import IO

from hubwright.builder.inside import make_inside, open_inside
from hubwright.errors import ExecutorError
from hubwright.git.locks import CLOSED_IN_CHILDREN, NO_LINK

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_ENTRIES = 500_000
"""Files, folders and links in one archive."""

MAX_BYTES = 16 * 1024**3
"""Bytes of an unpacked archive."""

MAX_RATIO = 200
"""How much larger than the archive its content may be, beyond what FREE allows; more is a bomb."""

FREE = 64 * 1024 * 1024

_MAX_NAME = 4096
_COPY = 1024 * 1024
_ROOTS = ("tree", "home")


class ArchiveError(ExecutorError):
    """An archive can't be used; the message says what is wrong with it."""


def pack(target: Path, root: Path, names: Iterable[str]) -> int:
    """Pack these names below `root` (`tree/…`, `home/…`); how many there were. Raises ArchiveError, OSError.

    `target` is a new file: builds may have been here, and what they left at its name is not written through.
    """
    count = size = 0
    with (
        make_inside(target) as file,
        zstd.open(file, "wb") as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(set(names)):
            entry = _describe(root, name)
            if entry is None:
                continue
            count, size = count + 1, size + entry.size
            if count > MAX_ENTRIES or size > MAX_BYTES:
                raise ArchiveError(f"more than {MAX_ENTRIES} files or {MAX_BYTES} bytes are too many")
            if entry.isreg():
                with open_inside(root, PurePath(name)) as content:
                    entry.size = os.fstat(content.fileno()).st_size
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)
    return count


def unpack(archive: Path, root: Path, scratch: Path) -> int:
    """Bring back what the archive holds and `root` does not have; how many entries. Raises ArchiveError, OSError.

    `scratch` is a folder on the same disk, made for this and gone afterwards.
    """
    most = min(MAX_BYTES, FREE + MAX_RATIO * archive.stat().st_size)
    scratch.mkdir(mode=0o700)
    try:
        with zstd.open(archive, "rb") as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            count = _fill(scratch, tar, most)
        for name in _ROOTS:
            if (scratch / name).is_dir():
                _move(scratch / name, root / name)
        return count
    except (tarfile.TarError, zstd.ZstdError, EOFError, ValueError, UnicodeError) as error:
        raise ArchiveError(f"the archive is damaged ({type(error).__name__})") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _describe(root: Path, name: str) -> tarfile.TarInfo | None:
    """The entry of a file, folder or link; None for what is not packed."""
    path = root / name
    if path.parent.resolve() != path.parent.absolute() or _refused_name(name):
        return None
    status = path.lstat()
    entry = tarfile.TarInfo(name)
    entry.mode = status.st_mode & 0o777
    entry.mtime = int(status.st_mtime)
    if path.is_symlink():
        entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
        return None if _leads_out(name, entry.linkname) else entry
    if path.is_dir():
        entry.type = tarfile.DIRTYPE
        return entry
    if path.is_file():
        entry.size = status.st_size
        return entry
    return None


def _fill(scratch: Path, tar: tarfile.TarFile, most: int) -> int:
    links: list[tuple[Path, str]] = []
    seen: set[str] = set()
    left = most
    for entry in tar:
        name = entry.name
        if len(seen) >= MAX_ENTRIES or name in seen or _refused_name(name):
            raise ArchiveError(f"the archive has too many entries, or one of a wrong name: {name[:100]!r}")
        seen.add(name)
        path = scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        left -= max(entry.size, 0)
        if left < 0:
            raise ArchiveError("the archive's content is too large for it")
        if entry.isdir():
            path.mkdir(exist_ok=True)
        elif entry.issym() and not _leads_out(name, entry.linkname):
            links.append((path, entry.linkname))
        elif entry.isreg() and not entry.issparse():
            _write(path, tar.extractfile(entry), entry)
        else:
            raise ArchiveError(f"the archive holds what is no file, folder or inner link: {name[:100]!r}")
    for path, target in links:
        path.symlink_to(target)
    return len(seen)


def _write(path: Path, content: IO[bytes] | None, entry: tarfile.TarInfo) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK | CLOSED_IN_CHILDREN
    with os.fdopen(os.open(path, flags, (entry.mode & 0o777) | 0o600), "wb") as file:
        if content is not None:
            shutil.copyfileobj(content, file, _COPY)
    os.utime(path, (max(entry.mtime, 0), max(entry.mtime, 0)))


def _move(source: Path, target: Path) -> None:
    """Everything that the target lacks; a folder that is a link there is left alone."""
    for entry in os.scandir(source):
        place = target / entry.name
        if not os.path.lexists(place):
            Path(entry.path).rename(place)
        elif entry.is_dir(follow_symlinks=False) and place.is_dir() and not place.is_symlink():
            _move(Path(entry.path), place)


def _refused_name(name: str) -> bool:
    parts = name.split("/")
    return (
        parts[0] not in _ROOTS
        or len(parts) < 2
        or len(name) > _MAX_NAME
        or any(part in {"", ".", ".."} for part in parts)
        or "\0" in name
        or (os.name == "nt" and ("\\" in name or ":" in name))
        or (parts[0] == "tree" and parts[1].casefold().rstrip(". ") in {".git", "git~1"})
    )


def _leads_out(name: str, target: str) -> bool:
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    return target.startswith("/") or "\0" in target or inside.split("/")[0] not in _ROOTS


def list_names(root: Path, base: str, paths: Iterator[Path] | Iterable[Path]) -> list[str]:
    """The names in an archive of paths below `root`/`base`."""
    return [f"{base}/{path.relative_to(root / base).as_posix()}" for path in paths]
