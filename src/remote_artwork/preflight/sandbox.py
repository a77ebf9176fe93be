"""Opens a file in a sandbox: a separate process with limited memory and CPU time.

A print file is hostile input: it may exploit, exhaust or crash the library that opens it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from attrs import define, field, frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.preflight.landlock import start_restricted
from remote_artwork.preflight.sandbox_worker import FAILED, FRAME, MAX_READ, READ, RESULT

MEMORY_LIMIT = 300 * 1024**2
CPU_SECONDS = 20
"""A picture of 40 megapixels takes one second, a photo book of 100 pages ten."""

_MAX_STARTS = 3
_SILENCE_TIMEOUT = 60
"""Seconds without a request or a result after which the process is killed. Long enough for a busy machine."""
_MAX_WAIT = 15 * 60
"""Seconds to wait for the process in all. The time that the storage takes does not count."""
_MAX_RESULT_SIZE = 1024**2
_BLOCK = 64 * 1024
_LARGE_READ = 4 * 1024**2
"""As much as one request of a storage returns."""
_MAX_SCATTERED_READS = 64
"""Reads of parts that lie apart, each of which can be a request."""

Cause = Literal["memory_limit", "time_limit", "crash"]
"""Why there is no result, as a word of the catalog in ``core.reasons``."""


@frozen
class ResourceLimitExceeded(Exception):
    """The file needs more memory or time than the sandbox allows, or it crashed the process."""

    cause: Cause


class _Terminated(Exception):
    """The process was terminated from outside, for example by a service manager. This says nothing about the file."""


def run_in_sandbox(task: str, artwork: ArtworkReader, **options: Any) -> dict[str, Any]:
    """Run a task on a file in a separate process, with limited memory and time.

    If the process is terminated from outside, it is started again, so that a scan that is being stopped can finish its
    current order.

    Args:
        task: ``jpeg``, ``png``, ``pdf`` or ``thumbnail``.
        artwork: The file. Only the parts that the task needs are read.
        options: Arguments of the task.

    Raises:
        ResourceLimitExceeded: The task did not finish within the limits.
        RuntimeError: The process could not start, or it was terminated each time.
        StorageError: The file could not be read.
    """
    job = {
        "task": task,
        "size": artwork.file.size,
        "memory": MEMORY_LIMIT,
        "seconds": CPU_SECONDS,
        "options": options,
    }
    for _ in range(_MAX_STARTS - 1):
        with suppress(_Terminated):
            return _run_worker(job, artwork)
    return _run_worker(job, artwork)


def _run_worker(job: Mapping[str, Any], artwork: ArtworkReader) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "remote_artwork.preflight.sandbox_worker", json.dumps(job)]
    with Path(os.devnull).open("wb") as nowhere:

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(  # noqa: S603 - our own module, with numbers as arguments
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=nowhere,
                env=_environment(),
                bufsize=0,
                start_new_session=True,  # Ctrl-C must not reach the worker
            )

        with start_restricted(start) as process:
            try:
                return _Worker(process, _BoundedReads(artwork)).serve()
            finally:
                process.kill()


def _environment() -> Mapping[str, str]:
    """The search paths and nothing else: a file that takes over the process finds no credentials."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "MALLOC_ARENA_MAX": "1", **kept}


@define
class _BoundedReads:
    """Reads parts of a file. After many parts that lie apart, reads all of it, which needs fewer requests."""

    artwork: ArtworkReader
    _blocks: set[int] = field(factory=set)
    _scattered: int = 0
    _last_end: int = 0

    def read(self, start: int, length: int) -> bytes:
        blocks = set(range(start // _BLOCK, (start + length) // _BLOCK + 1))
        if start != self._last_end and not blocks <= self._blocks:
            self._scattered += 1
            if self._scattered == _MAX_SCATTERED_READS:
                self._read_everything()
        self._blocks |= blocks
        self._last_end = start + length
        return self.artwork.read(start, length)

    def _read_everything(self) -> None:
        for start in range(0, self.artwork.file.size, _LARGE_READ):
            self.artwork.read(start, _LARGE_READ)


@define
class _Worker:
    """The process, and the time that was spent waiting for it."""

    process: subprocess.Popen[bytes]
    reads: _BoundedReads
    _waited: float = 0.0

    def serve(self) -> dict[str, Any]:
        """Send the parts of the file that the process requests, until it returns a result."""
        while True:
            frame, start, length = FRAME.unpack(self._receive(FRAME.size))
            if frame == READ and length <= MAX_READ:
                self._send(self.reads.read(start, length))
            elif frame == RESULT and length <= _MAX_RESULT_SIZE:
                result: dict[str, Any] = json.loads(self._receive(length))
                if FAILED in result:
                    raise ResourceLimitExceeded("memory_limit" if result[FAILED] == "MemoryError" else "crash")
                return result
            else:
                raise ResourceLimitExceeded("crash")

    def _wait(self, poll: select.poll) -> None:
        """Wait until the process reads or writes.

        Raises:
            ResourceLimitExceeded: It did neither, or all that it did took too long.
        """
        began = time.monotonic()
        is_ready = poll.poll(_SILENCE_TIMEOUT * 1000)
        self._waited += time.monotonic() - began
        if not is_ready or self._waited > _MAX_WAIT:
            raise ResourceLimitExceeded("time_limit")

    def _send(self, data: bytes) -> None:
        assert self.process.stdin is not None  # noqa: S101 - it is a pipe
        os.set_blocking(self.process.stdin.fileno(), False)  # else a worker that does not read blocks us forever
        writable, remaining = select.poll(), memoryview(data)
        writable.register(self.process.stdin, select.POLLOUT)
        try:
            while remaining:
                self._wait(writable)
                remaining = remaining[self.process.stdin.write(remaining) or 0 :]
        except BrokenPipeError:
            raise _exit_error(self.process) from None

    def _receive(self, length: int) -> bytes:
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        data, readable = b"", select.poll()
        readable.register(self.process.stdout, select.POLLIN)
        while len(data) < length:
            self._wait(readable)
            chunk = self.process.stdout.read(length - len(data))
            if not chunk:
                raise _exit_error(self.process)
            data += chunk
        return data


def _exit_error(process: subprocess.Popen[bytes]) -> Exception:
    """Return the error for a worker that ended without a result."""
    code = process.wait(_SILENCE_TIMEOUT)
    if -code == signal.SIGTERM:
        return _Terminated(f"the process that opens files was terminated {_MAX_STARTS} times; run the scan again")
    if code >= 0:
        return RuntimeError(
            f"the process that opens files ended with code {code}; check that the extra 'preflight' is installed"
        )
    return ResourceLimitExceeded("time_limit" if -code in (signal.SIGXCPU, signal.SIGKILL) else "crash")
