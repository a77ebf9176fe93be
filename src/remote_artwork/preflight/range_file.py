"""``RangeFile``: the base of files in the sandbox that are read by position."""

from __future__ import annotations

import io
import os
from abc import abstractmethod
from typing import Any


class RangeFile(io.RawIOBase):
    """A file of which ``_read_at`` reads one part at a time. Wrap it in an ``io.BufferedReader``."""

    def __init__(self, size: int) -> None:
        self._size, self._at = size, 0

    @abstractmethod
    def _read_at(self, start: int, length: int) -> bytes:
        """Return at most ``length`` bytes from ``start``. ``length`` is above zero and ends within the file."""

    def readable(self) -> bool:
        """See ``io.IOBase``."""
        return True

    def seekable(self) -> bool:
        """See ``io.IOBase``."""
        return True

    def tell(self) -> int:
        """See ``io.IOBase``."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See ``io.IOBase``."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """See ``io.RawIOBase``."""
        length = min(len(buffer), self._size - self._at)
        data = self._read_at(self._at, length) if length > 0 else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
