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
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from attrs import frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.preflight.sandbox_worker import FAILED, FRAME, MAX_READ, READ, RESULT

MEMORY_LIMIT = 300 * 1024**2
CPU_SECONDS = 20
"""A picture of 40 megapixels takes one second, a photo book of 100 pages ten."""

_MAX_STARTS = 3
_SILENCE_TIMEOUT = 60
"""Seconds without a request or a result after which the process is killed. Long enough for a busy machine."""
_MAX_RESULT_SIZE = 1024**2

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
    with subprocess.Popen(  # noqa: S603 - our own module, with numbers as arguments
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        bufsize=0,
        start_new_session=True,  # Ctrl-C must not reach the worker
    ) as process:
        try:
            return _serve_reads(process, artwork)
        finally:
            process.kill()


def _environment() -> Mapping[str, str]:
    """The search paths and nothing else: a file that takes over the process finds no credentials."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "MALLOC_ARENA_MAX": "1", **kept}


def _serve_reads(process: subprocess.Popen[bytes], artwork: ArtworkReader) -> dict[str, Any]:
    """Send the parts of the file that the worker requests, until it returns a result."""
    while True:
        frame, start, length = FRAME.unpack(_receive(process, FRAME.size))
        if frame == READ and length <= MAX_READ:
            _send(process, artwork.read(start, length))
        elif frame == RESULT and length <= _MAX_RESULT_SIZE:
            result: dict[str, Any] = json.loads(_receive(process, length))
            if FAILED in result:
                raise ResourceLimitExceeded("memory_limit" if result[FAILED] == "MemoryError" else "crash")
            return result
        else:
            raise ResourceLimitExceeded("crash")


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    os.set_blocking(process.stdin.fileno(), False)  # otherwise a worker that does not read blocks us forever
    writable, remaining = select.poll(), memoryview(data)
    writable.register(process.stdin, select.POLLOUT)
    try:
        while remaining:
            if not writable.poll(_SILENCE_TIMEOUT * 1000):
                raise ResourceLimitExceeded("time_limit")
            remaining = remaining[process.stdin.write(remaining) or 0 :]
    except BrokenPipeError:
        raise _exit_error(process) from None


def _receive(process: subprocess.Popen[bytes], length: int) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    data, readable = b"", select.poll()
    readable.register(process.stdout, select.POLLIN)
    while len(data) < length:
        if not readable.poll(_SILENCE_TIMEOUT * 1000):
            raise ResourceLimitExceeded("time_limit")
        chunk = process.stdout.read(length - len(data))
        if not chunk:
            raise _exit_error(process)
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
