"""A real systemd as process 1 of a process namespace, with the units of deploy/systemd as they are shipped.

    with SystemdMachine(folder, {"hubwright.env": …}) as machine:
        machine.call("systemctl", "start", "hubwright-hub")

Its network is this machine's; /etc, /opt, /run, /tmp, /var/lib and its control groups are its own, and it knows no unit
of the machine: nothing is left behind. User numbers are taken from all builders of the machine. It needs root.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import hubwright
from server_programs import ServerError
from waiting import until

UNITS = Path(__file__).parents[1] / "deploy" / "systemd"
TARGETS = ("basic", "multi-user", "network-online", "shutdown", "sysinit", "umount")
GROUPS = Path("/sys/fs/cgroup")

_BEGIN = """set -e
for one in {groups}; do mkdir -p $one; echo $$ > $one/cgroup.procs; done
exec unshare --kill-child --fork --pid --mount --cgroup --mount-proc sh {folder}/inside.sh
"""

_INSIDE = """set -e
mkdir -p {folder}/etc {folder}/taken /run/hubwright
mount --bind /run/hubwright {folder}/taken
cp -a /etc/. {folder}/etc
rm -rf {folder}/etc/systemd/system
cp -a {folder}/new/. {folder}/etc
echo 'hubwright:x:8010:8010::/var/lib/hubwright:/bin/sh' >> {folder}/etc/passwd
echo 'hubwright:x:8010:' >> {folder}/etc/group
mount --bind {folder}/etc /etc
mount -t tmpfs tmpfs /opt
mkdir -p /opt/hubwright/bin /opt/python
mount --bind {prefix} /opt/python
{paths}
cp {folder}/hubwright /opt/hubwright/bin
for one in /run /var/lib /var/tmp /sys/fs/cgroup; do mount -t tmpfs -o mode=755 tmpfs $one; done
mkdir /run/hubwright
mount --bind {folder}/taken /run/hubwright
{hierarchy}
mount -t tmpfs -o mode=1777 tmpfs /tmp
exec env -i PATH="$PATH" container=test SYSTEMD_UNIT_PATH=/etc/systemd/system \\
  /lib/systemd/systemd --system --unit=basic.target --show-status=0
"""


class SystemdMachine:
    """`files` are those of /etc/hubwright; `changes` are drop-ins by unit."""

    def __init__(self, folder: Path, files: Mapping[str, str], changes: Mapping[str, str]) -> None:
        if os.geteuid() != 0:
            raise ServerError("systemd as process 1 needs root here")
        self._folder = folder / "systemd"
        self._name = f"hubwright-test-{os.getpid()}"
        self._groups = [one.parent / self._name for one in _find_hierarchies()]
        self._process: subprocess.Popen[bytes] | None = None
        self._first = 0
        new = self._folder / "new"
        for unit in UNITS.glob("*.service"):
            _write(new / "systemd/system" / unit.name, unit.read_text())
        for name in TARGETS:
            _write(new / "systemd/system" / f"{name}.target", f"[Unit]\nDefaultDependencies=no\nDescription={name}\n")
        _write(new / "systemd/system/service.d/said.conf", "[Service]\nStandardOutput=append:/run/%p.said\n")
        for name, text in files.items():
            _write(new / "hubwright" / name, text)
        for unit, text in changes.items():
            _write(new / "systemd/system" / f"{unit}.service.d" / "test.conf", text)

    def __enter__(self) -> Self:
        self._write_scripts()
        said = (self._folder / "said").open("wb")
        argv = ["setpriv", "--pdeathsig", "KILL", "sh", str(self._folder / "begin.sh")]
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        said.close()
        try:
            until(self._is_up, 60, "systemd to answer")
        except BaseException as error:
            error.add_note((self._folder / "said").read_text())
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            if self._first:
                os.kill(self._first, signal.SIGKILL)  # all of its namespace goes with it
        self._process.kill()
        self._process.wait()
        until(lambda: all(_remove(group) for group in self._groups), 20, "the control groups to be empty")

    def call(self, *argv: str, check: bool = True) -> str:
        """Run a program in it; what it said."""
        enter = ["nsenter", "--target", str(self._first), "--mount", "--pid", "--cgroup"]
        done = subprocess.run([*enter, *argv], capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 0 or not check, (argv, done.stdout, done.stderr)
        return done.stdout

    def write(self, name: str, text: str) -> None:
        """A file of /etc/hubwright."""
        _write(self._folder / "etc/hubwright" / name, text)

    def said(self) -> str:
        """What the units' programs have said."""
        return self.call("sh", "-c", "tail -n 50 /run/*.said")

    def show(self, unit: str) -> dict[str, str]:
        """What systemd knows of a unit."""
        return dict(line.partition("=")[::2] for line in self.call("systemctl", "show", unit).splitlines())

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "said").read_text()
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self._first = int(children[0]) if children else 0
        return bool(self._first) and "running" in self.call("systemctl", "is-system-running", check=False)

    def _write_scripts(self) -> None:
        places = [Path(hubwright.__file__).parents[1], *(Path(one) for one in sys.path if "site-packages" in one)]
        inner = [f"/opt/hubwright/path{number}" for number in range(len(places))]
        binds = [f"mkdir {to}; mount --bind {shlex.quote(str(at))} {to}" for at, to in zip(places, inner, strict=True)]
        unified = (GROUPS / "cgroup.controllers").exists()
        own = "mount -t cgroup2 cgroup2 /sys/fs/cgroup"
        if not unified:
            own = "mkdir /sys/fs/cgroup/systemd; mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd"
        _write(
            self._folder / "begin.sh",
            _BEGIN.format(groups=" ".join(str(one) for one in self._groups), folder=self._folder),
        )
        _write(
            self._folder / "inside.sh",
            _INSIDE.format(folder=self._folder, prefix=sys.base_prefix, paths="\n".join(binds), hierarchy=own),
        )
        program = f"/opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
        _write(
            self._folder / "hubwright",
            "#!/bin/sh\n"
            "export LD_LIBRARY_PATH=/opt/python/lib\n"
            f"export PYTHONHOME=/opt/python PYTHONPATH={':'.join(inner)} PYTHONDONTWRITEBYTECODE=1\n"
            f'exec {program} -m hubwright "$@"\n',
        )
        (self._folder / "hubwright").chmod(0o755)


def _find_hierarchies() -> list[Path]:
    """A file in the root of each hierarchy of control groups that systemd makes groups in."""
    apart = [one for one in GROUPS.glob("*/cgroup.procs") if one.parent.name != "cpuset"]
    return list(GROUPS.glob("cgroup.procs")) or apart


def _remove(group: Path) -> bool:
    for one in sorted(group.glob("**/"), reverse=True):
        try:
            one.rmdir()
        except OSError:
            return False
    return True


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
