"""System calls that a jailed process is refused, by seccomp (Linux).

Sources: seccomp(2), `linux/filter.h`, `linux/audit.h`, and the kernel's syscall tables. Numbers
are (x86-64, aarch64); None where the machine has no such call.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

_Numbers = tuple[int | None, int | None]
REFUSED: dict[str, _Numbers] = {
    # other programs and processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "rt_sigqueueinfo": (129, 138),
    # the network, and other ways to reach somebody
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242), "shmget": (29, 194),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "memfd_create": (319, 279),
    # files
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "creat": (85, None),
    "open_by_handle_at": (304, 265), "unlink": (87, None), "unlinkat": (263, 35),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "mkdir": (83, None),
    "mkdirat": (258, 34), "rmdir": (84, None), "link": (86, None), "linkat": (265, 37),
    "symlink": (88, None), "symlinkat": (266, 36), "mknod": (133, None), "mknodat": (259, 33),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "truncate": (76, 45),
    "utime": (132, None), "utimes": (235, None), "utimensat": (280, 88), "chdir": (80, 49),
    "fchdir": (81, 50), "chroot": (161, 51), "setxattr": (188, 5), "readlink": (89, None),
    "readlinkat": (267, 78), "getdents64": (217, 61),
    # the system, and its larger surfaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "unshare": (272, 97),
    "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "userfaultfd": (323, 282),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "reboot": (169, 142), "setrlimit": (160, 164),
    "prlimit64": (302, 261), "personality": (135, 92), "acct": (163, 89), "ioctl": (16, 29),
}  # fmt: skip
CLONE: _Numbers = (56, 220)  # threads only
CLONE3: _Numbers = (435, 435)  # its flags cannot be looked at; the C library then uses clone
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # (column, audit's name)
X32 = 0x40000000  # the bit of x86-64's second table of calls

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, MACHINE_AT, FIRST_ARGUMENT_AT = 0, 4, 16  # in `struct seccomp_data`
CLONE_THREAD = 0x00010000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def refuse_system_calls() -> bool:
    """From now on, for this process and its threads; False where that is not to be had."""
    if not sys.platform.startswith("linux") or platform.machine() not in MACHINES:
        return False
    code = _filter(*MACHINES[platform.machine()])
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero):
        return False
    done = libc.prctl(
        PR_SET_SECCOMP, ctypes.c_ulong(MODE_FILTER), ctypes.byref(program), zero, zero
    )
    return bool(done == 0)


def _filter(column: int, machine: int) -> bytes:
    """The filter as the kernel takes it: instructions of 8 bytes."""
    refused = [numbers[column] for numbers in REFUSED.values()]
    no, absent = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS
    lines = [
        _line(LOAD, MACHINE_AT),
        _line(EQUAL, machine, 1, 0),
        _line(RETURN, KILL),
        _line(LOAD, NUMBER_AT),
        _line(AT_LEAST, X32, 0, 1),
        _line(RETURN, no),
    ]
    for number in refused:
        if number is not None:
            lines += [_line(EQUAL, number, 0, 1), _line(RETURN, no)]
    clone, clone3 = CLONE[column], CLONE3[column]
    assert clone is not None and clone3 is not None
    lines += [
        _line(EQUAL, clone3, 0, 1),
        _line(RETURN, absent),
        _line(EQUAL, clone, 0, 3),
        _line(LOAD, FIRST_ARGUMENT_AT),
        _line(ANY_BIT, CLONE_THREAD, 1, 0),
        _line(RETURN, no),
        _line(RETURN, ALLOW),
    ]
    return b"".join(lines)


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
