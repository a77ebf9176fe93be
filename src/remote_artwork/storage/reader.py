"""Reading one file piece by piece, with as few requests as the way it is read allows."""

from __future__ import annotations

import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Callable
from typing import Protocol

from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import StorageMisbehaved

PIECE = 64 * 1024
"""Bytes up to which a file is fetched whole; of a larger one, those of the first request that reads ahead."""

MOST_AHEAD = 64
"""Pieces fetched at once at the most while a file is read from front to back: 4 MiB."""

HELD = 8 * 1024**2
"""Bytes of a file up to which what was read stays in memory; that of a larger one is kept on disk."""


class _Kept(Protocol):
    """Bytes that were fetched, by their place in the file."""

    def put(self, start: int, data: bytes) -> None: ...
    def get(self, begin: int, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` (exclusive) of what was put at ``begin``."""


class _InMemory:
    def __init__(self) -> None:
        self._data: dict[int, bytes] = {}

    def put(self, start: int, data: bytes) -> None:
        self._data[start] = data

    def get(self, begin: int, start: int, end: int) -> bytes:
        return self._data[begin][start - begin : end - begin]


class _OnDisk:
    """Keeps bytes in a temporary file, which is gone with the object."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="remote-artwork-")  # noqa: SIM115 - closed by the line below
        weakref.finalize(self, self._file.close)

    def put(self, start: int, data: bytes) -> None:
        self._file.seek(start)  # a file with gaps takes no room for them
        self._file.write(data)

    def get(self, begin: int, start: int, end: int) -> bytes:  # noqa: ARG002 - a place in the file is enough
        self._file.seek(start)
        return self._file.read(end - start)


class PiecewiseReader:
    """An ``ArtworkReader``. Keeps all it read, in memory or on disk; one thread at a time.

    A small file is fetched whole; two ends of a larger one cost what they hold. A read that goes on where the last
    request ended fetches twice as much as that one did, so a whole file costs few requests.

    Args:
        file: What is read; its size bounds every read.
        fetch: Gets bytes ``start`` to ``end`` (exclusive) of the file by one request.
    """

    def __init__(self, file: StoredFile, fetch: Callable[[int, int], bytes]) -> None:
        self.file = file
        self._fetch = fetch
        self._kept: _Kept = _InMemory() if file.size <= HELD else _OnDisk()
        self._begins: list[int] = []
        self._ends: list[int] = []
        self._ahead = 1
        self._next = -1

    def read(self, start: int, length: int) -> bytes:
        """Bytes ``start`` to ``start + length``, fewer at the end of the file.

        Raises:
            ValueError: A figure is below 0.
            FileGone: It is not there any more, or was replaced.
            StorageError: It could not be read.
        """
        if start < 0 or length < 0:
            raise ValueError(f"start and length must not be below 0: {start}, {length}")
        end = min(start + length, self.file.size)
        found: list[bytes] = []
        while start < end:
            place = bisect_right(self._begins, start) - 1
            if place < 0 or self._ends[place] <= start:
                self._load(place + 1, start, end)
                continue
            until = min(end, self._ends[place])
            found.append(self._kept.get(self._begins[place], start, until))
            start = until
        return b"".join(found)

    def _load(self, place: int, start: int, end: int) -> None:
        """Fetches from ``start`` on what is wanted and lacking, and some ahead of a steady reader."""
        if self.file.size <= PIECE:
            start, end = 0, self.file.size
        steady = start == self._next
        self._ahead = min(self._ahead * 2, MOST_AHEAD) if steady else 1
        end = max(end, start + self._ahead * PIECE) if steady else end
        limit = self._begins[place] if place < len(self._begins) else self.file.size
        end = min(end, start + MOST_AHEAD * PIECE, limit)
        data = self._fetch(start, end)
        if len(data) != end - start:
            raise StorageMisbehaved(
                f"{self.file.name!r}: {end - start} bytes were asked for and {len(data)} came; "
                "the file changed while it was read, or the storage cut it short"
            )
        self._kept.put(start, data)
        self._begins.insert(place, start)
        self._ends.insert(place, end)
        self._next = end
