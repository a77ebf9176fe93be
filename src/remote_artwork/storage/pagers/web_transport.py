"""One request to a web server, and its answer, of whose body no more is read than asked for."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from remote_artwork.storage.foreign import is_busy
from remote_artwork.storage.pagers.answer_refused import AnswerRefused

if TYPE_CHECKING:
    from aiohttp import ClientResponse

WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
"""A figure that an answer may tell; a longer one is nonsense, and Python would refuse to read it."""

_CONTENT_RANGE = re.compile(
    rf"bytes (?:(?P<start>{WHOLE_NUMBER.pattern})-[0-9]+|\*)/(?P<size>{WHOLE_NUMBER.pattern})", re.IGNORECASE
)

Reader = Callable[["ClientResponse"], Awaitable[bytes]]
"""Takes from a body what is wanted; what it leaves is never read."""


@frozen(kw_only=True)
class Answer:
    """What a server said.

    Args:
        status: Of HTTP.
        headers: By their names in lower case.
        content: As much of the body as was read.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def range_start(self) -> int | None:
        """Where the body begins within the file; None where the answer does not say."""
        match = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", ""))
        return int(match["start"]) if match and match["start"] else None

    @property
    def file_size(self) -> int | None:
        """Bytes of the whole file; None where the answer does not say."""
        if self.status in (206, 416):
            match = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", ""))
            return int(match["size"]) if match else None
        length = self.headers.get("content-length", "")
        return int(length) if WHOLE_NUMBER.fullmatch(length) else None


async def exchange(
    fs: Any, method: str, url: str, *, headers: Mapping[str, str] | None = None, read: Reader | None = None
) -> Answer:
    """One request, not repeated and not redirected; without ``read``, nothing of the body is read.

    Raises:
        AnswerRefused: The server is busy or broken.
    """
    from yarl import URL  # comes with aiohttp

    session = await fs.set_session()
    async with session.request(
        method,
        URL(url, encoded=True),
        headers={"Accept-Encoding": "identity", **(headers or {})},
        allow_redirects=False,
    ) as response:
        if is_busy(response.status):
            raise AnswerRefused(response.status, headers=response.headers)
        return answer_of(response, b"" if read is None else await read(response))


def answer_of(response: ClientResponse, content: bytes = b"") -> Answer:
    """Status and headers, and what was read of the body."""
    told = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status, headers=told, content=content)


async def read_slice(response: ClientResponse, *, skip: int = 0, length: int) -> bytes:
    """So many bytes of a body, after so many that are dropped; fewer where it ends."""
    while skip and (dropped := await response.content.read(skip)):
        skip -= len(dropped)
    content = bytearray()
    while len(content) < length and (more := await response.content.read(length - len(content))):
        content += more
    return bytes(content)
