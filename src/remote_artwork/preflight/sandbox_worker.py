"""The process of the sandbox: ``python -P -m remote_artwork.preflight.sandbox_worker JOB``.

It requests the bytes of the file on standard output and receives them on standard input. So it needs neither the
storage nor its credentials. The operating system limits its CPU time and its memory, and Landlock what it can reach.
"""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

from remote_artwork.preflight.range_file import RangeFile

FRAME = struct.Struct(">BQI")
"""(READ or RESULT, offset in the file, length)"""
READ, RESULT = 0, 1
MAX_READ = 1024**2
"""The most bytes of one read."""
FAILED = "failed"
"""The key of a result that is the name of an error instead of facts."""

_BUFFER_SIZES = {"jpeg": 256 * 1024, "png": 256 * 1024}
"""A picture is read from beginning to end, in large parts."""
_DEFAULT_BUFFER_SIZE = 64 * 1024


def main() -> None:
    """Run the job that the command line describes."""
    job = json.loads(sys.argv[1])
    requests = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not look like a request; nothing reads the standard error
    _apply_limits(job)
    buffer_size = _BUFFER_SIZES.get(job["task"], _DEFAULT_BUFFER_SIZE)
    result = _run_task(job, io.BufferedReader(_RemoteFile(job["size"], requests, 0), buffer_size))
    data = json.dumps(result).encode()
    os.write(requests, FRAME.pack(RESULT, 0, len(data)) + data)
    os._exit(0)  # skip the cleanup of libraries


def _apply_limits(job: Mapping[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"] + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run_task(job: Mapping[str, Any], file: io.BufferedReader) -> dict[str, Any]:
    from remote_artwork.preflight.pdf_measure import measure_pdf
    from remote_artwork.preflight.pictures import measure_jpeg, measure_png
    from remote_artwork.preflight.thumbnails import draw

    tasks: dict[str, Callable[..., dict[str, Any]]] = {
        "jpeg": measure_jpeg,
        "pdf": measure_pdf,
        "png": measure_png,
        "thumbnail": draw,
    }
    try:
        return tasks[job["task"]](file, **job["options"])
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - any error of the library is caused by the file
        return {FAILED: type(error).__name__}


class _RemoteFile(RangeFile):
    """The file, which the parent process sends part by part."""

    def __init__(self, size: int, requests: int, responses: int) -> None:
        super().__init__(size)
        self._requests, self._responses = requests, responses

    def _read_at(self, start: int, length: int) -> bytes:
        length = min(length, MAX_READ)
        os.write(self._requests, FRAME.pack(READ, start, length))
        return _receive(self._responses, length)


def _receive(pipe: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        chunk = os.read(pipe, length - len(data))
        if not chunk:
            raise SystemExit  # the parent process no longer waits for the result
        data += chunk
    return data


if __name__ == "__main__":
    main()
