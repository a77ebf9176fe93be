"""Lets a library open a file in a process of its own, which may be hostile, run wild, or die."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from attrs import frozen

from remote_artwork.client import ArtworkReader
from remote_artwork.preflight.sandbox_worker import ANSWER, FRAME, GAVE_UP, MOST_READ, READ

MEMORY = 300 * 1024**2
SECONDS = 5
"""Of processor time; a picture of 40 megapixels takes one."""

_STARTS = 3
_SILENCE = 60
"""Seconds for which the process may neither ask nor answer, also on a machine that is busy."""
_LONGEST_ANSWER = 1024**2

_OF_MEMORY = f"opening it takes more than {MEMORY // 1024**2} MB of memory"
_OF_TIME = f"opening it takes more than {SECONDS} seconds"
_BROKE = "the program that opens it breaks"


@frozen
class ResourceLimitExceeded(Exception):
    """The file was too much for the process: it would have taken more memory or time, or broke it."""

    what: str


class _Stopped(Exception):
    """Somebody stopped the process, as a service manager does with all processes of a service: tells nothing."""


def measure_apart(kind: str, artwork: ArtworkReader, **options: Any) -> dict[str, Any]:
    """What a library finds in a file, with bounded memory and time whatever is in it.

    A process that was stopped from outside is started again: whoever ends a scan lets the order in hand be finished.

    Args:
        kind: ``jpeg``, ``pdf`` or ``thumbnail``.
        artwork: The file; only what the library asks for is read.
        options: Are handed to the library's side.

    Raises:
        Exhausted: No facts were had within the bounds.
        StorageError: The file could not be read.
    """
    job = {"kind": kind, "size": artwork.file.size, "memory": MEMORY, "seconds": SECONDS, "options": options}
    for _ in range(_STARTS - 1):
        with suppress(_Stopped):
            return _measure(job, artwork)
    return _measure(job, artwork)


def _measure(job: Mapping[str, Any], artwork: ArtworkReader) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "remote_artwork.preflight.sandbox_worker", json.dumps(job)]
    with subprocess.Popen(  # noqa: S603 - our own module, and figures
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        bufsize=0,
        start_new_session=True,  # Ctrl-C is for us
    ) as process:
        try:
            return _serve(process, artwork)
        finally:
            process.kill()


def _environment() -> Mapping[str, str]:
    """Where modules are found, and no more: a file that takes the process over finds no credentials."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "MALLOC_ARENA_MAX": "1", **kept}


def _serve(process: subprocess.Popen[bytes], artwork: ArtworkReader) -> dict[str, Any]:
    while True:
        kind, start, length = FRAME.unpack(_receive(process, FRAME.size))
        if kind == READ and length <= MOST_READ:
            _send(process, artwork.read(start, length))
        elif kind == ANSWER and length <= _LONGEST_ANSWER:
            facts: dict[str, Any] = json.loads(_receive(process, length))
            if GAVE_UP in facts:
                raise ResourceLimitExceeded(_OF_MEMORY if facts[GAVE_UP] == "MemoryError" else _BROKE)
            return facts
        else:
            raise ResourceLimitExceeded(_BROKE)


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    os.set_blocking(process.stdin.fileno(), False)  # a process that does not listen is not waited for in vain
    listen, left = select.poll(), memoryview(data)
    listen.register(process.stdin, select.POLLOUT)
    try:
        while left:
            if not listen.poll(_SILENCE * 1000):
                raise ResourceLimitExceeded(_OF_TIME)
            left = left[process.stdin.write(left) or 0 :]
    except BrokenPipeError:
        raise _death(process) from None


def _receive(process: subprocess.Popen[bytes], length: int) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    data, talk = b"", select.poll()
    talk.register(process.stdout, select.POLLIN)
    while len(data) < length:
        if not talk.poll(_SILENCE * 1000):
            raise ResourceLimitExceeded(_OF_TIME)
        piece = process.stdout.read(length - len(data))
        if not piece:
            raise _death(process)
        data += piece
    return data


def _death(process: subprocess.Popen[bytes]) -> Exception:
    """What a process that ended without an answer has died of."""
    code = process.wait(_SILENCE)
    if -code == signal.SIGTERM:
        return _Stopped("the process that opens files was stopped, each time it was started")
    if code >= 0:
        return RuntimeError(f"the process that opens files ended with code {code}: is the extra preflight installed?")
    return ResourceLimitExceeded(_OF_TIME if -code in (signal.SIGXCPU, signal.SIGKILL) else _BROKE)
