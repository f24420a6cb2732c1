"""Forbids this process all system calls but those of a computation, by a filter of the kernel (seccomp(2)).

If the architecture or the kernel has no such filter, the limits of ``child.py`` still apply.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Collection, Mapping

# Numbers of asm/unistd_64.h (x86_64) and asm-generic/unistd.h (aarch64).
_COMPUTING: Mapping[str, tuple[int, int]] = {
    "read": (0, 63),
    "write": (1, 64),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "exit": (60, 93),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "gettid": (186, 178),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
    "membarrier": (324, 283),
}
_MORE: Mapping[str, tuple[int, int]] = {"fstat": (5, 80), "lseek": (8, 62)}
"""Calls on open files, for callers that name these calls."""
_SECCOMP = (317, 277)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""For each machine: the column of the table above, and AUDIT_ARCH_* of linux/audit.h."""

_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_LOAD, _IF_EQUAL, _IF_ABOVE, _RETURN = 0x20, 0x15, 0x25, 0x06  # linux/bpf_common.h
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000  # linux/seccomp.h
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # in struct seccomp_data
_X32 = 0x40000000
"""Call numbers from this one on belong to a second table of x86_64."""


class _FilterProgram(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def allow_only_computing(more: Collection[str] = ()) -> bool:
    """Install the filter for all threads. Return whether it is installed. Needs PR_SET_NO_NEW_PRIVS.
    ``more``: names in ``_MORE`` of further calls to permit. All other calls fail with EPERM."""
    found = _ARCHITECTURES.get(platform.machine())
    if found is None:
        return False
    column, architecture = found
    allowed = [*_COMPUTING.values(), *(_MORE[name] for name in more)]
    code = _program(architecture, [numbers[column] for numbers in allowed])
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _FilterProgram(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    arguments = (_SECCOMP[column], _SET_MODE_FILTER, _ALL_THREADS)
    call = ctypes.CDLL(None, use_errno=True).syscall
    return bool(call(*map(ctypes.c_long, arguments), ctypes.byref(program)) == 0)


def _program(architecture: int, allowed: Collection[int]) -> bytes:
    """Return the program as ``struct sock_filter`` lines: code, lines to skip if true, lines to skip if
    false, value."""
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IF_ABOVE, 0, 1, _X32 - 1),
        (_RETURN, 0, 0, _KILL),
    ]
    for number in allowed:
        lines += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    lines.append((_RETURN, 0, 0, _REFUSE))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
