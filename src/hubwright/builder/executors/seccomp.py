"""A filter of system calls: what no build needs and kernels have been broken by, refused before the kernel looks.

Classic BPF, written here because no maintained library does it: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from hubwright.builder.executors.syscalls import prctl

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _JUMP, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x05, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # places in struct seccomp_data, little-endian
_NEW_USER_NAMESPACE = 0x10000000
_TERMINAL_TRICKS = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX type into the terminal of others
_SHARED_FAMILIES = (38, 40)  # AF_ALG, and AF_VSOCK, which no network namespace holds back
_LOCAL_FAMILIES = (1, 16)  # AF_UNIX, AF_NETLINK
_X32 = 0x40000000

Instruction = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class _Processor:
    """Numbers of system calls, in the order of the names in the comments below."""

    audit: int
    refused: tuple[int, ...]
    clone: int
    unshare: int
    ioctl: int
    socket: int
    socketcall: int | None = None
    x32: bool = False


# acct add_key bpf clock_settime create_module delete_module finit_module init_module ioperm iopl kexec_file_load
# kexec_load keyctl lookup_dcookie mount nfsservctl open_by_handle_at perf_event_open pivot_root quotactl reboot
# request_key setns settimeofday swapoff swapon syslog umount2 userfaultfd vhangup, then stime and umount of i386
_X86_64 = _Processor(
    audit=0xC000003E,
    refused=(163, 248, 321, 227, 174, 176, 313, 175, 173, 172, 320, 246, 250, 212, 165, 180, 304, 298, 155, 179, 169,
             249, 308, 164, 168, 167, 103, 166, 323, 153),
    clone=56, unshare=272, ioctl=16, socket=41, x32=True,
)  # fmt: skip
_I386 = _Processor(
    audit=0x40000003,
    refused=(51, 286, 357, 264, 404, 127, 129, 350, 128, 101, 110, 283, 288, 253, 21, 169, 342, 336, 217, 131, 88, 287,
             346, 79, 115, 87, 103, 52, 374, 111, 25, 22),
    clone=120, unshare=310, ioctl=54, socket=359, socketcall=102,
)  # fmt: skip
_AARCH64 = _Processor(
    audit=0xC00000B7,
    refused=(89, 217, 280, 112, 106, 273, 105, 294, 104, 219, 18, 40, 42, 265, 241, 41, 60, 142, 218, 268, 170, 225,
             224, 116, 39, 282, 58),
    clone=220, unshare=97, ioctl=29, socket=198,
)  # fmt: skip
_PROCESSORS = {"x86_64": (_X86_64, _I386), "aarch64": (_AARCH64,)}

# open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr quotactl_fd open_tree_attr
_REFUSED_EVERYWHERE = (428, 429, 430, 431, 432, 433, 442, 443, 467)
# clone3, whose flags a filter can't see: the C library takes clone instead; io_uring, which walks around filters
_MISSING_EVERYWHERE = (435, 425, 426, 427)


@cache
def make_filter(*, network: bool, machine: str = "") -> bytes | None:
    """The program for this machine's processor; None where there is none. Without `network` no internet sockets."""
    processors = _PROCESSORS.get(machine or platform.machine())
    if processors is None:
        return None
    code: list[Instruction] = [(_LOAD, 0, 0, _ARCHITECTURE)]
    for processor in processors:
        block = _block(processor, network=network)
        code += [(_EQUAL, 1, 0, processor.audit), (_JUMP, 0, 0, len(block)), *block]
    code.append(_refuse(errno.EPERM))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def enter_filter(program: bytes) -> None:
    """Put this thread, and all that it starts, behind the filter for good. Needs no-new-privileges. Raises OSError."""
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(code))  # struct sock_fprog
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.create_string_buffer(header, len(header)))


def _block(processor: _Processor, *, network: bool) -> list[Instruction]:
    code: list[Instruction] = [(_LOAD, 0, 0, _NUMBER)]
    if processor.x32:
        code += [(_AT_LEAST, 0, 1, _X32), _refuse(errno.EPERM)]
    for number in (*processor.refused, *_REFUSED_EVERYWHERE):
        code += [(_EQUAL, 0, 1, number), _refuse(errno.EPERM)]
    for number in _MISSING_EVERYWHERE:
        code += [(_EQUAL, 0, 1, number), _refuse(errno.ENOSYS)]
    for number in (processor.clone, processor.unshare):
        code += _if_called(number, [(_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NEW_USER_NAMESPACE), _refuse(errno.EPERM)])
    code += _if_called(processor.ioctl, _argument_among(_SECOND, _TERMINAL_TRICKS, errno.EPERM))
    code += _if_called(processor.socket, _argument_among(_FIRST, _SHARED_FAMILIES, errno.EAFNOSUPPORT))
    if not network:
        allowed: list[Instruction] = [(_LOAD, 0, 0, _FIRST)]
        for family in _LOCAL_FAMILIES:
            allowed += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
        code += _if_called(processor.socket, [*allowed, _refuse(errno.EACCES)])
        if processor.socketcall is not None:
            code += _if_called(processor.socketcall, [_refuse(errno.EACCES)])
    return [*code, (_RETURN, 0, 0, _ALLOW)]


def _argument_among(place: int, values: Sequence[int], error: int) -> list[Instruction]:
    code: list[Instruction] = [(_LOAD, 0, 0, place)]
    for value in values:
        code += [(_EQUAL, 0, 1, value), _refuse(error)]
    return code


def _if_called(number: int, then: list[Instruction]) -> list[Instruction]:
    """`then` when the call has this number; the number is looked at again after it."""
    return [(_EQUAL, 0, len(then) + 1, number), *then, (_LOAD, 0, 0, _NUMBER)]


def _refuse(error: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | error)
