"""Control groups as files: what is found, written and read on machines of version 1, version 2 and both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hubwright.builder.executors.cgroups import Groups
from hubwright.builder.executors.terms import Spent
from hubwright.domain.limits import Limits

LIMITS = Limits(memory=1024**3, pids=100, cpu=1.5)


class Machine:
    """A /proc/self and a /sys/fs/cgroup of plain files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = folder / "self"
        self.process.mkdir()
        (self.process / "mountinfo").write_text("22 1 0:1 / /proc rw - proc proc rw\n")
        (self.process / "cgroup").write_text("")

    def mount(self, name: str, kind: str, options: str, own: str, root: str = "/") -> Path:
        """Mount a hierarchy that shows `root`, and put this process into its group `own`."""
        point = self.folder / name
        (point / own.removeprefix(root).lstrip("/")).mkdir(parents=True)
        with (self.process / "mountinfo").open("a") as file:
            file.write(f"31 1 0:2 {root} {point} rw,relatime shared:1 - {kind} {kind} rw,{options}\n")
        with (self.process / "cgroup").open("a") as file:
            file.write(f"{'0:' if kind == 'cgroup2' else '4:' + options}:{own}\n")
        return point / own.removeprefix(root).lstrip("/")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def give(folder: Path, controllers: str, enabled: str, members: str = "") -> None:
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(enabled)
    (folder / "cgroup.procs").write_text(members)


def only(folder: Path) -> Path:
    (found,) = folder.glob("hubwright-*-run")
    return found


def test_version_2_sets_and_reads_everything_in_one_folder(machine: Machine) -> None:
    own = machine.mount("unified", "cgroup2", "nsdelegate", "/system.slice/builder.service")
    give(own, "cpuset cpu io memory pids", "cpu memory pids")
    groups = Groups(machine.process)
    group = groups.open("run", LIMITS)
    assert group is not None
    group.admit(4711)
    folder = only(own)
    (folder / "memory.peak").write_text("77\n")
    (folder / "memory.events").write_text("low 0\noom 1\noom_kill 2\noom_group_kill 9\n")
    (folder / "pids.events").write_text("max 3\n")

    assert groups.controllers == {"memory", "pids", "cpu"}
    assert (folder / "memory.max").read_text() == str(1024**3)
    assert (folder / "pids.max").read_text() == "100"
    assert (folder / "cpu.max").read_text() == "150000 100000"
    assert group.pids() == {4711}
    assert group.spent() == Spent(memory_peak=77, oom_kills=2, pids_refused=3)


def test_version_1_has_a_folder_for_each_controller(machine: Machine) -> None:
    """And in a container the mount shows only a part of the hierarchy."""
    memory = machine.mount("memory", "cgroup", "memory", "/docker/abc/inner", root="/docker/abc")
    cpu = machine.mount("cpu,cpuacct", "cgroup", "cpu,cpuacct", "/")
    machine.mount("systemd", "cgroup", "name=systemd", "/user")
    groups = Groups(machine.process)
    group = groups.open("run", LIMITS)
    assert group is not None
    (only(memory) / "memory.max_usage_in_bytes").write_text("88\n")
    (only(memory) / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")

    assert groups.controllers == {"memory", "cpu"}
    assert (only(memory) / "memory.limit_in_bytes").read_text() == str(1024**3)
    assert (only(cpu) / "cpu.cfs_quota_us").read_text() == "150000"
    assert group.spent() == Spent(memory_peak=88, oom_kills=1)


def test_both_side_by_side(machine: Machine) -> None:
    """Limits where version 1 has the controllers, the end of all by version 2's `cgroup.kill`."""
    pids = machine.mount("pids", "cgroup", "pids", "/")
    unified = machine.mount("unified", "cgroup2", "nsdelegate", "/")
    give(unified, "hugetlb", "")
    groups = Groups(machine.process)
    group = groups.open("run", LIMITS)
    assert group is not None

    assert groups.controllers == {"pids"}
    assert (only(pids) / "pids.max").read_text() == "100"
    assert only(unified).is_dir()


def test_a_group_of_others_gives_no_controllers(machine: Machine) -> None:
    """A session's group has a desktop in it: its processes are not moved about."""
    own = machine.mount("unified", "cgroup2", "", "/user.slice/session")
    give(own, "memory pids", "", members=f"1\n{os.getpid()}\n")
    (own / "cgroup.subtree_control").unlink()
    (own / "cgroup.subtree_control").mkdir()  # what can't be written

    assert Groups(machine.process).controllers == frozenset()


def test_a_machine_without_groups(machine: Machine) -> None:
    groups = Groups(machine.process)

    assert (groups.usable, groups.open("run", LIMITS)) == (False, None)
    assert Groups(machine.folder / "nowhere").open("run", LIMITS) is None
