"""Requests and responses of HTTP/1.1 as bytes: writes a request, and reads the response to it.

Only what synchronous requests to storages need, and a fraction of the time of ``http.client``. A response whose end is
not certain is an error, and so is everything that HTTP does not allow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol

from attrs import define, field

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.http import MAX_RESPONSE_BYTES, Response, too_long

_NOT_IN_TARGETS = re.compile("[^!-~]")
_NOT_IN_HEADERS = re.compile("[\0\r\n]")
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile("[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")

_LONGEST_LINE = 64 * 1024
_MOST_HEADERS = 100
_NO_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_FIRST_FINAL = 200
"""A status below it announces another response."""


class ResponseCutShort(ConnectionError):
    """The connection ended before the response did."""


class Source(Protocol):
    """What a response is read from."""

    def receive(self) -> bytes:
        """The next bytes; none if the server has ended the connection."""
        ...


def request_bytes(method: str, target: str, host: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """One request.

    Args:
        method: The HTTP method.
        target: Path and query, percent-encoded.
        host: The header ``Host``.
        headers: All other headers except ``Content-Length``.
        body: The body.

    Raises:
        ValueError: The target or a header has a character that would end it.
    """
    if _NOT_IN_TARGETS.search(target):
        raise ValueError("the target of a request is not percent-encoded")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if _NOT_IN_HEADERS.search("".join(lines)):
        raise ValueError("a header of a request contains a line break")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


@define(eq=False)
class ResponseReader:
    """Reads one response.

    Args:
        source: The connection.
        ends_connection: Whether no further response can follow on the same connection. Known after ``read``.
    """

    source: Source
    ends_connection: bool = False
    _buffer: bytearray = field(factory=bytearray, init=False)

    def read(self, method: str) -> Response:
        """The response to a request with this method.

        Raises:
            ResponseCutShort: The connection ended early.
            StorageMisbehaved: The response is too long, has no valid length, or is not one of HTTP.
        """
        version, status = self._status()
        headers, lengths = self._headers()
        while status < _FIRST_FINAL:
            version, status = self._status()
            headers, lengths = self._headers()
        connection = headers.get("connection", "").lower()
        self.ends_connection = "close" in connection or (version == 0 and "keep-alive" not in connection)
        body = b"" if method == "HEAD" or status in _NO_BODY else self._body(headers, lengths)
        if self._buffer:
            self.ends_connection = True  # the server sent more than a response
        return Response(status=status, headers=headers, body=body)

    def _status(self) -> tuple[int, int]:
        """The minor version, and the status."""
        found = _STATUS_LINE.fullmatch(self._line())
        if found is None:
            raise _not_http()
        return int(found[1]), int(found[2])

    def _headers(self) -> tuple[dict[str, str], set[str]]:
        """The headers, and all values of ``Content-Length``."""
        headers: dict[str, str] = {}
        lengths: set[str] = set()
        name = ""
        for _ in range(_MOST_HEADERS + 1):
            line = self._line()
            if line in (b"\r\n", b"\n"):
                return headers, lengths
            if line[0] in b" \t" and name:  # continues the value of the line before
                headers[name] += f" {line.strip().decode('latin-1')}"
                continue
            raw_name, colon, value = line.partition(b":")
            if not colon or not _NAME.fullmatch(raw_name):
                raise _not_http()
            name = raw_name.decode("ascii").lower()
            headers[name] = value.strip().decode("latin-1")
            if name == "content-length":
                lengths.add(headers[name])
        raise _not_http()

    def _body(self, headers: Mapping[str, str], lengths: set[str]) -> bytes:
        if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
            raise StorageMisbehaved("the server sends a response without a valid length; check the URL")
        encoding = headers.get("transfer-encoding", "identity").lower()
        if encoding == "chunked":
            return self._chunks()
        if encoding != "identity":
            raise _not_http()
        if lengths:
            return self._bytes(int(lengths.pop()))
        self.ends_connection = True
        while self._receive():
            if len(self._buffer) > MAX_RESPONSE_BYTES:
                raise too_long()
        return self._take(len(self._buffer))

    def _chunks(self) -> bytes:
        content = bytearray()
        while True:
            found = _CHUNK_SIZE.fullmatch(self._line())
            if found is None:
                raise _not_http()
            size = int(found[1], 16)
            if size == 0:
                break
            if len(content) + size > MAX_RESPONSE_BYTES:
                raise too_long()
            content += self._bytes(size)
            if self._line() not in (b"\r\n", b"\n"):
                raise _not_http()
        self._headers()  # those after the last chunk
        return bytes(content)

    def _line(self) -> bytes:
        """The next line, with its end."""
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            if start > _LONGEST_LINE:
                raise _not_http()
            self._receive_more()
        return self._take(end + 1)

    def _bytes(self, count: int) -> bytes:
        if count > MAX_RESPONSE_BYTES:
            raise too_long()
        while len(self._buffer) < count:
            self._receive_more()
        return self._take(count)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _receive_more(self) -> None:
        if not self._receive():
            raise ResponseCutShort("the response ended early")

    def _receive(self) -> int:
        received = self.source.receive()
        self._buffer += received
        return len(received)


def _not_http() -> StorageMisbehaved:
    return StorageMisbehaved("the server sends a response that is not one of HTTP; check the URL")
