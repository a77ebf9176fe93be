"""Read one file in ranges, with few requests, whether a caller reads a few bytes or all of it."""

from __future__ import annotations

import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen

from remote_artwork.core.lifecycle import FileRecord
from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import FileGone, FileReplaced, StorageMisbehaved

PIECE = 64 * 1024
"""A file up to this many bytes is fetched with one request. For a larger file, the first request that reads ahead
fetches this many.
"""

MAX_PIECES_AHEAD = 64
"""Pieces that one request fetches at most during a sequential read: 4 MiB."""

MAX_IN_MEMORY = 8 * 1024**2
"""A file up to this many bytes is kept in memory; a larger one in a temporary file."""


@frozen(kw_only=True)
class FilePart:
    """The response to one ranged GET.

    Args:
        content: The bytes.
        file: The file as the response describes it, with everything that a lookup describes; None if it does not
            describe all of that.
    """

    content: bytes = field(repr=False)
    file: StoredFile | None = None


class RangeReader:
    """An ``ArtworkReader``. Keeps everything it read, in memory or on disk. For one thread at a time.

    A small file is fetched with one request. A read at an arbitrary position of a larger file fetches what it needs. A
    read that continues where the last request ended fetches twice as much as that one, so a sequential read of the
    whole file needs few requests.

    Args:
        source: The file and its bytes. The size of the file limits every read.

    Attributes:
        file: The file, as the storage described it last.
    """

    def __init__(self, source: PinnedFile) -> None:
        self.file: StoredFile = source.file
        self._source = source
        self._cache: _Cache | None = None
        self._starts: list[int] = []  # of the cached ranges, sorted
        self._ends: list[int] = []
        self._pieces_ahead = 1
        self._last_end = -1

    def pinned(self) -> StoredFile:
        """The one version of the file that this reader reads, with its metadata.

        Makes no request if a read has shown it, otherwise one HEAD.

        Raises:
            FileGone: The file no longer exists.
            FileReplaced: The file was replaced since it was looked up or read, or a listing described it with another
                size.
            StorageError: The file could not be looked up.
        """
        self.file = self._source.pinned()
        return self.file

    def read(self, start: int, length: int) -> bytes:
        """Bytes ``start`` to ``start + length``; fewer at the end of the file.

        Raises:
            ValueError: ``start`` or ``length`` is negative.
            FileGone: The file no longer exists.
            FileReplaced: The file was replaced, or a listing described it with another size. Nothing was read of a
                file of another size: look it up, and open a reader for that.
            StorageError: The file could not be read.
        """
        if start < 0 or length < 0:
            raise ValueError(f"start and length must not be negative: {start}, {length}")
        end = min(start + length, self.file.size)
        parts: list[bytes] = []
        while start < end:
            index = bisect_right(self._starts, start) - 1
            if index < 0 or self._ends[index] <= start:
                self._load(index + 1, start, end)
                continue
            until = min(end, self._ends[index])
            parts.append(self._cached.get(self._starts[index], start, until))
            start = until
        return b"".join(parts)

    @property
    def is_read_whole(self) -> bool:
        """Whether every byte of the file was read, so that reading it again makes no request."""
        return sum(self._ends) - sum(self._starts) == self.file.size

    @property
    def _cached(self) -> _Cache:
        if self._cache is None:
            self._cache = _MemoryCache() if self.file.size <= MAX_IN_MEMORY else _DiskCache()
        return self._cache

    def _load(self, index: int, start: int, end: int) -> None:
        """Fetch the missing range from ``start``, and more during a sequential read. It becomes range ``index``."""
        if self.file.size <= PIECE:
            start, end = 0, self.file.size
        sequential = start == self._last_end
        self._pieces_ahead = min(self._pieces_ahead * 2, MAX_PIECES_AHEAD) if sequential else 1
        end = max(end, start + self._pieces_ahead * PIECE) if sequential else end
        next_start = self._starts[index] if index < len(self._starts) else self.file.size
        end = min(end, start + MAX_PIECES_AHEAD * PIECE, next_start)
        data = self._source.read(start, end)
        self.file = self._source.file
        if len(data) != end - start:
            raise StorageMisbehaved(
                f"{self.file.name!r}: the storage sent {len(data)} bytes instead of {end - start}, because the file "
                "changed while it was read, or the storage ended the response too early; scan again"
            )
        self._cached.put(start, data)
        self._starts.insert(index, start)
        self._ends.insert(index, end)
        self._last_end = end


