"""Starts a process that can neither write files, nor connect to anything, nor read the memory of other processes.

Landlock is a part of Linux (5.13 and later) with which a thread gives up rights for itself and for what it starts. A
process with fewer rights may not read the memory of one with more, so it cannot read ``/proc/…/environ`` of its parent.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

log: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")

# The numbers of the system calls are the same on all processors.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION_FLAG = 1
_SET_NO_NEW_PRIVILEGES = 38

_WRITE_FILE = 1 << 1
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 13))
_RENAME, _TRUNCATE = 1 << 13, 1 << 14
_BIND_AND_CONNECT = 0b11
_OTHER_SOCKETS_AND_SIGNALS = 0b11

_CAPABILITY_VERSION = 0x20080522
_READ_ANY_FILE = 0b110
"""Python and its packages may belong to another user. Without its other rights, root cannot look into processes."""


class _Ruleset(ctypes.Structure):
    """The rights that are given up. There is no rule that permits any of them."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("process", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    """One half of the 64 rights of a process that runs as root."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def landlock_version() -> int:
    """Return the version of Landlock that the system offers, or 0."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(_syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG), 0)


def start_restricted(start: Callable[[], T]) -> T:
    """Call a function that starts a process, in a thread that gave up its rights. The calling thread keeps its own.

    Where the system has no Landlock, or forbids it, the function is called as it is.
    """
    version = landlock_version()
    if version == 0:
        return start()
    with ThreadPoolExecutor(1) as pool:
        if not pool.submit(_restrict_thread, version).result():
            log.warning("sandbox_not_restricted")
        return pool.submit(start).result()


def _restrict_thread(version: int) -> bool:
    """Give up the rights of this thread. Returns whether that was possible."""
    library = ctypes.CDLL(None, use_errno=True)
    header, capabilities = _CapabilityHeader(version=_CAPABILITY_VERSION), (_Capabilities * 2)()
    library.capget(ctypes.byref(header), capabilities)
    for number, part in enumerate(capabilities):
        kept = part.permitted & (_READ_ANY_FILE if number == 0 else 0)
        capabilities[number] = _Capabilities(effective=kept, permitted=kept)
    files = _WRITE_FILE | _CHANGE_FOLDERS | (_RENAME if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    rules = _Ruleset(
        files=files,
        network=_BIND_AND_CONNECT if version >= 4 else 0,
        scopes=_OTHER_SOCKETS_AND_SIGNALS if version >= 6 else 0,
    )
    ruleset = _syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    try:
        return (
            ruleset >= 0
            and library.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
            and _syscall(_RESTRICT_SELF, ruleset, 0) == 0
            and library.capset(ctypes.byref(header), capabilities) == 0
        )
    finally:
        if ruleset >= 0:
            os.close(ruleset)


def _syscall(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(number), *arguments))
