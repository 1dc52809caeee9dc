"""No file may be opened any more, by Landlock (Linux 5.13 and newer).

Source: landlock(7). A set of rules without a rule refuses everything that it handles.
"""

from __future__ import annotations

import ctypes
import sys

CREATE_RULESET, RESTRICT_SELF = 444, 446  # the same numbers on every machine
ASK_VERSION = 1
PR_SET_NO_NEW_PRIVS = 38
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many there are, by version
NETWORK_SINCE, NETWORK_RIGHTS = 4, 2
SCOPES_SINCE, SCOPES = 6, 2


def refuse_files() -> bool:
    """From now on, for this process and its threads; False where that is not to be had."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(ASK_VERSION))
    if version < 1:
        return False
    handled = [(1 << FILE_RIGHTS[min(version, max(FILE_RIGHTS))]) - 1]
    if version >= NETWORK_SINCE:
        handled.append((1 << NETWORK_RIGHTS) - 1)
    if version >= SCOPES_SINCE:
        handled.append((1 << SCOPES) - 1)
    rules = (ctypes.c_uint64 * len(handled))(*handled)
    ruleset = libc.syscall(
        CREATE_RULESET, rules, ctypes.c_size_t(ctypes.sizeof(rules)), ctypes.c_uint(0)
    )
    zero = ctypes.c_ulong(0)
    if ruleset < 0 or libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero):
        return False
    return bool(libc.syscall(RESTRICT_SELF, ruleset, ctypes.c_uint(0)) == 0)
