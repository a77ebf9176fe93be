"""The process in which a file is opened by a library: ``python -P -m remote_artwork.preflight.sandbox_worker JOB``.

It asks for the file's bytes on its standard output and gets them on its standard input, so it needs neither the
storage nor its credentials. Its processor time and its memory are limited by the system.
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

FRAME = struct.Struct(">BQI")
"""(READ or ANSWER, offset in the file, length)"""
READ, ANSWER = 0, 1
MOST_READ = 1024**2
"""Bytes of one read at the most."""
GAVE_UP = "gave_up"
"""Stands in the answer, with the name of an error, where there are no facts."""

_READ_AT_ONCE = {"jpeg": 256 * 1024}
_READ_HERE_AND_THERE = 64 * 1024


class _Remote(io.RawIOBase):
    """The file, as the other process hands it over piece by piece."""

    def __init__(self, size: int, questions: int, answers: int) -> None:
        self._size, self._questions, self._answers, self._at = size, questions, answers, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(begin + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = max(min(len(buffer), self._size - self._at, MOST_READ), 0)
        if wanted:
            os.write(self._questions, FRAME.pack(READ, self._at, wanted))
            buffer[:wanted] = _receive(self._answers, wanted)
            self._at += wanted
        return wanted


def _receive(pipe: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = os.read(pipe, length - len(data))
        if not piece:
            raise SystemExit  # nobody waits for the answer any more
        data += piece
    return data


def _limit(job: Mapping[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"] + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _measure(job: Mapping[str, Any], file: io.BufferedReader) -> dict[str, Any]:
    from remote_artwork.preflight.pdf import pdf_facts
    from remote_artwork.preflight.pictures import jpeg_facts
    from remote_artwork.preflight.thumbnails import drawn

    kinds: dict[str, Callable[..., dict[str, Any]]] = {"jpeg": jpeg_facts, "pdf": pdf_facts, "thumbnail": drawn}
    try:
        return kinds[job["kind"]](file, **job["options"])
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library makes of a file, the file is to blame
        return {GAVE_UP: type(error).__name__}


def main() -> None:
    """Does the one job that the command line names."""
    job = json.loads(sys.argv[1])
    questions = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a library prints is no question
    _limit(job)
    at_once = _READ_AT_ONCE.get(job["kind"], _READ_HERE_AND_THERE)
    facts = _measure(job, io.BufferedReader(_Remote(job["size"], questions, 0), at_once))
    answer = json.dumps(facts).encode()
    os.write(questions, FRAME.pack(ANSWER, 0, len(answer)) + answer)
    os._exit(0)  # a library's own tidying up has nothing to say


if __name__ == "__main__":
    main()