@define
class PinnedFile:
    """Reads one version of a file.

    A file that is given as a lookup describes it is read as that version. A file that is given as a listing describes
    it is read as the version that the storage has at the first read, because a listing may have other change tokens
    and no version id. The response to that read describes the version, where the protocol allows it.

    Args:
        file: The file.
        look_up: Looks up a file by its name.
        fetch: Fetches bytes ``start`` to ``end`` (exclusive) of a file: of its version if it was looked up, otherwise
            of the current one.
    """

    file: StoredFile
    look_up: Callable[[str], StoredFile]
    fetch: Callable[[StoredFile, int, int], FilePart]
    _is_read: bool = field(default=False, init=False)
    _is_described: bool = field(default=False, init=False)

    def pinned(self) -> StoredFile:
        """The version that is read, with its metadata. See ``RangeReader.pinned``.

        Where no read has described it, the file is looked up. The bytes that were read before are of that version if
        the description from before the reads is the same. If nothing was read, a caller may still have judged the size.
        """
        if self._is_described:
            return self.file
        now = self.look_up(self.file.name)
        is_same = FileRecord.of("", self.file).describes(now)
        if not is_same and (self._is_read or not self.file.listed or now.size != self.file.size):
            raise self._replaced()
        self.file, self._is_described = now, True
        return now

    def read(self, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` (exclusive).

        Raises:
            FileGone: The file does not exist any more.
            FileReplaced: Another file has its name now.
            StorageMisbehaved: A read says that the file was replaced, but a lookup shows the same file.
        """
        try:
            part = self._fetch(self.file, start, end)
        except FileGone as error:
            now = self.look_up(self.file.name)
            if not self.file.listed and self._is_contradiction(now, start, end):
                raise _contradiction(self.file.name) from error
            if self._is_read or not self.file.listed or now.size != self.file.size:
                raise self._replaced() from error
            self.file = now
            return self.read(start, end)
        self._is_read = True
        if part.file is not None:
            self.file, self._is_described = part.file, True
        return part.content

    def check_replaced(self) -> None:
        """Check that the version can no longer be read, after a lookup described another one.

        Raises:
            StorageMisbehaved: It can still be read by its change token, so lookups and reads have different tokens.
        """
        if self.file.version_id or not self.file.size:
            return  # an older version can always be read; of an empty file there is nothing to read
        try:
            part = self._fetch(self.file, 0, 1)
        except FileGone:
            return
        if part.file is not None:
            raise _contradiction(self.file.name)

    def _fetch(self, file: StoredFile, start: int, end: int) -> FilePart:
        """One read. Checks that the response is about the same file, if it describes one.

        Raises:
            FileReplaced: It is about another one.
            StorageMisbehaved: It contradicts itself.
        """
        part = self.fetch(file, start, end)
        answered = part.file
        if answered is None:
            return part
        if answered.size != file.size if file.listed else answered.etag != file.etag:
            raise self._replaced()
        if answered.size != file.size:
            raise StorageMisbehaved(
                f"{file.name!r}: the storage sends {answered.size} bytes with the change token (ETag) of a file of "
                f"{file.size}, so a replaced file would not be noticed; check host and bucket in the URL"
            )
        return part

    def _replaced(self) -> FileReplaced:
        return FileReplaced(f"{self.file.name!r} was replaced since the scan read its metadata; scan again")

    def _is_contradiction(self, now: StoredFile, start: int, end: int) -> bool:
        """Whether the storage refused to read the file although it was not replaced.

        If only the change token differs, the file may have been replaced within the same second, or each server behind
        the name has tokens of its own. A replaced file can be read by its new token.
        """
        if FileRecord.of("", self.file).describes(now):
            return True
        before = self.file
        if before.last_modified is None or (before.last_modified, before.size) != (now.last_modified, now.size):
            return False
        try:
            self._fetch(now, start, end)
        except FileGone:
            return True
        return False


def _contradiction(name: str) -> StorageMisbehaved:
    return StorageMisbehaved(
        f"{name!r}: the storage gives this file different change tokens (ETag or time) when it is looked up and when "
        "it is read, so a replaced file would not be noticed; make the server send the same ETag for HEAD and GET"
    )


class _Cache(Protocol):
    """Ranges of a file that were fetched."""

    def put(self, start: int, data: bytes) -> None: ...
    def get(self, range_start: int, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` (exclusive) of the range that was put at ``range_start``."""


class _MemoryCache:
    def __init__(self) -> None:
        self._ranges: dict[int, bytes] = {}

    def put(self, start: int, data: bytes) -> None:
        self._ranges[start] = data

    def get(self, range_start: int, start: int, end: int) -> bytes:
        return self._ranges[range_start][start - range_start : end - range_start]


class _DiskCache:
    """Keeps ranges in a temporary file, which is deleted with this object."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="remote-artwork-")  # noqa: SIM115 - closed by the next line
        weakref.finalize(self, self._file.close)

    def put(self, start: int, data: bytes) -> None:
        self._file.seek(start)  # gaps in a file take no space
        self._file.write(data)

    def get(self, range_start: int, start: int, end: int) -> bytes:  # noqa: ARG002 - the position is enough
        self._file.seek(start)
        return self._file.read(end - start)
