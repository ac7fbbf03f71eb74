"""Whether this machine is fit for a hub: programs, folders, disks, ports, limits."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import httpx2

from hubwright.config import LOOPBACK, Settings, local_address
from hubwright.domain.diagnosis import Sight, doubtful, join_sights, well, wrong
from hubwright.domain.wording import word_size

OLDEST_GIT = (2, 31)  # the first that reads GIT_CONFIG_COUNT
LITTLE_DISK = 2 * 1024**3
FEW_INODES = 100_000
FEW_FILES = 4096
"""Open files of a hub that others reach: each builder, reader and watcher is one, and `LIVE__WATCHERS` is 2,000."""

FEWEST_FILES = 512


def check_git(_settings: Settings) -> Sight:
    """Is git new enough?"""
    fix = "apt-get install git (2.31 or newer)"
    try:
        said = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return wrong("git can't be started", fix)
    found = re.search(r"(\d+)\.(\d+)", said)
    new = found is not None and (int(found[1]), int(found[2])) >= OLDEST_GIT
    return well(said.strip()) if new else wrong(said.strip(), fix)


def check_compiler(_settings: Settings) -> Sight:
    """Can the demo project be built here?"""
    missing = [name for name in ("cc", "make") if not shutil.which(name)]
    if not missing:
        return well("cc and make are here")
    seen = f"{' and '.join(missing)} not found: the demo project and other C projects can't be built here"
    return doubtful(seen, "apt-get install gcc libc6-dev make")


def check_folder(settings: Settings) -> Sight:
    """May the data folder be written, and by us only?"""
    folder = settings.data_dir
    there = find_existing(folder)
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        return wrong(f"{folder} can't be written", f"chown it, or set DATA_DIR: {there}")
    if there == folder and folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return wrong(f"others of this machine may write into {folder}", f"chmod go-w {folder}")
    return well(str(folder))


def check_disk(settings: Settings) -> Sight:
    """Is there room for builds, logs and, where they lie in a folder, artifacts?"""
    folders = [settings.data_dir]
    if settings.storage_url.startswith("file://"):
        folders.append(Path(settings.storage_url.removeprefix("file://")))
    disks = {find_existing(folder).stat().st_dev: folder for folder in reversed(folders)}
    return join_sights([_look_at_disk(folder) for folder in reversed(disks.values())])


def _look_at_disk(folder: Path) -> Sight:
    there = os.statvfs(find_existing(folder))
    free = there.f_bavail * there.f_frsize
    seen = f"{word_size(free)} free at {folder}"
    if free < LITTLE_DISK:
        return doubtful(seen, "free some space, or set DATA_DIR or STORAGE_URL elsewhere")
    if there.f_files and there.f_favail < FEW_INODES:  # some file systems count none
        return doubtful(f"{there.f_favail:,} more files at {folder}", "delete files there, or take another file system")
    return well(seen)


def check_files(settings: Settings) -> Sight:
    """May a hub that is started like this command have enough files and connections open?"""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return well("any number")
    fewest = FEWEST_FILES if settings.host in LOOPBACK else FEW_FILES
    if limit >= fewest:
        return well(f"{limit:,} at once")
    seen = f"{limit:,} at once: each builder, reader and watcher is one"
    return doubtful(seen, "start the hub with more: `ulimit -n 65536`, or LimitNOFILE=65536 in its unit")


def check_port(settings: Settings) -> Sight:
    """Is the port free, or does a hub answer there already?"""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    where = f"{settings.host}:{settings.port}"
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return _look_at_busy_port(settings, where, error)
    return well(f"{where} is free")


def _look_at_busy_port(settings: Settings, where: str, error: OSError) -> Sight:
    if error.errno != errno.EADDRINUSE:
        return wrong(f"{where}: {error.strerror}", "set HOST and PORT")
    if is_hub_here(settings):
        return well(f"a hub answers at {where}")
    return wrong(f"another program has {where}", "--port N or PORT")


def is_hub_here(settings: Settings) -> bool:
    """Whether a hub answers at the address of these settings."""
    try:
        return httpx2.get(f"{local_address(settings)}/livez", timeout=5, trust_env=False).is_success
    except httpx2.HTTPError:
        return False


def find_existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.parents) if place.exists())
