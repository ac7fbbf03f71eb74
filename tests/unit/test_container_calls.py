"""The filter of system calls for containers: what it must not let through, in the form that daemons read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubwright.builder.executors.container_calls import form_filter

REFUSED = """
    acct add_key bpf clock_settime create_module delete_module finit_module init_module ioperm iopl kexec_file_load
    kexec_load keyctl lookup_dcookie mount nfsservctl open_by_handle_at perf_event_open pivot_root quotactl reboot
    request_key setns settimeofday swapoff swapon syslog umount2 userfaultfd vhangup stime umount open_tree move_mount
    fsopen fsconfig fsmount fspick mount_setattr quotactl_fd open_tree_attr unshare chroot fanotify_init
"""
"""What the sandbox refuses, and what needs a capability that no container has."""


def rules_for(name: str) -> list[dict[str, Any]]:
    text = form_filter("x86_64")
    assert text is not None
    return [rule for rule in json.loads(text)["syscalls"] if name in rule["names"]]


def lets_through(name: str, *arguments: int) -> bool:
    """As libseccomp decides: some rule's conditions all hold."""
    return any(
        rule["action"] == "SCMP_ACT_ALLOW"
        and all(arguments[one["index"]] & one["value"] == one["valueTwo"] for one in rule["args"])
        for rule in rules_for(name)
    )


@pytest.mark.parametrize("name", [*REFUSED.split(), "clone3", "io_uring_setup", "io_uring_enter", "of-a-newer-kernel"])
def test_what_kernels_have_been_broken_by_is_refused(name: str) -> None:
    """Whatever the daemon's own filter says of it."""
    assert not lets_through(name, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "name", ["execve", "openat", "connect", "ptrace", "futex", "wait4", "mmap", "landlock_create_ruleset"]
)
def test_what_builds_need_is_let_through(name: str) -> None:
    """Debuggers too, which look at their own children only."""
    assert lets_through(name)


def test_no_new_namespaces_by_clone() -> None:
    """Each of them alone; threads and forks go on."""
    assert lets_through("clone", 0x3D0F00)  # of a thread
    assert lets_through("clone", 0x1200011)  # of fork
    for flag in (0x10000000, 0x20000000, 0x40000000, 0x00020000, 0x04000000, 0x08000000, 0x02000000):
        assert not lets_through("clone", flag | 17)


def test_sockets_of_few_families() -> None:
    """The kernel takes the lower 32 bits: what stands above must not make AF_VSOCK another number."""
    assert all(lets_through("socket", family, 1, 0) for family in (1, 2, 10, 16))
    for family in (17, 29, 38, 40):
        assert not lets_through("socket", family, 1, 0)
        assert not lets_through("socket", family | 1 << 32, 1, 0)


def test_programs_fall_back_on_what_there_was_before() -> None:
    """The C library takes clone when there is no clone3, not when it is forbidden."""
    for name in ("clone3", "io_uring_setup"):
        (rule,) = rules_for(name)
        assert (rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)


def test_other_processors_have_the_daemons_own() -> None:
    """A filter without its architecture would kill each program at its first call."""
    assert form_filter("riscv64") is None
    for machine in ("x86_64", "aarch64"):
        text = form_filter(machine)
        assert text is not None
        assert len(json.loads(text)["archMap"]) == 1
