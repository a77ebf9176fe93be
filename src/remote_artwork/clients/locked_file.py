"""A file that several processes change in turn: one at a time, and each change whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from remote_artwork.errors import OutcomeUnknown, Unavailable

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # a platform without it gets the lock between threads only
    fcntl = None

_BETWEEN_THREADS = threading.Lock()
_NO_DIRECTORY_SYNC = (errno.EINVAL, errno.ENOTSUP)
_FIRST_WAIT, _LONGEST_WAIT = 0.001, 0.05  # seconds between two looks at a lock


@contextlib.contextmanager
def exclusive(path: Path, *, patience: float) -> Iterator[Path]:
    """Holds the file for this process alone; readers are not kept out.

    The lock is on the file itself, so nothing is left beside it. A symbolic link is followed.

    Args:
        path: The file.
        patience: Seconds to wait for another process.

    Yields:
        The path of the file itself, which ``replace`` takes.

    Raises:
        Unavailable: Another process kept it for longer.
        OSError: It cannot be opened for writing.
    """
    deadline = time.monotonic() + patience
    if fcntl is None:
        if not _BETWEEN_THREADS.acquire(timeout=patience):
            raise _kept(path, patience)
        try:
            yield path.resolve()
        finally:
            _BETWEEN_THREADS.release()
        return
    while True:
        target = path.resolve()
        descriptor = os.open(target, os.O_RDWR)
        try:
            wait = _FIRST_WAIT
            while not _locked(fcntl, descriptor):
                if time.monotonic() > deadline:
                    raise _kept(path, patience)
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
            # Whoever held the lock before has put a new file in the place of the one that was opened.
            if os.path.samestat(os.fstat(descriptor), target.stat()):
                yield target
                return
        finally:
            os.close(descriptor)


def replace(target: Path, data: bytes) -> None:
    """Puts ``data`` in the place of the file's content; to be called while ``exclusive`` holds the file.

    Mode, owner and extended attributes are kept. A crash leaves the old content or the new one.

    Raises:
        OSError: Nothing was changed.
        OutcomeUnknown: The new content is there, and may be lost by a loss of power.
    """
    # One name for all writers: they come one by one, so what a crash left is taken away by the next.
    beside = target.with_name(f".{target.name}.new")
    beside.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            before = target.stat()
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.chown(beside, before.st_uid, before.st_gid)
            shutil.copystat(target, beside)
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    try:
        _sync_directory(target.parent)
    except OSError as error:
        raise OutcomeUnknown(f"{target} was written, but perhaps not for good: {error.strerror}") from error


def _locked(module: ModuleType, descriptor: int) -> bool:
    try:
        module.flock(descriptor, module.LOCK_EX | module.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _kept(path: Path, patience: float) -> Unavailable:
    return Unavailable(f"another process has kept {path} locked for {patience:g} s; nothing was changed")


def _sync_directory(directory: Path) -> None:
    if fcntl is None:  # such a platform does not open directories either
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)
