"""Reading one file piece by piece, with as few requests as the way it is read allows."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable
from typing import Protocol

from remote_artwork.core.model import StoredFile
from remote_artwork.errors import StorageMisbehaved

PIECE = 64 * 1024
"""Bytes that are kept and fetched together; the begin of a picture, or the end marker of a PDF, is in one of them."""

MOST_AHEAD = 64
"""Pieces fetched at once at the most while a file is read from front to back: 4 MiB."""

HELD = 8 * 1024**2
"""Bytes of a file up to which its pieces stay in memory; those of a larger one are kept on disk."""


class _Kept(Protocol):
    """The pieces that were fetched."""

    def __contains__(self, piece: int) -> bool: ...
    def __getitem__(self, piece: int) -> bytes: ...
    def __setitem__(self, piece: int, data: bytes) -> None: ...


class _OnDisk:
    """Keeps pieces in a temporary file, which is gone with the object."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="remote-artwork-")  # noqa: SIM115 - closed by the line below
        weakref.finalize(self, self._file.close)
        self._lengths: dict[int, int] = {}

    def __contains__(self, piece: int) -> bool:
        return piece in self._lengths

    def __getitem__(self, piece: int) -> bytes:
        self._file.seek(piece * PIECE)
        return self._file.read(self._lengths[piece])

    def __setitem__(self, piece: int, data: bytes) -> None:
        self._file.seek(piece * PIECE)  # a file with gaps takes no room for them
        self._file.write(data)
        self._lengths[piece] = len(data)


class PiecewiseReader:
    """An ``ArtworkReader``. Keeps every piece it read, in memory or on disk; one thread at a time.

    A read that goes on where the last request ended fetches twice as much as that one did: a signature costs one small
    request, and a whole file costs few.

    Args:
        file: What is read; its size bounds every read.
        fetch: Gets bytes ``start`` to ``end`` (exclusive) of the file by one request.
    """

    def __init__(self, file: StoredFile, fetch: Callable[[int, int], bytes]) -> None:
        self.file = file
        self._fetch = fetch
        self._pieces: _Kept = {} if file.size <= HELD else _OnDisk()
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
        if start >= end:
            return b""
        first, last = start // PIECE, (end - 1) // PIECE
        for piece in range(first, last + 1):
            if piece not in self._pieces:
                self._load(piece, last)
        whole = b"".join(self._pieces[piece] for piece in range(first, last + 1))
        return whole[start - first * PIECE : end - first * PIECE]

    def _load(self, first: int, wanted: int) -> None:
        """Fetches the missing pieces from ``first`` on: all that are wanted, and some ahead of a steady reader."""
        self._ahead = min(self._ahead * 2, MOST_AHEAD) if first == self._next else 1
        pieces = -(-self.file.size // PIECE)
        after = first + 1
        limit = min(max(wanted + 1, first + self._ahead), first + MOST_AHEAD, pieces)
        while after < limit and after not in self._pieces:
            after += 1
        start, end = first * PIECE, min(after * PIECE, self.file.size)
        data = self._fetch(start, end)
        if len(data) != end - start:
            raise StorageMisbehaved(
                f"{self.file.name!r}: {end - start} bytes were asked for and {len(data)} came; "
                "the file changed while it was read, or the storage cut it short"
            )
        for piece in range(first, after):
            offset = (piece - first) * PIECE
            self._pieces[piece] = data[offset : offset + PIECE]
        self._next = after
