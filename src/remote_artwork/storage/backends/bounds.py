"""Answers that end: no storage makes this program hold more than it asked for. Imports aiohttp."""

from __future__ import annotations

from typing import Any

import aiohttp

from remote_artwork.errors import StorageMisbehaved

MAX_RESPONSE_BYTES = 16 * 2**20
"""Bytes of the longest answer: four times the longest piece of a file, and more than any provider's page of names."""

MAX_NODES = 500_000
"""Tags, brackets and braces of one answer; a full page of Azure's, with 5,000 files, has half of them."""


def check_complexity(body: bytes) -> None:
    """Refuses XML and JSON with no end of elements, before it is parsed.

    Parsing takes a hundred times its size, and keeps every storage of this process waiting for many seconds.

    Raises:
        StorageMisbehaved: It holds more elements than any answer may.
    """
    if len(body) <= MAX_NODES:
        return  # there is no room for more
    if sum(body.count(opening) for opening in (b"<", b"{", b"[")) > MAX_NODES:
        raise StorageMisbehaved("the storage's answer holds far more than its protocol foresees; check the URL")


def bound(answer: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """Makes reading an answer fail as soon as it is too long. Returns the same answer."""
    answer.content = _Bounded(answer)  # type: ignore[assignment] # it offers what answers and SDKs use of a stream
    return answer


class BoundedAnswer(aiohttp.ClientResponse):
    """An answer that is bounded from the start, for sessions that an SDK keeps to itself.

    It does not say that it is compressed. The SDK would unpack it to whatever size; files are read as they are stored.
    """

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Waits for the headers."""
        return bound(await super().start(connection))

    @property
    def headers(self) -> Any:
        """All of them but ``Content-Encoding``."""
        kept = super().headers.copy()
        kept.popall("Content-Encoding", None)
        return kept


class _Bounded:
    """The part of ``aiohttp.StreamReader`` that answers are read by."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self._stream = answer.content
        self._left = MAX_RESPONSE_BYTES

    async def read(self, n: int | None = -1) -> bytes:
        if n is not None and n >= 0:
            return self._counted(await self._stream.read(n))
        pieces = []
        while piece := await self.readany():
            pieces.append(piece)
        return b"".join(pieces)

    async def readany(self) -> bytes:
        return self._counted(await self._stream.readany())

    def _counted(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._left < 0:
            self._answer.close()
            raise StorageMisbehaved(
                f"the storage sent more than {MAX_RESPONSE_BYTES // 2**20} MiB in one response; check the URL"
            )
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
